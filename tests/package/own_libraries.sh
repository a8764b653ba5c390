# A program with its own Eigen and its own stb_image builds next to ours, whichever comes first.
. "$(dirname "$0")/common.sh"

for order in -DOURS_FIRST -DOURS_LAST; do
  try g++ -std=c++17 $order -I "$root/include" -isystem /usr/include/eigen3 "$here/own_libraries.cpp" \
    -o "$work/own_libraries" -pthread
  try "$work/own_libraries"
done
