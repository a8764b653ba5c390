// Kernels of convolutions. N channels a thread: patches for a product, the pixels of a transposed convolution after its
// product, the largest of a neighbourhood, the depthwise filter. And the convolution of pictures, whose few channels no
// product can use well.
#pragma once

#include <climits>
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
template <int N, class T>
__global__ void gather_patches(Map<const T> x, int kernel, int stride, int pad, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (!at.inside) return;
  const auto channels = static_cast<int>(x.channels), tap = static_cast<int>(at.channel) / channels;
  const T* const pixel = seen(x, at.batch, at.y * stride + tap / kernel - pad, at.x * stride + tap % kernel - pad);
  const Numbers<N> numbers = pixel != nullptr ? read<N>(pixel + static_cast<int>(at.channel) % channels) : Numbers<N>{};
  write(numbers, y.row(at.row) + at.channel);
}

// Products z [B, H, W, 4 C], four pixels side by side -> y [B, 2H, 2W, C]
template <int N, class T>
__global__ void spread_pixels(Map<const T> z, const float* bias, Activation activation, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (!at.inside) return;
  const Index part = at.y % 2 * 2 + at.x % 2;
  Numbers<N> numbers = read<N>(z.pixel(at.batch, at.y / 2, at.x / 2) + part * y.channels + at.channel);
  const Numbers<N> biases = read<N>(bias + at.channel);
  for (int i = 0; i < N; ++i) numbers[i] += biases[i];
  activate(activation, numbers);
  write(numbers, y.row(at.row) + at.channel);
}

// x [B, H, W, C] -> y [B, H', W', C]; see ops::max_pool.
template <int N, class T>
__global__ void largest_of_neighbours(Map<const T> x, int kernel, int stride, int pad, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (!at.inside) return;
  Numbers<N> largest = {};
  bool any = false;
  for (int dy = 0; dy < kernel; ++dy) {
    for (int dx = 0; dx < kernel; ++dx) {
      const T* const pixel = seen(x, at.batch, at.y * stride + dy - pad, at.x * stride + dx - pad);
      if (pixel == nullptr) continue;
      const Numbers<N> numbers = read<N>(pixel + at.channel);
      for (int i = 0; i < N; ++i) largest[i] = !any || numbers[i] > largest[i] ? numbers[i] : largest[i];
      any = true;
    }
  }
  write(largest, y.row(at.row) + at.channel);
}

// ---- the depthwise filter ---------------------------------------------------------------------------------------

// x [B, H, W, C], weight [kernel^2, C] -> activation(y [B, H', W', C])
template <int N, class T>
__global__ void filter_channels(Map<const T> x, const float* weight, const float* bias, int kernel, int stride, int pad,
                                Activation activation, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (!at.inside) return;
  Numbers<N> sums = read<N>(bias + at.channel);
  for (int dy = 0; dy < kernel; ++dy) {
    for (int dx = 0; dx < kernel; ++dx) {
      const T* const pixel = seen(x, at.batch, at.y * stride + dy - pad, at.x * stride + dx - pad);
      if (pixel == nullptr) continue;
      const Numbers<N> numbers = read<N>(pixel + at.channel),
                       taps = read<N>(weight + (dy * kernel + dx) * y.channels + at.channel);
      for (int i = 0; i < N; ++i) sums[i] += numbers[i] * taps[i];
    }
  }
  activate(activation, sums);
  write(sums, y.row(at.row) + at.channel);
}

// The same for a kernel and a stride that are known, kColumns neighbouring pixels of a row a thread, which reads each
// line of x once for them all; neighbouring threads have neighbouring channels.
template <int kKernel, int kStride>
inline constexpr int kFilterColumns = kStride == 1 ? 4 : 2;

template <int kKernel, int kStride, int N, class T>
__global__ void filter_lines(Map<const T> x, const float* weight, const float* bias, Activation activation, Map<T> y) {
  constexpr int kColumns = kFilterColumns<kKernel, kStride>, kPad = (kKernel - 1) / 2;
  constexpr int kWide = (kColumns - 1) * kStride + kKernel;
  const auto channels = static_cast<unsigned>(y.channels), packs = channels / N;
  const auto across = (static_cast<unsigned>(y.width) + kColumns - 1) / kColumns,
             height = static_cast<unsigned>(y.height);
  const unsigned i = blockIdx.x * kElementBlock + threadIdx.x, place = i / packs, line = place / across;
  if (line >= static_cast<unsigned>(y.batch) * height) return;
  const unsigned channel = i % packs * N;
  const Index image = line / height, row = line % height, left = Index{place % across} * kColumns;
  Numbers<N> sums[kColumns];
  const Numbers<N> biases = read<N>(bias + channel);
  for (Numbers<N>& sum : sums) sum = biases;
  const Index first = left * kStride - kPad;
  for (int dy = 0; dy < kKernel; ++dy) {
    const Index sy = row * kStride + dy - kPad;
    if (sy < 0 || sy >= x.height) continue;
    const T* const begin = x.pixel(image, sy, 0) + channel;
    Numbers<N> inputs[kWide];
    for (int j = 0; j < kWide; ++j) {
      const Index sx = first + j;
      inputs[j] = read_if<N>(sx >= 0 && sx < x.width, begin + sx * x.stride, begin);
    }
    for (int dx = 0; dx < kKernel; ++dx) {
      const Numbers<N> taps = read<N>(weight + static_cast<unsigned>(dy * kKernel + dx) * channels + channel);
      for (int c = 0; c < kColumns; ++c) {
        for (int n = 0; n < N; ++n) sums[c][n] += inputs[c * kStride + dx][n] * taps[n];
      }
    }
  }
  SEGFACE_UNROLL(kColumns)
  for (int c = 0; c < kColumns; ++c) {
    if (left + c >= y.width) continue;
    activate(activation, sums[c]);
    write(sums[c], y.pixel(image, row, left + c) + channel);
  }
}

