// Kernels of convolutions: patches for a product by cuBLAS, the depthwise filter, the pixels of a transposed
// convolution after its product, and the largest of a neighbourhood. A thread an element of the output.
#pragma once

#include "segface/backends/cuda/epilogue.cuh"
#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

// The pixel of x that a tap sees, or null outside.
template <class T>
__device__ const T* seen(const Map<const T>& x, Index batch, Index y, Index column) noexcept {
  const bool inside = y >= 0 && y < x.height && column >= 0 && column < x.width;
  return inside ? x.pixel(batch, y, column) : nullptr;
}

// x [B, H, W, C] -> y [B, H', W', kernel^2 C], in the order dy, dx, channel; zeros outside.
template <class T>
__global__ void gather_patches(Map<const T> x, int kernel, int stride, int pad, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  const Index tap = at.channel / x.channels;
  const T* const pixel = seen(x, at.batch, at.y * stride + tap / kernel - pad, at.x * stride + tap % kernel - pad);
  y.row(at.row)[at.channel] = pixel != nullptr ? pixel[at.channel % x.channels] : static_cast<T>(0.0f);
}

// x [B, H, W, C], weight [kernel^2, C] -> activation(y [B, H', W', C])
template <class T>
__global__ void filter_channels(Map<const T> x, const float* weight, const float* bias, int kernel, int stride,
                                Activation activation, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  const int pad = (kernel - 1) / 2;
  float sum = bias[at.channel];
  for (int dy = 0; dy < kernel; ++dy) {
    for (int dx = 0; dx < kernel; ++dx) {
      const T* const pixel = seen(x, at.batch, at.y * stride + dy - pad, at.x * stride + dx - pad);
      if (pixel != nullptr)
        sum += static_cast<float>(pixel[at.channel]) * weight[(dy * kernel + dx) * y.channels + at.channel];
    }
  }
  y.row(at.row)[at.channel] = static_cast<T>(activate(activation, sum));
}

// Products z [B, H, W, 4 C], four pixels side by side -> y [B, 2H, 2W, C]
template <class T>
__global__ void spread_pixels(Map<const T> z, const float* bias, Activation activation, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  const Index part = at.y % 2 * 2 + at.x % 2;
  const T* const pixel = z.pixel(at.batch, at.y / 2, at.x / 2) + part * y.channels;
  const float value = static_cast<float>(pixel[at.channel]) + bias[at.channel];
  y.row(at.row)[at.channel] = static_cast<T>(activate(activation, value));
}

// The largest of 3 x 3, stride 2, padding 1: x [B, H, W, C] -> y [B, H', W', C]
template <class T>
__global__ void largest_of_neighbours(Map<const T> x, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  T largest = x.pixel(at.batch, 2 * at.y, 2 * at.x)[at.channel];
  for (int dy = -1; dy <= 1; ++dy) {
    for (int dx = -1; dx <= 1; ++dx) {
      const T* const pixel = seen(x, at.batch, 2 * at.y + dy, 2 * at.x + dx);
      if (pixel != nullptr && static_cast<float>(pixel[at.channel]) > static_cast<float>(largest))
        largest = pixel[at.channel];
    }
  }
  y.row(at.row)[at.channel] = largest;
}

}  // namespace cuda
SEGFACE_END_NAMESPACE
