// JPEGs decoded by libjpeg-turbo, for programs that define SEGFACE_WITH_LIBJPEG and link it: the very pixels that
// Pillow and OpenCV see, in a third of stb_image's time.
//
// libjpeg calls back where it fails, and must not be returned to: error_exit leaves by longjmp, over C frames only. So
// between setjmp and the end nothing here has a destructor, and nothing that is changed there is read after a jump but
// through `Session`. What libjpeg fills up or guesses it merely warns of; such a picture is refused.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/image.hpp"
#include "segface/image/jpeg.hpp"
// These need <cstdio> before them.
#include <jerror.h>
#include <jpeglib.h>

#if !defined(LIBJPEG_TURBO_VERSION)
#error "SEGFACE_WITH_LIBJPEG needs libjpeg-turbo; other libjpegs decode to other pixels"
#endif

SEGFACE_BEGIN_CORE

namespace jpeg_detail {

// What a call of libjpeg needs, and what is left of it after a jump. It is found by the decoder's client_data.
struct Session {
  jpeg_error_mgr errors;
  jpeg_source_mgr source;
  jpeg_decompress_struct decoder;
  std::jmp_buf start;
  Bytes left;  // of the file
  int reason;  // libjpeg's number of the message that ended it

  static Session& of(j_common_ptr decoder) noexcept { return *static_cast<Session*>(decoder->client_data); }
  static Session& of(j_decompress_ptr decoder) noexcept { return of(reinterpret_cast<j_common_ptr>(decoder)); }

  static void stop(j_common_ptr decoder) noexcept {
    of(decoder).reason = decoder->err->msg_code;
    std::longjmp(of(decoder).start, 1);
  }
  // level -1 is a warning, others are gossip. Harmless are: bytes between segments or behind the data, and a frame's or
  // a scan's numbers that are known to be wrong in the wild.
  static void message(j_common_ptr decoder, int level) noexcept {
    if (level >= 0) return;
    const int code = decoder->err->msg_code;
    const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_NOT_SEQUENTIAL || code == JWRN_ADOBE_XFORM ||
                          code == JWRN_JFIF_MAJOR;
    if (!harmless) stop(decoder);
  }
  static void silent(j_common_ptr) noexcept {}

  // The file in small pieces, and an end marker where it has none. Given more at once, libjpeg-turbo takes a way that is
  // a little quicker and passes over codes that do not exist.
  static boolean fill(j_decompress_ptr decoder) noexcept {
    static constexpr JOCTET kEnd[] = {0xff, JPEG_EOI};
    constexpr std::size_t kPiece = 256;
    Bytes& left = of(decoder).left;
    const Bytes piece = left.empty() ? Bytes(kEnd) : left.subspan(0, left.size() < kPiece ? left.size() : kPiece);
    if (!left.empty()) left = left.subspan(piece.size(), left.size() - piece.size());
    decoder->src->next_input_byte = piece.data();
    decoder->src->bytes_in_buffer = piece.size();
    return TRUE;
  }
  static void skip(j_decompress_ptr decoder, long size) noexcept {
    auto rest = static_cast<std::size_t>(size > 0 ? size : 0);
    for (; rest > decoder->src->bytes_in_buffer; fill(decoder)) rest -= decoder->src->bytes_in_buffer;
    decoder->src->next_input_byte += rest;
    decoder->src->bytes_in_buffer -= rest;
  }
  static void nothing(j_decompress_ptr) noexcept {}

  // Fills width x height pixels of RGB. False after a failure, whose number is in `reason`.
  bool decode(Bytes file, unsigned char* pixels, unsigned width, unsigned height, long budget) noexcept {
    left = file;
    decoder.err = jpeg_std_error(&errors);
    decoder.client_data = this;  // which is kept by what follows
    errors.error_exit = stop;
    errors.emit_message = message;
    errors.output_message = silent;
    source = {nullptr, 0, nothing, fill, skip, jpeg_resync_to_restart, nothing};
    if (setjmp(start) != 0) return false;
    jpeg_create_decompress(&decoder);
    decoder.mem->max_memory_to_use = budget;
    decoder.src = &source;
    jpeg_read_header(&decoder, TRUE);
    decoder.out_color_space = JCS_RGB;
    jpeg_start_decompress(&decoder);
    reason = 0;
    if (decoder.output_width != width || decoder.output_height != height || decoder.output_components != 3)
      return false;
    while (decoder.output_scanline < height) {
      JSAMPROW row = pixels + std::size_t{3} * width * decoder.output_scanline;
      jpeg_read_scanlines(&decoder, &row, 1);
    }
    return true;
  }
};

}  // namespace jpeg_detail

// A decoder of JPEGs, as decode.hpp wants one: it reads the checked file by itself.
class LibJpeg {
 public:
#define SEGFACE_TEXT_OF(word) #word
#define SEGFACE_TEXT(macro) SEGFACE_TEXT_OF(macro)
  static constexpr const char* kName = "libjpeg-turbo " SEGFACE_TEXT(LIBJPEG_TURBO_VERSION);
#undef SEGFACE_TEXT
#undef SEGFACE_TEXT_OF

  Status scan(const JpegFile&, const JpegScan&) noexcept {
    return Status();
  }

  // Errors: truncated, corrupt, bad_format, limit_exceeded, out_of_memory.
  Result<Image> decode(const JpegFile& file) noexcept {
    const std::size_t budget = file.options().limits.max_decode_bytes;
    const auto too_large = [&] {
      return error(Errc::limit_exceeded, "JPEG: decoding ", file.width(), " x ", file.height(),
                   " pixels takes more than ", budget, " bytes");
    };
    std::size_t coefficients = 0;  // which libjpeg keeps of a progressive picture
    for (const JpegComponent& it : file.components()) {
      coefficients += file.progressive() ? 64 * static_cast<std::size_t>(file.blocks(it)) : 0;
    }
    if (sizeof(JCOEF) * coefficients > budget) return too_large();
    SEGFACE_ASSIGN(out, Image::make(file.width(), file.height(), PixelOrder::rgb));
    jpeg_detail::Session session = {};
    const bool done = session.decode(file.bytes(), out.data(), static_cast<unsigned>(file.width()),
                                     static_cast<unsigned>(file.height()), static_cast<long>(budget));
    char text[JMSG_LENGTH_MAX] = "";
    if (!done && session.reason != 0) {
      session.errors.format_message(reinterpret_cast<j_common_ptr>(&session.decoder), text);
    }
    jpeg_destroy_decompress(&session.decoder);
    if (done) return Result<Image>(std::move(out));
    switch (session.reason) {
      case 0:
        return error(Errc::internal, "JPEG: two sizes were read from one file");
      case JERR_OUT_OF_MEMORY:
        return error(Errc::out_of_memory, "JPEG: out of memory");
      case JERR_NO_BACKING_STORE:
        return too_large();
      case JWRN_HIT_MARKER:
        return error(file.cut() ? Errc::truncated : Errc::corrupt, "JPEG: the coded data ends before its pixels do");
      case JWRN_HUFF_BAD_CODE:
      case JWRN_MUST_RESYNC:
        return error(Errc::corrupt, "JPEG: ", static_cast<const char*>(text));
      default:
        return error(Errc::bad_format, "JPEG: ", static_cast<const char*>(text));
    }
  }
};

SEGFACE_END_CORE
