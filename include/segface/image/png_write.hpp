// Writes PNG: indexed pictures with a palette, gray, RGB and RGBA pictures of 8 bits, and gray ones of 16.
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
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/deflate.hpp"
#include "segface/image/image.hpp"
#include "segface/image/png_read.hpp"

SEGFACE_BEGIN_CORE

namespace png_detail {

// Whether every value is below `count`; `size` bytes.
inline bool all_below(const std::uint8_t* values, Index size, std::size_t count) noexcept {
  constexpr Index kBlock = 64;  // compared without a branch
  std::uint8_t most[kBlock] = {};
  Index i = 0;
  for (; i + kBlock <= size; i += kBlock) {
    for (Index k = 0; k < kBlock; ++k) most[k] = std::max(most[k], values[i + k]);
  }
  for (; i < size; ++i) most[0] = std::max(most[0], values[i]);
  return *std::max_element(most, most + kBlock) < count;
}

// Rows of RGB or RGBA, kPixel bytes a pixel, as the stream holds them: a filter byte, then each byte minus what Paeth's predictor makes of those at its
// left, above and between. Photos become nearly as small with it alone as with the best of five filters in each row.
template <Index kPixel>
class PaethRows {
 public:
  // Of pictures `width` pixels wide, the first of them the topmost. Errors: out_of_memory.
  static Result<PaethRows> make(Index width) noexcept {
    PaethRows rows(kPixel * width);
    SEGFACE_ASSIGN(buffer, Buffer<std::uint8_t>::make(static_cast<std::size_t>(2 * (kFront + rows.size_))));
    rows.buffer_ = std::move(buffer);
    std::fill(rows.buffer_.begin(), rows.buffer_.end(), std::uint8_t{0});  // outside the picture all is 0
    return Result<PaethRows>(std::move(rows));
  }

  // Row y of the picture, after that above it -> 1 + kPixel width bytes.
  void write(const ImageView& picture, Index y, std::uint8_t* out) noexcept {
    std::uint8_t* const row = buffer_.data() + kFront + (y % 2) * (kFront + size_);
    const std::uint8_t* const above = buffer_.data() + kFront + (1 - y % 2) * (kFront + size_);
    if constexpr (kPixel == 3) {
      picture.rgb_row(y, row);
    } else {
      picture.rgba_row(y, row);
    }
    *out++ = kPaeth;
    Index i = 0;
    for (; i + kBlock <= size_; i += kBlock) {
      std::uint8_t block[kBlock];  // which overlaps nothing
      for (Index k = 0; k < kBlock; ++k) block[k] = difference(row + i + k, above + i + k);
      std::copy_n(block, kBlock, out + i);
    }
    for (; i < size_; ++i) out[i] = difference(row + i, above + i);
  }

 private:
  static constexpr Index kFront = 16, kBlock = 32;
  static constexpr std::uint8_t kPaeth = 4;

  explicit PaethRows(Index size) noexcept : size_(size) {}

  // The same as by png_paeth(), without branches.
  static std::uint8_t difference(const std::uint8_t* here, const std::uint8_t* above) noexcept {
    using Short = std::int16_t;
    const auto left = static_cast<Short>(here[-kPixel]), up = static_cast<Short>(above[0]),
               corner = static_cast<Short>(above[-kPixel]);
    const auto vertical = static_cast<Short>(up - corner), horizontal = static_cast<Short>(left - corner);
    const auto both = static_cast<Short>(vertical + horizontal);
    const auto to_left = static_cast<Short>(vertical < 0 ? -vertical : vertical),
               to_up = static_cast<Short>(horizontal < 0 ? -horizontal : horizontal),
               to_corner = static_cast<Short>(both < 0 ? -both : both);
    const Short second = to_up <= to_corner ? up : corner;
    const Short nearest = to_left <= std::min(to_up, to_corner) ? left : second;
    return static_cast<std::uint8_t>(here[0] - nearest);
  }

  Index size_;                   // bytes of a row
  Buffer<std::uint8_t> buffer_;  // two rows, each after kFront zeros
};

inline std::uint8_t* put_big(std::uint8_t* out, std::uint32_t value) noexcept {
  for (int shift = 24; shift >= 0; shift -= 8) *out++ = static_cast<std::uint8_t>(value >> shift);
  return out;
}

inline std::uint8_t* put_chunk(std::uint8_t* out, std::string_view type, Bytes body) noexcept {
  out = put_big(out, static_cast<std::uint32_t>(body.size()));
  std::uint8_t* const checked = out;
  out = std::copy(type.begin(), type.end(), out);
  out = std::copy(body.begin(), body.end(), out);
  return put_big(out, crc32(0, checked, body.size() + 4));
}

// Room for `height` rows of `pixel` bytes a pixel, each after its filter byte. Errors: limit_exceeded, out_of_memory.
inline Result<Buffer<std::uint8_t>> make_png_rows(const ImageView& picture, Index pixel) noexcept {
  std::size_t size = 0;
  if (picture.width > INT32_MAX / 4 || picture.height > INT32_MAX ||
      !multiply_fits(static_cast<std::size_t>(picture.width * pixel + 1), static_cast<std::size_t>(picture.height),
                     size)) {
    return error(Errc::limit_exceeded, "PNG: ", picture.width, " x ", picture.height, " pixels are too many");
  }
  return Buffer<std::uint8_t>::make(size);
}

// Rows of kPixel bytes a pixel, predicted.
template <Index kPixel>
Status predict_rows(const ImageView& picture, std::uint8_t* out) noexcept {
  SEGFACE_ASSIGN(predicted, PaethRows<kPixel>::make(picture.width));
  for (Index y = 0; y < picture.height; ++y) predicted.write(picture, y, out + y * (kPixel * picture.width + 1));
  return {};
}

// The file around rows that are ready. Errors: out_of_memory.
inline Result<Buffer<std::uint8_t>> png_file(const ImageView& picture, PngColor color, Bytes rows,
                                             Span<const Rgb> palette, std::uint8_t depth = 8) noexcept {
  SEGFACE_ASSIGN(packed, deflate_zlib(rows));
  std::uint8_t header[13] = {};
  put_big(header, static_cast<std::uint32_t>(picture.width));
  put_big(header + 4, static_cast<std::uint32_t>(picture.height));
  header[8] = depth;
  header[9] = static_cast<std::uint8_t>(color);
  std::uint8_t colors[3 * 256];
  for (std::size_t i = 0; i < palette.size(); ++i) {
    colors[3 * i] = palette[i].r, colors[3 * i + 1] = palette[i].g, colors[3 * i + 2] = palette[i].b;
  }
  constexpr std::size_t kChunk = 12;  // length, type, checksum
  const std::size_t palette_chunk = palette.empty() ? 0 : kChunk + 3 * palette.size();
  SEGFACE_ASSIGN(file, Buffer<std::uint8_t>::make(sizeof kPngSignature + kChunk + sizeof header + palette_chunk +
                                                  kChunk + packed.size + kChunk));
  std::uint8_t* out = std::copy(std::begin(kPngSignature), std::end(kPngSignature), file.data());
  out = put_chunk(out, "IHDR", Bytes(header, sizeof header));
  if (!palette.empty()) out = put_chunk(out, "PLTE", Bytes(colors, 3 * palette.size()));
  out = put_chunk(out, "IDAT", packed.bytes());
  put_chunk(out, "IEND", Bytes());
  return Result<Buffer<std::uint8_t>>(std::move(file));
}

}  // namespace png_detail

