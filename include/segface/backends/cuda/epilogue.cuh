// What is done to an element before it is stored: last(activation(value + bias) + residual). Used by every kernel that
// has an epilogue, and as a kernel of its own for what cuBLASLt's products cannot do.
#pragma once

#include <cmath>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/parameters.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

__device__ inline float activate(Activation activation, float x) noexcept {
  switch (activation) {
    case Activation::relu:
      return fmaxf(x, 0.0f);
    case Activation::hard_swish:
      return x * fminf(fmaxf(x + 3.0f, 0.0f), 6.0f) / 6.0f;
    case Activation::hard_sigmoid:
      return fminf(fmaxf(x + 3.0f, 0.0f), 6.0f) / 6.0f;
    case Activation::gelu:
      return x * (1.0f + erff(x * 0.70710678118654752440f)) * 0.5f;
    case Activation::silu:
      return x / (1.0f + expf(-x));
    case Activation::sigmoid:
      return 1.0f / (1.0f + expf(-x));
    case Activation::none:
      break;
  }
  return x;
}

// An Epilogue as kernels take it.
template <class T>
struct Finish {
  Activation activation = Activation::none;
  Map<const T> residual = {};  // no rows: none
  Activation last = Activation::none;

  // The element of a row (of all images) and channel.
  __device__ float operator()(float value, Index row, Index channel) const noexcept {
    value = activate(activation, value);
    const Index rows = residual.rows();
    if (rows == 0) return value;
    return activate(last, value + static_cast<float>(residual.row(row % rows)[channel]));
  }
};

// y = finish(z): [.., C] -> [.., C], a thread an element. z and the residual may be y itself.
template <class T>
__global__ void finish_elements(Map<const T> z, Finish<T> finish, Map<T> y) {
  const Element at = Element::of(y);
  if (!at.inside) return;
  const auto value = static_cast<float>(z.row(at.row)[at.channel]);
  y.row(at.row)[at.channel] = static_cast<T>(finish(value, at.row, at.channel));
}

}  // namespace cuda
SEGFACE_END_CORE
