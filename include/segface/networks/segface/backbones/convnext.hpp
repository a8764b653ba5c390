// ConvNeXt: [B, H, W, 3] -> four maps at strides 4, 8, 16, 32 with 128 .. 1024 (base) or 96 .. 768 (small) channels.
//
// A patch embedding, then four stages; between them a norm and a 2 x 2 patch embedding. A block: 7 x 7 depthwise
// convolution, LayerNorm, linear to four times the width, GELU, linear back, times the layer scale, plus the input.
// ConvNeXt-B at 512 x 512: 128^2 x 128, 64^2 x 256, 32^2 x 512, 16^2 x 1024. Sides that are odd round down.
// Mirrors torchvision.models.convnext_base().features. Liu et al., A ConvNet for the 2020s, 2022, section 2.
// Traps: LayerNorm's eps is 1e-6; the convolution has a bias and no BatchNorm; the official code's "convnext_tiny" is
// convnext_small.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "segface/layers/linear.hpp"
#include "segface/layers/normalization.hpp"
#include "segface/layers/patch_embedding.hpp"
#include "segface/networks/segface/backbones/taps.hpp"

SEGFACE_BEGIN_CORE

template <class B>
class ConvNeXt;

namespace convnext {

inline constexpr float kLayerNormEps = 1e-6f;

struct Row {
  std::array<Index, 4> channels;
  std::array<std::size_t, 4> depths;
};
inline constexpr Row kBase = {{128, 256, 512, 1024}, {3, 3, 27, 3}};
inline constexpr Row kSmall = {{96, 192, 384, 768}, {3, 3, 27, 3}};

struct BlockWeights {
  static constexpr Index kKernel = 7;
  Index channels;
  Weight layer_scale, depthwise_weight, depthwise_bias;
  LayerNormWeights norm;
  LinearWeights expand, project;

  explicit BlockWeights(Index c)
      : channels(c), norm{c, kLayerNormEps, {}, {}}, expand{c, 4 * c, {}, {}}, project{4 * c, c, {}, {}} {}

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("layer_scale", layer_scale, {channels, 1, 1});
    v.tensor("block.0.weight", depthwise_weight, {channels, 1, kKernel, kKernel});
    v.tensor("block.0.bias", depthwise_bias, {channels});
    v.child("block.2", norm);
    v.child("block.3", expand);
    v.child("block.5", project);
  }
};

struct DownsamplingWeights {
  LayerNormWeights norm;
  BiasedConvolutionWeights reduction;

  DownsamplingWeights(Index in, Index out)
      : norm{in, kLayerNormEps, {}, {}}, reduction(patch_embedding_weights(in, out, 2)) {}

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("0", norm);
    v.child("1", reduction);
  }
};

struct Weights {
  template <class B>
  using Network = ConvNeXt<B>;

  Row row;
  BiasedConvolutionWeights embedding;
  LayerNormWeights norm;
  std::array<std::vector<BlockWeights>, 4> stages;
  std::vector<DownsamplingWeights> downsampling;  // between the stages

  explicit Weights(const Row& r)
      : row(r), embedding(patch_embedding_weights(3, r.channels[0], 4)), norm{r.channels[0], kLayerNormEps, {}, {}} {
    for (std::size_t s = 0; s < 4; ++s) stages[s].assign(r.depths[s], BlockWeights(r.channels[s]));
    for (std::size_t s = 0; s < 3; ++s) downsampling.emplace_back(r.channels[s], r.channels[s + 1]);
  }
  const std::array<Index, 4>& channels() const noexcept { return row.channels; }

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("0.0.0", embedding);
    v.child("0.0.1", norm);
    for (std::size_t s = 0; s < 4; ++s) {
      if (s > 0) v.child("0." + std::to_string(2 * s), downsampling[s - 1]);
      for (std::size_t i = 0; i < stages[s].size(); ++i) {
        v.child("0." + std::to_string(2 * s + 1) + "." + std::to_string(i), stages[s][i]);
      }
    }
  }
};

template <class B>
struct Block {
  typename B::DepthwiseConvolution depthwise;
  typename B::LayerNorm norm;
  typename B::Linear expand, project;  // project is scaled by the layer scale

  Block(Preparation<B>& p, const BlockWeights& w)
      : depthwise(prepare_filter(p, w)),
        norm(prepare(p, w.norm)),
        expand(prepare(p, w.expand)),
        project(prepare_scaled(p, w)) {}

  // x <- x + layer_scale project(gelu(expand(norm(depthwise(x)))))
  void operator()(Run<B>& run, const MapOf<B>& x) const noexcept {
    const auto scope = run.scope();
    const MapOf<B> filtered = ops::depthwise_convolution<B>(run, depthwise, x, Activation::none);
    ops::layer_norm<B>(run, norm, filtered, {}, filtered);
    const MapOf<B> hidden = ops::linear<B>(run, expand, filtered, Activation::gelu);  // [B, H, W, 4 C]
    ops::linear<B>(run, project, hidden, Epilogue<B>::plus(x), x);
  }

 private:
  static typename B::DepthwiseConvolution prepare_filter(Preparation<B>& p, const BlockWeights& w) {
    const Buffer<float> weight = p.read(w.depthwise_weight), bias = p.read(w.depthwise_bias);
    return p.operand([&](const B& backend) {
      return backend.prepare_depthwise_convolution({1, w.channels, w.kKernel, 1, weight.data(), {}, bias.data()});
    });
  }
  static typename B::Linear prepare_scaled(Preparation<B>& p, const BlockWeights& w) {
    const Buffer<float> weight = p.read(w.project.weight), bias = p.read(w.project.bias), scale = p.read(w.layer_scale);
    return p.operand(w.project.weight, [&](const B& backend) {
      return backend.prepare_linear({w.project.in, w.project.out, weight.data(), bias.data(), scale.data()});
    });
  }
};

template <class B>
struct Downsampling {
  typename B::LayerNorm norm;
  PatchEmbedding<B> reduction;

  Downsampling(Preparation<B>& p, const DownsamplingWeights& w) : norm(prepare(p, w.norm)), reduction(p, w.reduction) {}

  MapOf<B> operator()(Run<B>& run, const ViewOf<B>& x) const noexcept {
    return reduction(run, ops::layer_norm<B>(run, norm, x));
  }
};

}  // namespace convnext

template <class B>
class ConvNeXt {
 public:
  ConvNeXt(Preparation<B>& p, const convnext::Weights& w) : embedding_(p, w.embedding), norm_(prepare(p, w.norm)) {
    for (std::size_t s = 0; s < 4; ++s) stages_[s] = prepare_each<convnext::Block<B>>(p, w.stages[s]);
    downsampling_ = prepare_each<convnext::Downsampling<B>>(p, w.downsampling);
  }

  // Normalised image [B, H, W, 3] -> the four taps.
  std::array<ViewOf<B>, 4> operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    Taps<B> taps;
    MapOf<B> x = embedding_(run, image);  // [B, H / 4, W / 4, C]
    ops::layer_norm<B>(run, norm_, x, {}, x);
    for (std::size_t s = 0; s < 4; ++s) {
      if (s > 0) x = downsampling_[s - 1](run, x);
      for (const auto& block : stages_[s]) block(run, x);
      taps.add(run, x);
    }
    return taps.maps();
  }

 private:
  PatchEmbedding<B> embedding_;
  typename B::LayerNorm norm_;
  std::array<std::vector<convnext::Block<B>>, 4> stages_;
  std::vector<convnext::Downsampling<B>> downsampling_;
};

SEGFACE_END_CORE
