# Builds the browser's module and page by Emscripten, compares its labels in node with those of this machine's baseline
# kernels, then opens the page in a headless Chromium. Takes the packages emscripten, chromium, chromium-driver and
# python3-selenium; ends with 77 where one is missing.
#   sh test.sh [PICTURES]     PICTURES: a folder for screenshots
pictures=${1-}
[ -n "$pictures" ] && mkdir -p "$pictures" && pictures=$(cd "$pictures" && pwd)
. "$(dirname "$0")/../platforms/common.sh"
need em++ emcmake node gcc g++
photo=$root/tests/data/images/astronaut.png
# Debian's Emscripten takes what its Node.js has here; another Node.js does not look there.
export NODE_PATH="${NODE_PATH-/usr/share/nodejs}"

objects=""
for source in "$root/include/segface/compiled.cpp" "$root"/include/segface/c/*.cpp; do
  try g++ -std=c++17 -O2 $warnings -I "$root/include" $headers -c "$source" -o "$work/$(basename "$source").o"
  objects="$objects $work/$(basename "$source").o"
done
try gcc -O2 -Wall -Wextra -Werror -I "$root/include" -c "$here/labels.c" -o "$work/labels.o"
try g++ "$work/labels.o" $objects -o "$work/labels" -pthread
finder=$root/weights/finder.safetensors
said=$(SEGFACE_ISA=baseline "$work/labels" "$weights" "$finder" "$photo" "$work/pixels" "$work/expected")
set -- $said
width=$1 height=$2 seconds=$3

try emcmake cmake -S "$root/examples/web" -B "$work/build" >"$work/log" || { cat "$work/log"; exit 1; }
try cmake --build "$work/build" -j 2
site=$work/build/site
for build in one-thread threads; do
  bytes=$(cat "$site/segface-$build".*js "$site/segface-$build.wasm" "$site/segface.js" "$site/segface-worker.js" | wc -c)
  compressed=$(cat "$site/segface-$build".*js "$site/segface-$build.wasm" "$site/segface.js" "$site/segface-worker.js" | gzip -9 | wc -c)
  echo "segface-$build: $bytes bytes of code, $compressed compressed"
  test "$bytes" -le 700000
  test "$compressed" -le 250000
done
try node "$here/core_test.js" "$site" "$work/pixels" "$width" "$height" "$work/expected" "$seconds"

need chromium chromedriver
for python in python3 /usr/bin/python3; do  # Debian's package is for Debian's Python
  "$python" -c "import selenium" 2>/dev/null && break
  python=""
done
[ -n "$python" ] || skip "no python3-selenium"
try "$python" "$here/page_test.py" "$site" "$photo" "$work/pixels" "$width" "$height" "$work/expected" $pictures
