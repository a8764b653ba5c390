// Rewrites of weights that leave the result as it is, up to rounding: done once, when operands are prepared, in double.
#pragma once

#include <algorithm>
#include <cmath>

#include "segface/backends/parameters.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

// Owned numbers of a linear layer.
struct LinearNumbers {
  Buffer<float> weight;  // [out, in]
  Buffer<float> bias;    // [out]

  static Result<LinearNumbers> make(Index out, Index in) noexcept {
    LinearNumbers numbers;
    SEGFACE_ASSIGN(weight, Buffer<float>::make(static_cast<std::size_t>(out * in)));
    SEGFACE_ASSIGN(bias, Buffer<float>::make(static_cast<std::size_t>(out)));
    numbers.weight = std::move(weight);
    numbers.bias = std::move(bias);
    return Result<LinearNumbers>(std::move(numbers));
  }
};

// BatchNorm after a convolution: (W x - mean) s + bias = (s W) x + (bias - mean s), s = gain / sqrt(variance + eps).
// -> weight [out, in kernel kernel] in the order of the original, and bias; a convolution without BatchNorm is copied.
inline Result<LinearNumbers> fold_batch_norm(const ConvolutionParameters& p) noexcept {
  const Index taps = p.in * p.kernel * p.kernel;
  SEGFACE_ASSIGN(folded, LinearNumbers::make(p.out, taps));
  if (p.norm.gain == nullptr) {
    std::copy_n(p.weight, p.out * taps, folded.weight.data());
    for (Index o = 0; o < p.out; ++o) folded.bias.data()[o] = p.bias != nullptr ? p.bias[o] : 0.0f;
    return std::move(folded);
  }
  for (Index o = 0; o < p.out; ++o) {
    const double scale = static_cast<double>(p.norm.gain[o]) /
                         std::sqrt(static_cast<double>(p.norm.variance[o]) + static_cast<double>(p.norm.eps));
    for (Index i = 0; i < taps; ++i) {
      folded.weight.data()[o * taps + i] = static_cast<float>(static_cast<double>(p.weight[o * taps + i]) * scale);
    }
    folded.bias.data()[o] =
        static_cast<float>(static_cast<double>(p.norm.bias[o]) - static_cast<double>(p.norm.mean[o]) * scale);
  }
  return std::move(folded);
}

// Two linear layers, one after the other: A (B x + c) + a = (A B) x + (A c + a). -> [A's out, B's in]; a may be null.
inline Result<LinearNumbers> fold_linear(const LinearParameters& after, const LinearParameters& before) noexcept {
  const Index in = before.in;
  SEGFACE_ASSIGN(folded, LinearNumbers::make(after.out, in));
  SEGFACE_ASSIGN(row, Buffer<double>::make(static_cast<std::size_t>(in)));
  for (Index o = 0; o < after.out; ++o) {
    for (double& sum : row) sum = 0;
    double bias = after.bias != nullptr ? static_cast<double>(after.bias[o]) : 0;
    for (Index m = 0; m < after.in; ++m) {
      const auto factor = static_cast<double>(after.weight[o * after.in + m]);
      const float* const inner = before.weight + m * in;
      for (Index i = 0; i < in; ++i) row.data()[i] += factor * static_cast<double>(inner[i]);
      bias += factor * static_cast<double>(before.bias[m]);
    }
    for (Index i = 0; i < in; ++i) folded.weight.data()[o * in + i] = static_cast<float>(row.data()[i]);
    folded.bias.data()[o] = static_cast<float>(bias);
  }
  return std::move(folded);
}

SEGFACE_END_NAMESPACE
