// ResNet-101: [B, H, W, 3] -> four maps at strides 4, 8, 16, 32 with 256, 512, 1024, 2048 channels.
//
// A 7 x 7 stem, a max pool, and four stages of bottlenecks: 1 x 1 down to a quarter, 3 x 3, 1 x 1 up, plus the input
// (through a 1 x 1 convolution where the stage begins), then ReLU.
// At 512 x 512: 256^2 x 64 after the stem, taps 128^2 x 256, 64^2 x 512, 32^2 x 1024, 16^2 x 2048. Odd sides round up.
// Mirrors torchvision.models.resnet101 (layer1 to layer4 are children 4 to 7). He et al., Deep Residual Learning for
// Image Recognition, 2016, table 1.
// Traps: the stride is in the 3 x 3 convolution (torchvision's v1.5); the last ReLU comes after the addition.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "segface/backends/primitives.hpp"
#include "segface/layers/convolution.hpp"
#include "segface/networks/segface/backbones/taps.hpp"

SEGFACE_BEGIN_CORE

template <class B>
class ResNet;

namespace resnet {

inline constexpr std::array<Index, 4> kChannels = {256, 512, 1024, 2048};
inline constexpr std::array<std::size_t, 4> kDepths = {3, 4, 23, 3};
inline constexpr Index kStem = 64;
inline constexpr Pool kPool = {/*kernel=*/3, /*stride=*/2, /*padding=*/1};

struct BottleneckWeights {
  ConvolutionWeights conv1, conv2, conv3;
  std::optional<ConvolutionWeights> downsample;

  BottleneckWeights(Index in, Index out, Index stride)
      : conv1{in, out / 4, 1, 1, false, 1e-5f, {}, {}},
        conv2{out / 4, out / 4, 3, stride, false, 1e-5f, {}, {}},
        conv3{out / 4, out, 1, 1, false, 1e-5f, {}, {}} {
    if (in != out) downsample = ConvolutionWeights{in, out, 1, stride, false, 1e-5f, {}, {}};
  }

  template <class Visitor>
  void visit(Visitor& v) {
    conv1.visit(v, "conv1", "bn1");
    conv2.visit(v, "conv2", "bn2");
    conv3.visit(v, "conv3", "bn3");
    if (downsample) v.child("downsample", *downsample);
  }
};

struct Weights {
  template <class B>
  using Network = ResNet<B>;

  ConvolutionWeights stem = {3, kStem, 7, 2, false, 1e-5f, {}, {}};
  std::array<std::vector<BottleneckWeights>, 4> stages;

  Weights() {
    for (std::size_t s = 0; s < 4; ++s) {
      for (std::size_t i = 0; i < kDepths[s]; ++i) {
        const Index in = i > 0 ? kChannels[s] : s > 0 ? kChannels[s - 1] : kStem;
        stages[s].emplace_back(in, kChannels[s], /*stride=*/i == 0 && s > 0 ? 2 : 1);
      }
    }
  }
  const std::array<Index, 4>& channels() const noexcept { return kChannels; }

  template <class Visitor>
  void visit(Visitor& v) {
    stem.visit(v, "0", "1");
    for (std::size_t s = 0; s < 4; ++s) {
      for (std::size_t i = 0; i < kDepths[s]; ++i) {
        v.child(std::to_string(s + 4) + "." + std::to_string(i), stages[s][i]);
      }
    }
  }
};

template <class B>
struct Bottleneck {
  typename B::Convolution conv1, conv2, conv3;
  std::optional<typename B::Convolution> downsample;

  Bottleneck(Preparation<B>& p, const BottleneckWeights& w)
      : conv1(prepare(p, w.conv1)), conv2(prepare(p, w.conv2)), conv3(prepare(p, w.conv3)) {
    if (w.downsample) downsample = prepare(p, *w.downsample);
  }

  // relu(conv3(relu(conv2(relu(conv1(x))))) + x), in the place of x unless the size changes.
  MapOf<B> operator()(Run<B>& run, const MapOf<B>& x) const noexcept {
    const MapOf<B> y = downsample ? ops::convolution<B>(run, *downsample, x) : x;
    const auto scope = run.scope();
    const MapOf<B> narrow = ops::convolution<B>(run, conv1, x, Activation::relu);
    const MapOf<B> filtered = ops::convolution<B>(run, conv2, narrow, Activation::relu);
    ops::convolution<B>(run, conv3, filtered, Epilogue<B>::plus(y, Activation::relu), y);
    return y;
  }
};

}  // namespace resnet

template <class B>
class ResNet {
 public:
  ResNet(Preparation<B>& p, const resnet::Weights& w) : stem_(prepare(p, w.stem)) {
    for (std::size_t s = 0; s < 4; ++s) stages_[s] = prepare_each<resnet::Bottleneck<B>>(p, w.stages[s]);
  }

  // Normalised image [B, H, W, 3] -> the four taps.
  std::array<ViewOf<B>, 4> operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    Taps<B> taps;
    MapOf<B> x = ops::max_pool<B>(run, resnet::kPool, ops::convolution<B>(run, stem_, image, Activation::relu));
    for (const auto& stage : stages_) {
      for (const auto& block : stage) x = block(run, x);
      taps.add(run, x);
    }
    return taps.maps();
  }

 private:
  typename B::Convolution stem_;
  std::array<std::vector<resnet::Bottleneck<B>>, 4> stages_;
};

SEGFACE_END_CORE
