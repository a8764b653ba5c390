# What a GPU tells about the cuda backend, in at most eight minutes, most important first: right, clean, fast.
#   sh tools/bench/gpu.sh build    before: compiles, where there is nvcc, into build-gpu, which can be carried along
#   sh tools/bench/gpu.sh [OUT]    on the machine with the GPU; without build-gpu it compiles there. OUT: out/gpu
#   sh tools/bench/gpu.sh OUT PART...    some of: right, clean, fast, twins, why, compiled, others
#
# Every step has a time limit of its own and stops no other. OUT/summary.txt gets a line for each as it ends, of
# name=value words between tabs, after what it measured; OUT/log.txt what the programs printed. result: ok, failed,
# "no device" (code 7), "no time", "out of time", "missing" (a program). PyTorch is compared with where python3 has it.
# ARCH: the GPU's architecture, sm_90 (Hopper) unless said otherwise; SECONDS_IN_ALL: 480; JOBS: of the compilers.
set -u
cd "$(dirname "$0")/../.." || exit 1
built=build-gpu
arch=${ARCH:-sm_90}
jobs=${JOBS:-$(nproc)}
for folder in /usr/local/cuda/bin /usr/local/cuda/compute-sanitizer /opt/nvidia/nsight-compute/*; do
  [ -d "$folder" ] && PATH=$PATH:$folder
done

# ---- programs, compiled -----------------------------------------------------------------------------------------

# Headers of packages, from where they are installed, unless they came along.
copy_headers() {
  mkdir -p "$built/include/doctest"
  for place in /usr/include /usr/local/include; do
    [ -d "$built/include/Eigen" ] || cp -r "$place/eigen3/Eigen" "$built/include/" 2>/dev/null
    [ -f "$built/include/stb_image.h" ] || cp "$place/stb/stb_image.h" "$built/include/" 2>/dev/null
    [ -f "$built/include/doctest/doctest.h" ] || cp "$place/doctest/doctest.h" "$built/include/doctest/" 2>/dev/null
  done
}

build() {
  command -v nvcc >/dev/null || { echo "no nvcc" >&2; return 1; }
  copy_headers
  objects=$(mktemp -d)
  common="-std=c++17 -DNDEBUG -Iinclude -Itools"
  system="-isystem $built/include"
  launcher=$(command -v ccache || true)
  device="nvcc -arch=$arch --compress-mode=size -x cu -DEIGEN_NO_CUDA -w $common $system"  # Eigen for the host alone
  tests='-O1 -Itests/cuda_device -Itests -DSEGFACE_TEST_DATA=\"tests/data\"'
  {  # those that take longest first
    for test in parser golden primitive override ends graph; do
      echo "$device $tests -c tests/cuda/${test}_test.cpp -o $objects/test_$test.o"
    done
    echo "$device -O2 -lineinfo -c tools/networks/cuda.cu -o $objects/tool_cuda.o"
    echo "$device $tests -c tests/cuda_device/main.cpp -o $objects/test_main.o"
    for file in tools/networks/*.cpp; do
      echo "$launcher g++ -O2 $common $system -c $file -o $objects/network_$(basename "$file").o"
    done
    for file in tools/segface/*.cpp; do
      echo "$launcher g++ -O2 -DSEGFACE_WITH_CUDA $common $system -c $file -o $objects/tool_$(basename "$file").o"
    done
  } | tr '\n' '\0' | xargs -0 -P "$jobs" -I{} sh -c '{} || { echo "failed: {}" >&2; exit 1; }' || return 1
  link="nvcc -arch=$arch -cudart static -Xcompiler -static-libstdc++,-static-libgcc -Xlinker --strip-all"
  $link "$objects"/network_*.o "$objects"/tool_*.o -o "$built/segface" &&
    $link "$objects"/network_*.o "$objects"/test_*.o -o "$built/cuda_tests"
  code=$?
  rm -r "$objects"
  du -sh "$built"
  return $code
}

if [ "${1-}" = build ]; then
  build
  exit
fi

# ---- steps --------------------------------------------------------------------------------------------------------

out=${1:-${OUT:-out/gpu}}
[ $# -gt 0 ] && shift
parts=" ${*:-right clean fast twins why compiled others} "
wants() {
  case $parts in *" $1 "*) ;; *) return 1 ;; esac
}
mkdir -p "$out"
: >"$out/summary.txt"
: >"$out/log.txt"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
end=$(($(date +%s) + ${SECONDS_IN_ALL:-480}))

say() {
  printf '%s\n' "$*" | tee -a "$out/summary.txt"
}
# step NAME SECONDS COMMAND...: what the command prints on lines that begin with network= are results.
step() {
  name=$1 limit=$2
  shift 2
  start=$(date +%s)
  left=$((end - start))
  [ "$left" -lt "$limit" ] && limit=$left
  if [ "$limit" -lt 3 ]; then
    say "step=$name	result=no time"
    return
  fi
  timeout -k 3 "$limit" "$@" >"$work/$name.log" 2>&1
  code=$?
  case $code in
    0) result=ok ;;
    7) result="no device" ;;
    124 | 137) result="out of time" ;;
    126 | 127) result=missing ;;
    *) result=failed ;;
  esac
  sed -n "/^network=/ s/^/of=$name /p" "$work/$name.log" | tr ' ' '\t' >>"$out/summary.txt"
  { echo "==== $name: $*"; cat "$work/$name.log"; echo; } >>"$out/log.txt"
  say "step=$name	result=$result	code=$code	seconds=$(($(date +%s) - start))"
}
export out work built

# cuBLASLt, where it is in no folder that is searched: the toolkit's, or that of PyTorch's packages.
if ! ldconfig -p 2>/dev/null | grep -q libcublasLt.so.13; then
  python=$(python3 -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2>/dev/null)
  for folder in /usr/local/cuda/lib64 /usr/local/cuda/lib "$python/nvidia/cu13/lib"; do
    [ -e "$folder/libcublasLt.so.13" ] && export LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
  done
fi

# Functions for the steps, which are commands of their own so that they can be stopped.
cat >"$work/functions" <<'EOF'
# Ends the step where there is no GPU, with code 7.
need_device() {
  "$built/cuda_tests" --count >/dev/null || exit
}
need() {
  command -v "$1" >/dev/null || { echo "no $1"; exit 127; }
}
tests() {
  "$built/cuda_tests" --no-version --duration=true "$@"
}
# weights NETWORK SIDE: a weight file of synthetic weights, as soon as it is there.
weights() {
  until [ -e "$work/$1_$2.safetensors" ]; do
    [ -e "$work/no_weights" ] && { echo "no weights of $1: see the step weights"; exit 127; }
    sleep 0.2
  done
  echo "$work/$1_$2.safetensors"
}
# make_weights NETWORK SIDE...: synthetic weights in the official layout, by PyTorch, converted for each side.
make_weights() {
  need_device
  python3 tools/torch/make_checkpoint.py "$1" celeb "$work/$1/model_299.pt" || return
  name=$1
  shift
  for side in "$@"; do
    "$built/segface" convert "$work/$name/model_299.pt" --resolution "$side" -o "$work/$name.$side.part.safetensors" &&
      mv "$work/$name.$side.part.safetensors" "$work/${name}_$side.safetensors" || return
  done
  rm -r "$work/$name"
}
# bench BATCH NETWORK SIDE BACKEND: results as name=value words.
bench() {
  need_device
  file=$(weights "$2" "$3") || { echo "$file"; exit 127; }
  "$built/segface" bench "$file" --backend "$4" --batch "$1" --runs 50 --json >"$work/$2_$3_$1_$4.json" || exit
  cat "$work/$2_$3_$1_$4.json"
  # by the GPU's clock, a line each; then by the host's
  sed -n 's/[],[{}]*$//; s/^ *{*"name": "[^"]*", //p' "$work/$2_$3_$1_$4.json" | sed 's/"//g; s/,//g; s/: /=/g' |
    sed "s/^/network=$2 side=$3 batch=$1 way=segface /"
  sed -n 's/.*"workspace_bytes": [0-9]*, "photo_ms": \([0-9.]*\).*/\1/p' "$work/$2_$3_$1_$4.json" |
    sed "s/^/network=$2 side=$3 batch=1 way=segface backend=$4 host_photo_ms=/"
}
# verify_network BACKEND: a network of synthetic weights, with what the official code made of it.
verify_network() {
  need_device
  file=$(weights mobilenet 512) || { echo "$file"; exit 127; }
  "$built/segface" verify "$file" tests/data/mobilenet_celeb_512.safetensors --backend "$1"
}
twin() {
  need_device
  python3 tools/bench/gpu_twin.py "$@"
}
# sanitize TOOL COMMAND...
sanitize() {
  need_device
  need compute-sanitizer
  tool=$1
  shift
  compute-sanitizer --tool "$tool" --error-exitcode 9 "$@"
}
# profile NETWORK BACKEND: every kernel of one pass, as a table; the ten that take longest together are printed.
profile() {
  need_device
  need ncu
  file=$(weights "$1" 512) || { echo "$file"; exit 127; }
  metrics=gpu__time_duration.sum,sm__throughput.avg.pct_of_peak_sustained_elapsed
  metrics=$metrics,lts__t_sectors_op_read.sum,lts__t_sectors_op_write.sum,dram__bytes_read.sum
  metrics=$metrics,smsp__issue_active.avg.pct_of_peak_sustained_active,launch__registers_per_thread
  metrics=$metrics,sm__warps_active.avg.pct_of_peak_sustained_active,launch__waves_per_multiprocessor
  for what in "--metrics $metrics" "--set basic"; do  # the latter where the GPU has not all of the metrics
    # shellcheck disable=SC2086
    ncu --clock-control none --csv --page raw $what --log-file "$out/ncu_$1.csv" \
      "$built/segface" parse --whole --force tests/data/images/astronaut_512x512.png --weights "$file" --backend "$2" \
      --mask "$work/$1_mask.png"
    grep -q '^"0"' "$out/ncu_$1.csv" && break
    rm -f "$work/$1_mask.png"
  done
  python3 tools/bench/gpu_kernels.py "$out/ncu_$1.csv"
}
EOF
run() {  # run NAME SECONDS FUNCTION...
  name=$1 limit=$2
  shift 2
  step "$name" "$limit" nice -n "${nice:-0}" sh -c '. "$work/functions"; "$@"' "$name" "$@"
}

