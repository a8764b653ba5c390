// The image reads the tokens: attention, projection, sum and norm of a tile of pixels, without leaving the block.
#pragma once

#include <cmath>

#include "segface/backends/cuda/attention.cuh"
#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr int kReadWidth = 16, kReadHeads = kSlice / kReadWidth;  // channels of a head at most; heads of a block
inline constexpr int kMostOutputs = 256;                                 // of the projection, 8 a lane
inline constexpr int kPartOutputs = 128, kPartDepth = 16;                // of a part of its weights

// What a kernel takes of the projection and the norm behind it.
template <class T>
struct ReadOperand {
  const T *weight, *bias;  // [out, in], [out]
  const float *gain, *shift;
  float eps;
};

// y = norm(image + out(softmax(q k^T / sqrt(D)) v)): q [B, N, in], k and v [B, M, in], image and y [B, N, out]; y may
// be the image. Block (32 pixels, image), 8 warps: attention with a head a warp, then 4 pixels a warp, whose outputs
// are in its registers up to the end. The projection's weights come through shared memory, 16 columns of 128 outputs at
// a time. Shared memory: 33 KB of the attention, where the weights take the place of the keys.
template <class T>
__global__ void read_tokens(Map<const T> q, Map<const T> k, Map<const T> v, int heads, float scale, ReadOperand<T> w,
                            Map<const T> image, Map<T> y) {
  constexpr int kRows = kQueries / kReadHeads, kPerLane = kMostOutputs / static_cast<int>(kWarp);
  constexpr int kPartPerLane = kPartOutputs / static_cast<int>(kWarp);
  constexpr int kStride = kPartOutputs + 4, kThreads = static_cast<int>(kWarp) * kReadHeads;
  static_assert(kPartDepth * kStride <= 2 * kKeys * kSlice);
  __shared__ AttentionTile tile;
  float* const weights = tile.keys[0];  // [kPartDepth, kStride]
  const auto lane = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const auto in = static_cast<int>(q.channels), out = static_cast<int>(y.channels), width = in / heads;
  const Index which = blockIdx.y, first = Index{blockIdx.x} * kQueries, count = q.pixels() - first;
  const Index row = which * q.pixels() + first;
  Reader<kReadWidth> reader;
  attend(tile, Heads{0, heads, width}, scale, q, row, count, k, v, which * k.pixels(), (which + 1) * k.pixels(),
         reader);
  reader.store(tile.queries[lane] + warp * kReadWidth, reader.sum);

  float sums[kRows][kPerLane] = {};
  const int thread = warp * static_cast<int>(kWarp) + lane;
  // Twice in the code, not in a loop, because indices of registers must be known to the compiler.
  const auto add_part = [&](int begin, int part) {
    __syncthreads();
    for (int i = thread; i < kPartOutputs * kPartDepth; i += kThreads) {
      const int at = begin + i % kPartDepth, d = at % kReadWidth, o = part * kPartOutputs + i / kPartDepth;
      const int column = at / kReadWidth * width + d;
      const bool inside = d < width && o < out;
      weights[i % kPartDepth * kStride + i / kPartDepth] =
          inside ? static_cast<float>(w.weight[o * in + column]) : 0.0f;
    }
    __syncthreads();
    for (int c = 0; c < kPartDepth; ++c) {
      for (int r = 0; r < kRows; ++r) {
        const float value = tile.queries[warp * kRows + r][begin + c];
        for (int i = 0; i < kPartPerLane; ++i) {
          sums[r][part * kPartPerLane + i] += value * weights[c * kStride + i * static_cast<int>(kWarp) + lane];
        }
      }
    }
  };
  static_assert(kMostOutputs == 2 * kPartOutputs);
  for (int begin = 0; begin < heads * kReadWidth; begin += kPartDepth) {
    add_part(begin, 0);
    add_part(begin, 1);
  }
  for (int r = 0; r < kRows; ++r) {
    const Index at = row + warp * kRows + r;
    if (warp * kRows + r >= count) return;  // the whole warp
    float sum = 0, squares = 0;
    for (int i = 0; i < kPerLane; ++i) {
      const int o = i * static_cast<int>(kWarp) + lane;
      if (o < out) sums[r][i] += static_cast<float>(w.bias[o]) + static_cast<float>(image.row(at)[o]);
      sum += sums[r][i];  // zero beyond the last output
    }
    const float mean = warp_sum(sum) / static_cast<float>(out);
    for (int i = 0; i < kPerLane; ++i) {
      const float distance = sums[r][i] - mean;
      if (i * static_cast<int>(kWarp) + lane < out) squares += distance * distance;
    }
    const float factor = 1 / sqrtf(warp_sum(squares) / static_cast<float>(out) + w.eps);
    for (int i = 0; i < kPerLane; ++i) {
      const int o = i * static_cast<int>(kWarp) + lane;
      if (o < out) y.row(at)[o] = static_cast<T>((sums[r][i] - mean) * factor * w.gain[o] + w.shift[o]);
    }
  }
}

// Whether heads and outputs fit into a block.
inline bool suits_read_tokens(Index channels, Index heads, Index outputs) noexcept {
  return heads <= kReadHeads && channels / heads <= kReadWidth && outputs <= kMostOutputs;
}

template <class T>
Status launch_read_tokens(cudaStream_t stream, const Map<const T>& q, const Map<const T>& k, const Map<const T>& v,
                          Index heads, const ReadOperand<T>& w, const Map<const T>& image, const Map<T>& y) noexcept {
  const float scale = 1 / std::sqrt(static_cast<float>(q.channels / heads));
  const Geometry geometry = {{ceil_divide(q.pixels(), kQueries), static_cast<unsigned>(q.batch)}, {kWarp, kReadHeads}};
  return launch("image_from_tokens", read_tokens<T>, geometry, stream, q, k, v, static_cast<int>(heads), scale, w,
                image, y);
}

}  // namespace cuda
SEGFACE_END_CORE
