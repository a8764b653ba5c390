// Reads PNG: photos as RGB, and label files as the indices they hold, never as colours.
//
// Every legal PNG is read: 1 to 16 bits, gray, colour, palette, alpha, interlaced. Before a pixel is decoded, every
// chunk's CRC, the chunks' order and the sizes are checked; the pixels must fill the picture exactly. Equal to
// Pillow's convert('RGB') bit for bit, except 16-bit gray, where Pillow clips at 255 and this takes the high byte, as
// both do for 16-bit colour. Alpha and transparency are dropped; colour profiles and gamma are not applied.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/crc32.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/exif.hpp"
#include "segface/image/image.hpp"
#include "segface/image/inflate.hpp"
#include "segface/image/limits.hpp"

SEGFACE_BEGIN_CORE

inline constexpr std::uint8_t kPngSignature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

// As the file spells them.
enum class PngColor : std::uint8_t { gray = 0, rgb = 2, palette = 3, gray_alpha = 4, rgba = 6 };

// Prediction number 4 of a byte from its neighbours: the one nearest to left + above - corner.
inline int png_paeth(int left, int above, int corner) noexcept {
  const int to_left = std::abs(above - corner), to_above = std::abs(left - corner);
  const int to_corner = std::abs(left + above - 2 * corner);
  const bool up = to_above < to_left;  // compilers choose without a jump, which nobody could foresee
  const int nearer = up ? above : left, distance = up ? to_above : to_left;
  return to_corner < distance ? corner : nearer;
}

// A checked file whose pixels are still packed.
class PngFile {
 public:
  // Errors: truncated, corrupt (CRC), bad_format, unsupported_image, limit_exceeded, out_of_memory.
  static Result<PngFile> open(Bytes file, const ImageLimits& limits) noexcept {
    PngFile png;
    SEGFACE_RETURN_IF_ERROR(png.read_chunks(file, limits));
    return Result<PngFile>(std::move(png));
  }

  Index width() const noexcept { return width_; }
  Index height() const noexcept { return height_; }
  PngColor color() const noexcept { return color_; }
  int depth() const noexcept { return depth_; }
  // 1 .. 8, see exif.hpp.
  int orientation() const noexcept { return orientation_.value(); }

  // The picture in RGB.
  Result<Image> photo() const noexcept {
    SEGFACE_ASSIGN(rows, unpack());
    SEGFACE_ASSIGN(out, Image::make(width_, height_, PixelOrder::rgb));
    // Gray of less than 8 bits is spread over the whole range.
    const int scale = depth_ < 8 ? 255 / ((1 << depth_) - 1) : 1;
    if (color_ == PngColor::rgb && depth_ == 8 && !interlaced_) {
      const Index size = row_bytes(width_);
      for (Index y = 0; y < height_; ++y) std::copy_n(rows.data() + y * (size + 1) + 1, size, out.row(y));
      return Result<Image>(std::move(out));
    }
    bool inside = true;
    each_pixel(rows, [&](const std::uint8_t* row, Index i, Index x, Index y) {
      std::uint8_t* to = out.row(y) + x * 3;
      switch (color_) {
        case PngColor::gray:
        case PngColor::gray_alpha:
          to[0] = to[1] = to[2] = static_cast<std::uint8_t>(sample(row, i * channels()) * scale);
          break;
        case PngColor::rgb:
        case PngColor::rgba:
          for (int c = 0; c < 3; ++c) to[c] = sample(row, i * channels() + c);
          break;
        case PngColor::palette: {
          const int index = sample(row, i);
          inside = inside && index < palette_size_;
          if (inside) std::memcpy(to, palette_.data() + 3 * index, 3);
        }
      }
    });
    if (!inside) return outside_palette();
    return Result<Image>(std::move(out));
  }

