// Kernels that make an element of a map a thread and read a few others: sums, scales, copies, interpolation, position
// encoding. All are bound by memory; neighbouring threads read and write neighbouring channels.
#pragma once

#include <cmath>

#include "segface/backends/cuda/launch.cuh"
#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/image/tanh_warp.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

// y = a + b; b may be of one image for all of the batch, y may be a.
template <class T>
__global__ void add_maps(Map<const T> a, Map<const T> b, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  const T* const other = b.row(at.row % b.rows());
  const float sum = static_cast<float>(a.row(at.row)[at.channel]) + static_cast<float>(other[at.channel]);
  y.row(at.row)[at.channel] = static_cast<T>(sum);
}

// x <- x + half, each pixel of which covers 2 x 2
template <class T>
__global__ void add_doubled(Map<const T> half, Map<T> x) {
  const Element at = Element::of(x);
  if (!at.inside) return;
  T& element = x.row(at.row)[at.channel];
  const T other = half.pixel(at.batch, at.y / 2, at.x / 2)[at.channel];
  element = static_cast<T>(static_cast<float>(element) + static_cast<float>(other));
}

// x <- x where it is positive, else x times its channel's slope
template <class T>
__global__ void slope_negatives(const float* slopes, Map<T> x) {
  const Element at = Element::of(x);
  if (!at.inside) return;
  T& element = x.row(at.row)[at.channel];
  const auto value = static_cast<float>(element);
  if (value < 0) element = static_cast<T>(value * slopes[at.channel]);
}

// x <- x s: x [B, H, W, C], s [B, 1, 1, C]
template <class S, class T>
__global__ void scale_map(Map<const S> s, Map<T> x) {
  const Element at = Element::of(x);
  if (!at.inside) return;
  T& element = x.row(at.row)[at.channel];
  element = static_cast<T>(static_cast<float>(element) * static_cast<float>(s.row(at.batch)[at.channel]));
}

// values [N, C] packed -> y [B, 1, N, C]
template <class T>
__global__ void repeat_rows(const float* values, Map<T> y) {
  const Element at = Element::of(y);
  if (at.inside) y.row(at.row)[at.channel] = static_cast<T>(values[at.row % y.pixels() * y.channels + at.channel]);
}

// The value of x that an element of a map of another size sees; see ops::bilinear.
template <class T>
__device__ float interpolated(const Map<const T>& x, const Element& at, Index height, Index width) noexcept {
  const BilinearTap<float> v(at.y, x.height, height), h(at.x, x.width, width);
  const auto row = [&](Index sy) {
    const auto left = static_cast<float>(x.pixel(at.batch, sy, h.first)[at.channel]);
    const auto right = static_cast<float>(x.pixel(at.batch, sy, h.second)[at.channel]);
    return left * (1 - h.fraction) + right * h.fraction;
  };
  return row(v.first) * (1 - v.fraction) + row(v.second) * v.fraction;
}

// [B, H, W, C] -> y's height and width; see ops::bilinear.
template <class T>
__global__ void interpolate(Map<const T> x, Map<T> y) {
  const Element at = Element::of(y);
  if (at.inside) y.row(at.row)[at.channel] = static_cast<T>(interpolated(x, at, y.height, y.width));
}

// y += three maps of other sizes, interpolated to y's
template <class T>
__global__ void add_levels(Map<const T> a, Map<const T> b, Map<const T> c, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  T& element = y.row(at.row)[at.channel];
  element = static_cast<T>(static_cast<float>(element) + interpolated(a, at, y.height, y.width) +
                           interpolated(b, at, y.height, y.width) + interpolated(c, at, y.height, y.width));
}

// One image [1, H, W, C] -> y [1, H', W', C]; see ops::warp.
template <class T>
__global__ void warp_image(const TanhWarp* its, bool back, Map<const T> x, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  const TanhWarp& warp = *its;
  const TanhWarp::Position p = back ? warp.unwarped_source(at.x, at.y, x.width) : warp.warped_source(at.x, at.y);
  const Index left = floor_index(p.x), top = floor_index(p.y);
  const auto fx = static_cast<float>(p.x - static_cast<double>(left));
  const auto fy = static_cast<float>(p.y - static_cast<double>(top));
  float sum = 0;
  for (int dy = 0; dy < 2; ++dy) {
    for (int dx = 0; dx < 2; ++dx) {
      const Index sy = top + dy, sx = left + dx;
      if (sy < 0 || sy >= x.height || sx < 0 || sx >= x.width) continue;
      const float weight = (dx == 0 ? 1 - fx : fx) * (dy == 0 ? 1 - fy : fy);
      sum += static_cast<float>(x.pixel(0, sy, sx)[at.channel]) * weight;
    }
  }
  y.row(at.row)[at.channel] = static_cast<T>(sum);
}

// y [1, H, W, 2 F]: sin and cos of 2 pi (u G_0 + v G_1), G [2, F]
template <class T>
__global__ void encode_positions(const float* gaussian, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  constexpr float kTwoPi = 6.283185307179586476925286766559f;
  const Index features = y.channels / 2, feature = at.channel % features;
  const float u = 2 * ((static_cast<float>(at.x) + 0.5f) / static_cast<float>(y.width)) - 1;
  const float v = 2 * ((static_cast<float>(at.y) + 0.5f) / static_cast<float>(y.height)) - 1;
  const float angle = kTwoPi * (u * gaussian[feature] + v * gaussian[features + feature]);
  y.row(at.row)[at.channel] = static_cast<T>(at.channel < features ? sinf(angle) : cosf(angle));
}

}  // namespace cuda
SEGFACE_END_NAMESPACE
