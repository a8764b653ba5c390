# WebAssembly by Emscripten, run by node: the labels of the baseline kernels, with SIMD128 and without. Reading JPEG
# compiles. Who asks for threads gets one, unless compiled with -pthread.
. "$(dirname "$0")/common.sh"
need em++ node g++
node_flags=""
if node --no-experimental-fetch -e "" 2>/dev/null; then node_flags=--no-experimental-fetch; fi  # old loaders try it

labels_here
flags="-std=c++17 -O2 $warnings -I $root/include -fno-exceptions"
for simd in -msimd128 ""; do
  try em++ $flags $simd -c "$root/tests/package/labels.cpp" -o "$work/labels.o"
  try em++ -O1 "$work/labels.o" -o "$work/labels.js" -sNODERAWFS=1 -sALLOW_MEMORY_GROWTH=1 -sEXIT_RUNTIME=1
  for threads in 1 2; do
    try node $node_flags "$work/labels.js" "$weights" "$photo" "$work/there" $threads | tee "$work/said"
    grep -q "1 threads" "$work/said"
    same "$work/here" "$work/there"
  done
done
echo '#include <segface/image/file.hpp>' >"$work/photos.cpp"
mkdir "$work/stb"
cp /usr/include/stb/stb_image.h "$work/stb" 2>/dev/null || skip "no stb_image.h"
try em++ $flags -I "$work" -fsyntax-only "$work/photos.cpp"
