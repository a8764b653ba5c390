// The other half: a parser loaded in either half parses in both, to the same mask.
#include <algorithm>
#include <vector>

#include "flags.hpp"

int main(int, char** argv) {
  std::vector<std::uint8_t> pixels(64 * 64 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * 7919 >> 4);
  const segface::ImageView photo(pixels.data(), 64, 64, segface::PixelOrder::rgb);
  const segface::Parser mine = segface::Parser::load(argv[1]), theirs = load_here(argv[1]);
  const segface::Mask masks[] = {mine.parse(photo), theirs.parse(photo), parse_here(mine, photo), parse_here(theirs, photo)};
  for (const segface::Mask& mask : masks) {
    if (!std::equal(mask.labels().begin(), mask.labels().end(), masks[0].labels().begin())) return 1;
  }
  return 0;
}
