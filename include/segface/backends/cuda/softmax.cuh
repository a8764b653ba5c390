// Softmax in one pass: what a query reads of the keys seen so far, with the largest score so far taken out.
#pragma once

#include <cmath>
#include <type_traits>

#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

// After keys with scores s_j and values v_j: most = max s_j, sum = sum of exp(s_j - most), mixed = sum of
// exp(s_j - most) v_j. Heads of up to kWidth channels; all of it in registers.
template <int kWidth>
struct RunningSoftmax {
  float most, sum;
  float mixed[kWidth];

  // Before the first key.
  __device__ void clear() noexcept {
    most = -3e38f;
    sum = 0;
    for (int d = 0; d < kWidth; ++d) mixed[d] = 0;
  }
  // A key with its value.
  template <class T>
  __device__ void add(float score, const T* value, int width) noexcept {
    const float larger = fmaxf(most, score), before = expf(most - larger), weight = expf(score - larger);
    most = larger;
    sum = sum * before + weight;
    for (int d = 0; d < kWidth; ++d) {
      if (d < width) mixed[d] = mixed[d] * before + weight * static_cast<float>(value[d]);
    }
  }
  // The same with `larger`, at least the largest score, taken out.
  __device__ void rescale(float larger) noexcept {
    const float before = expf(most - larger);
    most = larger;
    sum *= before;
    for (int d = 0; d < kWidth; ++d) mixed[d] *= before;
  }
  template <class T>
  __device__ void store(T* out, int width) const noexcept {
    for (int d = 0; d < kWidth; ++d) {
      if (d < width) out[d] = static_cast<T>(mixed[d] / sum);
    }
  }
};

// Adds up `values` over the lanes of a warp by halving: at each step a lane gives away half of its channels and gets
// the other half of a partner's, so that it ends with kWidth / 32 channels (or one, twice in the warp) of all lanes. 31
// shuffles for 32 channels, where a sum of each would take 160. -> the first channel that the lane has, in values[0].
template <int kWidth>
__device__ int scatter_sums(float (&values)[kWidth], int lane) noexcept {
  int first = 0, count = kWidth;
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    if (count == 1) {
      values[0] += __shfl_xor_sync(kWholeWarp, values[0], lanes);
      continue;
    }
    count /= 2;
    const bool upper = (lane & lanes) != 0;
    if (upper) first += count;
    for (int d = 0; d < kWidth / 2; ++d) {
      if (d >= count) break;
      const float away = upper ? values[d] : values[d + count], kept = upper ? values[d + count] : values[d];
      values[d] = kept + __shfl_xor_sync(kWholeWarp, away, lanes);
    }
  }
  return first;
}

// A query's channels in registers.
template <int kWidth>
struct Query {
  float values[kWidth];

  template <class T>
  __device__ Query(const T* query, int width) noexcept {
    for (int d = 0; d < kWidth; ++d) values[d] = d < width ? static_cast<float>(query[d]) : 0.0f;
  }
  template <class T>
  __device__ float dot(const T* key, int width) const noexcept {
    float product = 0;
    for (int d = 0; d < kWidth; ++d) {
      if (d < width) product += values[d] * static_cast<float>(key[d]);
    }
    return product;
  }
};

// Calls body(std::integral_constant<int, W>) with the least W of 16, 32 and 64 that holds heads of this width.
inline constexpr Index kMostHeadWidth = 64;
template <class Body>
auto with_head_width(Index width, const Body& body) noexcept {
  if (width <= 16) return body(std::integral_constant<int, 16>());
  if (width <= 32) return body(std::integral_constant<int, 32>());
  return body(std::integral_constant<int, kMostHeadWidth>());
}

}  // namespace cuda
SEGFACE_END_NAMESPACE
