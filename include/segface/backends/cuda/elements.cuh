// Kernels whose threads make elements of a map and read a few others: sums, scales, copies, interpolation, position
// encoding. All are bound by memory: N channels at once, and neighbouring threads have neighbouring channels.
#pragma once

#include <cmath>

#include "segface/backends/cuda/launch.cuh"
#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/image/tanh_warp.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

// y = a + b; b may be of one image for all of the batch, y may be a.
template <int N, class T>
__global__ void add_maps(Map<const T> a, Map<const T> b, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (!at.inside) return;
  Numbers<N> sum = read<N>(a.row(at.row) + at.channel);
  const Numbers<N> other = read<N>(b.row(static_cast<unsigned>(at.row) % static_cast<unsigned>(b.rows())) + at.channel);
  for (int i = 0; i < N; ++i) sum[i] += other[i];
  write(sum, y.row(at.row) + at.channel);
}

// x <- x + half, each pixel of which covers 2 x 2
template <int N, class T>
__global__ void add_doubled(Map<const T> half, Map<T> x) {
  const Element at = Element::of<N>(x);
  if (!at.inside) return;
  T* const place = x.row(at.row) + at.channel;
  Numbers<N> sum = read<N>(place);
  const Numbers<N> other = read<N>(half.pixel(at.batch, at.y / 2, at.x / 2) + at.channel);
  for (int i = 0; i < N; ++i) sum[i] += other[i];
  write(sum, place);
}

// x <- x where it is positive, else x times its channel's slope
template <int N, class T>
__global__ void slope_negatives(const float* slopes, Map<T> x) {
  const Element at = Element::of<N>(x);
  if (!at.inside) return;
  T* const place = x.row(at.row) + at.channel;
  Numbers<N> numbers = read<N>(place);
  for (int i = 0; i < N; ++i) {
    if (numbers[i] < 0) numbers[i] *= slopes[at.channel + i];
  }
  write(numbers, place);
}

// x <- x s: x [B, H, W, C], s [B, 1, 1, C]
template <int N, class S, class T>
__global__ void scale_map(Map<const S> s, Map<T> x) {
  const Element at = Element::of<N>(x);
  if (!at.inside) return;
  T* const place = x.row(at.row) + at.channel;
  Numbers<N> numbers = read<N>(place);
  const Numbers<N> scale = read<N>(s.row(at.batch) + at.channel);
  for (int i = 0; i < N; ++i) numbers[i] *= scale[i];
  write(numbers, place);
}

// values [N, C] packed -> y [B, 1, N, C]
template <int N, class T>
__global__ void repeat_rows(const float* values, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (!at.inside) return;
  write(read<N>(values + static_cast<unsigned>(at.row) % static_cast<unsigned>(y.pixels()) * y.channels + at.channel),
        y.row(at.row) + at.channel);
}

// The value of x that an element of a map of another size sees; see ops::bilinear.
template <int N, class T>
__device__ Numbers<N> interpolated(const Map<const T>& x, const Element& at, Index height, Index width) noexcept {
  const BilinearTap<float> v(at.y, x.height, height), h(at.x, x.width, width);
  const auto tap = [&](Index sy, Index sx) { return read<N>(x.pixel(at.batch, sy, sx) + at.channel); };
  Numbers<N> above = tap(v.first, h.first), below = tap(v.second, h.first);
  const Numbers<N> above_right = tap(v.first, h.second), below_right = tap(v.second, h.second);
  for (int i = 0; i < N; ++i) {
    above[i] = above[i] * (1 - h.fraction) + above_right[i] * h.fraction;
    below[i] = below[i] * (1 - h.fraction) + below_right[i] * h.fraction;
    above[i] = above[i] * (1 - v.fraction) + below[i] * v.fraction;
  }
  return above;
}

// [B, H, W, C] -> y's height and width; see ops::bilinear.
template <int N, class T>
__global__ void interpolate(Map<const T> x, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (at.inside) write(interpolated<N>(x, at, y.height, y.width), y.row(at.row) + at.channel);
}

// y += three maps of other sizes, interpolated to y's
template <int N, class T>
__global__ void add_levels(Map<const T> a, Map<const T> b, Map<const T> c, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (!at.inside) return;
  T* const place = y.row(at.row) + at.channel;
  Numbers<N> sum = read<N>(place);
  const Numbers<N> first = interpolated<N>(a, at, y.height, y.width),
                   second = interpolated<N>(b, at, y.height, y.width),
                   third = interpolated<N>(c, at, y.height, y.width);
  for (int i = 0; i < N; ++i) sum[i] = sum[i] + first[i] + second[i] + third[i];
  write(sum, place);
}

// One image [1, H, W, C] -> y [1, H', W', C]; see ops::warp.
template <class T>
__global__ void warp_image(const TanhWarp* its, bool back, Map<const T> x, Map<T> y) {
  const Element at = Element::of<1>(y);
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
  const Element at = Element::of<1>(y);
  if (!at.inside) return;
  constexpr float kTwoPi = 6.283185307179586476925286766559f;
  const Index features = y.channels / 2, feature = at.channel % features;
  const float u = 2 * ((static_cast<float>(at.x) + 0.5f) / static_cast<float>(y.width)) - 1;
  const float v = 2 * ((static_cast<float>(at.y) + 0.5f) / static_cast<float>(y.height)) - 1;
  const float angle = kTwoPi * (u * gaussian[feature] + v * gaussian[features + feature]);
  y.row(at.row)[at.channel] = static_cast<T>(at.channel < features ? sinf(angle) : cosf(angle));
}

}  // namespace cuda
SEGFACE_END_CORE