gpu=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -1)
say "gpu=$gpu	processors=$(nproc)	began=$(date -u +%H:%M:%S)"
if ! "$built/segface" --version >/dev/null 2>&1; then
  step build 150 sh tools/bench/gpu.sh build
fi

# 1. Right. Weights are made meanwhile, and PyTorch compiles what will be timed, into its cache.
export TORCHINDUCTOR_CACHE_DIR="$work/inductor" TRITON_CACHE_DIR="$work/triton"
(
  for networks in "mobilenet 512 224" "swin_base 512 224" "swinv2_base 512" "convnext_base 512" "resnet 512" \
    "efficientnet 512" "swinv2_tiny 512" "convnext_small 512" "swinv2_small 512"; do
    # shellcheck disable=SC2086
    nice=5 run "weights_${networks%% *}" 100 make_weights $networks &
  done
  wait
  touch "$work/no_weights"
) &
weighing=$!
(
  for network in $(wants compiled && echo mobilenet swin_base); do
    run "compile_$network" 130 twin $network:512:1 --ways compile --runs 3 &
  done
  wait
) &
compiling=$!
steps=
together() {  # in parallel, where they use a part of the GPU each
  run "$@" &
  steps="$steps $!"
}
if wants right; then
  together test_primitive 85 tests --source-file='*primitive_test*'
  together test_override 85 tests --source-file='*override_test*'
  together test_ends 60 tests --source-file='*ends_test*'
  together test_parser 85 tests --source-file='*parser_test*'
  together test_graph 30 tests --source-file='*graph_test*'
  together golden_float32 85 tests --source-file='*golden_test*' --test-case='*every stage*,*each picture*' --no-skip
  together golden_float16 85 tests --source-file='*golden_test*' --test-case='*float16*' --no-skip
  together verify_float32 60 "$built/segface" verify weights/demo.safetensors --backend cuda
  together verify_float16 60 "$built/segface" verify weights/demo.safetensors --backend cuda-f16
  # shellcheck disable=SC2086
  wait $steps
  run verify_mobilenet_float32 30 verify_network cuda
  run verify_mobilenet_float16 30 verify_network cuda-f16
