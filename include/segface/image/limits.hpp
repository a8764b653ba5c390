// What a picture file may cost, asked before anything is allocated.
#pragma once

#include <cstddef>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

// Most classes that the pixels of a picture are told apart by.
inline constexpr Index kMaxClasses = 19;

struct ImageLimits {
  std::size_t max_file_bytes = std::size_t{64} << 20;
  Index max_side = 16384;
  Index max_pixels = Index{64} << 20;
  std::size_t max_decode_bytes = std::size_t{512} << 20;  // memory of the decoder beside the file and the picture
  Index max_jpeg_scans = 64;                              // a progressive JPEG decodes the whole picture in each
  Index max_scan_pixels = Index{1} << 30;                 // scans x pixels
};

// How a file is read.
struct ImageOptions {
  ImageLimits limits;
  bool apply_orientation = true;  // EXIF: as the official loaders' cv2.imread does
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Errors: limit_exceeded.
inline Status check_sides(Index width, Index height, const ImageLimits& limits) noexcept {
  if (width < 1 || height < 1 || width > limits.max_side || height > limits.max_side) {
    return error(Errc::limit_exceeded, width, " x ", height, " pixels; a side is 1 to ", limits.max_side);
  }
  if (height > limits.max_pixels / width) {
    return error(Errc::limit_exceeded, width, " x ", height, " pixels; at most ", limits.max_pixels,
                 " in all are read; make the picture smaller");
  }
  return Status();
}

SEGFACE_END_CORE
