#!/bin/sh
# Builds everything and runs all tests: sh tools/test.sh [--full]
# --full repeats them under AddressSanitizer and UndefinedBehaviorSanitizer, and with clang++ where it is installed.
set -eu
cd "$(dirname "$0")/.."
sh tools/install_packages.sh
run() {  # run BUILD_FOLDER [CMAKE_OPTION...]
  folder=$1
  shift
  cmake -S . -B "$folder" "$@"
  cmake --build "$folder" -j "$(nproc)"
  (cd "$folder" && ctest --output-on-failure)
}
run build -DCMAKE_BUILD_TYPE=Release
if [ "${1-}" = --full ]; then
  run build-asan --preset asan
  if command -v clang++ >/dev/null; then run build-clang -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=clang++; fi
fi
