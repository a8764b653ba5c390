# Trains on rendered faces for some minutes, with a GPU and all processors: what on_gpu.py says. At most ten minutes, and
# eight unless --seconds says more.
#   sh tools/train/gpu.sh [OUT [OPTION...]]    OUT: out/train; OPTION: of on_gpu.py
# Tried without a GPU, in a minute and a half:
#   sh tools/train/gpu.sh out/try --device cpu --size 64 --batch 4 --held-out 8 --workers 1 --seconds 60 --save-every 20
set -u
out=${1:-${OUT:-out/train}}
[ $# -gt 0 ] && shift
cd "$(dirname "$0")/../.." || exit 1
command -v python3 >/dev/null || { echo "no python3" >&2; exit 127; }
mkdir -p "$out"
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONUNBUFFERED=1  # each renderer has one processor
timeout -k 5 590 python3 tools/train/on_gpu.py "$out" "$@"
