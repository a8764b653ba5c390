// Inverted residual: expand by a 1 x 1 convolution, filter each channel on its own, squeeze-excitation in some, project
// back by a 1 x 1 convolution without activation, add the input where nothing changed size.
// [B, H, W, in] -> [B, ceil(H / stride), ceil(W / stride), out]. Mirrors torchvision's InvertedResidual (MobileNetV3)
// and MBConv (EfficientNet). Trap: the official Sequential numbers only the parts that exist.
#pragma once

#include <string>

#include "segface/backends/compound/inverted_residual.hpp"
#include "segface/layers/convolution.hpp"
#include "segface/layers/squeeze_excitation.hpp"

SEGFACE_BEGIN_CORE

struct InvertedResidualRow {
  Index in, kernel, expanded, out, squeezed;  // squeezed: width inside squeeze-excitation, 0 for none
  Activation activation;
  Index stride;
};

struct InvertedResidualWeights {
  static constexpr float kBatchNormEps = 1e-3f;

  InvertedResidualRow row = {};
  ConvolutionWeights expand, depthwise, project;
  SqueezeExcitationWeights squeeze_excitation;

  InvertedResidualWeights() = default;
  explicit InvertedResidualWeights(const InvertedResidualRow& r)
      : row(r),
        expand{r.in, r.expanded, 1, 1, false, kBatchNormEps, {}, {}},
        depthwise{r.expanded, r.expanded, r.kernel, r.stride, true, kBatchNormEps, {}, {}},
        project{r.expanded, r.out, 1, 1, false, kBatchNormEps, {}, {}},
        squeeze_excitation{r.expanded, r.squeezed, {}, {}, {}, {}} {}

  bool expands() const noexcept { return row.expanded != row.in; }

  template <class Visitor>
  void visit(Visitor& v) {
    int part = 0;
    const auto next = [&] { return "block." + std::to_string(part++); };
    if (expands()) v.child(next(), expand);
    v.child(next(), depthwise);
    if (row.squeezed != 0) v.child(next(), squeeze_excitation);
    v.child(next(), project);
  }
};

// inner, gate: the activations of squeeze-excitation.
template <class B>
compound::InvertedResidual<B> prepare(Preparation<B>& p, const InvertedResidualWeights& w, Activation inner,
                                      Activation gate) {
  compound::InvertedResidual<B> block;
  if (w.expands()) block.expand = prepare(p, w.expand);
  block.depthwise = prepare_depthwise(p, w.depthwise);
  if (w.row.squeezed != 0) block.squeeze_excitation = prepare(p, w.squeeze_excitation, inner, gate);
  block.project = prepare(p, w.project);
  block.activation = w.row.activation;
  block.residual = w.row.stride == 1 && w.row.in == w.row.out;
  return block;
}

SEGFACE_END_CORE
