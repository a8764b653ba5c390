// A photo in memory, PNG or JPEG, to RGB pixels the right way up.
//
// Needs stb_image.h at compile time (for JPEG), or libjpeg-turbo, so segface.hpp does not include it.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cstdint>
#include <string_view>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/exif.hpp"
#include "segface/image/image.hpp"
#include "segface/image/jpeg.hpp"
#include "segface/image/limits.hpp"
#include "segface/image/png_read.hpp"
#include "segface/image/sniff.hpp"
#if defined(SEGFACE_WITH_LIBJPEG)
#include "segface/image/libjpeg.hpp"
#else
#include "segface/image/stb.hpp"
#endif

SEGFACE_BEGIN_CORE

// What decodes JPEGs: libjpeg-turbo in programs that define SEGFACE_WITH_LIBJPEG and link it, else stb_image.
#if defined(SEGFACE_WITH_LIBJPEG)
using JpegDecoder = LibJpeg;
#else
using JpegDecoder = StbJpeg;
#endif

// What to do with a picture of a format that is not read.
inline std::string_view conversion_hint(std::string_view format) noexcept {
  if (format == "HEIC") return "; convert it: heif-convert photo.heic photo.jpg";
  if (format == "AVIF") return "; convert it: avifdec photo.avif photo.png";
  if (format == "WebP") return "; convert it: dwebp photo.webp -o photo.png";
  if (format == "JPEG XL") return "; convert it: djxl photo.jxl photo.png";
  return "";
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// `file` is the whole file, `name` what messages call it. The type is told by the bytes, never by the name.
// Gray is widened to RGB; alpha, colour profiles and gamma are dropped. PNG equals Pillow's convert('RGB') bit for
// bit (16-bit gray apart, see png_read.hpp); JPEG does with libjpeg-turbo, else within what decoders differ by.
// Errors: unsupported_image (naming the type seen), truncated, corrupt, bad_format, limit_exceeded, out_of_memory.
template <class Decoder = core::JpegDecoder>
Result<Image> decode_image(Bytes file, std::string_view name, const ImageOptions& options = {}) noexcept {
  const auto decode = [&]() -> Result<Image> {
    if (file.size() > options.limits.max_file_bytes) {
      return error(Errc::limit_exceeded, file.size(), " bytes; at most ", options.limits.max_file_bytes, " are read");
    }
    const std::string_view format = core::sniff_format(file);
    const auto turned = [&](Result<Image> stored, int orientation) -> Result<Image> {
      if (!stored.ok() || !options.apply_orientation) return stored;
      return core::oriented(std::move(*stored), orientation);
    };
    if (format == "PNG") {
      SEGFACE_ASSIGN(png, core::PngFile::open(file, options.limits));
      return turned(png.photo(), png.orientation());
    }
    if (format == "JPEG") {
      Decoder decoder;
      SEGFACE_ASSIGN(jpeg, core::JpegFile::open(file, options, decoder));
      return turned(decoder.decode(jpeg), jpeg.orientation());
    }
    return error(Errc::unsupported_image, "this is ", format, "; photos are read from PNG and JPEG",
                 core::conversion_hint(format));
  };
  Result<Image> image = decode();
  if (!image.ok()) return in_context(image.error(), name);
  return image;
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
