# The package in a host project that computes on a GPU, and the compiler line in the head of examples/04_cuda.cu, whose
# program parses a photo where there is a GPU. Where there is none, both say so and end with code 7.
. "$(dirname "$0")/common.sh"
command -v nvcc >/dev/null || skip "no nvcc"

# check PROGRAM ARGUMENT...
check() {
  code=0
  "$@" 2>"$work/err" || code=$?
  cat "$work/err"
  if [ -e /dev/nvidiactl ]; then
    test $code -eq 0
  else
    test $code -eq 7
    grep -q "^no GPU to compute on: .*; use the cpu backend$" "$work/err"
  fi
}

try cmake -S "$root" -B "$work/library" -DSEGFACE_BUILD_TOOLS=OFF -DSEGFACE_BUILD_C=OFF -DSEGFACE_BUILD_TESTS=OFF \
  -DSEGFACE_BUILD_EXAMPLES=OFF -DCMAKE_INSTALL_PREFIX="$work/installed"
try cmake --install "$work/library"
for way in add_subdirectory find_package; do
  try cmake -S "$here/cuda" -B "$work/$way" -DWAY=$way -DSEGFACE_ROOT="$root" -DCMAKE_PREFIX_PATH="$work/installed" \
    -DCMAKE_CUDA_ARCHITECTURES=75 -DCMAKE_CUDA_FLAGS="-Werror all-warnings"
  try cmake --build "$work/$way"
  check "$work/$way/device"
done
# Loaded when it is asked for, and not before.
if ldd "$work/find_package/device" | grep -q cublas; then
  echo "the program links cuBLASLt" >&2
  exit 1
fi

line=$(sed -n 's|^// *\(nvcc .*\)|\1|p' "$root/examples/04_cuda.cu")
[ -e /dev/nvidiactl ] || line=$(echo "$line" | sed 's|-arch=native|-arch=sm_75|')  # native is what the GPU is
ln -s "$root/include" "$root/examples" "$work"
cd "$work"
echo "+ $line"
eval "$line"
check ./04_cuda "$weights" "$root/tests/data/images/astronaut_256x256.png" mask.png
if [ -e /dev/nvidiactl ]; then test -s mask.png; else test ! -e mask.png; fi
