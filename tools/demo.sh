#!/bin/sh
# The main job: builds the command line, parses a portrait, a group and a rendered face, and checks the result: sh tools/demo.sh
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
step "Parse tests/data/images/astronaut.png" build/segface parse tests/data/images/astronaut.png --force \
  --mask out/astronaut_mask.png --overlay out/astronaut_overlay.png --sheet out/astronaut_sheet.png
step "Parse a group picture, tests/data/finder/group_1.jpg" build/segface parse tests/data/finder/group_1.jpg --force \
  --mask out/group_mask.png --overlay out/group_overlay.png
step "Parse examples/pictures/rendered_face.jpg" build/segface parse examples/pictures/rendered_face.jpg --whole --force \
  --mask out/rendered_mask.png --overlay out/rendered_overlay.png
step "Verify the weights and the backends" build/segface verify weights/demo.safetensors
echo
echo "Look at out/astronaut_overlay.png, out/group_overlay.png, out/astronaut_sheet.png and out/rendered_overlay.png."
