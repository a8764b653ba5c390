# The labels of a photo are the same with -ffast-math and -Ofast, with each set of kernels, and on 32-bit x86, where
# numbers are kept in SSE2's registers or in the wider ones of x87.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "no g++"
photo=$root/tests/data/images/astronaut_256x256.png

sets="baseline"
if has_flag avx2; then sets="$sets avx2"; fi
if has_flag avx512vl; then sets="$sets avx512"; fi

# build FLAG...
build() {
  try g++ -std=c++17 $warnings -I "$root/include" "$@" "$here/labels.cpp" -o "$work/labels" -pthread
}

# compare SET...: the program's labels with those of plain -O2. 1 pixel in 10 000 may differ: a sum that is added up in
# another order may round to another side.
compare() {
  for set in "$@"; do
    SEGFACE_ISA=$set try "$work/labels" "$weights" "$photo" "$work/other"
    differing=$(cmp -l "$work/$set" "$work/other" | wc -l)
    echo "$differing labels differ"
    test "$differing" -le 6
  done
}

build -O2
for set in $sets; do SEGFACE_ISA=$set try "$work/labels" "$weights" "$photo" "$work/$set"; done
for compiler_flags in "-O2 -ffast-math" -Ofast; do
  build $compiler_flags
  compare $sets
done
# The headers in asm/ are those of 64 bits, where g++-multilib does not link them to their place.
narrow="-m32 -idirafter /usr/include/x86_64-linux-gnu -Wno-psabi"
if printf '#include <cerrno>\nint main() {}' | g++ -x c++ $narrow - -o "$work/probe" 2>/dev/null; then
  for unit in "" "-msse2 -mfpmath=sse"; do
    build -O2 $narrow $unit
    compare baseline
  done
else
  echo "not tried with 32 bits: install g++-multilib for that"
fi
