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

// y = finish((x - mean) / sqrt(variance + eps) gain + bias). A row a warp, all of it in registers: kPacks times N
// channels a lane, which reads and writes the same channels, so y may be x.
template <int kPacks, int N, class T>
__global__ void normalise_packs(Map<const T> x, const float* gain, const float* bias, float eps, Finish<T> finish,
                                Map<T> y) {
  const Index row = Index{blockIdx.x} * kNormRows + threadIdx.y;
  if (row >= x.rows()) return;  // the whole warp
  const auto channels = static_cast<int>(x.channels);
  const auto channel = [&](int pack) { return (pack * static_cast<int>(kWarp) + static_cast<int>(threadIdx.x)) * N; };
  Numbers<N> values[kPacks];
  float sum = 0, squares = 0;
  for (int p = 0; p < kPacks; ++p) {
    values[p] = channel(p) < channels ? read<N>(x.row(row) + channel(p)) : Numbers<N>{};
  }
  for (int p = 0; p < kPacks; ++p) {
    for (int i = 0; i < N; ++i) sum += values[p][i];
  }
  const float mean = warp_sum(sum) / static_cast<float>(channels);
  for (int p = 0; p < kPacks; ++p) {
    if (channel(p) >= channels) continue;
    for (int i = 0; i < N; ++i) {
      values[p][i] -= mean;
      squares += values[p][i] * values[p][i];
    }
  }
  const float scale = 1 / sqrtf(warp_sum(squares) / static_cast<float>(channels) + eps);
  SEGFACE_UNROLL(kPacks)
  for (int p = 0; p < kPacks; ++p) {
    if (channel(p) >= channels) continue;
    const Numbers<N> gains = read<N>(gain + channel(p)), biases = read<N>(bias + channel(p));
    for (int i = 0; i < N; ++i) values[p][i] = values[p][i] * scale * gains[i] + biases[i];
    finish(values[p], row, channel(p));
    write(values[p], y.row(row) + channel(p));
  }
}

// The same for rows of any width, read three times.
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
    Numbers<1> value = {{(static_cast<float>(in[c]) - mean) * scale * gain[c] + bias[c]}};
    finish(value, row, c);
    write(value, y.row(row) + c);
  }
}

template <class T>
Status launch_layer_norm(cudaStream_t stream, const Map<const T>& x, const float* gain, const float* bias, float eps,
                         const Finish<T>& finish, const Map<T>& y) noexcept {
  const Geometry geometry = {ceil_divide(x.rows(), kNormRows), {kWarp, kNormRows}};
  const auto with = [&](auto* kernel) {
    return launch("layer_norm", kernel, geometry, stream, x, gain, bias, eps, finish, y);
  };
  constexpr int kNumbers = kPack<T>;
  const unsigned packs = ceil_divide(x.channels, kNumbers * kWarp);
  if (packs > 8 || !in_packs<kNumbers>(x) || !in_packs<kNumbers>(y) || !in_packs<kNumbers>(finish)) {
    return with(normalise_rows<T>);
  }
  if (packs == 1) return with(normalise_packs<1, kNumbers, T>);
  if (packs == 2) return with(normalise_packs<2, kNumbers, T>);
  return packs <= 4 ? with(normalise_packs<4, kNumbers, T>) : with(normalise_packs<8, kNumbers, T>);
}

inline constexpr unsigned kMeanRows = 8;  // rows of threads

// Sums over strips of an image: x [B, H, W, C] -> sums [B, strips, C], times `scale`. Block (32 channels, strip,
// image); each of its rows of threads adds up every eighth pixel, then the first adds up the rows, in order. 1 KB of
// shared memory.
template <class T, class S>
__global__ void sum_pixels(Map<const T> x, float scale, Map<S> sums) {
  __shared__ float rows[kMeanRows][kWarp];
  const Index channel = Index{blockIdx.x} * kWarp + threadIdx.x, strip = blockIdx.y, image = blockIdx.z;
  const Index size = (static_cast<unsigned>(x.pixels()) + gridDim.y - 1) / gridDim.y, begin = strip * size;
  const Index end = begin + size < x.pixels() ? begin + size : x.pixels();
  float sum = 0;
  if (channel < x.channels) {
    SEGFACE_UNROLL(8)
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

// Strips of so many pixels that blocks have enough to do.
inline constexpr int kMostStrips = 16;
inline Index mean_strips(Index pixels) noexcept {
  constexpr Index kStripPixels = 256;
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

// The sum of an image's strips, of channel c.
__device__ inline float sum_of_strips(const Map<const float>& strips, Index image, Index c) noexcept {
  float parts[kMostStrips], sum = 0;
  for (int i = 0; i < kMostStrips; ++i) parts[i] = i < strips.width ? strips.row(image * strips.width + i)[c] : 0.0f;
  for (const float part : parts) sum += part;
  return sum;
}

// strips [B, 1, strips, C] -> their sums y [B, 1, 1, C]
template <class T>
__global__ void add_strips(Map<const float> strips, Map<T> y) {
  const Element at = Element::of<1>(y);
  if (at.inside) y.row(at.row)[at.channel] = static_cast<T>(sum_of_strips(strips, at.row, at.channel));
}

inline constexpr unsigned kDenseRows = 8;  // outputs of a block, a warp each
inline constexpr Index kMostDenseInputs = 4096;

// y = activation(W (sum of the strips) + bias), of an image each: x [B, 1, strips, in] -> y [B, 1, 1, out]; weight
// [out, in]. Block (8 outputs, image). 16 KB of shared memory.
template <int N, class T>
__global__ void dense(Map<const float> x, const T* weight, const T* bias, Activation activation, Map<float> y) {
  alignas(16) __shared__ float inputs[kMostDenseInputs];
  const Index image = blockIdx.y;
  for (Index c = threadIdx.y * kWarp + threadIdx.x; c < x.channels; c += kDenseRows * kWarp) {
    inputs[c] = sum_of_strips(x, image, c);
  }
  __syncthreads();
  const Index out = Index{blockIdx.x} * kDenseRows + threadIdx.y;
  if (out >= y.channels) return;  // the whole warp
  float sum = 0;
  SEGFACE_UNROLL(4)
  for (int c = static_cast<int>(threadIdx.x) * N; c < x.channels; c += static_cast<int>(kWarp) * N) {
    const Numbers<N> weights = read<N>(weight + out * x.channels + c), own = read<N>(inputs + c);
    for (int i = 0; i < N; ++i) sum += weights[i] * own[i];
  }
  Numbers<1> result = {{warp_sum(sum) + static_cast<float>(bias[out])}};
  activate(activation, result);
  if (threadIdx.x == 0) write(result, y.row(image) + out);
}

template <class T>
Status launch_dense(cudaStream_t stream, const Map<const float>& x, const T* weight, const T* bias,
                    Activation activation, const Map<float>& y) noexcept {
  const Geometry geometry = {{ceil_divide(y.channels, kDenseRows), static_cast<unsigned>(y.batch)},
                             {kWarp, kDenseRows}};
  const auto with = [&](auto* kernel) {
    return launch("dense", kernel, geometry, stream, x, weight, bias, activation, y);
  };
  return x.channels % kPack<T> == 0 ? with(dense<kPack<T>, T>) : with(dense<1, T>);
}

}  // namespace cuda
SEGFACE_END_CORE
