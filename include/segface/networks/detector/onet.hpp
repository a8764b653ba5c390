// O-Net, the last stage of MTCNN: looks at a window with a face. [B, 48, 48, 3] -> [B, 1, 1, 16]: whether it is one (two
// logits), where its box is (four numbers, parts of the window), and its five points (five x, then five y, parts of the
// window, from its upper left corner).
//
// The input is red, green, blue as (x - 127.5) / 128. Four convolutions without padding, each with PReLU, and pools
// between them; sides 48, 46, 23, 21, 10, 8, 4, 3; then dense layers.
// Mirrors ONet of facenet-pytorch without its softmax. Zhang et al., Joint Face Detection and Alignment using Multitask
// Cascaded Convolutional Networks, 2016.
// Traps: pools round sizes up; the official dense5 counts a map's x first, then y, then channels, ours y, x, channels:
// its columns change places when they are prepared.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "segface/backends/primitives.hpp"
#include "segface/layers/convolution.hpp"
#include "segface/layers/linear.hpp"
#include "segface/networks/network.hpp"

SEGFACE_BEGIN_CORE
namespace onet {

inline constexpr Index kSide = 48;
// Channels of an answer.
inline constexpr Index kNoFace = 0, kFace = 1, kBox = 2, kPoints = 6, kAnswer = 16;

struct ConvolutionRow {
  Index in, out, kernel;
  Pool pool;  // before it
};
inline constexpr std::size_t kDepth = 4;
inline constexpr ConvolutionRow kRows[kDepth] = {{3, 32, 3, {1, 1}},
                                                 {32, 64, 3, {3, 2, 0, /*ceil=*/true}},
                                                 {64, 64, 3, {3, 2, 0, /*ceil=*/true}},
                                                 {64, 128, 2, {2, 2, 0, /*ceil=*/true}}};
inline constexpr Index kLastSide = 3, kLastWidth = 128, kDense = 256;  // of the last map, and of dense5

struct SlopeWeights {
  Index channels = 0;
  Weight weight;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("weight", weight, {channels});
  }
};

template <class B>
typename B::Slopes prepare(Preparation<B>& p, const SlopeWeights& w) noexcept {
  const Buffer<float> slopes = p.read(w.weight);
  return p.operand([&](const B& backend) { return backend.prepare_slopes(slopes.data(), w.channels); });
}

}  // namespace onet

struct ONetWeights {
  std::array<BiasedConvolutionWeights, onet::kDepth> convolutions;
  std::array<onet::SlopeWeights, onet::kDepth> slopes;
  LinearWeights dense5 = {onet::kLastSide * onet::kLastSide * onet::kLastWidth, onet::kDense, {}, {}};
  onet::SlopeWeights prelu5 = {onet::kDense, {}};
  std::array<LinearWeights, 3> dense6 = {LinearWeights{onet::kDense, 2, {}, {}}, LinearWeights{onet::kDense, 4, {}, {}},
                                         LinearWeights{onet::kDense, 10, {}, {}}};

  ONetWeights() {
    for (std::size_t i = 0; i < onet::kDepth; ++i) {
      const onet::ConvolutionRow& row = onet::kRows[i];
      convolutions[i] = {row.in, row.out, row.kernel, /*stride=*/1, /*padding=*/0, {}, {}};
      slopes[i].channels = row.out;
    }
  }

  template <class Visitor>
  void visit(Visitor& v) {
    for (std::size_t i = 0; i < onet::kDepth; ++i) {
      v.child("conv" + std::to_string(i + 1), convolutions[i]);
      v.child("prelu" + std::to_string(i + 1), slopes[i]);
    }
    v.child("dense5", dense5);
    v.child("prelu5", prelu5);
    for (std::size_t i = 0; i < dense6.size(); ++i) v.child("dense6_" + std::to_string(i + 1), dense6[i]);
  }
};

// Ready to run, immutable; any number of threads may use it.
template <class B>
class ONet {
 public:
  using Weights = ONetWeights;
  using Given = Nothing;
  using Tables = Nothing;
  using Output = MapOf<B>;
  using Target = Nothing;

  // Errors: those of the source, non_finite, out_of_memory.
  static Result<ONet> prepare(const B& backend, const ONetWeights& w) noexcept {
    return guarded([&]() -> Result<ONet> {
      Preparation<B> preparation(backend);
      ONet network(preparation, w);
      if (!preparation.status().ok()) return preparation.status();
      return Result<ONet>(std::move(network));
    });
  }

