#!/bin/sh
# Builds the command line, the examples and the tests, and runs these: sh tools/test.sh [--ci | --full [PLATFORM]]
#
# --ci adds what takes longer: the library as a package, the cuda backend on an emulated GPU, its kernels compiled by nvcc
# where that is installed (CUDA 11.8 or later), all other tests under AddressSanitizer and UndefinedBehaviorSanitizer, and
# those of threads under ThreadSanitizer.
# --full leaves out nothing: also two checks of a minute each, the tour's recipes, networks of 512 x 512 pixels on the
# emulated GPU, the sanitizers for that backend too, kernels for all GPUs that nvcc knows, all tests built by clang++, the
# packages for Conan and Debian and the platforms of tests/platforms, built where their tools are installed and run where they
# can be (with the name of a platform, as windows or arm64, that one alone), the browser's page, and many machines by Ray.
set -eu
cd "$(dirname "$0")/.."
mode=${1-} platform=${2-}
case $mode in
  "" | --ci | --full) ;;
  *) echo "usage: sh tools/test.sh [--ci | --full [PLATFORM]]" >&2; exit 2 ;;
esac
sh tools/install_packages.sh ninja-build
export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"  # make waits for the last file of each target
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
threads_under_tsan() {
  mkdir -p build-tsan
  clang++ -std=c++17 -O1 -g1 -fsanitize=thread -D__SANITIZE_THREAD__ -Iinclude -Itests -Itools -isystem /usr/include/eigen3 \
    -isystem /usr/include/stb "-DSEGFACE_TEST_DATA=\"$PWD/tests/data\"" tests/main.cpp tests/allocations.cpp \
    tests/base/threads/*_test.cpp tests/network/facade_test.cpp tools/networks/cpu.cpp tools/networks/reference_float.cpp \
    -o build-tsan/tests
  TSAN_OPTIONS=halt_on_error=1:die_after_fork=0 build-tsan/tests --no-version
}

if [ -n "$platform" ]; then
  platforms "$platform"
  exit
fi
if [ -z "$mode" ]; then
  run build "-LE package" -DSEGFACE_TEST_CUDA=OFF -DSEGFACE_CUDA=OFF
  exit
fi

cuda="-DSEGFACE_TEST_CUDA=ON" selection="" every="" sanitized_cuda=ON
if [ "$mode" = --full ]; then every=--full; else sanitized_cuda=OFF selection="-E cuda/seen_primitive|compiler_clang|package/(recipes|conan|debian)"; fi
if nvcc --list-gpu-arch 2>/dev/null | grep -q compute_90; then
  cuda="$cuda -DSEGFACE_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=75"
  # shellcheck disable=SC2086
  sh tests/cuda/nvcc.sh $every
else
  echo "not compiled for GPUs: there is no nvcc, or an old one"
fi
# shellcheck disable=SC2086
run build "$selection" $cuda
run build-asan "-LE package" --preset asan -DSEGFACE_BUILD_EXAMPLES=OFF -DSEGFACE_TEST_CUDA=$sanitized_cuda
if command -v clang++ >/dev/null; then threads_under_tsan; else echo "no ThreadSanitizer: install clang"; fi
if [ "$mode" = --full ]; then
  build/tests/segface_cuda_tests --no-version --no-skip --test-case="large:*"
  if command -v clang++ >/dev/null; then
    run build-clang "-LE package" -DCMAKE_CXX_COMPILER=clang++ "-DCMAKE_CXX_FLAGS_RELEASE=-O2"
  fi
  platforms
  for check in browser ray; do
    code=0
    sh "tests/$check/test.sh" || code=$?
    case $code in
      0) ;;
      77) echo "$check: not tried" ;;
      *) exit 1 ;;
    esac
  done
fi
