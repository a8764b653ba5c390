# One compiler line, as in the README, with each compiler and standard, without exceptions, with OpenMP, and with all
# the instructions of this machine. The first one shows what including segface.hpp and parsing costs: at most 15 s
# and 1.5 GB.
#   sh compiler.sh COMPILER
. "$(dirname "$0")/common.sh"
compiler=$1
command -v "$compiler" >/dev/null || skip "no $compiler"

build() {
  try "$compiler" "$@" $warnings -I "$root/include" "$here/parse.cpp" -o "$work/parse" -pthread
}

(
  ulimit -v 1572864
  build -std=c++17 -O2
  times >"$work/times"
)
read -r minutes seconds <<END
$(sed -n '2s/^\([0-9]*\)m\([0-9]*\).*/\1 \2/p' "$work/times")
END
echo "compiled within 1.5 GB in $minutes min $seconds s"
test $((minutes * 60 + seconds)) -le 15
try "$work/parse" "$weights"

for flags in "-std=c++20 -O1 -fno-exceptions" "-std=c++17 -O1 -fopenmp" "-std=c++17 -O1 -march=native"; do
  build $flags
  try "$work/parse" "$weights"
done
