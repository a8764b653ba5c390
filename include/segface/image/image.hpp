// Pictures: a view of somebody's 8-bit pixels, and an owned picture.
//
// Pixels are interleaved, row by row from the top; pixel (x, y) begins at pixels + y * stride_bytes + x * channels.
// The order of the channels has no default anywhere: blue and red exchanged still look like a face, and cost
// accuracy in silence. Alpha is never blended, it is dropped, as Pillow's convert('RGB') does.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

enum class PixelOrder : std::uint8_t { rgb, bgr, rgba, bgra, gray };

// Bytes of one pixel; 0 for a value that is no PixelOrder.
constexpr Index channels_of(PixelOrder order) noexcept {
  switch (order) {
    case PixelOrder::rgb:
    case PixelOrder::bgr:
      return 3;
    case PixelOrder::rgba:
    case PixelOrder::bgra:
      return 4;
    case PixelOrder::gray:
      return 1;
  }
  return 0;
}

struct Rgb {
  std::uint8_t r, g, b;
  friend constexpr bool operator==(Rgb a, Rgb c) noexcept { return a.r == c.r && a.g == c.g && a.b == c.b; }
  friend constexpr bool operator!=(Rgb a, Rgb c) noexcept { return !(a == c); }
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Where red, green and blue stand inside a pixel.
struct RgbOffsets {
  Index r, g, b;
};
constexpr RgbOffsets rgb_offsets(PixelOrder order) noexcept {
  if (order == PixelOrder::gray) return {0, 0, 0};
  return order == PixelOrder::bgr || order == PixelOrder::bgra ? RgbOffsets{2, 1, 0} : RgbOffsets{0, 1, 2};
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// Pixels that belong to someone else: never copied, never changed, never freed.
struct ImageView {
  ImageView(const std::uint8_t* first_pixel, Index columns, Index rows, Index row_stride_bytes,
            PixelOrder channel_order) noexcept
      : pixels(first_pixel), width(columns), height(rows), stride_bytes(row_stride_bytes), order(channel_order) {}
  // Rows without padding.
  ImageView(const std::uint8_t* first_pixel, Index columns, Index rows, PixelOrder channel_order) noexcept
      : ImageView(first_pixel, columns, rows, packed_stride(columns, channel_order), channel_order) {}

  // Bytes of a row without padding; the largest Index where that does not fit, which validate() refuses.
  static Index packed_stride(Index columns, PixelOrder order) noexcept {
    const Index channels = channels_of(order);
    return channels != 0 && columns > PTRDIFF_MAX / channels ? PTRDIFF_MAX : std::max<Index>(columns, 0) * channels;
  }

  const std::uint8_t* pixels;
  Index width;         // > 0
  Index height;        // > 0
  Index stride_bytes;  // >= width * channels_of(order)
  PixelOrder order;

  const std::uint8_t* row(Index y) const noexcept { return pixels + y * stride_bytes; }
  const std::uint8_t* pixel(Index x, Index y) const noexcept { return row(y) + x * channels_of(order); }
  Rgb rgb(Index x, Index y) const noexcept {
    const std::uint8_t* at = pixel(x, y);
    const core::RgbOffsets offset = core::rgb_offsets(order);
    return {at[offset.r], at[offset.g], at[offset.b]};
  }
  // Row y in RGB into `out`, 3 width bytes.
  void rgb_row(Index y, std::uint8_t* out) const noexcept {
    if (order == PixelOrder::rgb) return static_cast<void>(std::copy_n(row(y), 3 * width, out));
    for (Index x = 0; x < width; ++x, out += 3) {
      const Rgb color = rgb(x, y);
      out[0] = color.r, out[1] = color.g, out[2] = color.b;
    }
  }

  // The same with alpha, 4 width bytes; of orders that have it.
  void rgba_row(Index y, std::uint8_t* out) const noexcept {
    for (Index x = 0; x < width; ++x, out += 4) {
      const Rgb color = rgb(x, y);
      out[0] = color.r, out[1] = color.g, out[2] = color.b, out[3] = pixel(x, y)[3];
    }
  }

  // Every function that takes a view from a user asks this first. Errors: invalid_argument.
  Status validate() const noexcept {
    const Index channels = channels_of(order);
    if (channels == 0) {
      return error(Errc::invalid_argument, "image: pixel order ", static_cast<int>(order), " is none of PixelOrder");
    }
    if (pixels == nullptr) return error(Errc::invalid_argument, "image: the pixels are a null pointer");
    if (width <= 0 || height <= 0) {
      return error(Errc::invalid_argument, "image: ", width, " x ", height, " pixels; both sides must be at least 1");
    }
    if (width > PTRDIFF_MAX / channels || (stride_bytes > 0 && height > PTRDIFF_MAX / stride_bytes)) {
      return error(Errc::invalid_argument, "image: ", width, " x ", height, " pixels with rows of ", stride_bytes,
                   " bytes do not fit in memory");
    }
    if (stride_bytes < width * channels) {
      return error(Errc::invalid_argument, "image: rows of ", stride_bytes, " bytes cannot hold ", width, " pixels of ",
                   channels, " bytes; the stride is given in bytes");
    }
    return Status();
  }
};

// Owned pixels without padding between rows. Move-only; moved-from is 0 x 0.
class Image {
 public:
  Image() noexcept = default;
  Image(Image&& other) noexcept
      : pixels_(std::move(other.pixels_)),
        width_(std::exchange(other.width_, 0)),
        height_(std::exchange(other.height_, 0)),
        order_(other.order_) {}
  Image& operator=(Image&& other) noexcept {
    Image taken(std::move(other));
    std::swap(pixels_, taken.pixels_);
    std::swap(width_, taken.width_);
    std::swap(height_, taken.height_);
    std::swap(order_, taken.order_);
    return *this;
  }

  // Uninitialised pixels. Errors: invalid_argument (a side < 1), overflow, out_of_memory.
  static Result<Image> make(Index width, Index height, PixelOrder order) noexcept {
    SEGFACE_ASSIGN(bytes, bytes_of(width, height, order));
    SEGFACE_ASSIGN(pixels, Buffer<std::uint8_t>::make(bytes));
    return Image(std::move(pixels), width, height, order);
  }
  // In memory that is there. Errors: invalid_argument (a side < 1), overflow, buffer_too_small.
  static Result<Image> in(Buffer<std::uint8_t> memory, Index width, Index height, PixelOrder order) noexcept {
    SEGFACE_ASSIGN(bytes, bytes_of(width, height, order));
    if (memory.size() < bytes) {
      return error(Errc::buffer_too_small, "image: ", width, " x ", height, " pixels take ", bytes, " bytes, not ",
                   memory.size());
    }
    return Image(std::move(memory), width, height, order);
  }

  // Another size and order, in the same memory where that suffices; what the pixels are then is not said. Errors: those of
  // make(); then it is empty.
  Status resize(Index width, Index height, PixelOrder order) noexcept {
    width_ = height_ = 0;
    SEGFACE_ASSIGN(bytes, bytes_of(width, height, order));
    SEGFACE_RETURN_IF_ERROR(core::reserve_amply(pixels_, bytes));
    width_ = width, height_ = height, order_ = order;
    return {};
  }

  Index width() const noexcept { return width_; }
  Index height() const noexcept { return height_; }
  PixelOrder order() const noexcept { return order_; }
  Index stride_bytes() const noexcept { return width_ * channels_of(order_); }
  bool empty() const noexcept { return width_ == 0; }
  std::uint8_t* data() noexcept { return pixels_.data(); }
  const std::uint8_t* data() const noexcept { return pixels_.data(); }
  std::size_t size_bytes() const noexcept { return static_cast<std::size_t>(stride_bytes() * height_); }
  std::uint8_t* row(Index y) noexcept { return pixels_.data() + y * stride_bytes(); }
  const std::uint8_t* row(Index y) const noexcept { return pixels_.data() + y * stride_bytes(); }
  Rgb rgb(Index x, Index y) const noexcept { return view().rgb(x, y); }
  // Valid while the image lives and is not moved from.
  ImageView view() const noexcept { return {pixels_.data(), width_, height_, order_}; }

 private:
  Image(Buffer<std::uint8_t> pixels, Index width, Index height, PixelOrder order) noexcept
      : pixels_(std::move(pixels)), width_(width), height_(height), order_(order) {}

  static Result<std::size_t> bytes_of(Index width, Index height, PixelOrder order) noexcept {
    if (width <= 0 || height <= 0) {
      return error(Errc::invalid_argument, "image: ", width, " x ", height, " pixels; both sides must be at least 1");
    }
    std::size_t pixels = 0, bytes = 0;
    if (!core::multiply_fits(static_cast<std::size_t>(width), static_cast<std::size_t>(height), pixels) ||
        !core::multiply_fits(pixels, static_cast<std::size_t>(channels_of(order)), bytes)) {
      return error(Errc::overflow, "image: ", width, " x ", height, " pixels do not fit in memory");
    }
    return bytes;
  }

  Buffer<std::uint8_t> pixels_;
  Index width_ = 0, height_ = 0;
  PixelOrder order_ = PixelOrder::rgb;
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
