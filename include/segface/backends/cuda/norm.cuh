// Kernels that reduce: layer norm over the channels of a row, and the mean over the pixels of an image.
#pragma once

#include <cmath>

#include "segface/backends/cuda/epilogue.cuh"
#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE
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

// x [B, H, W, C] -> y [B, 1, 1, C]. A block has 32 channels of an image; each of its rows of threads adds up every
// eighth pixel, then the first adds up the rows, in order. 1 KB of shared memory.
template <class T>
__global__ void average_pixels(Map<const T> x, Map<T> y) {
  __shared__ float sums[kMeanRows][kWarp];
  const Index channel = Index{blockIdx.x} * kWarp + threadIdx.x, image = blockIdx.y;
  float sum = 0;
  if (channel < x.channels) {
    for (Index pixel = threadIdx.y; pixel < x.pixels(); pixel += kMeanRows) {
      sum += static_cast<float>(x.row(image * x.pixels() + pixel)[channel]);
    }
  }
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || channel >= x.channels) return;
  for (unsigned row = 1; row < kMeanRows; ++row) sum += sums[row][threadIdx.x];
  y.row(image)[channel] = static_cast<T>(sum / static_cast<float>(x.pixels()));
}

template <class T>
Status launch_spatial_mean(cudaStream_t stream, const Map<const T>& x, const Map<T>& y) noexcept {
  const Geometry geometry = {{ceil_divide(x.channels, kWarp), static_cast<unsigned>(x.batch)}, {kWarp, kMeanRows}};
  return launch("spatial_mean", average_pixels<T>, geometry, stream, x, y);
}

}  // namespace cuda
SEGFACE_END_NAMESPACE
