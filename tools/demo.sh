#!/bin/sh
# The main job: builds the command line, parses the sample photo, and checks the result: sh tools/demo.sh
set -eu
cd "$(dirname "$0")/.."

step() {  # step WHAT COMMAND...: runs the command and says how long it took
  echo
  echo "== $1"
  shift
  begin=$(date +%s%N)
  "$@"
  echo "   took $((($(date +%s%N) - begin) / 1000000)) ms"
}
build() {
  cmake -S . -B build >/dev/null
  cmake --build build -j "$(nproc)" --target segface_tool
}

step "Packages" sh tools/install_packages.sh
step "Build" build
mkdir -p out
# The square around the face in which CelebA models expect it: see README, 'Which crop'.
step "Parse tests/data/images/astronaut.png" build/segface parse tests/data/images/astronaut.png \
  --weights weights/demo.safetensors --landmarks "205,101 248,102 226,122 206,143 242,144" --align celeba \
  --mask out/astronaut_mask.png --overlay out/astronaut_overlay.png
step "Verify the weights and the backends" build/segface verify weights/demo.safetensors
echo
echo "The mask is out/astronaut_mask.png, the overlay out/astronaut_overlay.png."
