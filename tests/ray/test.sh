# Parses photos by Ray on a cluster of this machine, as examples/ray does, with an actor and the driver killed in the middle.
# Takes PyPI, and the command line in build/.
#   sh test.sh
. "$(dirname "$0")/../package/common.sh"
command -v python3 >/dev/null || skip "no python3"
python3 -m venv "$work/venv" 2>/dev/null || skip "no python3-venv"
"$work/venv/bin/pip" install -q "ray[data]" pillow >/dev/null 2>&1 || skip "no packages of PyPI"
test -x "$root/build/segface" || skip "no build/segface"
clone "$work/clone"
SKBUILD_BUILD_DIR="$work/build" try "$work/venv/bin/pip" install -q "$work/clone"
mkdir "$work/ray"
RAY_USAGE_STATS_ENABLED=0 try "$work/venv/bin/python" "$here/ray_test.py" "$root/build/segface" "$work/ray"
