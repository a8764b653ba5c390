// A box of a photo: cut out, padded with black where it reaches outside, and what was found in it put back.
//
// Labels come back as they are. Planes of floats (a class's logits or probabilities) may have any size, which is that
// of the network's output: they are stretched over the box, bilinear as PyTorch's align_corners = false.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/affine.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_NAMESPACE

// Columns [x, x + width) and rows [y, y + height) of a photo; may reach outside.
struct Box {
  Index x, y, width, height;
};

// The part of `box` inside a photo of width x height; 0 x 0 where there is none.
inline Box clip_box(const Box& box, Index width, Index height) noexcept {
  // Sides are compared by what is left of the photo: box.x + box.width may not fit in an Index.
  const Index left = std::clamp<Index>(box.x, 0, width), top = std::clamp<Index>(box.y, 0, height);
  const Index cut_left = box.x < 0 ? std::max(box.x, -box.width) : 0;
  const Index cut_top = box.y < 0 ? std::max(box.y, -box.height) : 0;
  return {left, top, std::min(box.width + cut_left, width - left), std::min(box.height + cut_top, height - top)};
}

// The photo's pixels to those of a picture of width x height that is the box, whose sides are at least 1.
inline AffineMap<double> box_map(const Box& box, Index width, Index height) noexcept {
  AffineMap<double> map = AffineMap<double>::scaled(box.width, box.height, width, height);
  map.x0 = -map.xx * static_cast<double>(box.x);
  map.y0 = -map.yy * static_cast<double>(box.y);
  return map;
}

// The square around the middle of a detector's box (to half a pixel), `scale` times its longer side; may reach outside
// the photo. Errors: invalid_argument (a side < 1, a scale that is not above 0, coordinates beyond 2^30).
inline Result<Box> square_box(const Box& found, double scale) noexcept {
  constexpr Index kFar = Index{1} << 30;
  const auto in_range = [](Index i) { return i >= -kFar && i <= kFar; };
  if (!in_range(found.x) || !in_range(found.y) || found.width < 1 || found.height < 1 || !in_range(found.width) ||
      !in_range(found.height)) {
    return error(Errc::invalid_argument, "box ", found.x, ",", found.y, ",", found.width, ",", found.height,
                 ": expected x,y,width,height with both sides at least 1 and no number beyond 2^30");
  }
  const double side = std::round(scale * static_cast<double>(std::max(found.width, found.height)));
  if (!(scale > 0) || !(side >= 1 && side <= static_cast<double>(kFar))) {
    return error(Errc::invalid_argument, "box of ", found.width, " x ", found.height,
                 " pixels: the scale makes no square of 1 to 2^30 pixels a side");
  }
  const auto pixels = static_cast<Index>(side);
  return Box{found.x + (found.width - pixels) / 2, found.y + (found.height - pixels) / 2, pixels, pixels};
}

// Whether a box can be cut out of a photo of width x height. Errors: invalid_argument (a side < 1, no pixel in common).
inline Status check_box(const Box& box, Index width, Index height) noexcept {
  if (box.width < 1 || box.height < 1) {
    return error(Errc::invalid_argument, "box: ", box.width, " x ", box.height,
                 " pixels; both sides must be at least 1");
  }
  const Box inside = clip_box(box, width, height);
  if (inside.width < 1 || inside.height < 1) {
    return error(Errc::invalid_argument, "box ", box.x, ",", box.y, ",", box.width, ",", box.height,
                 " lies outside the photo of ", width, " x ", height, " pixels");
  }
  return {};
}

// The pixels of `box` in the photo's order; outside the photo they are zero. Into `out`, whose memory is used again.
// Errors: invalid_argument (bad view), those of check_box, overflow, out_of_memory.
inline Status crop(const ImageView& photo, const Box& box, Image& out) noexcept {
  SEGFACE_RETURN_IF_ERROR(photo.validate());
  SEGFACE_RETURN_IF_ERROR(check_box(box, photo.width, photo.height));
  const Box inside = clip_box(box, photo.width, photo.height);
  SEGFACE_RETURN_IF_ERROR(out.resize(box.width, box.height, photo.order));
  std::memset(out.data(), 0, out.size_bytes());
  const Index channels = channels_of(photo.order);
  for (Index y = 0; y < inside.height; ++y) {
    std::memcpy(out.row(inside.y - box.y + y) + (inside.x - box.x) * channels, photo.pixel(inside.x, inside.y + y),
                static_cast<std::size_t>(inside.width * channels));
  }
  return {};
}
inline Result<Image> crop(const ImageView& photo, const Box& box) noexcept {
  Image out;
  SEGFACE_RETURN_IF_ERROR(crop(photo, box, out));
  return Result<Image>(std::move(out));
}