// By lines for the filters of the backbones, plainly for others. Errors: those of launch_elements.
template <class T>
Status launch_filter(cudaStream_t stream, const Map<const T>& x, const float* weight, const float* bias, Index kernel,
                     Index stride, Index padding, Activation activation, const Map<T>& y) noexcept {
  const char* const what = "depthwise_convolution";
  const auto by_lines = [&](auto size, auto step) {
    constexpr int kKernel = decltype(size)::value, kStride = decltype(step)::value;
    return in_widest_packs<T>(
        [&](auto n) {
          constexpr int N = decltype(n)::value;
          const Index threads = y.batch * y.height * (y.channels / N) *
                                static_cast<Index>(ceil_divide(y.width, kFilterColumns<kKernel, kStride>));
          if (threads > INT_MAX) {
            return error(Errc::limit_exceeded, what, ": more than 2^31 elements; use a smaller batch");
          }
          return launch(what, filter_lines<kKernel, kStride, N, T>,
                        {ceil_divide(threads, kElementBlock), kElementBlock}, stream, x, weight, bias, activation, y);
        },
        x, y);
  };
  const std::integral_constant<int, 1> one;
  const std::integral_constant<int, 2> two;
  const std::integral_constant<int, 3> three;
  const std::integral_constant<int, 5> five;
  const std::integral_constant<int, 7> seven;
  if (padding == (kernel - 1) / 2) {
    if (kernel == 3 && stride == 1) return by_lines(three, one);
    if (kernel == 3 && stride == 2) return by_lines(three, two);
    if (kernel == 5 && stride == 1) return by_lines(five, one);
    if (kernel == 5 && stride == 2) return by_lines(five, two);
    if (kernel == 7 && stride == 1) return by_lines(seven, one);
  }
  return launch_packs(
      what, [](auto n) { return filter_channels<decltype(n)::value, T>; }, y, stream, x, weight, bias,
      static_cast<int>(kernel), static_cast<int>(stride), static_cast<int>(padding), activation, y);
}

// ---- the convolution of pictures --------------------------------------------------------------------------------

// Of patches of so few numbers no product makes much: a thread makes 16 outputs of a pixel.
inline constexpr Index kPictureChannels = 3, kPictureOutputs = 64;
inline constexpr int kPictureDepth = 7 * 7 * 3, kPicturePixels = 128, kThreadOutputs = 16;

inline bool is_of_pictures(Index in, Index out, Index kernel) noexcept {
  return in <= kPictureChannels && out <= kPictureOutputs && kernel * kernel * in <= kPictureDepth;
}

// Block (128 pixels of all images, 16 outputs). The weights are in shared memory, 9 KB, where all threads of a warp look
// at the same ones.
template <int N, class T>
__global__ void convolve_picture(Map<const T> x, const T* weight, const T* bias, int kernel, int stride, int pad,
                                 Finish<T> finish, Map<T> y) {
  __shared__ float weights[kPictureDepth][kThreadOutputs];
  const auto in = static_cast<int>(x.channels), depth = kernel * kernel * in, out = static_cast<int>(y.channels);
  const auto thread = static_cast<int>(threadIdx.x), first = static_cast<int>(blockIdx.y) * kThreadOutputs;
  for (int i = thread; i < depth * kThreadOutputs; i += kPicturePixels) {
    const int o = i % kThreadOutputs, column = i / kThreadOutputs;
    weights[column][o] = first + o < out ? static_cast<float>(weight[(first + o) * depth + column]) : 0.0f;
  }
  __syncthreads();
  const auto width = static_cast<unsigned>(y.width), height = static_cast<unsigned>(y.height);
  const unsigned row = blockIdx.x * kPicturePixels + threadIdx.x, line = row / width;
  if (row >= y.rows()) return;
  const Index image = line / height, top = Index{line % height} * stride - pad,
              left = Index{row % width} * stride - pad;
  float sums[kThreadOutputs] = {};
  for (int dy = 0; dy < kernel; ++dy) {
    for (int dx = 0; dx < kernel; ++dx) {
      const T* const pixel = seen(x, image, top + dy, left + dx);
      for (int c = 0; c < in; ++c) {
        const float value = read_if<1>(pixel != nullptr, pixel + c, x.data)[0];
        const float* const column = weights[(dy * kernel + dx) * in + c];
        for (int o = 0; o < kThreadOutputs; ++o) sums[o] += value * column[o];
      }
    }
  }
  SEGFACE_UNROLL(kThreadOutputs)
  for (int begin = 0; begin < kThreadOutputs; begin += N) {
    const int channel = first + begin;
    if (channel >= out) continue;
    Numbers<N> numbers;
    for (int i = 0; i < N; ++i) numbers[i] = sums[begin + i] + static_cast<float>(bias[channel + i]);
    finish(numbers, row, channel);
    write(numbers, y.row(row) + channel);
  }
}

template <class T>
Status launch_picture(cudaStream_t stream, const Map<const T>& x, const T* weight, const T* bias, Index kernel,
                      Index stride, Index padding, const Finish<T>& finish, const Map<T>& y) noexcept {
  const Geometry geometry = {{ceil_divide(y.rows(), kPicturePixels), ceil_divide(y.channels, kThreadOutputs)},
                             kPicturePixels};
  return in_widest_packs<T>(
      [&](auto n) {
        return launch("convolution", convolve_picture<decltype(n)::value, T>, geometry, stream, x, weight, bias,
                      static_cast<int>(kernel), static_cast<int>(stride), static_cast<int>(padding), finish, y);
      },
      finish, y);
}

}  // namespace cuda
SEGFACE_END_CORE
