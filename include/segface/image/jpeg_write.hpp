// Writes JPEGs by libjpeg-turbo, for programs that define SEGFACE_WITH_LIBJPEG and link it.
//
// Baseline, colours at half the resolution, as phones write them. libjpeg leaves by longjmp where it fails: between
// setjmp and the end nothing here has a destructor, and what is looked at after a jump is in `Writing`.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/image.hpp"
// It needs <cstdio> before it.
#include <jpeglib.h>

SEGFACE_BEGIN_CORE

inline constexpr int kJpegQuality = 90;

namespace jpeg_detail {

// What a call of libjpeg needs, and what is left of it after a jump.
struct Writing {
  jpeg_error_mgr errors;
  jpeg_destination_mgr destination;
  jpeg_compress_struct encoder;
  std::jmp_buf start;

  static void stop(j_common_ptr encoder) noexcept {
    std::longjmp(static_cast<Writing*>(encoder->client_data)->start, 1);
  }
  static void ignore_message(j_common_ptr, int) noexcept {}
  static void ignore(j_compress_ptr) noexcept {}
  static boolean full(j_compress_ptr encoder) noexcept {
    stop(reinterpret_cast<j_common_ptr>(encoder));
    return FALSE;
  }

  // Into `out`, rows by way of `line`. False after a failure.
  template <class Row>
  bool encode(unsigned width, unsigned height, const Row& row, int quality, std::uint8_t* line,
              Span<std::uint8_t> out) noexcept {
    encoder.err = jpeg_std_error(&errors);
    encoder.client_data = this;  // which is kept by what follows
    errors.error_exit = stop;
    errors.emit_message = ignore_message;
    if (setjmp(start) != 0) return false;
    jpeg_create_compress(&encoder);
    destination = {out.data(), out.size(), ignore, full, ignore};
    encoder.dest = &destination;
    encoder.image_width = width;
    encoder.image_height = height;
    encoder.input_components = 3;
    encoder.in_color_space = JCS_RGB;
    jpeg_set_defaults(&encoder);
    jpeg_set_quality(&encoder, quality, TRUE);
    jpeg_start_compress(&encoder, TRUE);
    while (encoder.next_scanline < height) {
      row(static_cast<Index>(encoder.next_scanline), line);
      JSAMPROW lines[] = {line};
      jpeg_write_scanlines(&encoder, lines, 1);
    }
    jpeg_finish_compress(&encoder);
    return true;
  }
};

}  // namespace jpeg_detail

// The file of a picture whose row y is written by row(y, out) in RGB, which neither throws nor fails. `quality` is
// libjpeg's, 1 to 100. Errors: invalid_argument (a side below 1), limit_exceeded (beyond 65500), out_of_memory.
template <class Row>
Result<Buffer<std::uint8_t>> encode_jpeg(Index width, Index height, const Row& row,
                                         int quality = kJpegQuality) noexcept {
  if (width < 1 || height < 1) {
    return error(Errc::invalid_argument, "JPEG: ", width, " x ", height, " pixels; both sides must be at least 1");
  }
  if (width > JPEG_MAX_DIMENSION || height > JPEG_MAX_DIMENSION) {
    return error(Errc::limit_exceeded, "JPEG: ", width, " x ", height, " pixels; a side has at most ",
                 static_cast<Index>(JPEG_MAX_DIMENSION), "; write PNG");
  }
  // Room for the worst that can be coded: more than its pixels. Of it only what is used takes memory.
  const auto blocks = static_cast<std::size_t>((width + 15) / 16 * ((height + 15) / 16));
  SEGFACE_ASSIGN(room, Buffer<std::uint8_t>::make(blocks * 6 * 64 * 4 + 4096));
  SEGFACE_ASSIGN(line, Buffer<std::uint8_t>::make(static_cast<std::size_t>(3 * width)));
  jpeg_detail::Writing writing = {};
  const bool done = writing.encode(static_cast<unsigned>(width), static_cast<unsigned>(height), row, quality,
                                   line.data(), room.span());
  jpeg_destroy_compress(&writing.encoder);
  if (!done) return error(Errc::out_of_memory, "JPEG: out of memory");
  SEGFACE_ASSIGN(file, Buffer<std::uint8_t>::make(room.size() - writing.destination.free_in_buffer));
  std::copy_n(room.data(), file.size(), file.data());
  return Result<Buffer<std::uint8_t>>(std::move(file));
}

// Of a picture in any order, alpha dropped. Errors: as above, those of ImageView::validate.
inline Result<Buffer<std::uint8_t>> encode_jpeg(const ImageView& picture, int quality = kJpegQuality) noexcept {
  SEGFACE_RETURN_IF_ERROR(picture.validate());
  const auto row = [&](Index y, std::uint8_t* out) { picture.rgb_row(y, out); };
  return encode_jpeg(picture.width, picture.height, row, quality);
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

using core::encode_jpeg;
using core::kJpegQuality;

SEGFACE_END_NAMESPACE
