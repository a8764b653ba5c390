// Attention inside windows, shifted or not: see ops::windowed_attention, and base/window.hpp for which pixel is where.
//
// A block a window and head, two threads a place in it. Both read the place's query; the first takes its key to shared
// memory and goes over the former half of the window's keys, the second takes its value there and goes over the latter
// half; then the first adds up what both read. Shared memory, for heads of 32 channels: 18 KB.
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
  float mosts[kMostWindowTokens], sums[kMostWindowTokens];  // of the second threads
};

// qkv [B, H, W, 3 C] -> y [B, H, W, C]; block (window of all images, head). Threads: (places of a window, in whole
// warps; 2).
template <int kWidth, int N, class T>
__global__ void attend_windows(WindowOperand w, Map<const T> qkv, WindowAxis vertical, WindowAxis horizontal,
                               Map<T> y) {
  constexpr int kStride = WindowTile<kWidth>::kStride;
  __shared__ WindowTile<kWidth> tile;
  const auto side = static_cast<int>(vertical.window), t = static_cast<int>(threadIdx.x), tokens = side * side;
  const auto width = static_cast<int>(static_cast<unsigned>(y.channels) / gridDim.y);
  const auto across = static_cast<unsigned>(horizontal.count), down = static_cast<unsigned>(vertical.count);
  const Index head = blockIdx.y, first = head * width;
  const Index wx = blockIdx.x % across, wy = blockIdx.x / across % down, image = blockIdx.x / across / down;
  const bool inside = t < tokens, former = threadIdx.y == 0;
  const int own = inside ? t : 0;  // threads beyond the last place go along and leave zeros
  const int ty = own / side, tx = own % side;
  const Index py = vertical.pixel(wy, ty), px = horizontal.pixel(wx, tx);
  const bool padding = py >= y.height || px >= y.width;
  const T* const place = qkv.row(padding ? 0 : (image * y.height + py) * y.width + px) + first;
  const int region = static_cast<int>(window_region(vertical, wy, ty, horizontal, wx, tx));
  // Channels of q, k or v (part 0, 1 or 2) of the place.
  const auto load = [&](Index part, float* to) {
    const Index begin = part * y.channels;
    for (int d = 0; d < kWidth; d += N) {
      const Numbers<N> numbers = read_if<N>(d < width, place + begin + d, place + begin);
      for (int i = 0; i < N; ++i) to[d + i] = numbers[i];
    }
    if (!padding) return;
    for (int d = 0; d < kWidth; ++d) to[d] = d < width ? w.padding[begin + first + d] : 0.0f;
  };
  const auto make_unit = [](float* vector) {
    float squares = 0;
    for (int d = 0; d < kWidth; ++d) squares += vector[d] * vector[d];
    const float scale = 1 / fmaxf(sqrtf(squares), 1e-12f);
    for (int d = 0; d < kWidth; ++d) vector[d] *= scale;
  };
  Reader<kWidth> reader;
  float other[kWidth];
  load(0, reader.query);
  load(former ? 1 : 2, other);
  if (w.cosine) make_unit(reader.query);
  if (w.cosine && former) make_unit(other);
  // Beyond the last key are zeros, which a score of kNoKey leaves out.
  float* const staged = former ? tile.keys[t] : tile.values[t];
  for (int d = 0; d < kWidth; d += 4) {
    Numbers<4> numbers;
    for (int i = 0; i < 4; ++i) numbers[i] = inside ? other[d + i] : 0.0f;
    write(numbers, staged + d);
  }
  if (former) tile.regions[t] = region;
  __syncthreads();
  reader.begin(w.scale[head]);
  const float* const bias = w.bias + head * tokens * tokens + own;
  const int half = (tokens + 2 * kKeysAtOnce - 1) / (2 * kKeysAtOnce) * kKeysAtOnce;
  const int begin = former ? 0 : half, end = former && half < tokens ? half : tokens;
  for (int at = begin; at < end; at += kKeysAtOnce) {
    float scores[kKeysAtOnce];
    for (int j = 0; j < kKeysAtOnce; ++j) {
      scores[j] =
          at + j >= tokens ? kNoKey : bias[(at + j) * tokens] - (region != tile.regions[at + j] ? 100.0f : 0.0f);
    }
    reader.template add<kStride>(scores, tile.keys[at], tile.values[at]);
  }
  __syncthreads();  // keys and values have been read: what the second threads read takes their place
  if (!former) {
    for (int d = 0; d < kWidth; d += 4) {
      write(Numbers<4>{{reader.mixed[d], reader.mixed[d + 1], reader.mixed[d + 2], reader.mixed[d + 3]}},
            tile.values[t] + d);
    }
    tile.mosts[t] = reader.most;
    tile.sums[t] = reader.sum;
  }
  __syncthreads();
  if (!former || !inside || padding) return;
  const float most = fmaxf(reader.most, tile.mosts[t]);
  const float sum = reader.sum * expf(reader.most - most) + tile.sums[t] * expf(tile.mosts[t] - most);
  const float mine = expf(reader.most - most) / sum, others = expf(tile.mosts[t] - most) / sum;
  T* const result = y.row((image * y.height + py) * y.width + px) + first;
  for (int d = 0; d < kWidth; d += N) {
    if (d >= width) continue;
    const Numbers<N> theirs = read<N>(tile.values[t] + d);
    Numbers<N> numbers;
    for (int i = 0; i < N; ++i) numbers[i] = reader.mixed[d + i] * mine + theirs[i] * others;
    write(numbers, result + d);
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
      {ceil_divide(tokens, kWarp) * kWarp, 2}};
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
