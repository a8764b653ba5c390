# Windows by MinGW, run by wine: the labels, masks and overlays of this machine, names beyond ASCII, both kinds of
# slashes, <windows.h> before our headers and after, and the tests of what meets the system.
. "$(dirname "$0")/common.sh"
compiler=x86_64-w64-mingw32-g++-posix
wine=$(command -v wine64 || command -v wine || ls /usr/lib/wine/wine64 2>/dev/null || true)
need $compiler g++ cmake
test -n "$wine" || skip "no wine"
export WINEPREFIX="$work/wine" WINEDEBUG=-all LC_ALL=C.UTF-8
run() { try "$wine" "$@"; }

# By one compiler line only the baseline kernels run; with the option of CMake's target all do.
labels_here
flags="-std=c++17 -O2 -static $warnings -I $root/include"
try $compiler $flags "$root/tests/package/labels.cpp" -o "$work/labels.exe" -pthread
run "$work/labels.exe" "$weights" "$photo" "$work/there" | tee "$work/said"
grep -q "^baseline kernels" "$work/said"
same "$work/here" "$work/there"

try cmake -S "$root" -B "$work/build" -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_CXX_COMPILER=$compiler \
  -DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc-posix -DSEGFACE_LIBJPEG=OFF \
  -DCMAKE_EXE_LINKER_FLAGS=-static -DSEGFACE_BUILD_TESTS=OFF
try cmake --build "$work/build" -j "$(nproc)"
try cmake -S "$root" -B "$work/native" -DSEGFACE_LIBJPEG=OFF -DSEGFACE_BUILD_TESTS=OFF \
  -DSEGFACE_BUILD_EXAMPLES=OFF
try cmake --build "$work/native" --target segface_tool -j "$(nproc)"

cd "$work"
mkdir pictures
cp "$photo" "pictures/写真.png"
sets=baseline
if has_flag avx2; then sets="$sets avx2"; fi
if has_flag avx512vl; then sets="$sets avx512"; fi
for set in $sets; do
  SEGFACE_ISA=$set run build/segface.exe parse --whole --force 'pictures\写真.png' --weights "$weights" -o 'größe'
  SEGFACE_ISA=$set try native/segface parse --whole --force "pictures/写真.png" --weights "$weights" -o here_$set
  cmp "größe/写真_mask.png" "here_$set/写真_mask.png"
  cmp "größe/写真_overlay.png" "here_$set/写真_overlay.png"
done
# A photo is not replaced by its mask, whatever the slashes.
if run build/segface.exe parse --whole --force "pictures/写真.png" --weights "$weights" --mask 'pictures\写真.png'; then exit 1; fi
run build/segface.exe verify "$weights"

# libsegface, called from C, gives the labels of the command line.
run build/05_c.exe "$weights" "$root/weights/finder.safetensors" "$photo" labels.png overlay.png
run build/segface.exe parse "$photo" -q --weights "$weights" --mask mask.png --overlay laid_over.png
cmp labels.png mask.png
cmp overlay.png laid_over.png

mkdir stb
cp /usr/include/stb/stb_image.h stb 2>/dev/null || cp /usr/include/stb_image.h stb
for order in before after; do
  {
    [ $order = after ] || echo '#include <windows.h>'
    for header in segface image/file faces/sheet engine/convert; do echo "#include <segface/$header.hpp>"; done
    [ $order = before ] || echo '#include <windows.h>'
    echo 'const hyper far macros_are_back = 1;'
  } >both.cpp
  echo "windows.h $order"
  $compiler -std=c++17 -fsyntax-only -I "$root/include" -I . both.cpp
done

# doctest.h alone: what else lies beside it is of this machine.
mkdir doctest
ln -s /usr/include/doctest doctest/doctest
tests=""
for test in main allocations base/file_names_test base/status_test backends/cpu_isa_test backends/plain_vectors_test \
  engine/weight_file_test faces/landmark_file_test image/file_test image/png_test network/facade_test \
  tensors/safetensors_test tensors/torch_checkpoint_test; do
  tests="$tests $root/tests/$test.cpp"
done
try $compiler $flags -Wa,-muse-unaligned-vector-move -DSEGFACE_UNALIGNED_VECTOR_MOVES $headers -isystem doctest \
  -I "$root/tests" -I "$root/tools" "-DSEGFACE_TEST_DATA=\"$root/tests/data\"" $tests build/libsegface_networks.a \
  -o tests.exe -pthread
run ./tests.exe --no-version
