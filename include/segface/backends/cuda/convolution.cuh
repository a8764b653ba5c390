// Kernels of convolutions, from plain to fast. A thread an element of the output: patches for a product, the depthwise
// filter, the pixels of a transposed convolution after its product, the largest of a neighbourhood. Then in tiles that
// are staged in shared memory: the depthwise filter, and the convolution with few outputs.
#pragma once

#include <type_traits>

#include "segface/backends/cuda/epilogue.cuh"
#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
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
__global__ void filter_channels(Map<const T> x, const float* weight, const float* bias, int kernel, int stride, int pad,
                                Activation activation, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
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

// x [B, H, W, C] -> y [B, H', W', C]; see ops::max_pool.
template <class T>
__global__ void largest_of_neighbours(Map<const T> x, int kernel, int stride, int pad, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  const T* largest = nullptr;
  for (int dy = 0; dy < kernel; ++dy) {
    for (int dx = 0; dx < kernel; ++dx) {
      const T* const pixel = seen(x, at.batch, at.y * stride + dy - pad, at.x * stride + dx - pad);
      if (pixel == nullptr) continue;
      if (largest == nullptr || static_cast<float>(pixel[at.channel]) > static_cast<float>(*largest))
        largest = pixel + at.channel;
    }
  }
  y.row(at.row)[at.channel] = *largest;
}

// ---- in tiles ---------------------------------------------------------------------------------------------------

// The depthwise filter of 8 columns by 8 rows of outputs (4 rows for stride 2) and 32 channels: block (tile, channels,
// image), a warp a row, a lane a channel; a thread slides along its row with the outputs in registers. Shared memory:
// the inputs of the tile, 27 KB at most.
template <int kKernel, int kStride>
struct FilterTile {
  static constexpr int kColumns = 8, kRows = 8 / kStride;
  static constexpr int kWide = (kColumns - 1) * kStride + kKernel, kHigh = (kRows - 1) * kStride + kKernel;
};

template <int kKernel, int kStride, class T>
__global__ void filter_tiles(Map<const T> x, const float* weight, const float* bias, Activation activation, Map<T> y) {
  using Tile = FilterTile<kKernel, kStride>;
  __shared__ float inputs[Tile::kHigh][Tile::kWide][kWarp];
  const Index across = (y.width + Tile::kColumns - 1) / Tile::kColumns, image = blockIdx.z;
  const Index top = blockIdx.x / across * Tile::kRows, left = blockIdx.x % across * Tile::kColumns;
  const Index channel = Index{blockIdx.y} * kWarp + threadIdx.x;
  const bool inside = channel < y.channels;
  constexpr int kPad = (kKernel - 1) / 2;
  for (int i = static_cast<int>(threadIdx.y); i < Tile::kHigh * Tile::kWide; i += Tile::kRows) {
    const int row = i / Tile::kWide, column = i % Tile::kWide;
    const T* const pixel = seen(x, image, top * kStride + row - kPad, left * kStride + column - kPad);
    inputs[row][column][threadIdx.x] = pixel != nullptr && inside ? static_cast<float>(pixel[channel]) : 0.0f;
  }
  __syncthreads();
  const auto line_of_tile = static_cast<int>(threadIdx.y);
  const Index row = top + line_of_tile;
  if (!inside || row >= y.height) return;
  float sums[Tile::kColumns];
  for (float& sum : sums) sum = bias[channel];
  for (int dy = 0; dy < kKernel; ++dy) {
    float line[Tile::kWide];
    for (int i = 0; i < Tile::kWide; ++i) line[i] = inputs[line_of_tile * kStride + dy][i][threadIdx.x];
    for (int dx = 0; dx < kKernel; ++dx) {
      const float tap = weight[(dy * kKernel + dx) * y.channels + channel];
      for (int i = 0; i < Tile::kColumns; ++i) sums[i] += line[i * kStride + dx] * tap;
    }
  }
  for (int i = 0; i < Tile::kColumns; ++i) {
    if (left + i < y.width) y.pixel(image, row, left + i)[channel] = static_cast<T>(activate(activation, sums[i]));
  }
}

// In tiles for the filters of the backbones, plainly for others. Errors: those of launch_elements.
template <class T>
Status launch_filter(cudaStream_t stream, const Map<const T>& x, const float* weight, const float* bias, Index kernel,
                     Index stride, Index padding, Activation activation, const Map<T>& y) noexcept {
  const char* const what = "depthwise_convolution";
  const auto in_tiles = [&](auto size, auto step) {
    using Tile = FilterTile<decltype(size)::value, decltype(step)::value>;
    const Geometry geometry = {{ceil_divide(y.width, Tile::kColumns) * ceil_divide(y.height, Tile::kRows),
                                ceil_divide(y.channels, kWarp), static_cast<unsigned>(y.batch)},
                               {kWarp, Tile::kRows}};
    return launch(what, filter_tiles<decltype(size)::value, decltype(step)::value, T>, geometry, stream, x, weight,
                  bias, activation, y);
  };
  const std::integral_constant<int, 1> one;
  const std::integral_constant<int, 2> two;
  const std::integral_constant<int, 3> three;
  const std::integral_constant<int, 5> five;
  const std::integral_constant<int, 7> seven;
  if (padding == (kernel - 1) / 2) {
    if (kernel == 3 && stride == 1) return in_tiles(three, one);
    if (kernel == 3 && stride == 2) return in_tiles(three, two);
    if (kernel == 5 && stride == 1) return in_tiles(five, one);
    if (kernel == 5 && stride == 2) return in_tiles(five, two);
    if (kernel == 7 && stride == 1) return in_tiles(seven, one);
  }
  return launch_elements(what, filter_channels<T>, y, stream, x, weight, bias, static_cast<int>(kernel),
                         static_cast<int>(stride), static_cast<int>(padding), activation, y);
}

// A convolution with up to 64 outputs as the product of patches that are never in memory: block (64 pixels), 16 x 16
// threads, each with 4 pixels and 4 outputs in registers; 16 columns of patches and weights at a time in shared memory.
// Shared memory: 27 KB, with the outputs, which leave in rows. A product of patches in memory does out / 4 operations
// in float32 for a byte that the patches cost, at 64 outputs far below what any GPU needs to be busy; with more outputs
// cuBLASLt's products win.
inline constexpr int kFewOutputs = 64;
inline constexpr int kTilePixels = 64, kTileDepth = 16, kTileSide = 16, kPerThread = 4;

template <class T>
__global__ void convolve_tiles(Map<const T> x, const T* weight, const T* bias, int kernel, int stride, int pad,
                               Finish<T> finish, Map<T> y) {
  __shared__ float patches[kTileDepth][kTilePixels + 4], weights[kTileDepth][kFewOutputs + 4];
  __shared__ float results[kTilePixels][kFewOutputs + 4];
  __shared__ int images[kTilePixels], tops[kTilePixels], lefts[kTilePixels];
  constexpr int kThreads = kTileSide * kTileSide;
  const int in = static_cast<int>(x.channels), depth = kernel * kernel * in, out = static_cast<int>(y.channels);
  const int thread = static_cast<int>(threadIdx.y * kTileSide + threadIdx.x);
  const Index first_row = Index{blockIdx.x} * kTilePixels, rows = y.rows();
  if (thread < kTilePixels) {
    const Index row = first_row + thread < rows ? first_row + thread : rows - 1, line = row / y.width;
    images[thread] = static_cast<int>(line / y.height);
    tops[thread] = static_cast<int>(line % y.height) * stride - pad;
    lefts[thread] = static_cast<int>(row % y.width) * stride - pad;
  }
  __syncthreads();
  float sums[kPerThread][kPerThread] = {};
  const int own = thread % kTileDepth;  // the column that the thread loads
  for (int first = 0; first < depth; first += kTileDepth) {
    const int column = first + own, tap = column / in, channel = column % in;
    for (int i = thread / kTileDepth; i < kTilePixels; i += kThreads / kTileDepth) {
      const T* const pixel =
          column < depth ? seen(x, images[i], tops[i] + tap / kernel, lefts[i] + tap % kernel) : nullptr;
      patches[own][i] = pixel != nullptr ? static_cast<float>(pixel[channel]) : 0.0f;
    }
    for (int i = thread / kTileDepth; i < kFewOutputs; i += kThreads / kTileDepth) {
      const bool inside = column < depth && i < out;
      weights[own][i] = inside ? static_cast<float>(weight[Index{i} * depth + column]) : 0.0f;
    }
    __syncthreads();
    for (int k = 0; k < kTileDepth; ++k) {
      for (int p = 0; p < kPerThread; ++p) {
        const float value = patches[k][static_cast<int>(threadIdx.y) * kPerThread + p];
        for (int o = 0; o < kPerThread; ++o) {
          sums[p][o] += value * weights[k][static_cast<int>(threadIdx.x) + o * kTileSide];
        }
      }
    }
    __syncthreads();
  }
  for (int p = 0; p < kPerThread; ++p) {
    for (int o = 0; o < kPerThread; ++o) {
      results[static_cast<int>(threadIdx.y) * kPerThread + p][static_cast<int>(threadIdx.x) + o * kTileSide] =
          sums[p][o];
    }
  }
  __syncthreads();
  for (int i = thread; i < kTilePixels * kFewOutputs; i += kThreads) {
    const int pixel = i / kFewOutputs, channel = i % kFewOutputs;
    const Index row = first_row + pixel;
    if (row >= rows || channel >= out) continue;
    const float value = results[pixel][channel] + static_cast<float>(bias[channel]);
    y.row(row)[channel] = static_cast<T>(finish(value, row, channel));
  }
}

template <class T>
Status launch_convolution(cudaStream_t stream, const Map<const T>& x, const T* weight, const T* bias, Index kernel,
                          Index stride, Index padding, const Finish<T>& finish, const Map<T>& y) noexcept {
  const Geometry geometry = {ceil_divide(y.rows(), kTilePixels), {kTileSide, kTileSide}};
  return launch("convolution", convolve_tiles<T>, geometry, stream, x, weight, bias, static_cast<int>(kernel),
                static_cast<int>(stride), static_cast<int>(padding), finish, y);
}

}  // namespace cuda
SEGFACE_END_CORE
