// Pictures from and to files: photos in (PNG, JPEG), labels in, PNGs out. Labels out: faces/label_png.hpp.
//
// Optional: needs stb_image.h at compile time, or libjpeg-turbo, so segface.hpp does not include it. Everything here
// also exists for memory: decode.hpp, png_read.hpp, png_write.hpp.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <string>

#include "segface/base/config.hpp"
#include "segface/base/file.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/decode.hpp"
#include "segface/image/image.hpp"
#include "segface/image/limits.hpp"
#include "segface/image/png_read.hpp"
#include "segface/image/png_write.hpp"

SEGFACE_BEGIN_NAMESPACE

// A photo in RGB, the right way up. Errors: as read_file and decode_image; the message begins with the path.
template <class Decoder = core::JpegDecoder>
Result<Image> load_image(const std::string& path, const ImageOptions& options = {}) noexcept {
  SEGFACE_ASSIGN(file, read_file(path, options.limits.max_file_bytes));
  return decode_image<Decoder>(file.span(), path, options);
}

// A label file's indices as a gray picture. Errors: as read_file and decode_label_png.
inline Result<Image> load_labels(const std::string& path, const ImageLimits& limits = {}) noexcept {
  SEGFACE_ASSIGN(file, read_file(path, limits.max_file_bytes));
  Result<Image> labels = decode_label_png(file.span(), limits);
  if (!labels.ok()) return in_context(labels.error(), path);
  return labels;
}

// A picture; alpha is left out unless it is wanted. Errors: as encode_png and save_file.
enum class PngAlpha { leave_out, keep };
inline Status save_png(const std::string& path, const ImageView& picture,
                       OutputFile::Existing existing = OutputFile::Existing::replace,
                       PngAlpha alpha = PngAlpha::leave_out) noexcept {
  const auto file = alpha == PngAlpha::keep ? encode_rgba_png(picture) : encode_png(picture);
  if (!file.ok()) return in_context(file.error(), path);
  return save_file(path, file->span(), existing);
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