  // Labels: the numbers of a palette or gray picture of at most 8 bits, as a gray picture. They need no colours, so a
  // number may lie beyond the palette, as 255 often does where it means "not labelled".
  // Errors, besides damage: unsupported_image for colour, alpha or 16 bits.
  Result<Image> indices() const noexcept {
    if ((color_ != PngColor::palette && color_ != PngColor::gray) || depth_ > 8) {
      return error(Errc::unsupported_image,
                   "PNG: labels are read from palette or gray pictures of at most 8 bits; this one has ", depth_,
                   " bits and colour type ", static_cast<int>(color_));
    }
    SEGFACE_ASSIGN(rows, unpack());
    SEGFACE_ASSIGN(out, Image::make(width_, height_, PixelOrder::gray));
    each_pixel(rows, [&](const std::uint8_t* row, Index i, Index x, Index y) { out.row(y)[x] = sample(row, i); });
    return Result<Image>(std::move(out));
  }

 private:
  // An interlaced picture is seven pictures, each of the pixels (x + i dx, y + j dy).
  struct Pass {
    Index x, y, dx, dy;
  };
  static Span<const Pass> passes(bool interlaced) noexcept {
    static constexpr Pass kWhole[] = {{0, 0, 1, 1}};
    static constexpr Pass kAdam7[] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                      {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    if (interlaced) return kAdam7;
    return kWhole;
  }
  Index columns(const Pass& pass) const noexcept { return (width_ - pass.x + pass.dx - 1) / pass.dx; }
  Index rows(const Pass& pass) const noexcept {
    return columns(pass) == 0 ? 0 : (height_ - pass.y + pass.dy - 1) / pass.dy;
  }
  Index channels() const noexcept {
    return color_ == PngColor::rgb ? 3 : color_ == PngColor::rgba ? 4 : color_ == PngColor::gray_alpha ? 2 : 1;
  }
  // Bytes of a row of pixels; in the stream a byte naming its filter stands before it.
  Index row_bytes(Index pixels) const noexcept { return (pixels * channels() * depth_ + 7) / 8; }

  static Status bad(std::string_view what) noexcept { return error(Errc::bad_format, "PNG: ", what); }
  static Status outside_palette() noexcept { return bad("a pixel's number lies beyond the palette"); }

  Status read_chunks(Bytes file, const ImageLimits& limits) noexcept {
    if (file.size() < sizeof kPngSignature || std::memcmp(file.data(), kPngSignature, sizeof kPngSignature) != 0) {
      return error(Errc::unsupported_image, "PNG: the signature is missing");
    }
    bool seen_header = false, seen_palette = false, seen_transparency = false, data_ended = false;
    std::size_t packed = 0;
    for (std::size_t at = sizeof kPngSignature;;) {
      const std::size_t left = file.size() - at;
      const std::uint32_t size = left < 12 ? 0 : big<std::uint32_t>(file.data() + at);
      if (left < 12 || size > left - 12) {
        return error(Errc::truncated, "PNG: the file ends inside the chunk at byte ", at, ", before IEND");
      }
      const Bytes type_bytes = file.subspan(at + 4, 4), body = file.subspan(at + 8, size);
      const std::string_view type(reinterpret_cast<const char*>(type_bytes.data()), 4);
      if (type == "CgBI") return error(Errc::unsupported_image, "PNG: an iPhone application's own variant (CgBI)");
      if (crc32(0, type_bytes.data(), size + 4) != big<std::uint32_t>(body.end())) {
        return error(Errc::corrupt, "PNG: the checksum of chunk '", type, "' at byte ", at, " does not match");
      }
      if (!seen_header && type != "IHDR") return bad("the first chunk is not IHDR");
      if (type == "IHDR") {
        if (seen_header) return bad("IHDR stands twice");
        seen_header = true;
        SEGFACE_RETURN_IF_ERROR(read_header(body, limits));
      } else if (type == "PLTE") {
        const bool gray = color_ == PngColor::gray || color_ == PngColor::gray_alpha;
        if (seen_palette || packed != 0 || gray) return bad("PLTE stands where none belongs");
        if (size % 3 != 0 || size == 0 || size > 768 || (color_ == PngColor::palette && size / 3 > 1u << depth_)) {
          return error(Errc::bad_format, "PNG: a palette of ", size, " bytes");
        }
        seen_palette = true;
        palette_ = body;
        palette_size_ = static_cast<int>(size / 3);
      } else if (type == "tRNS") {
        const bool fits = color_ == PngColor::gray      ? size == 2
                          : color_ == PngColor::rgb     ? size == 6
                          : color_ == PngColor::palette ? size >= 1 && size <= 256 && palette_size_ != 0
                                                        : false;
        if (seen_transparency || packed != 0 || !fits) return bad("tRNS does not fit the picture");
        seen_transparency = true;
      } else if (type == "IDAT") {
        if (data_ended) return bad("the IDAT chunks are not consecutive");
        packed += size;
      } else if (type == "IEND") {
        if (size != 0) return bad("IEND is not empty");
        break;
      } else if ((type_bytes[0] & 32) == 0) {
        return error(Errc::bad_format, "PNG: chunk '", type, "' at byte ", at, " is unknown and not optional");
      }
      orientation_.read_png_chunk(type, body);
      data_ended = data_ended || (packed != 0 && type != "IDAT");
      at += size + std::size_t{12};
    }
    if (packed == 0) return bad("there are no pixels (IDAT)");
    // Two bits for 258 bytes is the most that deflate's codes can say.
    constexpr Index kMostPerByte = 1032;
    if (stream_bytes_ / kMostPerByte > static_cast<Index>(packed)) {
      return error(Errc::bad_format, "PNG: ", packed, " bytes of data cannot hold ", width_, " x ", height_, " pixels");
    }
    if (color_ == PngColor::palette && !seen_palette) return bad("the palette (PLTE) is missing");
    return join_data(file, packed);
  }

  Status read_header(Bytes body, const ImageLimits& limits) noexcept {
    if (body.size() != 13) return bad("IHDR does not have 13 bytes");
    const std::uint32_t width = big<std::uint32_t>(body.data()), height = big<std::uint32_t>(body.data() + 4);
    width_ = static_cast<Index>(width);  // negative where Index has 32 bits and the side is beyond all limits
    height_ = static_cast<Index>(height);
    SEGFACE_RETURN_IF_ERROR(in_context(check_sides(width_, height_, limits), "PNG"));
    depth_ = body[8];
    color_ = static_cast<PngColor>(body[9]);
    interlaced_ = body[12] == 1;
    constexpr std::uint32_t kBytes = 1u << 8 | 1u << 16, kBelow = 1u << 1 | 1u << 2 | 1u << 4 | 1u << 8;
    const std::uint32_t depths = color_ == PngColor::gray      ? kBelow | kBytes
                                 : color_ == PngColor::palette ? kBelow
                                 : channels() > 1              ? kBytes
                                                               : 0;
    if (depth_ > 16 || (depths >> depth_ & 1u) == 0 || body[10] != 0 || body[11] != 0 || body[12] > 1) {
      return error(Errc::bad_format, "PNG: IHDR says ", depth_, " bits, colour type ", body[9], ", compression ",
                   body[10], ", filter ", body[11], ", interlace ", body[12], ", which is none of the standard's");
    }
    stream_bytes_ = 0;
    for (const Pass& pass : passes(interlaced_)) stream_bytes_ += rows(pass) * (1 + row_bytes(columns(pass)));
    if (static_cast<std::size_t>(stream_bytes_) > limits.max_decode_bytes) {
      return error(Errc::limit_exceeded, "PNG: decoding takes ", stream_bytes_, " bytes, at most ",
                   limits.max_decode_bytes, " are allowed");
    }
    return Status();
  }

  // The data of all IDAT chunks, one after the other. The chunks were checked.
  Status join_data(Bytes file, std::size_t packed) noexcept {
    SEGFACE_ASSIGN(joined, Buffer<std::uint8_t>::make(packed));
    std::size_t filled = 0;
    for (std::size_t at = sizeof kPngSignature; filled < packed;) {
      const std::size_t size = big<std::uint32_t>(file.data() + at);
      if (std::memcmp(file.data() + at + 4, "IDAT", 4) == 0) {
        std::copy_n(file.data() + at + 8, size, joined.data() + filled);
        filled += size;
      }
      at += size + 12;
    }
    packed_ = std::move(joined);
    return Status();
  }

  // The rows of all passes, each behind its filter byte, filters undone.
  Result<Buffer<std::uint8_t>> unpack() const noexcept {
    SEGFACE_ASSIGN(stream, Buffer<std::uint8_t>::make(static_cast<std::size_t>(stream_bytes_)));
    SEGFACE_RETURN_IF_ERROR(in_context(inflate_zlib(packed_.span(), stream.span()), "PNG"));
    std::uint8_t* row = stream.data() + 1;
    for (const Pass& pass : passes(interlaced_)) {
      const Index size = row_bytes(columns(pass));
      const std::uint8_t* above = nullptr;
      for (Index y = 0; y < rows(pass); ++y, row += size + 1) {
        if (!undo_filter(row[-1], row, above, size)) return error(Errc::bad_format, "PNG: filter ", row[-1]);
        above = row;
      }
    }
    return Result<Buffer<std::uint8_t>>(std::move(stream));
  }

  // Each byte was stored as its difference from a prediction. False for an unknown filter.
  bool undo_filter(int filter, std::uint8_t* row, const std::uint8_t* above, Index size) const noexcept {
    switch (channels() * depth_) {  // bits of a pixel
      case 16:
        return undo_filter<2>(filter, row, above, size);
      case 24:
        return undo_filter<3>(filter, row, above, size);
      case 32:
        return undo_filter<4>(filter, row, above, size);
      case 48:
        return undo_filter<6>(filter, row, above, size);
      case 64:
        return undo_filter<8>(filter, row, above, size);
      default:
        return undo_filter<1>(filter, row, above, size);
    }
  }
  // Of pixels of so many bytes: that many chains of bytes, side by side.
  template <int kPixel>
  static bool undo_filter(int filter, std::uint8_t* row, const std::uint8_t* above, Index size) noexcept {
    const auto add = [&](auto prediction) {
      int left[kPixel] = {}, corner[kPixel] = {};
      for (Index i = 0; i < size; i += kPixel) {
        for (int c = 0; c < kPixel; ++c) {
          const int up = above == nullptr ? 0 : above[i + c];
          row[i + c] = static_cast<std::uint8_t>(row[i + c] + prediction(left[c], up, corner[c]));
          left[c] = row[i + c];
          corner[c] = up;
        }
      }
    };
    switch (filter) {
      case 0:
        return true;
      case 1:
        return add([](int left, int, int) { return left; }), true;
      case 2:
        return add([](int, int up, int) { return up; }), true;
      case 3:
        return add([](int left, int up, int) { return (left + up) / 2; }), true;
      case 4:
        return add(png_paeth), true;
      default:
        return false;
    }
  }

  // visit(row, i, x, y): pixel i of the row is pixel (x, y) of the picture.
  template <class Visit>
  void each_pixel(const Buffer<std::uint8_t>& stream, const Visit& visit) const noexcept {
    const std::uint8_t* row = stream.data() + 1;
    for (const Pass& pass : passes(interlaced_)) {
      const Index pixels = columns(pass);
      for (Index j = 0; j < rows(pass); ++j, row += row_bytes(pixels) + 1) {
        for (Index i = 0; i < pixels; ++i) visit(row, i, pass.x + i * pass.dx, pass.y + j * pass.dy);
      }
    }
  }

  // Sample i of a row; of 16 bits the high byte.
  std::uint8_t sample(const std::uint8_t* row, Index i) const noexcept {
    if (depth_ == 8) return row[i];
    if (depth_ == 16) return row[2 * i];
    const Index bit = i * depth_;
    return static_cast<std::uint8_t>(row[bit / 8] >> (8 - depth_ - bit % 8) & ((1 << depth_) - 1));
  }

  Index width_ = 0, height_ = 0;
  int depth_ = 0;
  PngColor color_ = PngColor::gray;
  bool interlaced_ = false;
  Bytes palette_;  // inside the file
  Orientation orientation_;
  int palette_size_ = 0;
  Index stream_bytes_ = 0;  // unpacked
  Buffer<std::uint8_t> packed_;
};

// A label file's indices, as a gray picture. `file` is the whole file.
inline Result<Image> decode_label_png(Bytes file, const ImageLimits& limits = {}) noexcept {
  SEGFACE_ASSIGN(png, PngFile::open(file, limits));
  return png.indices();
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

using core::decode_label_png;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