fi

# 2. Clean, while PyTorch still compiles.
if wants clean; then
  steps=
  for backend in cuda cuda-f16; do
    for tool in memcheck racecheck; do
      together "${tool}_$backend" 45 sanitize $tool "$built/segface" parse --whole --force \
        tests/data/images/astronaut_256x256.png --weights weights/demo.safetensors --backend $backend --mask "$work/${tool}_$backend.png"
    done
  done
  together memcheck_tests 45 sanitize memcheck "$built/cuda_tests" --source-file='*override_test*,*ends_test*'
  together racecheck_tests 45 sanitize racecheck "$built/cuda_tests" --test-case='*windowed attention*,attention*,norms*'
  # shellcheck disable=SC2086
  wait $steps
fi

# 3. Fast: nothing else runs.
wait "$compiling" "$weighing"
if wants fast; then
  for network in mobilenet swin_base; do
    run "bench_$network" 25 bench 1 $network 512 cuda
    run "bench_${network}_f16" 25 bench 1 $network 512 cuda-f16
    wants twins && run "twin_$network" 35 twin $network:512:1 --ways eager,graph
  done
fi

# 4. Why.
if wants why; then
  run ncu_mobilenet 40 profile mobilenet cuda-f16
  run ncu_swin_base 40 profile swin_base cuda-f16
