#!/bin/sh
# Builds everything and runs the tests, but for two long ones: sh tools/test.sh [--sanitize | --full [PLATFORM]]
# --sanitize runs them again under AddressSanitizer and UndefinedBehaviorSanitizer, and those of threads under
# ThreadSanitizer. --full does that too, and leaves out nothing; then it runs networks of 512 x 512 pixels on the emulated
# GPU, and all tests built by clang++ if installed; at last it builds for the other platforms of tests/platforms, where
# their compilers are installed, and runs what it can: with the name of one, as windows or arm64, that one alone.
# Where nvcc is installed (CUDA 11.8 or later), the command line and the example for GPUs are built too, and the kernels
# are compiled for some kinds of GPUs, with --full for all that it knows.
set -eu
cd "$(dirname "$0")/.."
sh tools/install_packages.sh
jobs=$(nproc)

# run FOLDER CTEST_OPTIONS [CMAKE_OPTION...]
run() {
  folder=$1 selection=$2
  shift 2
  cmake -S . -B "$folder" "$@"
  cmake --build "$folder" -j "$jobs"
  # shellcheck disable=SC2086
  (cd "$folder" && ctest -j "$jobs" --output-on-failure --no-tests=error $selection)
}

# platforms [NAME]
platforms() {
  for script in tests/platforms/${1:-*}.sh; do
    name=$(basename "$script" .sh)
    [ "$name" = common ] && continue
    [ -f "$script" ] || { echo "no platform is called '$1': $(cd tests/platforms && echo *.sh)" >&2; exit 2; }
    code=0
    sh "$script" || code=$?
    case $code in
      0) echo "platform $name: passed" ;;
      77) echo "platform $name: not tried" ;;
      *) echo "platform $name: failed" >&2; exit 1 ;;
    esac
  done
}

# Threads, and the calls of several, built by clang++ with ThreadSanitizer, which has an operator new of its own.
run_threads_under_tsan() {
  mkdir -p build-tsan
  clang++ -std=c++17 -O1 -g1 -fsanitize=thread -D__SANITIZE_THREAD__ -Iinclude -Itests -Itools -isystem /usr/include/eigen3 \
    -isystem /usr/include/stb "-DSEGFACE_TEST_DATA=\"$PWD/tests/data\"" tests/main.cpp tests/allocations.cpp \
    tests/base/threads/*_test.cpp tests/network/facade_test.cpp tools/networks/cpu.cpp tools/networks/reference_float.cpp \
    -o build-tsan/tests
  TSAN_OPTIONS=halt_on_error=1:die_after_fork=0 build-tsan/tests --no-version
}

if [ "${1-}" = --full ] && [ -n "${2-}" ]; then
  platforms "$2"
  exit
fi
full="" brief="-E cuda/seen_primitive|compiler_clang"  # what takes a minute each
if [ "${1-}" = --full ]; then full=--full brief=""; fi
cuda=""
if nvcc --list-gpu-arch 2>/dev/null | grep -q compute_90; then
  cuda="-DSEGFACE_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=75"
  sh tests/cuda/nvcc.sh $full
else
  echo "not compiled for GPUs: there is no nvcc, or an old one"
fi
# shellcheck disable=SC2086
run build "$brief" $cuda
if [ -n "$full" ] || [ "${1-}" = --sanitize ]; then
  run build-asan "-LE package" --preset asan -DSEGFACE_BUILD_EXAMPLES=OFF
  if command -v clang++ >/dev/null; then run_threads_under_tsan; else echo "no ThreadSanitizer: install clang"; fi
fi
if [ -n "$full" ]; then
  build/tests/segface_cuda_tests --no-version --no-skip --test-case="large:*"
  if command -v clang++ >/dev/null; then
    run build-clang "-LE package" -DCMAKE_CXX_COMPILER=clang++ "-DCMAKE_CXX_FLAGS_RELEASE=-O2"
  fi
  platforms
fi
