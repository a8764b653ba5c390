# Compiles the C++ of README.md and examples/README.md, with words that stand in for OpenCV's and Qt's.
. "$(dirname "$0")/common.sh"

# The blocks of C++ in a page.
code() { awk '/^```cpp/ { on = 1; next } /^```/ { on = 0 } on' "$1"; }

{
  code "$root/README.md" | grep '^#include'
  echo 'int main() {'
  code "$root/README.md" | grep -v '^#include'
  echo '}'
} >"$work/readme.cpp"
{
  cat <<'WORDS'
#include <segface/faces/region.hpp>
#include <segface/segface.hpp>
using uchar = unsigned char;
enum { CV_8UC1 };
namespace cv {
struct Mat {
  Mat(int, int, int, void*) {}
  uchar* data = nullptr;
  int rows = 0, cols = 0;
  unsigned long step = 0;
};
inline Mat operator==(const Mat& mat, double) { return mat; }
}  // namespace cv
struct QImage {
  enum Format { Format_RGB888, Format_Grayscale8 };
  QImage(const uchar*, int, int, int, Format) {}
  QImage convertToFormat(Format) const { return *this; }
  QImage copy() const { return *this; }
  const uchar* constBits() const { return nullptr; }
  int width() const { return 0; }
  int height() const { return 0; }
  long long bytesPerLine() const { return 0; }
};
template <class Picture>
void show(const Picture&) {}
WORDS
  code "$root/examples/README.md"
} >"$work/pixels.cpp"
for page in readme pixels; do
  try g++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I "$root/include" -isystem /usr/include/stb "$work/$page.cpp"
done
