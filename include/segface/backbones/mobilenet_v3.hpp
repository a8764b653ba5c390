// MobileNetV3-Large: [B, H, W, 3] -> four maps at strides 4, 8, 16, 32 with 24, 40, 112, 960 channels.
//
// A stem, fifteen inverted residuals (expand by a 1 x 1 convolution, filter each channel on its own, squeeze-
// excitation in some, project back by a 1 x 1 convolution without activation, add where nothing changed size)
// and a last 1 x 1 convolution. At 512 x 512: 256^2 x 16 after the stem, taps 128^2 x 24, 64^2 x 40, 32^2 x 112,
// 16^2 x 960. Sides that are odd round up. Mirrors torchvision.models.mobilenet_v3_large().features.
// Howard et al., Searching for MobileNetV3, 2019, table 1. Trap: BatchNorm's eps is 1e-3.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "segface/backbones/taps.hpp"
#include "segface/backends/compound/inverted_residual.hpp"
#include "segface/layers/convolution.hpp"
#include "segface/layers/squeeze_excitation.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace mobilenet_v3 {

inline constexpr float kBatchNormEps = 1e-3f;
inline constexpr std::array<Index, 4> kChannels = {24, 40, 112, 960};
// features.N whose output is tapped, the last map of each resolution; the fourth tap is the last convolution.
inline constexpr std::array<std::size_t, 3> kTaps = {3, 6, 12};

// One inverted residual: a row of the paper's table 1.
struct BlockRow {
  Index in, kernel, expanded, out, squeezed;  // squeezed: width inside squeeze-excitation, 0 for none
  Activation activation;
  Index stride;
};

inline constexpr Activation kRelu = Activation::relu, kSwish = Activation::hard_swish;
inline constexpr std::array<BlockRow, 15> kBlocks = {{
    {16, 3, 16, 16, 0, kRelu, 1},        //  1
    {16, 3, 64, 24, 0, kRelu, 2},        //  2
    {24, 3, 72, 24, 0, kRelu, 1},        //  3: tap 0, stride 4
    {24, 5, 72, 40, 24, kRelu, 2},       //  4
    {40, 5, 120, 40, 32, kRelu, 1},      //  5
    {40, 5, 120, 40, 32, kRelu, 1},      //  6: tap 1, stride 8
    {40, 3, 240, 80, 0, kSwish, 2},      //  7
    {80, 3, 200, 80, 0, kSwish, 1},      //  8
    {80, 3, 184, 80, 0, kSwish, 1},      //  9
    {80, 3, 184, 80, 0, kSwish, 1},      // 10
    {80, 3, 480, 112, 120, kSwish, 1},   // 11
    {112, 3, 672, 112, 168, kSwish, 1},  // 12: tap 2, stride 16
    {112, 5, 672, 160, 168, kSwish, 2},  // 13
    {160, 5, 960, 160, 240, kSwish, 1},  // 14
    {160, 5, 960, 160, 240, kSwish, 1},  // 15
}};

struct InvertedResidualWeights {
  BlockRow row = {};
  ConvolutionWeights expand, depthwise, project;
  SqueezeExcitationWeights squeeze_excitation;

  InvertedResidualWeights() = default;
  explicit InvertedResidualWeights(const BlockRow& r)
      : row(r),
        expand{r.in, r.expanded, 1, 1, false, kBatchNormEps, {}, {}},
        depthwise{r.expanded, r.expanded, r.kernel, r.stride, true, kBatchNormEps, {}, {}},
        project{r.expanded, r.out, 1, 1, false, kBatchNormEps, {}, {}},
        squeeze_excitation{r.expanded, r.squeezed, {}, {}, {}, {}} {}

  bool expands() const noexcept { return row.expanded != row.in; }

  // The official Sequential numbers only the parts that exist.
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

template <class B>
compound::InvertedResidual<B> prepare(Preparation<B>& p, const InvertedResidualWeights& w) {
  compound::InvertedResidual<B> block;
  if (w.expands()) block.expand = segface::prepare(p, w.expand);
  block.depthwise = prepare_depthwise(p, w.depthwise);
  if (w.row.squeezed != 0) {
    block.squeeze_excitation = segface::prepare(p, w.squeeze_excitation, Activation::relu, Activation::hard_sigmoid);
  }
  block.project = segface::prepare(p, w.project);
  block.activation = w.row.activation;
  block.residual = w.row.stride == 1 && w.row.in == w.row.out;
  return block;
}

struct Weights {
  ConvolutionWeights stem = {3, 16, 3, 2, false, kBatchNormEps, {}, {}};
  std::vector<InvertedResidualWeights> blocks{kBlocks.begin(), kBlocks.end()};
  ConvolutionWeights last = {160, 960, 1, 1, false, kBatchNormEps, {}, {}};

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("0", stem);
    for (std::size_t i = 0; i < blocks.size(); ++i) v.child(std::to_string(i + 1), blocks[i]);
    v.child(std::to_string(blocks.size() + 1), last);
  }
};

}  // namespace mobilenet_v3

template <class B>
class MobileNetV3 {
 public:
  MobileNetV3(Preparation<B>& p, const mobilenet_v3::Weights& w)
      : stem_(prepare(p, w.stem)), last_(prepare(p, w.last)) {
    blocks_.reserve(w.blocks.size());
    for (const auto& block : w.blocks) blocks_.push_back(prepare(p, block));
  }

  // Normalised image [B, H, W, 3] -> the four taps.
  std::array<ViewOf<B>, 4> operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    Taps<B> taps;
    ViewOf<B> x = ops::convolution<B>(run, stem_, image, Activation::hard_swish);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      x = ops::inverted_residual<B>(run, blocks_[i], x);
      if (std::find(mobilenet_v3::kTaps.begin(), mobilenet_v3::kTaps.end(), i + 1) != mobilenet_v3::kTaps.end()) {
        taps.add(run, x);
      }
    }
    taps.add(run, ops::convolution<B>(run, last_, x, Activation::hard_swish));
    return taps.maps();
  }

 private:
  typename B::Convolution stem_, last_;
  std::vector<compound::InvertedResidual<B>> blocks_;
};

SEGFACE_END_NAMESPACE
