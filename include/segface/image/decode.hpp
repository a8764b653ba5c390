// A photo in memory, PNG or JPEG, to RGB pixels the right way up.
//
// Needs stb_image.h at compile time (for JPEG), so segface.hpp does not include it.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/exif.hpp"
#include "segface/image/image.hpp"
#include "segface/image/jpeg.hpp"
#include "segface/image/limits.hpp"
#include "segface/image/png_read.hpp"
#include "segface/image/sniff.hpp"
#include "segface/image/stb.hpp"

SEGFACE_BEGIN_NAMESPACE

// `file` is the whole file, `name` what messages call it. The type is told by the bytes, never by the name.
// Gray is widened to RGB; alpha, colour profiles and gamma are dropped. PNG equals Pillow's convert('RGB') bit for
// bit (16-bit gray apart, see png_read.hpp), JPEG within what decoders differ by.
// Errors: unsupported_image (naming the type seen), truncated, corrupt, bad_format, limit_exceeded, out_of_memory.
inline Result<Image> decode_image(Bytes file, std::string_view name, const ImageOptions& options = {}) noexcept {
  const auto decode = [&]() -> Result<Image> {
    if (file.size() > options.limits.max_file_bytes) {
      return error(Errc::limit_exceeded, file.size(), " bytes; at most ", options.limits.max_file_bytes, " are read");
    }
    const std::string_view format = sniff_format(file);
    const auto turned = [&](Result<Image> stored, Bytes exif) -> Result<Image> {
      if (!stored.ok() || !options.apply_orientation) return stored;
      return oriented(std::move(*stored), exif_orientation(exif));
    };
    if (format == "PNG") {
      SEGFACE_ASSIGN(png, PngFile::open(file, options.limits));
      return turned(png.photo(), png.exif());
    }
    if (format == "JPEG") {
      SEGFACE_ASSIGN(jpeg, JpegFile::open(file, options));
      const std::size_t budget = options.limits.max_decode_bytes;
      if (jpeg.complete()) return turned(stb_decode_jpeg(file, jpeg.width(), jpeg.height(), budget), jpeg.exif());
      // stb_image wants an end marker.
      const Bytes usable = jpeg.usable();
      SEGFACE_ASSIGN(ended, Buffer<std::uint8_t>::make(usable.size() + 2));
      std::copy(usable.begin(), usable.end(), ended.data());
      ended[usable.size()] = 0xff;
      ended[usable.size() + 1] = 0xd9;
      return turned(stb_decode_jpeg(ended.span(), jpeg.width(), jpeg.height(), budget), jpeg.exif());
    }
    return error(Errc::unsupported_image, "this is ", format, "; photos are read from PNG and JPEG");
  };
  Result<Image> image = decode();
  if (!image.ok()) return in_context(image.error(), name);
  return image;
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
