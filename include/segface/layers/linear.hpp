// Linear: [.., in] -> [.., out], y = x W^T + b. Mirrors torch.nn.Linear.
#pragma once

#include "segface/layers/preparation.hpp"

SEGFACE_BEGIN_CORE

struct LinearWeights {
  Index in = 0;
  Index out = 0;
  Weight weight, bias;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("weight", weight, {out, in});
    v.tensor("bias", bias, {out});
  }
};

template <class B>
typename B::Linear prepare(Preparation<B>& p, const LinearWeights& w) noexcept {
  const Buffer<float> weight = p.read(w.weight);
  const Buffer<float> bias = p.read(w.bias);
  return p.operand(w.weight, [&](const B& backend) {
    return backend.prepare_linear({w.in, w.out, weight.data(), bias.data(), nullptr});
  });
}

SEGFACE_END_CORE
