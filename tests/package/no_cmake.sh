# The compiler line in the head of examples/02_no_cmake.cpp, and the program it makes; and a program without files.
. "$(dirname "$0")/common.sh"
command -v g++ >/dev/null || skip "no g++"
ln -s "$root/include" "$root/examples" "$work"
cd "$work"
line=$(sed -n 's|^// *\(g++ .*\)|\1|p' examples/02_no_cmake.cpp)
echo "+ $line"
eval "$line $warnings"
{
  printf 'P6\n40 30\n255\n'
  head -c 3600 /dev/zero
} >photo.ppm
./no_cmake "$weights" <photo.ppm >labels.pgm
test "$(head -n 2 labels.pgm | tail -n 1)" = "40 30"
test "$(wc -c <labels.pgm)" -eq $((13 + 1200))
if head -c 100 photo.ppm | ./no_cmake "$weights"; then exit 1; fi
if ./no_cmake missing.safetensors <photo.ppm; then exit 1; fi

# Networks and pictures from memory: nothing of the library opens a file by its name.
try g++ -std=c++17 -O1 $warnings -DSEGFACE_NO_FILES -I include "$here/labels.cpp" -o labels -pthread
try ./labels "$weights" "$root/tests/data/images/astronaut_256x256.png" seen
test "$(wc -c <seen)" -eq 65536
if nm -u labels | grep -E ' (open|open64|pread|pread64|linkat|rename|unlink|stat)(@|$)'; then exit 1; fi
