// Position encoding: [1, h, w, 256], a function of the size alone.
// u = 2 (x + 0.5) / w - 1, v = 2 (y + 0.5) / h - 1, a = 2 pi (u, v) G with G [2, 128]; the encoding is [sin a, cos a].
// Mirrors SAM's PositionEmbeddingRandom (official name pe_layer).
#pragma once

#include "segface/backends/primitives.hpp"
#include "segface/layers/preparation.hpp"

SEGFACE_BEGIN_CORE

struct PositionEncodingWeights {
  static constexpr Index kFeatures = 128;
  Weight gaussian;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("positional_encoding_gaussian_matrix", gaussian, {2, kFeatures});
  }
};

template <class B>
typename B::PositionEncoding prepare(Preparation<B>& p, const PositionEncodingWeights& w) noexcept {
  const Buffer<float> gaussian = p.read(w.gaussian);
  return p.operand([&](const B& backend) {
    return backend.prepare_position_encoding(gaussian.data(), PositionEncodingWeights::kFeatures);
  });
}

SEGFACE_END_CORE
