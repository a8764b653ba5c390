// Where the pixels of one picture lie in another: by two scales, or turned besides.
//
//   u = xx (x + 1/2) + xy (y + 1/2) + x0,   v = yx (x + 1/2) + yy (y + 1/2) + y0
// with positions counted from the upper left corner, so that the middle of pixel 0 is 1/2. Scalar decides the rounding:
// of a map that only scales, taps are those of BilinearTap for either axis, bit for bit.
#pragma once

#include <algorithm>

#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE

template <class Scalar>
struct AffineMap {
  Scalar xx, xy, x0;
  Scalar yx, yy, y0;

  // All of a picture of width x height onto all of one of to_width x to_height.
  static AffineMap scaled(Index width, Index height, Index to_width, Index to_height) noexcept {
    const auto scale = [](Index to, Index from) {
      return static_cast<Scalar>(to) / static_cast<Scalar>(std::max<Index>(from, 1));
    };
    return {scale(to_width, width), 0, 0, 0, scale(to_height, height), 0};
  }

  // Whether rows stay rows and go the same way.
  bool keeps_rows() const noexcept { return xy == 0 && yx == 0 && xx > 0; }

  // Where pixel (x, y) looks along a row of `in` pixels, and down a column of as many.
  core::BilinearTap<Scalar> across(Index x, Index y, Index in) const noexcept {
    return {half_less(xx, x) + (xy * middle(y) + x0), in};
  }
  core::BilinearTap<Scalar> down(Index x, Index y, Index in) const noexcept {
    return {half_less(yy, y) + (yx * middle(x) + y0), in};
  }

 private:
  static Scalar middle(Index i) noexcept { return static_cast<Scalar>(i) + Scalar(0.5); }
  static Scalar half_less(Scalar scale, Index i) noexcept { return scale * middle(i) - Scalar(0.5); }
};

SEGFACE_END_NAMESPACE
