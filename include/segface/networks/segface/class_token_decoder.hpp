// Class-token decoder: pyramid -> logits [B, 4h, 4w, K], one learned token a class.
//
// tokens and image read each other (two-way transformer); the image is made four times as high and wide; an MLP turns each token
// into 32 numbers (hyper), whose dot product with a pixel of the upscaled image is that class's logit.
// Mirrors SegFace's FaceDecoder (SAM's MaskDecoder without the IoU head). Traps: token i is label i; all classes share
// one hypernetwork MLP; LayerNorm2d's eps is 1e-6.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "segface/layers/position_encoding.hpp"
#include "segface/networks/segface/compounds/upscaling.hpp"
#include "segface/networks/segface/dataset.hpp"
#include "segface/networks/segface/two_way_transformer.hpp"

SEGFACE_BEGIN_CORE

struct ClassTokenDecoderWeights {
  static constexpr Index kUpscaled1 = kDecoderWidth / 4;  // 64
  static constexpr Index kUpscaled2 = kDecoderWidth / 8;  // 32

  TwoWayTransformerWeights transformer;
  Span<const char* const> token_names;
  std::vector<Weight> tokens;  // each [1, 256]
  Weight upscaling0_weight, upscaling0_bias, upscaling3_weight, upscaling3_bias;
  LayerNormWeights upscaling1{kUpscaled1, 1e-6f, {}, {}};
  std::array<LinearWeights, 3> hyper = {{{kDecoderWidth, kDecoderWidth, {}, {}},
                                         {kDecoderWidth, kDecoderWidth, {}, {}},
                                         {kDecoderWidth, kUpscaled2, {}, {}}}};

  explicit ClassTokenDecoderWeights(Dataset dataset) : token_names(row(dataset).tokens), tokens(token_names.size()) {}

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("transformer", transformer);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      v.tensor((std::string(token_names[i]) + "_token.weight").c_str(), tokens[i], {1, kDecoderWidth});
    }
    v.tensor("output_upscaling.0.weight", upscaling0_weight, {kDecoderWidth, kUpscaled1, 2, 2});
    v.tensor("output_upscaling.0.bias", upscaling0_bias, {kUpscaled1});
    v.child("output_upscaling.1", upscaling1);
    v.tensor("output_upscaling.3.weight", upscaling3_weight, {kUpscaled1, kUpscaled2, 2, 2});
    v.tensor("output_upscaling.3.bias", upscaling3_bias, {kUpscaled2});
    for (std::size_t i = 0; i < hyper.size(); ++i) {
      v.child("output_hypernetwork_mlps.layers." + std::to_string(i), hyper[i]);
    }
  }
};

template <class B>
typename B::TransposedConvolution prepare_transposed(Preparation<B>& p, Index in, Index out, const Weight& weight,
                                                     const Weight& bias) noexcept {
  const Buffer<float> w = p.read(weight);
  const Buffer<float> b = p.read(bias);
  return p.operand(weight, [&](const B& backend) {
    return backend.prepare_transposed_convolution({in, out, w.data(), b.data()});
  });
}

// The learned tokens as one constant [1, 1, K, 256].
template <class B>
typename B::Constant prepare_tokens(Preparation<B>& p, const std::vector<Weight>& tokens) noexcept {
  Buffer<float> all = p.keep(Buffer<float>::make(tokens.size() * static_cast<std::size_t>(kDecoderWidth)));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Buffer<float> token = p.read(tokens[i]);
    if (p.status().ok()) std::copy(token.begin(), token.end(), all.begin() + i * token.size());
  }
  return p.operand([&](const B& backend) {
    return backend.prepare_constant(all.data(), static_cast<Index>(tokens.size()), kDecoderWidth);
  });
}

// What the decoder needs for one size.
template <class B>
struct ClassTokenDecoderTables {
  TwoWayTransformerTables<B> transformer;
};

template <class B>
class ClassTokenDecoder {
 public:
  using W = ClassTokenDecoderWeights;

  ClassTokenDecoder(Preparation<B>& p, const W& w, const PositionEncodingWeights& position,
                    const MlpFusionNumbers& fusion)
      : position_encoding_(prepare(p, position)),
        tokens_(prepare_tokens(p, w.tokens)),
        transformer_(p, w.transformer, fusion),
        upscaling_{prepare_transposed(p, kDecoderWidth, W::kUpscaled1, w.upscaling0_weight, w.upscaling0_bias),
                   prepare(p, w.upscaling1),
                   prepare_transposed(p, W::kUpscaled1, W::kUpscaled2, w.upscaling3_weight, w.upscaling3_bias)},
        hyper_{{prepare(p, w.hyper[0]), prepare(p, w.hyper[1]), prepare(p, w.hyper[2])}} {}

  // For an image of h x w tokens.
  ClassTokenDecoderTables<B> tables(Run<B>& run, Index height, Index width) const noexcept {
    return {transformer_.tables(run, ops::position<B>(run, position_encoding_, height, width))};
  }

  // Pyramid of [B, h, w, ..] -> logits [B, 4h, 4w, K]
  MapOf<B> operator()(Run<B>& run, const ClassTokenDecoderTables<B>& tables, const Pyramid<B>& pyramid) const noexcept {
    const Classified c = classify(run, tables, pyramid);
    return ops::upscale_and_classify<B>(run, upscaling_, c.image, c.hyper);
  }
  // Pyramid of one image -> labels of the target's size.
  void label(Run<B>& run, const ClassTokenDecoderTables<B>& tables, const Pyramid<B>& pyramid,
             const LabelTarget& target) const noexcept {
    const Classified c = classify(run, tables, pyramid);
    ops::upscale_and_label<B>(run, upscaling_, c.image, c.hyper, target);
  }

 private:
  // The image that has read the tokens, [B, h, w, 256], and the 32 numbers of each class, [B, 1, K, 32].
  struct Classified {
    MapOf<B> image, hyper;
  };
  Classified classify(Run<B>& run, const ClassTokenDecoderTables<B>& tables, const Pyramid<B>& pyramid) const noexcept {
    const MapOf<B> tokens = ops::repeat<B>(run, tokens_, pyramid.levels[0].batch);  // [B, 1, K, 256]
    const typename TwoWayTransformer<B>::Read read = transformer_(run, tables.transformer, tokens, pyramid);
    run.stage("keys", read.image);  // SAM's word for the image's tokens, as "queries" is for the classes'
    run.stage("tokens", read.tokens);
    const MapOf<B> hidden0 = ops::linear<B>(run, hyper_[0], read.tokens, Activation::relu);  // [B, 1, K, 256]
    const MapOf<B> hidden1 = ops::linear<B>(run, hyper_[1], hidden0, Activation::relu);
    const MapOf<B> hyper = ops::linear<B>(run, hyper_[2], hidden1);  // [B, 1, K, 32]
    run.stage("hyper", hyper);
    return {read.image, hyper};
  }

  typename B::PositionEncoding position_encoding_;
  typename B::Constant tokens_;
  TwoWayTransformer<B> transformer_;
  compound::Upscaling<B> upscaling_;
  std::array<typename B::Linear, 3> hyper_;
};

SEGFACE_END_CORE
