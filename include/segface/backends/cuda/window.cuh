// Attention inside windows, shifted or not: see ops::windowed_attention, and base/window.hpp for which pixel is where.
//
// A block a window and head, a thread a query, which goes over the window's keys in one pass. Shared memory: with
// cosine, the lengths of the keys, 256 bytes.
#pragma once

#include <cmath>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/cuda/operands.cuh"
#include "segface/backends/cuda/softmax.cuh"
#include "segface/base/config.hpp"
#include "segface/base/window.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

inline constexpr Index kMostWindowTokens = 64;

// A WindowAttention as kernels take it.
struct WindowOperand {
  bool cosine;
  const float *scale, *bias, *padding;
};

// Where the places of a window are.
template <class T>
struct WindowPlaces {
  Map<const T> qkv;
  WindowAxis vertical, horizontal;
  Index image, wy, wx;

  struct Place {
    const T* pixel;  // null: padding
    Index y, x;
  };
  __device__ Place operator()(Index t) const noexcept {
    const Index y = vertical.pixel(wy, t / vertical.window), x = horizontal.pixel(wx, t % vertical.window);
    const bool inside = y < qkv.height && x < qkv.width;
    return {inside ? qkv.pixel(image, y, x) : nullptr, y, x};
  }
};

// qkv [B, H, W, 3 C] -> y [B, H, W, C]; block (window of all images, head).
template <int kWidth, class T>
__global__ void attend_windows(WindowOperand w, Map<const T> qkv, WindowAxis vertical, WindowAxis horizontal,
                               Map<T> y) {
  __shared__ float lengths[kMostWindowTokens];
  constexpr float kTiny = 1e-12f;  // least length that is divided by
  const Index window = blockIdx.x, head = blockIdx.y, tokens = vertical.window * vertical.window, t = threadIdx.x;
  const auto width = static_cast<int>(y.channels / static_cast<Index>(gridDim.y));
  const Index wx = window % horizontal.count, wy = window / horizontal.count % vertical.count;
  const Index image = window / horizontal.count / vertical.count, first = head * width;
  const WindowPlaces<T> places = {qkv, vertical, horizontal, image, wy, wx};
  const auto own = places(t);
  // q of a padded place is not needed; its k and v are.
  const auto length = [&](const auto* vector) {
    return fmaxf(sqrtf(Query<kWidth>(vector, width).dot(vector, width)), kTiny);
  };
  const Index key_at = y.channels + first, value_at = 2 * y.channels + first;
  if (w.cosine) {
    lengths[t] = own.pixel != nullptr ? length(own.pixel + key_at) : length(w.padding + key_at);
    __syncthreads();
  }
  if (own.pixel == nullptr) return;
  const Query<kWidth> query(own.pixel + first, width);
  const float query_length = w.cosine ? length(own.pixel + first) : 1.0f;
  const Index region = window_region(vertical, wy, horizontal, wx, t);
  const float* const bias = w.bias + (head * tokens + t) * tokens;
  RunningSoftmax<kWidth> softmax;
  softmax.clear();
  for (Index j = 0; j < tokens; ++j) {
    const auto place = places(j);
    const float lower = region != window_region(vertical, wy, horizontal, wx, j) ? 100.0f : 0.0f;
    const float divisor = w.cosine ? query_length * lengths[j] : 1.0f;
    const auto read = [&](const auto* pixel) {
      const float score = query.dot(pixel + key_at, width) / divisor * w.scale[head] + bias[j] - lower;
      softmax.add(score, pixel + value_at, width);
    };
    if (place.pixel != nullptr) {
      read(place.pixel);
    } else {
      read(w.padding);
    }
  }
  softmax.store(y.pixel(image, own.y, own.x) + first, width);
}

// Errors: internal (heads too wide, windows too large), those of launch.
template <class T>
Status launch_windowed_attention(cudaStream_t stream, const WindowAttention& w, const Map<const T>& qkv, Index shift,
                                 const Map<T>& y) noexcept {
  const Index tokens = w.window * w.window, width = y.channels / w.heads;
  if (width > kMostHeadWidth) return error(Errc::internal, "heads have at most ", kMostHeadWidth, " channels");
  if (tokens > kMostWindowTokens) return error(Errc::internal, "windows have at most ", kMostWindowTokens, " pixels");
  const WindowAxis vertical(y.height, w.window, shift), horizontal(y.width, w.window, shift);
  const Geometry geometry = {
      {static_cast<unsigned>(y.batch * vertical.count * horizontal.count), static_cast<unsigned>(w.heads)},
      static_cast<unsigned>(tokens)};
  const WindowOperand operand = {w.cosine, w.scale.data(), w.bias.data(), w.padding.data()};
  return with_head_width(width, [&](auto most) {
    return launch("windowed_attention", attend_windows<decltype(most)::value, T>, geometry, stream, operand, qkv,
                  vertical, horizontal, y);
  });
}

}  // namespace cuda
SEGFACE_END_NAMESPACE
