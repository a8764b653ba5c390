// Every tensor of a SegFace network, and which backbone it has: plain, without a backend.
//
// The backbones have types of their own. A variant holds one of them, and a table says which: the rest of the network is
// the same for all. Mirrors the official SegFaceCeleb and its siblings, names and order of tensors included.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>

#include "segface/networks/segface/backbones/backbone.hpp"
#include "segface/networks/segface/backbones/convnext.hpp"
#include "segface/networks/segface/backbones/efficientnet_v2.hpp"
#include "segface/networks/segface/backbones/mobilenet_v3.hpp"
#include "segface/networks/segface/backbones/resnet.hpp"
#include "segface/networks/segface/backbones/swin.hpp"
#include "segface/networks/segface/backbones/swin_v2.hpp"
#include "segface/networks/segface/class_token_decoder.hpp"
#include "segface/networks/segface/mlp_fusion.hpp"
#include "segface/networks/segface/precision.hpp"

SEGFACE_BEGIN_CORE

// Every tensor of a network: official names, in the official order.
struct SegFaceWeights {
  using AnyBackbone = std::variant<swin::Weights, swin::WeightsV2, convnext::Weights, resnet::Weights,
                                   mobilenet_v3::Weights, efficientnet_v2::Weights>;

  AnyBackbone backbone;
  PositionEncodingWeights pe_layer;
  ClassTokenDecoderWeights face_decoder;
  MlpFusionWeights fusion;
  PrecisionRecipe recipe;  // the lowest precision of each layer's products

  SegFaceWeights(Backbone which, Dataset dataset)
      : backbone(make_backbone(which)), face_decoder(dataset), fusion(channels(backbone)) {
    recipe = default_recipe(*this);
  }

  template <class Visitor>
  void visit(Visitor& v) {
    std::visit([&](auto& weights) { v.child("backbone", weights); }, backbone);
    v.child("pe_layer", pe_layer);
    v.child("face_decoder", face_decoder);
    fusion.visit(v);
  }

 private:
  // The weights of a backbone, in the order of Backbone.
  struct Row {
    Backbone backbone;
    AnyBackbone (*make)();
  };
  static constexpr Row kRows[] = {
      {Backbone::swin_base, [] { return AnyBackbone(swin::Weights(swin::kBase)); }},
      {Backbone::swinv2_base, [] { return AnyBackbone(swin::WeightsV2(swin::kV2Base)); }},
      {Backbone::swinv2_small, [] { return AnyBackbone(swin::WeightsV2(swin::kV2Small)); }},
      {Backbone::swinv2_tiny, [] { return AnyBackbone(swin::WeightsV2(swin::kV2Tiny)); }},
      {Backbone::convnext_base, [] { return AnyBackbone(convnext::Weights(convnext::kBase)); }},
      {Backbone::convnext_small, [] { return AnyBackbone(convnext::Weights(convnext::kSmall)); }},
      {Backbone::resnet, [] { return AnyBackbone(resnet::Weights()); }},
      {Backbone::mobilenet, [] { return AnyBackbone(mobilenet_v3::Weights(mobilenet_v3::kLarge)); }},
      {Backbone::efficientnet, [] { return AnyBackbone(efficientnet_v2::Weights()); }},
  };
  static AnyBackbone make_backbone(Backbone which) {
    static_assert(rows_in_order(kRows), "a row for each Backbone, in their order");
    return kRows[static_cast<std::size_t>(which)].make();
  }
  static std::array<Index, 4> channels(const AnyBackbone& backbone) {
    return std::visit([](const auto& weights) { return weights.channels(); }, backbone);
  }
};

// The backbone of any kind, ready to run on a backend: one network for each kind of weights.
template <class B>
class BackboneNetwork {
 public:
  BackboneNetwork(Preparation<B>& p, const SegFaceWeights::AnyBackbone& weights)
      : network_(std::visit(
            [&](const auto& w) {
              using Network = typename std::decay_t<decltype(w)>::template Network<B>;
              return Any(std::in_place_type<Network>, p, w);
            },
            weights)) {}

  // Normalised image [B, H, W, 3] -> four maps at strides 4, 8, 16 and 32.
  std::array<ViewOf<B>, 4> operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    return std::visit([&](const auto& network) { return network(run, image); }, network_);
  }

 private:
  template <class Weights>
  struct Networks;
  template <class... Weights>
  struct Networks<std::variant<Weights...>> {
    using type = std::variant<typename Weights::template Network<B>...>;
  };
  using Any = typename Networks<SegFaceWeights::AnyBackbone>::type;

  Any network_;
};

SEGFACE_END_CORE