// The mask of a photo of width x height from the mask of its box: label 0 outside.
// Errors: invalid_argument (labels that are not a gray picture of the box's size), overflow, out_of_memory.
inline Result<Image> paste_labels(const ImageView& labels, const Box& box, Index width, Index height) noexcept {
  SEGFACE_RETURN_IF_ERROR(labels.validate());
  if (labels.order != PixelOrder::gray || labels.width != box.width || labels.height != box.height) {
    return error(Errc::invalid_argument, "labels of ", labels.width, " x ", labels.height,
                 " pixels do not belong to a box of ", box.width, " x ", box.height, "; they are gray and of its size");
  }
  SEGFACE_ASSIGN(out, Image::make(width, height, PixelOrder::gray));
  std::memset(out.data(), 0, out.size_bytes());
  const Box inside = clip_box(box, width, height);
  for (Index y = 0; y < inside.height && inside.width > 0; ++y) {
    std::memcpy(out.row(inside.y + y) + inside.x, labels.pixel(inside.x - box.x, inside.y - box.y + y),
                static_cast<std::size_t>(inside.width));
  }
  return Result<Image>(std::move(out));
}

// Floats [height, width] that belong to someone else.
struct PlaneView {
  const float* data;
  Index width, height;

  // Bilinear between pixel centres; beyond the outermost ones, the nearest's value.
  float sample(double x, double y) const noexcept {
    x = std::clamp(x, 0.0, static_cast<double>(width - 1));
    y = std::clamp(y, 0.0, static_cast<double>(height - 1));
    const auto left = static_cast<Index>(x), top = static_cast<Index>(y);
    const Index right = std::min(left + 1, width - 1), bottom = std::min(top + 1, height - 1);
    const double fx = x - static_cast<double>(left), fy = y - static_cast<double>(top);
    const double upper = (1 - fx) * at(left, top) + fx * at(right, top);
    const double lower = (1 - fx) * at(left, bottom) + fx * at(right, bottom);
    return static_cast<float>((1 - fy) * upper + fy * lower);
  }

  // Asked by every function that pastes `this` into a plane of width x height. Errors: invalid_argument.
  Status check_paste(Index out_width, Index out_height, Span<float> out) const noexcept {
    std::size_t count = 0;
    if (data == nullptr || width < 1 || height < 1 || out_width < 1 || out_height < 1 ||
        !core::multiply_fits(static_cast<std::size_t>(out_width), static_cast<std::size_t>(out_height), count) ||
        out.size() != count) {
      return error(Errc::invalid_argument, "a plane of ", width, " x ", height, " floats does not go into ", out.size(),
                   " floats for a photo of ", out_width, " x ", out_height, "; expected a float for each pixel");
    }
    return {};
  }

 private:
  double at(Index x, Index y) const noexcept { return static_cast<double>(data[y * width + x]); }
};

// Stretches the plane of a box over its place in `out`, [height, width] of the photo; `outside` elsewhere.
// Errors: invalid_argument (an empty plane or box, `out` of another size).
inline Status paste_plane(const PlaneView& plane, const Box& box, float outside, Index width, Index height,
                          Span<float> out) noexcept {
  SEGFACE_RETURN_IF_ERROR(plane.check_paste(width, height, out));
  if (box.width < 1 || box.height < 1) {
    return error(Errc::invalid_argument, "box: ", box.width, " x ", box.height,
                 " pixels; both sides must be at least 1");
  }
  std::fill(out.begin(), out.end(), outside);
  const Box inside = clip_box(box, width, height);
  const double across = static_cast<double>(plane.width) / static_cast<double>(box.width);
  const double down = static_cast<double>(plane.height) / static_cast<double>(box.height);
  for (Index y = inside.y; y < inside.y + inside.height; ++y) {
    for (Index x = inside.x; x < inside.x + inside.width; ++x) {
      out[static_cast<std::size_t>(y * width + x)] = plane.sample((static_cast<double>(x - box.x) + 0.5) * across - 0.5,
                                                                  (static_cast<double>(y - box.y) + 0.5) * down - 0.5);
    }
  }
  return {};
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
