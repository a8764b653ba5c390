// LayerNorm: y = (x - mean) / sqrt(var + eps) * gain + bias over the channels of each pixel or token.
// Mirrors torch.nn.LayerNorm and SAM's LayerNorm2d. Trap: eps is 1e-5 in the transformer, 1e-6 in the upscaling.
#pragma once

#include "segface/layers/preparation.hpp"

SEGFACE_BEGIN_CORE

struct LayerNormWeights {
  Index channels = 0;
  float eps = 1e-5f;
  Weight weight, bias;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("weight", weight, {channels});
    v.tensor("bias", bias, {channels});
  }
};

template <class B>
typename B::LayerNorm prepare(Preparation<B>& p, const LayerNormWeights& w) noexcept {
  const Buffer<float> gain = p.read(w.weight);
  const Buffer<float> bias = p.read(w.bias);
  return p.operand([&](const B& backend) {
    return backend.prepare_layer_norm({w.channels, gain.data(), bias.data(), w.eps});
  });
}

SEGFACE_END_CORE
