// Multi-head attention between whole maps: softmax(q k^T / sqrt(D)) v for each head, in one pass over the keys.
//
// Few keys (the image reads the tokens): a thread a query and head; all threads of a warp go over the same keys. Many
// keys (the tokens read the image): a block a query and head; its threads share the keys and then merge.
#pragma once

#include <cmath>
#include <type_traits>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/cuda/softmax.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

inline constexpr unsigned kFewKeysBlock = 128;

// q [B, ..N, C], k and v [B, ..M, C] -> y [B, ..N, C]
template <int kWidth, class T>
__global__ void attend_few_keys(Map<const T> q, Map<const T> k, Map<const T> v, int heads, float scale, Map<T> y) {
  const Index at = Index{blockIdx.x} * kFewKeysBlock + threadIdx.x, row = at / heads;
  if (row >= q.rows()) return;
  const auto width = static_cast<int>(q.channels) / heads;
  const Index first = at % heads * width, keys = row / q.pixels() * k.pixels();
  const Query<kWidth> query(q.row(row) + first, width);
  RunningSoftmax<kWidth> softmax;
  softmax.clear();
  for (Index key = keys; key < keys + k.pixels(); ++key) {
    softmax.add(query.dot(k.row(key) + first, width) * scale, v.row(key) + first, width);
  }
  softmax.store(y.row(row) + first, width);
}

inline constexpr unsigned kManyKeysWarps = 8;

// The same; block (query of all images, head). Shared memory: 8 x (2 + kWidth) floats, 2 KB at most.
template <int kWidth, class T>
__global__ void attend_many_keys(Map<const T> q, Map<const T> k, Map<const T> v, float scale, Map<T> y) {
  constexpr int kPerLane = kWidth > static_cast<int>(kWarp) ? kWidth / static_cast<int>(kWarp) : 1;
  __shared__ float mosts[kManyKeysWarps], sums[kManyKeysWarps], mixed[kManyKeysWarps][kWidth];
  const auto width = static_cast<int>(q.channels / static_cast<Index>(gridDim.y));
  const Index row = blockIdx.x, first = Index{blockIdx.y} * width, keys = row / q.pixels() * k.pixels();
  const Query<kWidth> query(q.row(row) + first, width);
  RunningSoftmax<kWidth> softmax;
  softmax.clear();
  for (Index key = threadIdx.y * kWarp + threadIdx.x; key < k.pixels(); key += kManyKeysWarps * kWarp) {
    softmax.add(query.dot(k.row(keys + key) + first, width) * scale, v.row(keys + key) + first, width);
  }
  // The keys of a warp, then, a thread a channel, those of all warps.
  softmax.rescale(warp_max(softmax.most));
  const float sum = warp_sum(softmax.sum);
  const int channel = scatter_sums(softmax.mixed, static_cast<int>(threadIdx.x));
  if (kWidth >= static_cast<int>(kWarp) || threadIdx.x % 2 == 0) {
    for (int d = 0; d < kPerLane; ++d) mixed[threadIdx.y][channel + d] = softmax.mixed[d];
  }
  if (threadIdx.x == 0) {
    mosts[threadIdx.y] = softmax.most;
    sums[threadIdx.y] = sum;
  }
  __syncthreads();
  const auto own = static_cast<int>(threadIdx.y * kWarp + threadIdx.x);
  if (own >= width) return;
  float most = mosts[0];
  for (unsigned warp = 1; warp < kManyKeysWarps; ++warp) most = fmaxf(most, mosts[warp]);
  float all = 0, value = 0;
  for (unsigned warp = 0; warp < kManyKeysWarps; ++warp) {
    const float weight = expf(mosts[warp] - most);
    all += sums[warp] * weight;
    value += mixed[warp][own] * weight;
  }
  y.row(row)[first + own] = static_cast<T>(value / all);
}

// Errors: internal (heads too wide), those of launch.
template <class T>
Status launch_attention(cudaStream_t stream, const Map<const T>& q, const Map<const T>& k, const Map<const T>& v,
                        Index heads, const Map<T>& y) noexcept {
  constexpr Index kFewKeys = 128;
  const Index width = q.channels / heads;
  if (width > kMostHeadWidth) return error(Errc::internal, "heads have at most ", kMostHeadWidth, " channels");
  const float scale = 1 / std::sqrt(static_cast<float>(width));
  return with_head_width(width, [&](auto most) {
    constexpr int kWidth = decltype(most)::value;
    if (k.pixels() <= kFewKeys) {
      const Geometry geometry = {ceil_divide(q.rows() * heads, kFewKeysBlock), kFewKeysBlock};
      return launch("attention", attend_few_keys<kWidth, T>, geometry, stream, q, k, v, static_cast<int>(heads), scale,
                    y);
    }
    const Geometry geometry = {{static_cast<unsigned>(q.rows()), static_cast<unsigned>(heads)},
                               {kWarp, kManyKeysWarps}};
    return launch("attention", attend_many_keys<kWidth, T>, geometry, stream, q, k, v, scale, y);
  });
}

}  // namespace cuda
SEGFACE_END_NAMESPACE