fi

# 5. PyTorch's other ways.
if wants compiled; then
  for network in mobilenet swin_base; do
    run "twin_${network}_compile" 40 twin $network:512:1 --ways compile
  done
fi

# 6. Other sizes, batches and networks.
if wants others; then
  for network in mobilenet swin_base; do
    run "bench_${network}_batch8" 15 bench 8 $network 512 cuda-f16
    run "bench_${network}_224" 15 bench 1 $network 224 cuda-f16
  done
  run twin_sizes 40 twin mobilenet:512:8 swin_base:512:8 mobilenet:224:1 swin_base:224:1 --ways graph --runs 30
  for network in swinv2_base convnext_base resnet efficientnet swinv2_tiny convnext_small swinv2_small; do
    run "bench_$network" 10 bench 1 $network 512 cuda-f16
  done
  run twin_networks 50 twin swinv2_base:512:1 convnext_base:512:1 resnet:512:1 efficientnet:512:1 swinv2_tiny:512:1 \
    convnext_small:512:1 swinv2_small:512:1 --ways graph --runs 30
  run twin_float 30 twin mobilenet:512:1 swin_base:512:1 --ways graph --numbers float32,tf32
fi

# PyTorch's fastest over ours, of each network, size and batch, in float16.
awk -F'\t' '
  /network_ms=/ && /numbers=float16/ {
    delete v
    for (i = 1; i <= NF; ++i) { at = index($i, "="); v[substr($i, 1, at - 1)] = substr($i, at + 1) }
    key = v["network"] " " v["side"] " " v["batch"]
    ms = v["network_ms"] + 0
    if (!(key in seen)) { seen[key] = 1; order[++count] = key }
    if (v["way"] == "segface") ours[key] = ms
    else if (v["of"] !~ /^compile_/ && (!(key in best) || ms < best[key])) { best[key] = ms; way[key] = v["way"] }
  }
  END {
    for (i = 1; i <= count; ++i) {
      key = order[i]
      split(key, part, " ")
      printf "ratio\tnetwork=%s\tside=%s\tbatch=%s\t", part[1], part[2], part[3]
      printf "segface_ms=%s\ttwin_ms=%s\ttwin_way=%s", ours[key], best[key], way[key]
      if (ours[key] > 0 && best[key] > 0) printf "\ttimes=%.2f", best[key] / ours[key]
      printf "\n"
    }
  }' "$out/summary.txt" >"$work/ratios"
cat "$work/ratios" >>"$out/summary.txt"
cat "$work/ratios"
say "ended=$(date -u +%H:%M:%S)	seconds_left=$((end - $(date +%s)))"
