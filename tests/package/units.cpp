// A parser made in one unit parses in the other, both ways, and the labels are the same.
//   units WEIGHTS
#include "units.hpp"

#include <algorithm>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<unsigned char> photo(64 * 48 * 3);
  for (std::size_t i = 0; i < photo.size(); ++i) photo[i] = static_cast<unsigned char>(i * i >> 4);
  const segface::ImageView view(photo.data(), 64, 48, segface::PixelOrder::rgb);
  const segface::Mask one = plain::parse(wide::load(argv[1]), view);
  const segface::Mask other = wide::parse(plain::load(argv[1]), view);
  return std::equal(one.labels().begin(), one.labels().end(), other.labels().begin()) ? 0 : 1;
}
