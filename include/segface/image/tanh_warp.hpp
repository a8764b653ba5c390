// Tanh warp: a face turned upright and centred, everything far from it squeezed towards the border, and the way back.
//
// A similarity matrix M takes pixels of a picture of R x R to the standard face. With c = 2 p / R - 1 for each
// coordinate of a pixel p, squeeze(c) = c inside [-0.2, 0.2] and beyond it 0.2 + 0.8 tanh((c - 0.2) / 0.8), mirrored
// for c < 0. The warped picture at p is the picture at M^-1 unsqueeze(p); the picture back at p is the warped one at
// squeeze(M p). Mirrors the official tanh_warp with factor 0.8 (LaPa only). Traps: pixels are counted from 0 without a
// half, although the sampling has align_corners = false: together, a position p is sampled at index p - 0.5; the
// inverse of tanh clamps its argument to +-(1 - 0.001).
#pragma once

#include <cmath>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE

// The pixel at or before an index, at most one beyond either end of any map; for what is no number, before the first.
SEGFACE_HOST_DEVICE inline Index floor_index(double index) noexcept {
  const double bounded = !(index >= -2.0) ? -2.0 : index > 1e9 ? 1e9 : index;
  return static_cast<Index>(std::floor(bounded));
}

struct TanhWarp {
  // Where a map is sampled: index i means its pixel i, a fraction weighs the next one.
  struct Position {
    double x, y;
  };

  double side = 1;                      // R
  double a = 1, b = 0, dx = 0, dy = 0;  // M = (a, b, dx), (-b, a, dy)

  // Where pixel (x, y) of the warped picture is sampled in the picture.
  SEGFACE_HOST_DEVICE Position warped_source(Index x, Index y) const noexcept {
    const double u = unsqueeze(static_cast<double>(x)) - dx, v = unsqueeze(static_cast<double>(y)) - dy;
    const double scale = 1 / (a * a + b * b);
    return {(a * u - b * v) * scale - 0.5, (b * u + a * v) * scale - 0.5};
  }
  // Where pixel (x, y) of the picture back is sampled in a warped one of warped_side x warped_side: the network's
  // logits are 4 x map 0, which is not R where R is no multiple of 4.
  SEGFACE_HOST_DEVICE Position unwarped_source(Index x, Index y, Index warped_side) const noexcept {
    const double scale = static_cast<double>(warped_side) / side;
    const auto u = static_cast<double>(x), v = static_cast<double>(y);
    return {squeeze(a * u + b * v + dx) * scale - 0.5, squeeze(a * v - b * u + dy) * scale - 0.5};
  }

 private:
  static constexpr double kFactor = 0.8;
  static constexpr double kLinear = 1 - kFactor;  // up to here nothing is squeezed
  static constexpr double kMost = 1 - 0.001;

  // curve(c) beyond the linear part, for a coordinate in pixels.
  template <class Curve>
  SEGFACE_HOST_DEVICE double bend(double p, const Curve& curve) const noexcept {
    const double c = p / side * 2 - 1, beyond = std::fabs(c) - kLinear;
    if (beyond <= 0) return p;
    return (std::copysign(curve(beyond / kFactor) * kFactor + kLinear, c) + 1) / 2 * side;
  }
  SEGFACE_HOST_DEVICE double squeeze(double p) const noexcept {
    return bend(p, [](double t) { return std::tanh(t); });
  }
  SEGFACE_HOST_DEVICE double unsqueeze(double p) const noexcept {
    return bend(p, [](double t) { return std::atanh(t < kMost ? t : kMost); });
  }
};

SEGFACE_END_NAMESPACE
