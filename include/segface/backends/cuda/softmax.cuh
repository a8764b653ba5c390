// Softmax in one pass: what a query reads of the keys seen so far, with the largest score so far taken out.
#pragma once

#include <cmath>
#include <type_traits>

#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

// A query of a thread. After keys with scores s_j and values v_j: most = max s_j, sum = sum of exp(s_j - most), mixed =
// sum of exp(s_j - most) v_j. Keys and values are kWidth floats, zeros beyond a head's channels; all of it in
// registers.
template <int kWidth>
struct Reader {
  float query[kWidth];
  float most, sum;
  float mixed[kWidth];

  // Before the first key.
  __device__ void begin(const float* own, float scale) noexcept {
    most = -3e38f;
    sum = 0;
    for (int d = 0; d < kWidth; ++d) {
      query[d] = own[d] * scale;
      mixed[d] = 0;
    }
  }
  __device__ float dot(const float* key) const noexcept {
    float product = 0;
    for (int d = 0; d < kWidth; ++d) product += query[d] * key[d];
    return product;
  }
  __device__ void add(float score, const float* value) noexcept {
    const float larger = fmaxf(most, score), before = expf(most - larger), weight = expf(score - larger);
    most = larger;
    sum = sum * before + weight;
    for (int d = 0; d < kWidth; ++d) mixed[d] = mixed[d] * before + weight * value[d];
  }
  // What was read: mixed / sum, or mixed alone.
  __device__ void store(float* out, float divisor) const noexcept {
    for (int d = 0; d < kWidth; ++d) out[d] = mixed[d] / divisor;
  }
};

// The length of a vector of kWidth floats, not below what may be divided by.
template <int kWidth>
__device__ float length(const float* vector) noexcept {
  float squares = 0;
  for (int d = 0; d < kWidth; ++d) squares += vector[d] * vector[d];
  return fmaxf(sqrtf(squares), 1e-12f);
}

// Calls body(std::integral_constant<int, W>) with the least W of 16, 32 and 64 that holds heads of this width.
inline constexpr Index kMostHeadWidth = 64;
template <class Body>
auto with_head_width(Index width, const Body& body) noexcept {
  if (width <= 16) return body(std::integral_constant<int, 16>());
  if (width <= 32) return body(std::integral_constant<int, 32>());
  return body(std::integral_constant<int, kMostHeadWidth>());
}

}  // namespace cuda
SEGFACE_END_CORE
