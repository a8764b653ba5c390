# Shared by the scripts beside it: each builds for one kind of machine, runs what can be run there, and compares the
# labels of a photo with those of the machine at hand. Ends with 77 where its tools are missing.
#   sh NAME.sh
. "$(dirname "$0")/../package/common.sh"
photo=$root/tests/data/images/astronaut_256x256.png
headers="-isystem /usr/include/eigen3 -isystem /usr/include/stb"

# need COMMAND...
need() {
  for command in "$@"; do command -v "$command" >/dev/null || skip "no $command"; done
}

# Labels by the baseline kernels here: "$work/here".
labels_here() {
  try g++ -std=c++17 -O2 $warnings -I "$root/include" "$root/tests/package/labels.cpp" -o "$work/labels_here" -pthread
  SEGFACE_ISA=baseline try "$work/labels_here" "$weights" "$photo" "$work/here"
}

# same FILE OTHER [MOST]: at most so many bytes differ, none where that is not said.
same() {
  differing=$(cmp -l "$1" "$2" | wc -l)
  echo "$differing bytes differ"
  test "$(wc -c <"$1")" -eq "$(wc -c <"$2")"
  test "$differing" -le "${3:-0}"
}
