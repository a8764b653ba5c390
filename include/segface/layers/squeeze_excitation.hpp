// Squeeze-excitation: each channel of an image is scaled by what the means of all channels say.
// x [B, H, W, C]: s = gate(fc2(inner(fc1(mean(x))))) [B, 1, 1, C], x <- x s.
// Mirrors torchvision.ops.SqueezeExcitation (its fc1 and fc2 are 1 x 1 convolutions: linear layers here).
#pragma once

#include "segface/backends/compound/inverted_residual.hpp"
#include "segface/layers/linear.hpp"

SEGFACE_BEGIN_CORE

struct SqueezeExcitationWeights {
  Index channels = 0;
  Index squeezed = 0;
  Weight fc1_weight, fc1_bias, fc2_weight, fc2_bias;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("fc1.weight", fc1_weight, {squeezed, channels, 1, 1});
    v.tensor("fc1.bias", fc1_bias, {squeezed});
    v.tensor("fc2.weight", fc2_weight, {channels, squeezed, 1, 1});
    v.tensor("fc2.bias", fc2_bias, {channels});
  }
};

template <class B>
compound::SqueezeExcitation<B> prepare(Preparation<B>& p, const SqueezeExcitationWeights& w, Activation inner,
                                       Activation gate) noexcept {
  return {prepare(p, LinearWeights{w.channels, w.squeezed, w.fc1_weight, w.fc1_bias}),
          prepare(p, LinearWeights{w.squeezed, w.channels, w.fc2_weight, w.fc2_bias}), inner, gate};
}

SEGFACE_END_CORE
