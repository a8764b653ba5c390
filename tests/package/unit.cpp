// Compiled twice: with UNIT=plain, and with UNIT=wide and flags for another processor.
#include "units.hpp"

namespace UNIT {
segface::Parser load(const char* path) {
  return segface::Parser::load(path).value();
}
segface::Mask parse(const segface::Parser& parser, const segface::ImageView& photo) {
  return parser.parse(photo).value();
}
}  // namespace UNIT