// The file of a picture. Gray with a palette becomes an indexed PNG whose every value must be below palette.size();
// gray without one a gray PNG; the other orders an RGB PNG without alpha.
// Errors: invalid_argument (bad view or palette, a value beyond the palette), limit_exceeded, out_of_memory.
inline Result<Buffer<std::uint8_t>> encode_png(const ImageView& picture, Span<const Rgb> palette = {}) noexcept {
  using namespace png_detail;
  SEGFACE_RETURN_IF_ERROR(picture.validate());
  const bool gray = picture.order == PixelOrder::gray, indexed = !palette.empty();
  if (indexed && (!gray || palette.size() > 256)) {
    return error(Errc::invalid_argument, "PNG: a palette of ", palette.size(),
                 " colours; it has at most 256, and its picture is gray");
  }
  SEGFACE_ASSIGN(rows, make_png_rows(picture, gray ? 1 : 3));
  if (!gray) {
    SEGFACE_RETURN_IF_ERROR(predict_rows<3>(picture, rows.data()));
    return png_file(picture, PngColor::rgb, rows.span(), {});
  }
  for (Index y = 0; y < picture.height; ++y) {
    std::uint8_t* out = rows.data() + y * (picture.width + 1);
    const std::uint8_t* values = picture.row(y);
    if (indexed && !all_below(values, picture.width, palette.size())) {
      return error(Errc::invalid_argument, "PNG: row ", y, " holds label ",
                   *std::max_element(values, values + picture.width), ", the palette ends at ", palette.size() - 1);
    }
    *out = 0;  // no prediction: matches find equal runs best in plain values
    std::copy_n(values, picture.width, out + 1);
  }
  return png_file(picture, indexed ? PngColor::palette : PngColor::gray, rows.span(), palette);
}

// The file of an RGBA or BGRA picture, alpha included (not premultiplied). Errors: as encode_png.
inline Result<Buffer<std::uint8_t>> encode_rgba_png(const ImageView& picture) noexcept {
  using namespace png_detail;
  SEGFACE_RETURN_IF_ERROR(picture.validate());
  if (channels_of(picture.order) != 4) {
    return error(Errc::invalid_argument, "PNG: a picture without alpha cannot become one with it");
  }
  SEGFACE_ASSIGN(rows, make_png_rows(picture, 4));
  SEGFACE_RETURN_IF_ERROR(predict_rows<4>(picture, rows.data()));
  return png_file(picture, PngColor::rgba, rows.span(), {});
}

// The gray file of 16 bits of shares from 0 to 1; beyond, they are cut off. values: [height, width]. Errors: invalid_argument
// (another number of values), limit_exceeded, out_of_memory.
inline Result<Buffer<std::uint8_t>> encode_gray16_png(Span<const float> values, Index width, Index height) noexcept {
  using namespace png_detail;
  if (width < 1 || height < 1 || values.size() / static_cast<std::size_t>(width) != static_cast<std::size_t>(height) ||
      values.size() % static_cast<std::size_t>(width) != 0) {
    return error(Errc::invalid_argument, "PNG: ", values.size(), " values do not make a picture of ", width, " x ",
                 height, " pixels; expected one a pixel");
  }
  const ImageView shape(nullptr, width, height, PixelOrder::gray);
  SEGFACE_ASSIGN(rows, make_png_rows(shape, 2));
  std::uint8_t* out = rows.data();
  const float* value = values.data();
  for (Index y = 0; y < height; ++y) {
    *out++ = 0;
    for (Index x = 0; x < width; ++x, ++value) {
      const auto level = static_cast<std::uint32_t>(*value > 0 ? std::min(*value, 1.0f) * 65535 + 0.5f : 0.0f);
      *out++ = static_cast<std::uint8_t>(level >> 8);
      *out++ = static_cast<std::uint8_t>(level);
    }
  }
  return png_file(shape, PngColor::gray, rows.span(), {}, 16);
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

using core::encode_gray16_png;
using core::encode_png;
using core::encode_rgba_png;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
