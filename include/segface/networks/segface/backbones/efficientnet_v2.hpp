// EfficientNetV2-M: [B, H, W, 3] -> four maps at strides 4, 8, 16, 32 with 48, 80, 176, 1280 channels.
//
// A stem, three stages of fused blocks (one full 3 x 3 convolution where MobileNet has a 1 x 1 and a depthwise one),
// four stages of inverted residuals with squeeze-excitation, and a last 1 x 1 convolution; SiLU throughout.
// At 512 x 512: 256^2 x 24 after the stem, taps 128^2 x 48, 64^2 x 80, 32^2 x 176, 16^2 x 1280. Odd sides round up.
// Mirrors torchvision.models.efficientnet_v2_m().features. Tan and Le, EfficientNetV2, 2021, table 4.
// Traps: BatchNorm's eps is 1e-3; a fused block that does not expand has its activation before the addition;
// squeeze-excitation is a quarter of the block's input, not of its expanded width, with SiLU and sigmoid.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "segface/layers/inverted_residual.hpp"
#include "segface/networks/segface/backbones/taps.hpp"

SEGFACE_BEGIN_CORE

template <class B>
class EfficientNetV2;

namespace efficientnet_v2 {

inline constexpr std::array<Index, 4> kChannels = {48, 80, 176, 1280};
// features.N whose output is tapped; the fourth tap is the last convolution.
inline constexpr std::array<std::size_t, 3> kTaps = {2, 3, 5};

struct StageRow {
  bool fused;
  Index expansion, stride, in, out, depth;
};
inline constexpr std::array<StageRow, 7> kStages = {{
    {true, 1, 1, 24, 24, 3},      // 1
    {true, 4, 2, 24, 48, 5},      // 2: tap 0, stride 4
    {true, 4, 2, 48, 80, 5},      // 3: tap 1, stride 8
    {false, 4, 2, 80, 160, 7},    // 4
    {false, 6, 1, 160, 176, 14},  // 5: tap 2, stride 16
    {false, 6, 2, 176, 304, 18},  // 6
    {false, 6, 1, 304, 512, 5},   // 7
}};

// expand: a full 3 x 3 convolution, with all of the block's work where there is no project.
struct FusedBlockWeights {
  ConvolutionWeights expand;
  std::optional<ConvolutionWeights> project;
  bool residual;

  FusedBlockWeights(Index in, Index out, Index expansion, Index stride)
      : expand{in,    expansion == 1 ? out : expansion * in,  3,  stride,
               false, InvertedResidualWeights::kBatchNormEps, {}, {}},
        residual(stride == 1 && in == out) {
    if (expansion != 1) {
      project = ConvolutionWeights{expansion * in, out, 1, 1, false, InvertedResidualWeights::kBatchNormEps, {}, {}};
    }
  }

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("block.0", expand);
    if (project) v.child("block.1", *project);
  }
};

struct StageWeights {
  std::vector<FusedBlockWeights> fused;
  std::vector<InvertedResidualWeights> blocks;

  explicit StageWeights(const StageRow& row) {
    for (Index i = 0; i < row.depth; ++i) {
      const Index in = i == 0 ? row.in : row.out, stride = i == 0 ? row.stride : 1;
      if (row.fused) {
        fused.emplace_back(in, row.out, row.expansion, stride);
      } else {
        blocks.emplace_back(
            InvertedResidualRow{in, 3, row.expansion * in, row.out, /*squeezed=*/in / 4, Activation::silu, stride});
      }
    }
  }

  template <class Visitor>
  void visit(Visitor& v) {
    for (std::size_t i = 0; i < fused.size(); ++i) v.child(std::to_string(i), fused[i]);
    for (std::size_t i = 0; i < blocks.size(); ++i) v.child(std::to_string(i), blocks[i]);
  }
};

struct Weights {
  template <class B>
  using Network = EfficientNetV2<B>;

  ConvolutionWeights stem = {3, 24, 3, 2, false, InvertedResidualWeights::kBatchNormEps, {}, {}};
  std::vector<StageWeights> stages{kStages.begin(), kStages.end()};
  ConvolutionWeights last = {512, 1280, 1, 1, false, InvertedResidualWeights::kBatchNormEps, {}, {}};

  const std::array<Index, 4>& channels() const noexcept { return kChannels; }

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("0", stem);
    for (std::size_t i = 0; i < stages.size(); ++i) v.child(std::to_string(i + 1), stages[i]);
    v.child(std::to_string(stages.size() + 1), last);
  }
};

template <class B>
struct FusedBlock {
  typename B::Convolution expand;
  std::optional<typename B::Convolution> project;
  bool residual;

  FusedBlock(Preparation<B>& p, const FusedBlockWeights& w) : expand(prepare(p, w.expand)), residual(w.residual) {
    if (w.project) project = prepare(p, *w.project);
  }

  // silu(expand(x)) or project(silu(expand(x))), (+ x: then the latter is in the place of x)
  MapOf<B> operator()(Run<B>& run, const MapOf<B>& x) const noexcept {
    Epilogue<B> last = residual ? Epilogue<B>::plus(x) : Epilogue<B>();
    if (!project) {
      last.activation = Activation::silu;
      return ops::convolution<B>(run, expand, x, last);
    }
    const auto convolved = [&](Index side) { return ops::convolved(side, expand); };
    const MapOf<B> y = residual ? x : run.map(x.batch, convolved(x.height), convolved(x.width), project->out);
    const auto scope = run.scope();
    ops::convolution<B>(run, *project, ops::convolution<B>(run, expand, x, Activation::silu), last, y);
    return y;
  }
};

template <class B>
struct Stage {
  std::vector<FusedBlock<B>> fused;
  std::vector<compound::InvertedResidual<B>> blocks;

  Stage(Preparation<B>& p, const StageWeights& w) {
    fused = prepare_each<FusedBlock<B>>(p, w.fused);
    blocks = prepare_each(w.blocks, [&](const InvertedResidualWeights& block) {
      return prepare(p, block, Activation::silu, Activation::sigmoid);
    });
  }

  MapOf<B> operator()(Run<B>& run, MapOf<B> x) const noexcept {
    for (const auto& block : fused) x = block(run, x);
    for (const auto& block : blocks) x = ops::inverted_residual<B>(run, block, x);
    return x;
  }
};

}  // namespace efficientnet_v2

template <class B>
class EfficientNetV2 {
 public:
  EfficientNetV2(Preparation<B>& p, const efficientnet_v2::Weights& w)
      : stem_(prepare(p, w.stem)),
        last_(prepare(p, w.last)),
        stages_(prepare_each<efficientnet_v2::Stage<B>>(p, w.stages)) {}

  // Normalised image [B, H, W, 3] -> the four taps.
  std::array<ViewOf<B>, 4> operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    using efficientnet_v2::kTaps;
    Taps<B> taps;
    MapOf<B> x = ops::convolution<B>(run, stem_, image, Activation::silu);
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      x = stages_[i](run, x);
      if (std::find(kTaps.begin(), kTaps.end(), i + 1) != kTaps.end()) taps.add(run, x);
    }
    taps.add(run, ops::convolution<B>(run, last_, x, Activation::silu));
    return taps.maps();
  }

 private:
  typename B::Convolution stem_, last_;
  std::vector<efficientnet_v2::Stage<B>> stages_;
};

SEGFACE_END_CORE
