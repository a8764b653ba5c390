// MobileNetV3-Large: [B, H, W, 3] -> four maps at strides 4, 8, 16, 32 with 24, 40, 112, 960 channels.
//
// A stem, fifteen inverted residuals (expand by a 1 x 1 convolution, filter each channel on its own,
// squeeze-excitation in some, project back by a 1 x 1 convolution without activation, add where nothing changed size)
// and a last 1 x 1 convolution. At 512 x 512: 256^2 x 16 after the stem, taps 128^2 x 24, 64^2 x 40, 32^2 x 112,
// 16^2 x 960. Sides that are odd round up. Mirrors torchvision.models.mobilenet_v3_large().features.
// Howard et al., Searching for MobileNetV3, 2019, table 1. Trap: BatchNorm's eps is 1e-3.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "segface/layers/inverted_residual.hpp"
#include "segface/networks/segface/backbones/taps.hpp"

SEGFACE_BEGIN_CORE

template <class B>
class MobileNetV3;

namespace mobilenet_v3 {

inline constexpr Activation kRelu = Activation::relu, kSwish = Activation::hard_swish;

// A variant of MobileNetV3.
struct Row {
  Span<const InvertedResidualRow> blocks;
  std::array<std::size_t, 3> taps;  // blocks whose output is tapped, the first being 1; the fourth tap is the last map
  std::array<Index, 4> channels;    // of the taps
};

// Whether tapped maps stay as they are: the block that follows must make a map of its own, and add to none in its place.
constexpr bool taps_stay(const Row& row) noexcept {
  for (const std::size_t tap : row.taps) {
    const InvertedResidualRow& next = row.blocks[tap];
    if (next.stride == 1 && next.in == next.out) return false;
  }
  return true;
}

// Table 1 of the paper. Columns: in, kernel, expanded, out, squeezed (0: no squeeze-excitation), activation, stride.
inline constexpr InvertedResidualRow kLargeBlocks[] = {
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
};
inline constexpr Row kLarge = {kLargeBlocks, {3, 6, 12}, {24, 40, 112, 960}};
static_assert(taps_stay(kLarge), "taps are the last maps of their sides and channels");

struct Weights {
  template <class B>
  using Network = MobileNetV3<B>;

  Row row;
  ConvolutionWeights stem, last;
  std::vector<InvertedResidualWeights> blocks;

  explicit Weights(const Row& r)
      : row(r),
        stem{3, r.blocks[0].in, 3, 2, false, InvertedResidualWeights::kBatchNormEps, {}, {}},
        last{r.blocks.end()[-1].out, r.channels[3], 1, 1, false, InvertedResidualWeights::kBatchNormEps, {}, {}},
        blocks(r.blocks.begin(), r.blocks.end()) {}

  const std::array<Index, 4>& channels() const noexcept { return row.channels; }

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
      : taps_(w.row.taps), stem_(prepare(p, w.stem)), last_(prepare(p, w.last)) {
    blocks_ = prepare_each(w.blocks, [&](const InvertedResidualWeights& block) {
      return prepare(p, block, Activation::relu, Activation::hard_sigmoid);
    });
  }

  // Normalised image [B, H, W, 3] -> the four taps.
  std::array<ViewOf<B>, 4> operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    Taps<B> taps;
    MapOf<B> x = ops::convolution<B>(run, stem_, image, Activation::hard_swish);
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      x = ops::inverted_residual<B>(run, blocks_[i], x);
      if (std::find(taps_.begin(), taps_.end(), i + 1) != taps_.end()) taps.add(run, x);
    }
    taps.add(run, ops::convolution<B>(run, last_, x, Activation::hard_swish));
    return taps.maps();
  }

 private:
  std::array<std::size_t, 3> taps_;
  typename B::Convolution stem_, last_;
  std::vector<compound::InvertedResidual<B>> blocks_;
};

SEGFACE_END_CORE
