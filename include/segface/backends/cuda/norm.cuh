// Kernels that reduce: layer norm over the channels of a row, the mean over the pixels of an image, and the small
// matrices of squeeze-excitation.
#pragma once

#include <cmath>

#include "segface/backends/cuda/epilogue.cuh"
#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr unsigned kNormRows = 8;  // warps of a block, each with a row

// y = finish((x - mean) / sqrt(variance + eps) gain + bias). A row a warp; every lane reads and writes the same
// channels, so y may be x.
template <class T>
__global__ void normalise_rows(Map<const T> x, const float* gain, const float* bias, float eps, Finish<T> finish,
                               Map<T> y) {
  const Index row = Index{blockIdx.x} * kNormRows + threadIdx.y;
  if (row >= x.rows()) return;  // the whole warp
  const T* const in = x.row(row);
  const auto count = static_cast<float>(x.channels);
  float sum = 0;
  for (Index c = threadIdx.x; c < x.channels; c += kWarp) sum += static_cast<float>(in[c]);
  const float mean = warp_sum(sum) / count;
  float squares = 0;
  for (Index c = threadIdx.x; c < x.channels; c += kWarp) {
    const float distance = static_cast<float>(in[c]) - mean;
    squares += distance * distance;
  }
  const float scale = 1 / sqrtf(warp_sum(squares) / count + eps);
  for (Index c = threadIdx.x; c < x.channels; c += kWarp) {
    const float value = (static_cast<float>(in[c]) - mean) * scale * gain[c] + bias[c];
    y.row(row)[c] = static_cast<T>(finish(value, row, c));
  }
}

template <class T>
Status launch_layer_norm(cudaStream_t stream, const Map<const T>& x, const float* gain, const float* bias, float eps,
                         const Finish<T>& finish, const Map<T>& y) noexcept {
  const Geometry geometry = {ceil_divide(x.rows(), kNormRows), {kWarp, kNormRows}};
  return launch("layer_norm", normalise_rows<T>, geometry, stream, x, gain, bias, eps, finish, y);
}

inline constexpr unsigned kMeanRows = 8;  // rows of threads

// Sums over strips of an image: x [B, H, W, C] -> sums [B, strips, C], times `scale`. Block (32 channels, strip,
// image); each of its rows of threads adds up every eighth pixel, then the first adds up the rows, in order. 1 KB of
// shared memory.
template <class T, class S>
__global__ void sum_pixels(Map<const T> x, float scale, Map<S> sums) {
  __shared__ float rows[kMeanRows][kWarp];
  const Index channel = Index{blockIdx.x} * kWarp + threadIdx.x, strip = blockIdx.y, image = blockIdx.z;
  const Index size = (x.pixels() + gridDim.y - 1) / gridDim.y, begin = strip * size;
  const Index end = begin + size < x.pixels() ? begin + size : x.pixels();
  float sum = 0;
  if (channel < x.channels) {
    for (Index pixel = begin + threadIdx.y; pixel < end; pixel += kMeanRows) {
      sum += static_cast<float>(x.row(image * x.pixels() + pixel)[channel]);
    }
  }
  rows[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || channel >= x.channels) return;
  for (unsigned row = 1; row < kMeanRows; ++row) sum += rows[row][threadIdx.x];
  sums.row(image * gridDim.y + strip)[channel] = static_cast<S>(sum * scale);
}

// Strips of so many pixels that blocks have enough to do, 16 at most.
inline Index mean_strips(Index pixels) noexcept {
  constexpr Index kStripPixels = 256, kMostStrips = 16;
  const Index strips = (pixels + kStripPixels - 1) / kStripPixels;
  return strips < kMostStrips ? strips : kMostStrips;
}

// The strips of each image add up to the mean of its pixels: x [B, H, W, C] -> parts [B, 1, strips, C].
template <class T, class S>
Status launch_mean(cudaStream_t stream, const Map<const T>& x, const Map<S>& parts) noexcept {
  const Geometry geometry = {
      {ceil_divide(x.channels, kWarp), static_cast<unsigned>(parts.pixels()), static_cast<unsigned>(x.batch)},
      {kWarp, kMeanRows}};
  return launch("spatial_mean", sum_pixels<T, S>, geometry, stream, x, 1 / static_cast<float>(x.pixels()), parts);
}

// strips [B, 1, strips, C] -> their sums y [B, 1, 1, C]
template <class T>
__global__ void add_strips(Map<const float> strips, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  float sum = 0;
  for (Index strip = 0; strip < strips.width; ++strip) sum += strips.row(at.row * strips.width + strip)[at.channel];
  y.row(at.row)[at.channel] = static_cast<T>(sum);
}

inline constexpr unsigned kDenseRows = 8;  // outputs of a block, a warp each
inline constexpr Index kMostDenseInputs = 4096;

// y = activation(W (sum of the strips) + bias), of an image each: x [B, 1, strips, in] -> y [B, 1, 1, out]; weight
// [out, in]. Block (8 outputs, image). 16 KB of shared memory.
template <class T>
__global__ void dense(Map<const float> x, const T* weight, const T* bias, Activation activation, Map<float> y) {
  __shared__ float inputs[kMostDenseInputs];
  const Index image = blockIdx.y;
  for (Index c = threadIdx.y * kWarp + threadIdx.x; c < x.channels; c += kDenseRows * kWarp) {
    float sum = 0;
    for (Index strip = 0; strip < x.width; ++strip) sum += x.row(image * x.width + strip)[c];
    inputs[c] = sum;
  }
  __syncthreads();
  const Index out = Index{blockIdx.x} * kDenseRows + threadIdx.y;
  if (out >= y.channels) return;  // the whole warp
  float sum = 0;
  for (Index c = threadIdx.x; c < x.channels; c += kWarp) {
    sum += static_cast<float>(weight[out * x.channels + c]) * inputs[c];
  }
  sum = warp_sum(sum);
  if (threadIdx.x == 0) y.row(image)[out] = activate(activation, sum + static_cast<float>(bias[out]));
}

template <class T>
Status launch_dense(cudaStream_t stream, const Map<const float>& x, const T* weight, const T* bias,
                    Activation activation, const Map<float>& y) noexcept {
  const Geometry geometry = {{ceil_divide(y.channels, kDenseRows), static_cast<unsigned>(y.batch)},
                             {kWarp, kDenseRows}};
  return launch("dense", dense<T>, geometry, stream, x, weight, bias, activation, y);
}

}  // namespace cuda
SEGFACE_END_CORE
