// From image tokens to logits, after each of the two products: the pixels of a transposed convolution go to their
// places, and what follows them is done on the way.
#pragma once

#include "segface/backends/cuda/epilogue.cuh"
#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr int kPixelWarps = 8;          // of a block
inline constexpr Index kMostNormalised = 256;  // channels, 8 a lane

// Products z [B, H, W, 4 C], four pixels side by side -> gelu(norm(z + bias)) as y [B, 2H, 2W, C]: a warp a pixel, its
// channels in registers.
template <class T>
__global__ void spread_normalised(Map<const T> z, const float* bias, const float* gain, const float* shift, float eps,
                                  Map<T> y) {
  constexpr int kPerLane = static_cast<int>(kMostNormalised / kWarp);
  const Index part_row = Index{blockIdx.x} * kPixelWarps + threadIdx.y, row = part_row / 4, part = part_row % 4;
  if (row >= z.rows()) return;  // the whole warp
  const auto channels = static_cast<int>(y.channels), lane = static_cast<int>(threadIdx.x);
  const T* const in = z.row(row) + part * channels;
  float values[kPerLane], sum = 0, squares = 0;
  for (int i = 0; i < kPerLane; ++i) {
    const int c = i * static_cast<int>(kWarp) + lane;
    values[i] = c < channels ? static_cast<float>(in[c]) + bias[c] : 0.0f;
    sum += values[i];
  }
  const float mean = warp_sum(sum) / static_cast<float>(channels);
  for (int i = 0; i < kPerLane; ++i) {
    const float distance = values[i] - mean;
    if (i * static_cast<int>(kWarp) + lane < channels) squares += distance * distance;
  }
  const float scale = 1 / sqrtf(warp_sum(squares) / static_cast<float>(channels) + eps);
  const Index line = row / z.width;
  T* const out = y.pixel(line / z.height, line % z.height * 2 + part / 2, row % z.width * 2 + part % 2);
  for (int i = 0; i < kPerLane; ++i) {
    const int c = i * static_cast<int>(kWarp) + lane;
    if (c < channels) {
      out[c] = static_cast<T>(activate(Activation::gelu, (values[i] - mean) * scale * gain[c] + shift[c]));
    }
  }
}

template <class T>
Status launch_spread_normalised(cudaStream_t stream, const Map<const T>& z, const float* bias, const float* gain,
                                const float* shift, float eps, const Map<T>& y) noexcept {
  const Geometry geometry = {ceil_divide(4 * z.rows(), kPixelWarps), {kWarp, kPixelWarps}};
  return launch("upscale", spread_normalised<T>, geometry, stream, z, bias, gain, shift, eps, y);
}

inline constexpr int kMostUpscaled = 32, kMostClassified = 32;  // channels of a pixel; one class a lane
inline constexpr int kRowsPerWarp = 8;                          // rows of products that a warp goes through

// Products z [B, H, W, 4 C] -> u = gelu(z + bias), [B, 2H, 2W, C], and its products with the tokens, hyper [B, 1, K,
// C], as logits [B, 2H, 2W, K]. u is stored where it has rows. Block (64 rows of an image, image): a warp turns a row
// into four pixels in shared memory, then each lane has a class. Shared memory: 8 KB.
template <class T>
__global__ void classify_pixels(Map<const T> z, const float* bias, Map<const T> hyper, Map<T> upscaled, Map<T> logits) {
  __shared__ float tokens[kMostClassified][kMostUpscaled + 1], pixels[kPixelWarps][4 * kMostUpscaled];
  const auto channels = static_cast<int>(hyper.channels), classes = static_cast<int>(hyper.width);
  const auto lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const Index image = blockIdx.y, first = Index{blockIdx.x} * (kPixelWarps * kRowsPerWarp);
  for (int k = warp; k < kMostClassified; k += kPixelWarps) {
    const bool inside = k < classes && lane < channels;
    tokens[k][lane] = inside ? static_cast<float>(hyper.row(image * classes + k)[lane]) : 0.0f;
  }
  __syncthreads();
  float token[kMostUpscaled];
  for (int c = 0; c < kMostUpscaled; ++c) token[c] = tokens[lane][c];
  for (int i = 0; i < kRowsPerWarp; ++i) {
    const Index row = first + i * kPixelWarps + warp;
    if (row >= z.pixels()) return;  // the whole warp
    const Index y = row / z.width * 2, x = row % z.width * 2;
    const T* const in = z.row(image * z.pixels() + row);
    for (int part = 0; part < 4; ++part) {
      float value = 0;
      if (lane < channels) {
        value = activate(Activation::gelu, static_cast<float>(in[part * channels + lane]) + bias[lane]);
        if (upscaled.rows() != 0) {
          upscaled.pixel(image, y + part / 2, x + part % 2)[lane] = static_cast<T>(value);
        }
      }
      pixels[warp][part * kMostUpscaled + lane] = value;
    }
    __syncwarp();
    for (int part = 0; part < 4; ++part) {
      float logit = 0;
      for (int c = 0; c < kMostUpscaled; ++c) logit += token[c] * pixels[warp][part * kMostUpscaled + c];
      if (lane < classes) logits.pixel(image, y + part / 2, x + part % 2)[lane] = static_cast<T>(logit);
    }
    __syncwarp();
  }
}

template <class T>
Status launch_classify(cudaStream_t stream, const Map<const T>& z, const float* bias, const Map<const T>& hyper,
                       const Map<T>& upscaled, const Map<T>& logits) noexcept {
  const Geometry geometry = {{ceil_divide(z.pixels(), kPixelWarps * kRowsPerWarp), static_cast<unsigned>(z.batch)},
                             {kWarp, kPixelWarps}};
  return launch("classify", classify_pixels<T>, geometry, stream, z, bias, hyper, upscaled, logits);
}

}  // namespace cuda
SEGFACE_END_CORE
