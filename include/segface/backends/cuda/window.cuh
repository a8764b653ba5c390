// Attention inside windows, shifted or not: see ops::windowed_attention, and base/window.hpp for which pixel is where.
//
// A block a window and head, a thread a place in it: it reads its query, its key and its value, of which the latter two
// go to shared memory, and its query goes over the window's keys in one pass. Shared memory, for heads of 32 channels:
// 18 KB.
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
struct alignas(16) WindowTile {
  static constexpr int kStride = kWidth + 4;  // threads that write neighbouring rows take turns at the banks
  float keys[kMostWindowTokens][kStride], values[kMostWindowTokens][kStride];
  int regions[kMostWindowTokens];
};

// qkv [B, H, W, 3 C] -> y [B, H, W, C]; block (window of all images, head). Threads: places of a window, whole warps.
template <int kWidth, int N, class T>
__global__ void attend_windows(WindowOperand w, Map<const T> qkv, WindowAxis vertical, WindowAxis horizontal,
                               Map<T> y) {
  __shared__ WindowTile<kWidth> tile;
  const int tokens = static_cast<int>(vertical.window * vertical.window), t = static_cast<int>(threadIdx.x);
  const auto width = static_cast<int>(y.channels / static_cast<Index>(gridDim.y));
  const Index head = blockIdx.y, first = head * width, window = blockIdx.x;
  const Index wx = window % horizontal.count, wy = window / horizontal.count % vertical.count;
  const Index image = window / horizontal.count / vertical.count;
  const bool inside = t < tokens;  // threads beyond the last place go along and leave nothing
  const int own = inside ? t : 0;
  const Index py = vertical.pixel(wy, own / vertical.window), px = horizontal.pixel(wx, own % vertical.window);
  const bool padding = py >= y.height || px >= y.width;
  const Index row = padding ? 0 : (image * y.height + py) * y.width + px;
  const int region = static_cast<int>(window_region(vertical, wy, horizontal, wx, own));
  // Channels of q, k or v of the place.
  const auto load = [&](Index part, float* to) {
    for (int d = 0; d < kWidth; d += N) {
      const Index channel = part * y.channels + first + d;
      const Numbers<N> numbers = d >= width ? Numbers<N>{}
                                 : padding  ? read<N>(w.padding + channel)
                                            : read<N>(qkv.row(row) + channel);
      for (int i = 0; i < N; ++i) to[d + i] = numbers[i];
    }
  };
  Reader<kWidth> reader;
  float key[kWidth], value[kWidth];
  load(0, reader.query);
  load(1, key);
  load(2, value);
  if (w.cosine) {
    const auto make_unit = [](float* vector) {
      float squares = 0;
      for (int d = 0; d < kWidth; ++d) squares += vector[d] * vector[d];
      const float length = fmaxf(sqrtf(squares), 1e-12f);
      for (int d = 0; d < kWidth; ++d) vector[d] /= length;
    };
    make_unit(reader.query);
    make_unit(key);
  }
  // Beyond the last key are zeros, which a score of kNoKey leaves out.
  if (t < kMostWindowTokens) {
    for (int d = 0; d < kWidth; d += 4) {
      Numbers<4> keys, values;
      for (int i = 0; i < 4; ++i) {
        keys[i] = inside ? key[d + i] : 0.0f;
        values[i] = inside ? value[d + i] : 0.0f;
      }
      write(keys, tile.keys[t] + d);
      write(values, tile.values[t] + d);
    }
    tile.regions[t] = region;
  }
  __syncthreads();
  reader.begin(w.scale[head]);
  const float* const bias = w.bias + head * tokens * tokens + own;
  for (int at = 0; at < tokens; at += kKeysAtOnce) {
    float scores[kKeysAtOnce];
    for (int j = 0; j < kKeysAtOnce; ++j) {
      scores[j] =
          at + j >= tokens ? kNoKey : bias[(at + j) * tokens] - (region != tile.regions[at + j] ? 100.0f : 0.0f);
    }
    reader.template add<WindowTile<kWidth>::kStride>(scores, tile.keys[at], tile.values[at]);
  }
  if (!inside || padding) return;
  for (int d = 0; d < kWidth; d += N) {
    if (d >= width) return;
    Numbers<N> numbers;
    for (int i = 0; i < N; ++i) numbers[i] = reader.mixed[d + i] / reader.sum;
    write(numbers, y.row(row) + first + d);
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
  const Map<const T> heads = {qkv.data, qkv.rows(), 1, 3 * w.heads, width, width};
  return with_head_width(width, [&](auto most) {
    return in_widest_packs<T>(
        [&](auto n) {
          return launch("windowed_attention", attend_windows<decltype(most)::value, decltype(n)::value, T>, geometry,
                        stream, operand, qkv, vertical, horizontal, y);
        },
        qkv, y, heads);
  });
}

}  // namespace cuda
SEGFACE_END_CORE
