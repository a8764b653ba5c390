// What two translation units, compiled with different flags, offer each other: each loads a parser and parses.
#pragma once

#include <segface/segface.hpp>

namespace plain {
segface::Parser load(const char* path);
segface::Mask parse(const segface::Parser& parser, const segface::ImageView& photo);
}  // namespace plain

namespace wide {
segface::Parser load(const char* path);
segface::Mask parse(const segface::Parser& parser, const segface::ImageView& photo);
}  // namespace wide
