// MLP fusion of the pyramid: four maps [B, H_i, W_i, C_i] -> [B, H_0, W_0, 256].
// fused = linear_fuse(concat of up(linear_c.i(f_i)), level 3 first), up = bilinear to the size of map 0.
// Mirrors SegFace's linear_c and linear_fuse (SegFormer's head without norm, activation and dropout).
// Traps: the order of the levels is reversed; linear_fuse has no bias; nothing stands between the two matrices.
#pragma once

#include <array>

#include "segface/layers/linear.hpp"
#include "segface/networks/segface/compounds/pyramid.hpp"
#include "segface/networks/segface/fold_fusion.hpp"

SEGFACE_BEGIN_CORE

inline constexpr Index kDecoderWidth = 256;

struct MlpFusionWeights {
  std::array<LinearWeights, 4> linear_c;
  Weight linear_fuse;

  MlpFusionWeights() = default;
  explicit MlpFusionWeights(const std::array<Index, 4>& channels) {
    for (std::size_t i = 0; i < 4; ++i) linear_c[i] = {channels[i], kDecoderWidth, {}, {}};
  }

  template <class Visitor>
  void visit(Visitor& v) {
    for (std::size_t i = 0; i < 4; ++i) v.child("linear_c." + std::to_string(i) + ".proj", linear_c[i]);
    v.tensor("linear_fuse.weight", linear_fuse, {kDecoderWidth, 4 * kDecoderWidth, 1, 1});
  }
};

// The fusion's numbers, held while everything that depends on them is prepared.
class MlpFusionNumbers {
 public:
  template <class B>
  MlpFusionNumbers(Preparation<B>& p, const MlpFusionWeights& w) noexcept {
    for (std::size_t i = 0; i < 4; ++i) {
      weight_[i] = p.read(w.linear_c[i].weight);
      bias_[i] = p.read(w.linear_c[i].bias);
      parameters_.linear_c[i] = {w.linear_c[i].in, kDecoderWidth, weight_[i].data(), bias_[i].data(), nullptr};
    }
    layer_ = w.linear_fuse;
    fuse_ = p.read(layer_);
    parameters_.linear_fuse = {4 * kDecoderWidth, kDecoderWidth, fuse_.data(), nullptr, nullptr};
    folded_ = p.operand([&](const B&) { return FoldedFusion::make(parameters_); });
  }

  const MlpFusionParameters& parameters() const noexcept { return parameters_; }
  // The layer that the folded matrices count as.
  const Weight& layer() const noexcept { return layer_; }

 private:
  Weight layer_;
  std::array<Buffer<float>, 4> weight_, bias_;
  Buffer<float> fuse_;
  FoldedFusion folded_;
  MlpFusionParameters parameters_;
};

template <class B>
ops::MlpFusion<B> prepare(Preparation<B>& p, const MlpFusionNumbers& fusion) noexcept {
  return p.operand(fusion.layer(),
                   [&](const B& backend) { return ops::MlpFusion<B>::prepare(backend, fusion.parameters()); });
}

// A linear layer that is applied to the fused map.
template <class B>
ops::PyramidLinear<B> prepare_on_pyramid(Preparation<B>& p, const LinearWeights& w,
                                         const MlpFusionNumbers& fusion) noexcept {
  const Buffer<float> weight = p.read(w.weight);
  const Buffer<float> bias = p.read(w.bias);
  return p.operand(w.weight, [&](const B& backend) {
    return ops::PyramidLinear<B>::prepare(backend, fusion.parameters(),
                                          {w.in, w.out, weight.data(), bias.data(), nullptr});
  });
}

SEGFACE_END_CORE
