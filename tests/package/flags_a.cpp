// Half of a program whose other half is compiled with other instruction-set flags: loads.
#include "flags.hpp"

segface::Parser load_here(const char* path) { return segface::Parser::load(path); }
segface::Mask parse_here(const segface::Parser& parser, const segface::ImageView& photo) { return parser.parse(photo); }
