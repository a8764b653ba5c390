# One compiler line, as in the README, with each compiler and standard, without exceptions, with OpenMP, and with all
# the instructions of this machine. The first one shows what including segface.hpp and parsing costs: at most 1.5 GB,
# and 15 s or, on a slow or busy machine, 7 times what a small program with a regular expression costs. photo.hpp costs 6
# s more at most, or 3 times that small program. With compiled.hpp it is a second, or half of that small program.
#   sh compiler.sh COMPILER
. "$(dirname "$0")/common.sh"
compiler=$1
command -v "$compiler" >/dev/null || skip "no $compiler"

build() {
  try "$compiler" "$@" $warnings -I "$root/include" "$here/parse.cpp" -o "$work/parse" -pthread
}

# seconds COMMAND...: runs it within 1.5 GB, and prints the processor time that it took.
seconds() {
  (
    ulimit -v 1572864
    "$@" >&2
    times
  ) | awk -F '[ms]' 'NR == 2 { print $1 * 60 + $2 }'
}
# measure: what including segface.hpp costs, and whether that is within its bounds.
measure() {
  yardstick=$(seconds "$compiler" -std=c++17 -O2 "$here/yardstick.cpp" -o "$work/yardstick")
  cost=$(seconds build -std=c++17 -O2)
  echo "compiled within 1.5 GB in $cost s; the yardstick took $yardstick s"
  awk "BEGIN { exit !($cost <= 15 || $cost <= 7 * $yardstick) }"
}
measure || measure
try "$work/parse" "$weights"

photo=$(seconds build -std=c++17 -O2 -DANY_PHOTO)
echo "compiled with photo.hpp within 1.5 GB in $photo s"
awk "BEGIN { exit !($photo - $cost <= 6 || $photo - $cost <= 3 * $yardstick) }"
try "$work/parse" "$weights"

declared=$(seconds "$compiler" -std=c++17 -O2 $warnings -I "$root/include" -DDECLARED_ONLY -c "$here/parse.cpp" \
  -o "$work/parse.o")
echo "compiled against compiled.hpp in $declared s"
awk "BEGIN { exit !($declared <= 1 || $declared <= $yardstick / 2) }"
try "$compiler" -std=c++17 -O1 -fno-exceptions $warnings -I "$root/include" "$root/include/segface/compiled.cpp" \
  "$work/parse.o" -o "$work/parse" -pthread
try "$work/parse" "$weights"

for flags in "-std=c++20 -O1 -fno-exceptions" "-std=c++17 -O1 -fopenmp" "-std=c++17 -O1 -march=native"; do
  build $flags
  try "$work/parse" "$weights"
done
