# Sizes of 32 bits: the tests of files, archives and pictures, whose sizes may not fit, on 32-bit x86. Its numbers stay in
# SSE2's registers, as the expected bytes do.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "no g++"
# The headers in asm/ are those of 64 bits, where g++-multilib does not link them to their place.
narrow="-m32 -msse2 -mfpmath=sse -idirafter /usr/include/x86_64-linux-gnu -Wno-psabi"
printf '#include <cerrno>\nint main() {}' | g++ -x c++ $narrow - -o "$work/probe" 2>/dev/null ||
  skip "no 32-bit x86: install g++-multilib"

cd "$root"
for unit in tests/main.cpp tests/allocations.cpp tests/base/arena_test.cpp tests/base/file*_test.cpp \
  tests/base/memory_test.cpp tests/image/*_test.cpp tests/tensors/*_test.cpp; do
  try g++ -std=c++17 -O1 $narrow $warnings -I include -I tests -isystem /usr/include/eigen3 -isystem /usr/include/stb \
    "-DSEGFACE_TEST_DATA=\"$root/tests/data\"" -c "$unit" -o "$work/$(echo "$unit" | tr / _).o"
done
try g++ $narrow "$work"/*.o -o "$work/tests" -pthread
try "$work/tests" --no-version --test-case-exclude="a full-size official checkpoint*"
