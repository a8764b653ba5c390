# Two translation units with different instruction sets share a Parser, in either order of linking.
. "$(dirname "$0")/common.sh"

# Without AVX-512 in this processor its program is built all the same, and one with less is run.
if has_flag avx512f; then wide="-mavx512f"; else wide="-mavx512f -msse3"; fi
flags="-std=c++17 -O2 $warnings -I $root/include -I $here"
try g++ $flags -DUNIT=plain -c "$here/unit.cpp" -o "$work/plain.o"
try g++ $flags -c "$here/units.cpp" -o "$work/main.o"
for set in $wide; do
  try g++ $flags -DUNIT=wide $set -c "$here/unit.cpp" -o "$work/wide.o"
  for order in "$work/plain.o $work/wide.o" "$work/wide.o $work/plain.o"; do
    try g++ $order "$work/main.o" -o "$work/units" -pthread
    if [ $set = -msse3 ] || has_flag avx512f; then try "$work/units" "$weights"; fi
  done
done
