# 32-bit ARM, cross-compiled and emulated: the labels of the baseline kernels, without NEON and with it.
. "$(dirname "$0")/common.sh"
need arm-linux-gnueabihf-g++ qemu-arm g++

labels_here
for unit in "" -mfpu=neon; do
  try arm-linux-gnueabihf-g++ -std=c++17 -O2 $unit -static -pthread $warnings -Wno-psabi -I "$root/include" \
    "$root/tests/package/labels.cpp" -o "$work/labels"
  try qemu-arm "$work/labels" "$weights" "$photo" "$work/there" 2
  same "$work/here" "$work/there"
done
try arm-linux-gnueabihf-g++ -std=c++17 $warnings -Wno-psabi -I "$root/include" -idirafter /usr/include -fsyntax-only \
  -x c++ - <<'CODE'
#include <segface/image/file.hpp>
CODE
