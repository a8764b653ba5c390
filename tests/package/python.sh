# The Python package, by README.md's commands for it, in an environment with nothing else and no compiler. Takes PyPI.
. "$(dirname "$0")/common.sh"
command -v python3 >/dev/null || skip "no python3"
python3 -m venv "$work/tools" 2>/dev/null || skip "no python3-venv"
"$work/tools/bin/pip" download -q --no-deps -d "$work" numpy >/dev/null 2>&1 || skip "no packages of PyPI"

clone "$work/clone"
cp "$root/tests/data/finder/group_1.jpg" "$work/clone/photo.jpg"
cd "$work/clone"
export SKBUILD_BUILD_DIR="$work/build"  # compiled once
begin "In Python"
test -s mask.png

try "$work/tools/bin/pip" wheel -q --no-deps -w "$work" .
wheel=$(echo "$work"/segface_cpu-*-py3-none-*.whl)
ls -l "$wheel"
test "$(wc -c <"$wheel")" -lt 25000000
python3 -m zipfile -l "$wheel" | awk 'NR > 1 { print $1 }' >"$work/files"
for file in segface/py.typed segface/lib/libsegface.so segface/bin/segface segface/share/segface/demo.safetensors; do
  grep -q "^$file" "$work/files"
done
if grep -E '\.(hpp|cpp|cmake|pc|h)$' "$work/files"; then exit 1; fi
# It is named after the machine that it is built for, whatever that is called.
_PYTHON_HOST_PLATFORM=plan9-vax try "$work/tools/bin/pip" wheel -q --no-deps -w "$work" .
test -s "$work"/segface_cpu-*-py3-none-plan9_vax.whl

export SEGFACE_TEST_DATA="$root/tests/data"
python=$work/clone/.venv/bin
cd "$root/tests/python"
# check TEST: with no program at hand but this Python.
check() { PATH="$python" PYTHONDONTWRITEBYTECODE=1 try "$python/python" -m unittest "$1"; }
check test_segface
try "$python/pip" install -q pillow mypy auditwheel
check test_segface.Pictures.test_pillow
try "$python/mypy" --strict --cache-dir "$work/mypy" user.py
try "$python/mypy" --strict --cache-dir "$work/mypy" -p segface
try "$python/auditwheel" show "$wheel"
