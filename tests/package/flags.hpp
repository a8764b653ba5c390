#pragma once
#include <segface/segface.hpp>

segface::Parser load_here(const char* path);
segface::Mask parse_here(const segface::Parser& parser, const segface::ImageView& photo);
