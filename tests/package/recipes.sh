# Applies the changes in include/segface/RECIPES.md to a copy of this clone, and tests what they add; then forgets one file at
# a time, which the compiler must tell. Some minutes: tools/test.sh --full.
#   [SEGFACE_TORCH_PYTHON=PYTHON] sh recipes.sh       with a Python that has torch, the golden is made anew too
. "$(dirname "$0")/common.sh"
command -v patch >/dev/null || skip "no patch"
grep -q '^processor' /proc/cpuinfo 2>/dev/null && has_flag sse4_2 || skip "no processor with SSE4.2"

clone "$work/copy"
cd "$work/copy"
awk '/^```diff/ { on = 1; next } /^```/ { on = 0 } on' include/segface/RECIPES.md | try patch -p1 --fuzz=0
cp tests/package/recipes/*.safetensors tests/data/
if [ -n "${SEGFACE_TORCH_PYTHON:-}" ]; then
  try "$SEGFACE_TORCH_PYTHON" tools/torch/make_golden.py --check tests/data/mobilenet_small_*.safetensors
  try "$SEGFACE_TORCH_PYTHON" tools/torch/make_golden.py tests/data mobilenet_small
fi

compile="g++ -std=c++17 -O1 -Wall -Wextra -Werror -Iinclude -Itests -Itools -isystem /usr/include/eigen3 -isystem /usr/include/stb"
data="-DSEGFACE_TEST_DATA=\"$PWD/tests/data\""
for source in tests/main.cpp tests/allocations.cpp tests/package/recipes.cpp tools/networks/cpu.cpp tools/networks/reference_float.cpp; do
  try $compile "$data" -c "$source" -o "$(basename "$source").o"
done
try g++ ./*.o -o recipes -pthread
try ./recipes --no-version

# forgotten FILE WORDS: without the recipe's change to a file, this program does not compile, and the compiler says why.
forgotten() {
  cp "$1" kept
  cp "$root/$1" "$1"
  if $compile "$data" -fsyntax-only tests/package/recipes.cpp 2>told; then
    echo "failed: $1 may be forgotten, and nobody tells"
    exit 1
  fi
  grep -q "$2" told || { cat told; echo "failed: $1 was forgotten, and the compiler does not say '$2'"; exit 1; }
  cp kept "$1"
  echo "forgotten: $1: $2"
}
forgotten include/segface/networks/segface/weights.hpp "a row for each Backbone"
forgotten include/segface/backends/cpu.hpp "multiply"
forgotten include/segface/backends/cpu/kernels.hpp "sse4"
forgotten include/segface/faces/labels.hpp "heads"
