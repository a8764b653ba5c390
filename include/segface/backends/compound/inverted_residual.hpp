// Compounds of the mobile backbones: squeeze-excitation and the inverted residual.
#pragma once

#include <optional>

#include "segface/backends/compound/compound.hpp"
#include "segface/backends/primitives.hpp"

SEGFACE_BEGIN_CORE
namespace compound {

template <class B>
struct SqueezeExcitation {
  typename B::Linear fc1, fc2;
  Activation inner = Activation::relu;
  Activation gate = Activation::hard_sigmoid;
};

// x <- x s, s = gate(fc2(inner(fc1(mean(x))))): each channel of an image is scaled by what the means of all say.
// x [B, H, W, C], in place; s [B, 1, 1, C].
template <class B>
void squeeze_excitation(Run<B>& run, const SqueezeExcitation<B>& w, const MapOf<B>& x) noexcept {
  const auto scope = run.scope();
  const MapOf<B> mean = ops::spatial_mean<B>(run, x);                   // [B, 1, 1, C]
  const MapOf<B> squeezed = ops::linear<B>(run, w.fc1, mean, w.inner);  // [B, 1, 1, squeezed]
  const MapOf<B> scale = ops::linear<B>(run, w.fc2, squeezed, w.gate);  // [B, 1, 1, C]
  ops::scale_channels<B>(run, scale, x);
}

// The wide half of an inverted residual: activation(depthwise(between(expand(x)))), [B, H, W, in] -> [B, H', W', wide].
template <class B>
void expand_and_filter(Run<B>& run, const typename B::Convolution& expand,
                       const typename B::DepthwiseConvolution& depthwise, const ViewOf<B>& x, Activation between,
                       Activation activation, const MapOf<B>& y) noexcept {
  const auto scope = run.scope();
  const MapOf<B> wide = ops::convolution<B>(run, expand, x, between);
  run.backend().depthwise_convolution(run, depthwise, wide, activation, y);
}

}  // namespace compound
SEGFACE_COMPOUND(squeeze_excitation)
SEGFACE_COMPOUND(expand_and_filter)
namespace compound {

template <class B>
struct InvertedResidual {
  std::optional<typename B::Convolution> expand;
  typename B::DepthwiseConvolution depthwise;
  std::optional<SqueezeExcitation<B>> squeeze_excitation;
  typename B::Convolution project;
  Activation activation = Activation::none;
  bool residual = false;  // stride 1 and equal widths
};

// y = project(gate(activation(depthwise(activation(expand(x)))))) (+ x): [B, H, W, in] -> [B, H', W', out]; with the
// residual, y is in the place of x.
template <class B>
MapOf<B> inverted_residual(Run<B>& run, const InvertedResidual<B>& w, const MapOf<B>& x) noexcept {
  const auto convolved = [&](Index side) { return ops::convolved(side, w.depthwise); };
  const MapOf<B> y = w.residual ? x : run.map(x.batch, convolved(x.height), convolved(x.width), w.project.out);
  const auto scope = run.scope();
  const Index wide = w.expand ? w.expand->out : x.channels;
  const MapOf<B> filtered = run.map(x.batch, convolved(x.height), convolved(x.width), wide);
  if (w.expand) {
    ops::expand_and_filter<B>(run, *w.expand, w.depthwise, ViewOf<B>(x), w.activation, w.activation, filtered);
  } else {
    run.backend().depthwise_convolution(run, w.depthwise, x, w.activation, filtered);
  }
  if (w.squeeze_excitation) ops::squeeze_excitation<B>(run, *w.squeeze_excitation, filtered);
  ops::convolution<B>(run, w.project, filtered, w.residual ? Epilogue<B>::plus(x) : Epilogue<B>(), y);
  return y;
}

}  // namespace compound
SEGFACE_COMPOUND(inverted_residual)
SEGFACE_END_CORE
