// Attention inside windows, shifted or not: see ops::windowed_attention, and base/window.hpp for which pixel is where.
//
// A block a window and head, a thread a query, which goes over the window's keys in one pass. q, k and v are read in
// rows and staged in shared memory, where a warp looks at one key at a time; what was read leaves the same way. Shared
// memory, for heads of 32 channels: 17 KB; of 64: 34 KB.
#pragma once

#include <cmath>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/cuda/operands.cuh"
#include "segface/backends/cuda/softmax.cuh"
#include "segface/base/config.hpp"
#include "segface/base/window.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr int kMostWindowTokens = 64;

// A WindowAttention as kernels take it.
struct WindowOperand {
  bool cosine;
  const float *scale, *bias, *padding;
};

template <int kWidth>
struct WindowTile {
  float turned[kMostWindowTokens][kWidth + 1];  // queries, then keys, then what was read
  float values[kMostWindowTokens][kWidth];
  float lengths[kMostWindowTokens];  // of the keys
  Index rows[kMostWindowTokens];     // of the places in the map; -1: padding
  int regions[kMostWindowTokens];
};

// qkv [B, H, W, 3 C] -> y [B, H, W, C]; block (window of all images, head). Threads: places of a window, whole warps.
template <int kWidth, class T>
__global__ void attend_windows(WindowOperand w, Map<const T> qkv, WindowAxis vertical, WindowAxis horizontal,
                               Map<T> y) {
  __shared__ WindowTile<kWidth> tile;
  const int tokens = static_cast<int>(vertical.window * vertical.window), t = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  const auto width = static_cast<int>(y.channels / static_cast<Index>(gridDim.y));
  const Index head = blockIdx.y, first = head * width;
  if (t < tokens) {
    const Index window = blockIdx.x, wx = window % horizontal.count, wy = window / horizontal.count % vertical.count;
    const Index image = window / horizontal.count / vertical.count;
    const Index py = vertical.pixel(wy, t / vertical.window), px = horizontal.pixel(wx, t % vertical.window);
    tile.rows[t] = py < y.height && px < y.width ? (image * y.height + py) * y.width + px : -1;
    tile.regions[t] = static_cast<int>(window_region(vertical, wy, horizontal, wx, t));
  }
  // The head's channels from `channel` on of every place.
  const auto load = [&](Index channel, float* to, int stride) {
    for (int i = t; i < tokens * kWidth; i += threads) {
      const int d = i % kWidth;
      const Index row = tile.rows[i / kWidth];
      float value = 0;
      if (d < width) value = row >= 0 ? static_cast<float>(qkv.row(row)[channel + d]) : w.padding[channel + d];
      to[i / kWidth * stride + d] = value;
    }
  };
  const int own = t < tokens ? t : 0;  // threads beyond the last place do what the first does
  __syncthreads();
  load(first, tile.turned[0], kWidth + 1);
  __syncthreads();
  const float scale = w.scale[head] / (w.cosine ? length<kWidth>(tile.turned[own]) : 1.0f);
  Reader<kWidth> reader;
  reader.begin(tile.turned[own], scale);
  __syncthreads();
  load(y.channels + first, tile.turned[0], kWidth + 1);
  load(2 * y.channels + first, tile.values[0], kWidth);
  __syncthreads();
  if (w.cosine) {
    if (t < tokens) tile.lengths[t] = length<kWidth>(tile.turned[t]);
    __syncthreads();
  }
  const float* const bias = w.bias + head * tokens * tokens + own;
  const int region = tile.regions[own];
  for (int j = 0; j < tokens; ++j) {
    const float product = reader.dot(tile.turned[j]), lower = region != tile.regions[j] ? 100.0f : 0.0f;
    const float score = (w.cosine ? product / tile.lengths[j] : product) + bias[j * tokens] - lower;
    reader.add(score, tile.values[j]);
  }
  __syncthreads();
  if (t < tokens) reader.store(tile.turned[t], reader.sum);
  __syncthreads();
  for (int i = t; i < tokens * kWidth; i += threads) {
    const int d = i % kWidth;
    const Index row = tile.rows[i / kWidth];
    if (row >= 0 && d < width) y.row(row)[first + d] = static_cast<T>(tile.turned[i / kWidth][d]);
  }
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
      ceil_divide(tokens, kWarp) * kWarp};
  const WindowOperand operand = {w.cosine, w.scale.data(), w.bias.data(), w.padding.data()};
  return with_head_width(width, [&](auto most) {
    return launch("windowed_attention", attend_windows<decltype(most)::value, T>, geometry, stream, operand, qkv,
                  vertical, horizontal, y);
  });
}

}  // namespace cuda
SEGFACE_END_CORE
