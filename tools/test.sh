#!/bin/sh
# Builds everything and runs all tests: sh tools/test.sh [--full]
# --full runs them again under AddressSanitizer and UndefinedBehaviorSanitizer, and built by clang++ if installed.
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

run build ""
if [ "${1-}" = --full ]; then
  run build-asan "-LE package" --preset asan -DSEGFACE_BUILD_EXAMPLES=OFF
  if command -v clang++ >/dev/null; then
    run build-clang "-LE package" -DCMAKE_CXX_COMPILER=clang++ "-DCMAKE_CXX_FLAGS_RELEASE=-O2"
  fi
fi
