# Each header compiles alone and twice, and all together in C++17 and C++20, without a warning.
#   sh headers.sh COMPILER
. "$(dirname "$0")/common.sh"
compiler=$1
command -v "$compiler" >/dev/null || skip "no $compiler"

# compile HEADER...: a file that includes them, twice; with the flags in $flags.
compile() {
  for header in "$@" "$@"; do echo "#include \"$header\""; done |
    "$compiler" -x c++ -fsyntax-only $warnings $flags -I "$root/include" -isystem /usr/include/eigen3 - || {
    echo "failed: $compiler $flags, headers: $*"
    exit 1
  }
}

# Need libjpeg-turbo, which not every machine has.
without='none'
echo '#include <jpeglib.h>' | "$compiler" -x c++ -fsyntax-only -include cstdio - 2>/dev/null || without='libjpeg\|jpeg_write'

headers=$(cd "$root/include" && find . -name '*.hpp' | grep -v "/\($without\)\.hpp$" | sed 's|^\./||' | sort)
flags=-std=c++17
for header in $headers; do compile "$header"; done
for flags in -std=c++20 "-std=c++17 -fno-exceptions" "-std=c++20 -fopenmp -fno-exceptions"; do
  compile $headers
done
echo "$compiler: $(echo "$headers" | wc -l) headers"
