// From image tokens to logits, after each of the two products: the pixels of a transposed convolution go to their
// places, and what follows them is done on the way.
#pragma once

#include <climits>

#include "segface/backends/cuda/epilogue.cuh"
#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

// Lanes that share a pixel of `channels` channels, kPack<T> each; 0 where they would be no power of two, or too many.
template <class T>
int lanes_of_pixel(Index channels) noexcept {
  const Index lanes = channels / kPack<T>;
  const bool suits =
      channels % kPack<T> == 0 && lanes > 0 && lanes <= static_cast<Index>(kWarp) && (lanes & (lanes - 1)) == 0;
  return suits ? static_cast<int>(lanes) : 0;
}

inline constexpr unsigned kSpreadBlock = 256;

// Products z [B, H, W, 4 C], four pixels side by side -> gelu(norm(z + bias)) as y [B, 2H, 2W, C]: `lanes` threads a
// pixel.
template <class T>
__global__ void spread_normalised(Map<const T> z, const float* bias, const float* gain, const float* shift, float eps,
                                  int lanes, Map<T> y) {
  constexpr int N = kPack<T>;
  const unsigned i = blockIdx.x * kSpreadBlock + threadIdx.x, part_row = i / static_cast<unsigned>(lanes);
  const unsigned row = part_row / 4, part = part_row % 4;
  const bool inside = row < z.rows();
  const int channel = static_cast<int>(i % static_cast<unsigned>(lanes)) * N;
  Numbers<N> numbers = inside ? read<N>(z.row(row) + part * y.channels + channel) : Numbers<N>{};
  const Numbers<N> biases = read<N>(bias + channel), gains = read<N>(gain + channel), shifts = read<N>(shift + channel);
  float sum = 0, squares = 0;
  for (int n = 0; n < N; ++n) {
    numbers[n] += biases[n];
    sum += numbers[n];
  }
  const auto channels = static_cast<float>(y.channels), mean = warp_sum(sum, lanes) / channels;
  for (int n = 0; n < N; ++n) {
    numbers[n] -= mean;
    squares += numbers[n] * numbers[n];
  }
  const float scale = 1 / sqrtf(warp_sum(squares, lanes) / channels + eps);
  if (!inside) return;
  for (int n = 0; n < N; ++n) numbers[n] = numbers[n] * scale * gains[n] + shifts[n];
  activate(Activation::gelu, numbers);
  const auto width = static_cast<unsigned>(z.width), height = static_cast<unsigned>(z.height);
  const unsigned line = row / width;
  write(numbers, y.pixel(line / height, line % height * 2 + part / 2, row % width * 2 + part % 2) + channel);
}

// Errors: limit_exceeded, those of launch.
template <class T>
Status launch_spread_normalised(cudaStream_t stream, const Map<const T>& z, const float* bias, const float* gain,
                                const float* shift, float eps, const Map<T>& y) noexcept {
  const int lanes = lanes_of_pixel<T>(y.channels);
  const Index threads = y.rows() * lanes;
  if (threads > INT_MAX) return error(Errc::limit_exceeded, "upscale: more than 2^31 threads; use a smaller batch");
  return launch("upscale", spread_normalised<T>, {ceil_divide(threads, kSpreadBlock), kSpreadBlock}, stream, z, bias,
                gain, shift, eps, lanes, y);
}

inline constexpr int kMostUpscaled = 32, kMostClassified = 32;  // channels of a pixel; classes
template <class T>
inline constexpr int kPixelWarps = 16 / static_cast<int>(sizeof(T));  // of a block, each with 32 pixels of a row

// Products z [B, H, W, 4 C] -> u = gelu(z + bias), [B, 2H, 2W, C], and its products with the tokens, hyper [B, 1, K,
// C], as logits [B, 2H, 2W, K]. u is stored where it has rows. Block (strip of 32 pixels, rows of logits, image): a
// thread a pixel, whose channels are in its registers; the tokens are in shared memory, where all look at the same one,
// and logits leave through it, so that a warp writes its pixels in one go. Shared memory: 20 KB.
template <class T>
__global__ void classify_pixels(Map<const T> z, const float* bias, Map<const T> hyper, Map<T> upscaled, Map<T> logits) {
  constexpr int N = kPack<T>;
  __shared__ float tokens[kMostClassified][kMostUpscaled];
  __shared__ T results[kPixelWarps<T>][kWarp * kMostClassified];
  const auto channels = static_cast<int>(hyper.channels), classes = static_cast<int>(hyper.width);
  const auto lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const Index image = blockIdx.z, y = Index{blockIdx.y} * kPixelWarps<T> + warp, left = Index{blockIdx.x} * kWarp;
  for (int k = warp; k < kMostClassified; k += kPixelWarps<T>) {
    const bool inside = k < classes && lane < channels;
    tokens[k][lane] = inside ? static_cast<float>(hyper.row(image * classes + k)[lane]) : 0.0f;
  }
  __syncthreads();
  if (y >= logits.height) return;  // the whole warp
  const Index width = logits.width - left < static_cast<Index>(kWarp) ? logits.width - left : kWarp;
  const Index x = left + (lane < width ? lane : 0);
  const T* const in = z.pixel(image, y / 2, x / 2) + (y % 2 * 2 + x % 2) * channels;
  float pixel[kMostUpscaled];
  for (int c = 0; c < kMostUpscaled; c += N) {
    Numbers<N> numbers = {};
    if (c < channels) {
      numbers = read<N>(in + c);
      const Numbers<N> biases = read<N>(bias + c);
      for (int i = 0; i < N; ++i) numbers[i] += biases[i];
      activate(Activation::gelu, numbers);
      if (upscaled.rows() != 0 && lane < width) write(numbers, upscaled.pixel(image, y, x) + c);
    }
    for (int i = 0; i < N; ++i) pixel[c + i] = numbers[i];
  }
  T* const own = results[warp];
  for (int k = 0; k < classes; ++k) {
    float logit = 0;
    for (int c = 0; c < kMostUpscaled; ++c) logit += tokens[k][c] * pixel[c];
    own[lane * classes + k] = static_cast<T>(logit);
  }
  __syncwarp();
  const auto count = static_cast<int>(width) * classes;
  for (int i = lane; i < count; i += static_cast<int>(kWarp)) {
    logits.pixel(image, y, left + i / classes)[i % classes] = own[i];
  }
}

template <class T>
bool suits_classify(Index channels, Index classes) noexcept {
  return channels % kPack<T> == 0 && channels <= kMostUpscaled && classes <= kMostClassified;
}

template <class T>
Status launch_classify(cudaStream_t stream, const Map<const T>& z, const float* bias, const Map<const T>& hyper,
                       const Map<T>& upscaled, const Map<T>& logits) noexcept {
  const Geometry geometry = {
      {ceil_divide(logits.width, kWarp), ceil_divide(logits.height, kPixelWarps<T>), static_cast<unsigned>(z.batch)},
      {kWarp, kPixelWarps<T>}};
  return launch("classify", classify_pixels<T>, geometry, stream, z, bias, hyper, upscaled, logits);
}

}  // namespace cuda
SEGFACE_END_CORE