  const B& backend() const noexcept { return backend_; }
  static Status check_input(Index batch, Index height, Index width, const Given&) noexcept {
    if (batch >= 1 && height == onet::kSide && width == onet::kSide) return {};
    return error(Errc::invalid_argument, "O-Net takes windows of ", onet::kSide, " x ", onet::kSide, ", got ", batch,
                 " x ", height, " x ", width);
  }

  // Windows [B, 48, 48, 3] -> answers [B, 1, 1, kAnswer].
  MapOf<B> operator()(Run<B>& run, const ViewOf<B>& windows) const noexcept {
    const MapOf<B> answers = run.map(windows.batch, 1, 1, onet::kAnswer);
    const auto scope = run.scope();
    ViewOf<B> x = windows;
    for (std::size_t i = 0; i < onet::kDepth; ++i) {
      if (i > 0) x = ops::max_pool<B>(run, onet::kRows[i].pool, x);
      const MapOf<B> y = ops::convolution<B>(run, convolutions_[i], x);
      ops::prelu<B>(run, slopes_[i], y);
      run.stage(kConvolutionNames[i], y);
      x = y;
    }
    const MapOf<B> dense = ops::linear<B>(run, dense5_, ops::patches<B>(run, x, onet::kLastSide, 1, 1));
    ops::prelu<B>(run, prelu5_, dense);
    run.stage("dense5", dense);
    ops::linear<B>(run, dense6_, dense, {}, answers);
    run.stage("logits", answers.slice(onet::kNoFace, 2));
    run.stage("box", answers.slice(onet::kBox, 4));
    run.stage("points", answers.slice(onet::kPoints, 10));
    return answers;
  }

 private:
  static constexpr const char* kConvolutionNames[] = {"conv1", "conv2", "conv3", "conv4"};

  ONet(Preparation<B>& p, const ONetWeights& w)
      : backend_(p.backend()),
        dense5_(prepare_dense5(p, w.dense5)),
        prelu5_(onet::prepare(p, w.prelu5)),
        dense6_(prepare_dense6(p, w.dense6)) {
    for (std::size_t i = 0; i < onet::kDepth; ++i) {
      convolutions_[i] = core::prepare(p, w.convolutions[i]);
      slopes_[i] = onet::prepare(p, w.slopes[i]);
    }
  }

  // Columns in the order x, y, channel -> y, x, channel.
  static typename B::Linear prepare_dense5(Preparation<B>& p, const LinearWeights& w) {
    const Buffer<float> weight = p.read(w.weight), bias = p.read(w.bias);
    Buffer<float> ordered = p.keep(Buffer<float>::make(weight.size()));
    constexpr Index kSide = onet::kLastSide, kWidth = onet::kLastWidth;
    for (Index block = 0; block < w.out * kSide * kSide && p.status().ok(); ++block) {
      const Index row = block / (kSide * kSide), y = block / kSide % kSide, x = block % kSide;
      std::copy_n(weight.data() + ((row * kSide + x) * kSide + y) * kWidth, kWidth, ordered.data() + block * kWidth);
    }
    return p.operand([&](const B& backend) {
      return backend.prepare_linear({w.in, w.out, ordered.data(), bias.data(), nullptr});
    });
  }

  // The three outputs side by side.
  static typename B::Linear prepare_dense6(Preparation<B>& p, const std::array<LinearWeights, 3>& parts) {
    Buffer<float> weight = p.keep(Buffer<float>::make(std::size_t{onet::kAnswer * onet::kDense}));
    Buffer<float> bias = p.keep(Buffer<float>::make(std::size_t{onet::kAnswer}));
    Index row = 0;
    for (const LinearWeights& part : parts) {
      const Buffer<float> its_weight = p.read(part.weight), its_bias = p.read(part.bias);
      if (!p.status().ok()) return {};
      std::copy(its_weight.begin(), its_weight.end(), weight.data() + row * onet::kDense);
      std::copy(its_bias.begin(), its_bias.end(), bias.data() + row);
      row += part.out;
    }
    return p.operand([&](const B& backend) {
      return backend.prepare_linear({onet::kDense, onet::kAnswer, weight.data(), bias.data(), nullptr});
    });
  }

  B backend_;
  std::array<typename B::Convolution, onet::kDepth> convolutions_;
  std::array<typename B::Slopes, onet::kDepth> slopes_;
  typename B::Linear dense5_;
  typename B::Slopes prelu5_;
  typename B::Linear dense6_;
};

SEGFACE_END_CORE
