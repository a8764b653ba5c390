// What is done to an element before it is stored: last(activation(value + bias) + residual). Used by every kernel that
// has an epilogue, and as a kernel of its own for what cuBLASLt's products cannot do.
#pragma once

#include <cmath>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/parameters.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

template <int N>
__device__ void activate(Activation activation, Numbers<N>& numbers) noexcept {
  const auto each = [&](const auto& function) {
    for (float& x : numbers.at) x = function(x);
  };
  switch (activation) {
    case Activation::relu:
      return each([](float x) { return fmaxf(x, 0.0f); });
    case Activation::hard_swish:
      return each([](float x) { return x * fminf(fmaxf(x + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f); });
    case Activation::hard_sigmoid:
      return each([](float x) { return fminf(fmaxf(x + 3.0f, 0.0f), 6.0f) * (1.0f / 6.0f); });
    case Activation::gelu:
      return each([](float x) { return x * (1.0f + erff(x * 0.70710678118654752440f)) * 0.5f; });
    case Activation::silu:
      return each([](float x) { return x / (1.0f + expf(-x)); });
    case Activation::sigmoid:
      return each([](float x) { return 1.0f / (1.0f + expf(-x)); });
    case Activation::none:
      return;
  }
}

// An Epilogue as kernels take it.
template <class T>
struct Finish {
  Activation activation = Activation::none;
  Map<const T> residual = {};  // no rows: none
  Activation last = Activation::none;

  // N elements of a row (of all images) from a channel on.
  template <int N>
  __device__ void operator()(Numbers<N>& numbers, Index row, Index channel) const noexcept {
    activate(activation, numbers);
    const auto rows = static_cast<unsigned>(residual.rows());
    if (rows == 0) return;
    const Numbers<N> other = read<N>(residual.row(static_cast<unsigned>(row) % rows) + channel);
    for (int i = 0; i < N; ++i) numbers[i] += other[i];
    activate(last, numbers);
  }
};
template <int N, class T>
bool in_packs(const Finish<T>& finish) noexcept {
  return finish.residual.rows() == 0 || in_packs<N>(finish.residual);
}

// y = finish(z): [.., C] -> [.., C]. z and the residual may be y itself.
template <int N, class T>
__global__ void finish_elements(Map<const T> z, Finish<T> finish, Map<T> y) {
  const Element at = Element::of<N>(y);
  if (!at.inside) return;
  Numbers<N> numbers = read<N>(z.row(at.row) + at.channel);
  finish(numbers, at.row, at.channel);
  write(numbers, y.row(at.row) + at.channel);
}

}  // namespace cuda
SEGFACE_END_CORE
