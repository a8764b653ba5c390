// Softmax in one pass: what a query reads of the keys seen so far, with the largest score so far taken out.
#pragma once

#include <cmath>
#include <type_traits>

#include "segface/backends/cuda/launch.cuh"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr int kKeysAtOnce = 8;
inline constexpr float kNoKey = -3e38f;  // the score of a key that is not there

// A query of a thread. After keys with scores s_j and values v_j: most = max s_j, sum = sum of exp(s_j - most), mixed =
// sum of exp(s_j - most) v_j. Keys and values are kWidth floats, zeros beyond a head's channels; the reader is in
// registers.
template <int kWidth>
struct Reader {
  float query[kWidth];
  float most, sum;
  float mixed[kWidth];

  // Before the first key, with the query set: every score is multiplied by the scale.
  __device__ void begin(float scale) noexcept {
    most = kNoKey;
    sum = 0;
    for (int d = 0; d < kWidth; ++d) {
      query[d] *= scale;
      mixed[d] = 0;
    }
  }
  // Some keys at once, so that none waits for another: scores[j] is added to the j-th product. Rows are kStride apart.
  template <int kStride>
  __device__ void add(const float (&scores)[kKeysAtOnce], const float* keys, const float* values) noexcept {
    float weights[kKeysAtOnce], larger = most;
    for (int j = 0; j < kKeysAtOnce; ++j) {
      float product = 0;
      for (int d = 0; d < kWidth; ++d) product += query[d] * keys[j * kStride + d];
      weights[j] = product + scores[j];
      larger = fmaxf(larger, weights[j]);
    }
    const float before = expf(most - larger);
    most = larger;
    sum *= before;
    for (int d = 0; d < kWidth; ++d) mixed[d] *= before;
    for (int j = 0; j < kKeysAtOnce; ++j) {
      const float weight = expf(weights[j] - larger);
      sum += weight;
      for (int d = 0; d < kWidth; ++d) mixed[d] += weight * values[j * kStride + d];
    }
  }
};

// Calls body(std::integral_constant<int, W>) with the lesser W of 16 and 32 that holds heads of this width.
inline constexpr int kMostHeadWidth = 32;
template <class Body>
auto with_head_width(Index width, const Body& body) noexcept {
  if (width <= 16) return body(std::integral_constant<int, 16>());
  return body(std::integral_constant<int, kMostHeadWidth>());
}

}  // namespace cuda
SEGFACE_END_CORE
