# 64-bit ARM, cross-compiled and emulated: the command line, the tests of the cpu backend, and goldens of 96 x 96. Its
# products add and multiply in one step, so a label in 10 000 may differ.
. "$(dirname "$0")/common.sh"
need aarch64-linux-gnu-g++ qemu-aarch64 g++
# What the cross compiler has itself comes before the headers of this machine.
flags="-std=c++17 -O2 -static -pthread $warnings -I $root/include -I $root/tools -isystem /usr/include/eigen3
  -isystem /usr/include/stb -idirafter /usr/include"

labels_here
try aarch64-linux-gnu-g++ $flags "$root/tests/package/labels.cpp" -o "$work/labels"
try qemu-aarch64 "$work/labels" "$weights" "$photo" "$work/there" 2
same "$work/here" "$work/there" 6

try aarch64-linux-gnu-g++ $flags "$root"/tools/segface/*.cpp "$root"/tools/networks/*.cpp -o "$work/segface"
try qemu-aarch64 "$work/segface" --version
try qemu-aarch64 "$work/segface" parse --whole --force "$photo" --weights "$weights" --mask "$work/mask.png"
test -s "$work/mask.png"
try qemu-aarch64 "$work/segface" verify "$weights"

try aarch64-linux-gnu-g++ $flags -I "$root/tests" "-DSEGFACE_TEST_DATA=\"$root/tests/data\"" "$root/tests/main.cpp" \
  "$root"/tests/backends/cpu_math_test.cpp "$root"/tests/backends/cpu_override_test.cpp \
  "$root"/tests/backends/cpu_primitive_test.cpp "$root"/tests/backends/cpu_rounded_test.cpp \
  "$root"/tests/backends/cpu_winograd_test.cpp \
  "$root"/tests/backends/plain_vectors_test.cpp "$root"/tests/base/file_names_test.cpp \
  "$root"/tests/network/cpu_golden_test.cpp "$root"/tools/networks/cpu.cpp -o "$work/tests"
try qemu-aarch64 "$work/tests" --test-case-exclude="*official code at every stage,*no multiple of a stride*"
