// Writes PNG: label pictures with a palette (the value is the label), gray and RGB pictures, all of 8 bits.
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
#include "segface/faces/labels.hpp"
#include "segface/image/deflate.hpp"
#include "segface/image/image.hpp"
#include "segface/image/png_read.hpp"

SEGFACE_BEGIN_NAMESPACE

namespace png_detail {

// The rows of a picture as the stream holds them: a filter byte, then each byte minus its prediction.
class RowWriter {
 public:
  RowWriter(Index row_bytes, Index pixel) noexcept : row_bytes_(row_bytes), pixel_(pixel) {}

  // Labels and gray: no prediction; matches find equal runs best in plain values.
  static void plain(const std::uint8_t* row, Index size, std::uint8_t* out) noexcept {
    out[0] = 0;
    std::copy_n(row, size, out + 1);
  }

  // Photos: of the five predictions the one with the smallest sum of absolute differences.
  void predicted(const std::uint8_t* row, const std::uint8_t* above, std::uint8_t* out) const noexcept {
    long long least = -1;
    int best = 0;
    for (int filter = 0; filter < 5; ++filter) {
      long long sum = 0;
      for (Index i = 0; i < row_bytes_; ++i)
        sum += std::abs(static_cast<std::int8_t>(difference(filter, row, above, i)));
      if (least >= 0 && sum >= least) continue;
      least = sum;
      best = filter;
    }
    out[0] = static_cast<std::uint8_t>(best);
    for (Index i = 0; i < row_bytes_; ++i) out[i + 1] = difference(best, row, above, i);
  }

 private:
  std::uint8_t difference(int filter, const std::uint8_t* row, const std::uint8_t* above, Index i) const noexcept {
    const int left = i < pixel_ ? 0 : row[i - pixel_], up = above == nullptr ? 0 : above[i];
    const int corner = i < pixel_ || above == nullptr ? 0 : above[i - pixel_];
    const int prediction = filter == 0   ? 0
                           : filter == 1 ? left
                           : filter == 2 ? up
                           : filter == 3 ? (left + up) / 2
                                         : png_paeth(left, up, corner);
    return static_cast<std::uint8_t>(row[i] - prediction);
  }

  Index row_bytes_, pixel_;
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
  const Index pixel = gray ? 1 : 3;
  std::size_t rows_size = 0;
  if (picture.width > INT32_MAX / 4 || picture.height > INT32_MAX ||
      !multiply_fits(static_cast<std::size_t>(picture.width * pixel + 1), static_cast<std::size_t>(picture.height),
                     rows_size)) {
    return error(Errc::limit_exceeded, "PNG: ", picture.width, " x ", picture.height, " pixels are too many");
  }
  const Index row_bytes = picture.width * pixel;
  SEGFACE_ASSIGN(rows, Buffer<std::uint8_t>::make(rows_size));
  SEGFACE_ASSIGN(pair, Buffer<std::uint8_t>::make(static_cast<std::size_t>(2 * row_bytes)));  // this row, the one above
  std::uint8_t* row = pair.data();
  std::uint8_t* above = nullptr;
  const RowWriter writer(row_bytes, pixel);
  for (Index y = 0; y < picture.height; ++y) {
    std::uint8_t* out = rows.data() + y * (row_bytes + 1);
    if (gray) {
      const std::uint8_t* values = picture.row(y);
      const std::uint8_t largest = *std::max_element(values, values + row_bytes);
      if (indexed && largest >= palette.size()) {
        return error(Errc::invalid_argument, "PNG: row ", y, " holds label ", largest, ", the palette ends at ",
                     palette.size() - 1);
      }
      RowWriter::plain(values, row_bytes, out);
      continue;
    }
    for (Index x = 0; x < picture.width; ++x) {
      const Rgb color = picture.rgb(x, y);
      row[3 * x] = color.r, row[3 * x + 1] = color.g, row[3 * x + 2] = color.b;
    }
    writer.predicted(row, above, out);
    above = row;
    row = row == pair.data() ? pair.data() + row_bytes : pair.data();
  }
  SEGFACE_ASSIGN(packed, deflate_zlib(rows.span()));

  std::uint8_t header[13] = {};
  put_big(header, static_cast<std::uint32_t>(picture.width));
  put_big(header + 4, static_cast<std::uint32_t>(picture.height));
  header[8] = 8;
  header[9] = static_cast<std::uint8_t>(indexed ? PngColor::palette : gray ? PngColor::gray : PngColor::rgb);
  std::uint8_t colors[3 * 256];
  for (std::size_t i = 0; i < palette.size(); ++i) {
    colors[3 * i] = palette[i].r, colors[3 * i + 1] = palette[i].g, colors[3 * i + 2] = palette[i].b;
  }
  constexpr std::size_t kChunk = 12;  // length, type, checksum
  const std::size_t palette_chunk = indexed ? kChunk + 3 * palette.size() : 0;
  SEGFACE_ASSIGN(file, Buffer<std::uint8_t>::make(sizeof kPngSignature + kChunk + sizeof header + palette_chunk +
                                                  kChunk + packed.size + kChunk));
  std::uint8_t* out = std::copy(std::begin(kPngSignature), std::end(kPngSignature), file.data());
  out = put_chunk(out, "IHDR", Bytes(header, sizeof header));
  if (indexed) out = put_chunk(out, "PLTE", Bytes(colors, 3 * palette.size()));
  out = put_chunk(out, "IDAT", packed.bytes());
  put_chunk(out, "IEND", Bytes());
  return Result<Buffer<std::uint8_t>>(std::move(file));
}

// A label picture in the colours of its data set.
inline Result<Buffer<std::uint8_t>> encode_label_png(const ImageView& labels, Dataset dataset) noexcept {
  Rgb palette[kMaxClasses];
  const Index count = class_count(dataset);
  for (Index label = 0; label < count; ++label) palette[label] = color_of(dataset, static_cast<std::uint8_t>(label));
  return encode_png(labels, Span<const Rgb>(palette, static_cast<std::size_t>(count)));
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
