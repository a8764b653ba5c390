// A photo cut out by a matte, and put before another background.
//
// Where a matte is between 0 and 1 a pixel's colour I is mixed of what is cut out and what was behind it, which would shine
// around it on any other background. What it is of its own, F, is estimated from the pixels around (as by blurred fusion, Forte
// and Pitie 2021), f and b being the means of colours there that count by the fourth powers of a and 1 - a:
//   F = f + a (I - a f - (1 - a) b)
// Sums are of whole numbers, and exact. The cost of a pixel does not depend on how far it looks.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

// The colours of an RGBA picture where it is partly clear, which come as they are in the photo.
class ForegroundColors {
 public:
  // As far as it looks, in pixels: some logits of a face that fills the photo.
  static Index radius(Index width, Index height) noexcept {
    return std::clamp<Index>(std::max(width, height) / 80, 8, 64);
  }

  // Errors: out_of_memory.
  static Status estimate(Image& picture) noexcept {
    const Index width = picture.width(), height = picture.height(), r = radius(width, height);
    SEGFACE_ASSIGN(copy, Image::make(width, height, PixelOrder::rgba));
    SEGFACE_ASSIGN(columns, Buffer<Sums>::make(static_cast<std::size_t>(width)));
    for (Index y = 0; y < height; ++y) std::copy_n(picture.row(y), 4 * width, copy.row(y));
    std::fill(columns.begin(), columns.end(), Sums());
    for (Index y = 0; y < std::min(r, height); ++y) add_row(copy.row(y), width, 1, columns.data());
    for (Index y = 0; y < height; ++y) {
      if (y + r < height) add_row(copy.row(y + r), width, 1, columns.data());
      if (y - r - 1 >= 0) add_row(copy.row(y - r - 1), width, -1, columns.data());
      Sums window;
      for (Index x = 0; x < std::min(r, width); ++x) window.add(columns.data()[x], 1);
      for (Index x = 0; x < width; ++x) {
        if (x + r < width) window.add(columns.data()[x + r], 1);
        if (x - r - 1 >= 0) window.add(columns.data()[x - r - 1], -1);
        std::uint8_t* const pixel = picture.row(y) + 4 * x;
        if (pixel[3] != 0 && pixel[3] != 255) window.estimate(pixel);
      }
    }
    return {};
  }

 private:
  // Red, green, blue and weight of what is cut out, and of what is behind it.
  struct Sums {
    std::int64_t front[4] = {}, back[4] = {};

    void add(const Sums& other, std::int64_t sign) noexcept {
      for (int i = 0; i < 4; ++i) front[i] += sign * other.front[i], back[i] += sign * other.back[i];
    }
    void estimate(std::uint8_t* pixel) const noexcept {
      const float alpha = static_cast<float>(pixel[3]) / 255;
      for (int c = 0; c < 3; ++c) {
        const auto own = static_cast<float>(pixel[c]);
        const float f = front[3] == 0 ? own : static_cast<float>(front[c]) / static_cast<float>(front[3]);
        const float b = back[3] == 0 ? own : static_cast<float>(back[c]) / static_cast<float>(back[3]);
        const float color = f + alpha * (own - alpha * f - (1 - alpha) * b);
        pixel[c] = static_cast<std::uint8_t>(std::clamp(color, 0.0f, 255.0f) + 0.5f);
      }
    }
  };

  static void add_row(const std::uint8_t* pixel, Index width, std::int64_t sign, Sums* columns) noexcept {
    for (Index x = 0; x < width; ++x, pixel += 4) {
      const std::int64_t front = sign * weight(pixel[3]), back = sign * weight(255 - pixel[3]);
      for (int c = 0; c < 3; ++c) columns[x].front[c] += front * pixel[c], columns[x].back[c] += back * pixel[c];
      columns[x].front[3] += front, columns[x].back[3] += back;
    }
  }
  static std::int64_t weight(int alpha) noexcept {
    const std::int64_t square = alpha * alpha;
    return square * square >> 16;
  }
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// The photo where a matte is above 0: RGBA, not premultiplied, alpha that of the matte, colours those of what is cut out alone; no
// colour where alpha is 0. matte: [height, width], 0 to 1. Errors: invalid_argument (another number of values), out_of_memory.
inline Result<Image> cutout(const ImageView& photo, Span<const float> matte) noexcept {
  SEGFACE_RETURN_IF_ERROR(photo.validate());
  if (matte.size() != static_cast<std::size_t>(photo.width * photo.height)) {
    return error(Errc::invalid_argument, "a matte of ", matte.size(), " pixels does not fit a photo of ", photo.width,
                 " x ", photo.height);
  }
  SEGFACE_ASSIGN(out, Image::make(photo.width, photo.height, PixelOrder::rgba));
  for (Index y = 0; y < photo.height; ++y) {
    std::uint8_t* to = out.row(y);
    const float* const alpha = matte.data() + y * photo.width;
    for (Index x = 0; x < photo.width; ++x, to += 4) {
      const Rgb color = photo.rgb(x, y);
      to[0] = color.r, to[1] = color.g, to[2] = color.b;
      to[3] = static_cast<std::uint8_t>(alpha[x] > 0 ? std::min(alpha[x], 1.0f) * 255 + 0.5f : 0.0f);
    }
  }
  SEGFACE_RETURN_IF_ERROR(core::ForegroundColors::estimate(out));
  for (Index y = 0; y < photo.height; ++y) {
    std::uint8_t* to = out.row(y);
    for (Index x = 0; x < photo.width; ++x, to += 4) {
      if (to[3] == 0) to[0] = to[1] = to[2] = 0;
    }
  }
  return Result<Image>(std::move(out));
}

// What was cut out (RGBA or BGRA, not premultiplied) before a background: RGB. Errors: invalid_argument (no alpha, sizes
// differ), out_of_memory.
inline Result<Image> compose(const ImageView& cut_out, const ImageView& background) noexcept {
  SEGFACE_RETURN_IF_ERROR(cut_out.validate());
  SEGFACE_RETURN_IF_ERROR(background.validate());
  if (channels_of(cut_out.order) != 4) {
    return error(Errc::invalid_argument, "compose: the picture in front has no alpha; expected RGBA or BGRA");
  }
  if (cut_out.width != background.width || cut_out.height != background.height) {
    return error(Errc::invalid_argument, "compose: a background of ", background.width, " x ", background.height,
                 " pixels behind ", cut_out.width, " x ", cut_out.height, "; resize it");
  }
  SEGFACE_ASSIGN(out, Image::make(cut_out.width, cut_out.height, PixelOrder::rgb));
  for (Index y = 0; y < cut_out.height; ++y) {
    std::uint8_t* to = out.row(y);
    for (Index x = 0; x < cut_out.width; ++x, to += 3) {
      const Rgb front = cut_out.rgb(x, y), back = background.rgb(x, y);
      const int alpha = cut_out.pixel(x, y)[3];
      const auto mixed = [alpha](int a, int b) {
        return static_cast<std::uint8_t>((alpha * a + (255 - alpha) * b + 127) / 255);
      };
      to[0] = mixed(front.r, back.r), to[1] = mixed(front.g, back.g), to[2] = mixed(front.b, back.b);
    }
  }
  return Result<Image>(std::move(out));
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
