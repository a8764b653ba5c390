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

# Those of other systems and processors come with base/file.hpp and backends/cpu/isa.hpp, there; two stand at the begin and
# the end of others; some need libjpeg-turbo, which not every machine has.
others="base/file_windows|base/file_none|base/host_macros_(begin|end)"
[ "$(uname -m)" = x86_64 ] || others="$others|cpu/x86_features"
echo '#include <jpeglib.h>' | "$compiler" -x c++ -fsyntax-only -include cstdio - 2>/dev/null ||
  others="$others|/libjpeg|/jpeg_write"
headers=$(cd "$root/include" && find . -name '*.hpp' | grep -Ev "($others)\.hpp$" | sed 's|^\./||' | sort)
flags=-std=c++17
for header in $headers; do compile "$header"; done
without_posix=$(echo "$headers" | grep -v base/file_posix.hpp)
flags="-std=c++17 -DSEGFACE_NO_FILES" && compile $without_posix
for flags in -std=c++20 "-std=c++17 -fno-exceptions" "-std=c++20 -fopenmp -fno-exceptions"; do
  compile $headers
done
echo "$compiler: $(echo "$headers" | wc -l) headers"

# A processor that stores the high byte of a number first is refused by name.
big="-Wno-builtin-macro-redefined -U__BYTE_ORDER__ -D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__"
if echo '#include <segface/base/config.hpp>' | "$compiler" -x c++ -std=c++17 -fsyntax-only $big -I "$root/include" - \
  2>"$work/refused"; then exit 1; fi
grep -q "little-endian processors only" "$work/refused"
