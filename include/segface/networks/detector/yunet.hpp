// YuNet: finds faces. [B, H, W, 3] -> three maps of cells [B, H / s, W / s, 16] at strides s of 8, 16 and 32.
//
// The input is blue, green, red, each 0 to 255, and H and W are multiples of 32. A cell says whether a face is there
// (two logits, kClass and kObject), its box (kBox: four numbers) and its points (kPoints: five pairs); detector/cells.hpp
// tells how they are read. Everything is made of units: a 1 x 1 convolution and a depthwise 3 x 3 one.
// At 640 x 480: 320 x 240 x 16 after the stem, then 160 x 120 x 64, and cells of 80 x 60, 40 x 30 and 20 x 15.
// Mirrors YuNet_s of libfacedetection.train. Wu et al., YuNet: A Tiny Millisecond-level Face Detector, 2023.
// Traps: no activation between the two halves of a unit, none at all in the heads; no pool after model1.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "segface/backends/compound/inverted_residual.hpp"
#include "segface/layers/convolution.hpp"
#include "segface/networks/network.hpp"

SEGFACE_BEGIN_CORE
namespace yunet {

inline constexpr std::size_t kLevels = 3;
inline constexpr Index kStrides[kLevels] = {8, 16, 32};
inline constexpr Index kMultiple = 32;  // of which the sides of the input are
// Channels of a cell.
inline constexpr Index kClass = 0, kObject = 1, kBox = 2, kPoints = 6, kCell = 16;

// One of the four outputs of a head: where it is in a cell.
struct HeadRow {
  const char* name;
  Index first, channels;
  const char* stages[kLevels];
};
inline constexpr std::size_t kHeads = 4;
inline constexpr HeadRow kHeadRows[kHeads] = {{"cls", kClass, 1, {"cls0", "cls1", "cls2"}},
                                              {"obj", kObject, 1, {"obj0", "obj1", "obj2"}},
                                              {"bbox", kBox, 4, {"bbox0", "bbox1", "bbox2"}},
                                              {"kps", kPoints, 10, {"kps0", "kps1", "kps2"}}};

inline constexpr Pool kPool = {/*kernel=*/2, /*stride=*/2};

struct UnitWeights {
  Index in = 0, out = 0;
  Weight pointwise_weight, pointwise_bias, depthwise_weight, depthwise_bias;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("conv1.weight", pointwise_weight, {out, in, 1, 1});
    v.tensor("conv1.bias", pointwise_bias, {out});
    v.tensor("conv2.weight", depthwise_weight, {out, 1, 3, 3});
    v.tensor("conv2.bias", depthwise_bias, {out});
  }
};

struct StageWeights {
  UnitWeights conv1, conv2;

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("conv1", conv1);
    v.child("conv2", conv2);
  }
};

struct StemWeights {
  BiasedConvolutionWeights conv1 = {3, 16, /*kernel=*/3, /*stride=*/2, /*padding=*/1, {}, {}};
  UnitWeights conv2 = {16, 16, {}, {}, {}, {}};

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("conv1", conv1);
    v.child("conv2", conv2);
  }
};

// relu(depthwise(pointwise(x))): [B, H, W, in] -> [B, H, W, out]
template <class B>
struct Unit {
  typename B::Convolution pointwise;
  typename B::DepthwiseConvolution depthwise;

  // Of several units that see the same input: one, whose outputs are theirs side by side.
  template <std::size_t kCount>
  Unit(Preparation<B>& p, const std::array<const UnitWeights*, kCount>& units) noexcept {
    Index out = 0;
    for (const UnitWeights* unit : units) out += unit->out;
    const Index in = units[0]->in;
    const auto side_by_side = [&](Weight UnitWeights::*which, Index each) {
      Buffer<float> all = p.keep(Buffer<float>::make(static_cast<std::size_t>(out * each)));
      float* end = all.data();
      for (const UnitWeights* unit : units) {
        const Buffer<float> values = p.read(unit->*which);
        if (p.status().ok()) end = std::copy(values.begin(), values.end(), end);
      }
      return all;
    };
    const Buffer<float> weight = side_by_side(&UnitWeights::pointwise_weight, in);
    const Buffer<float> bias = side_by_side(&UnitWeights::pointwise_bias, 1);
    pointwise = p.operand([&](const B& backend) {
      return backend.prepare_convolution({in, out, 1, 1, weight.data(), {}, bias.data()});
    });
    const Buffer<float> filter = side_by_side(&UnitWeights::depthwise_weight, 9);
    const Buffer<float> filter_bias = side_by_side(&UnitWeights::depthwise_bias, 1);
    depthwise = p.operand([&](const B& backend) {
      return backend.prepare_depthwise_convolution({1, out, 3, 1, filter.data(), {}, filter_bias.data()});
    });
  }
  Unit(Preparation<B>& p, const UnitWeights& unit) noexcept : Unit(p, std::array<const UnitWeights*, 1>{&unit}) {}

  MapOf<B> operator()(Run<B>& run, const ViewOf<B>& x, Activation activation = Activation::relu) const noexcept {
    const MapOf<B> y = run.map(x.batch, x.height, x.width, pointwise.out);
    into(run, x, activation, y);
    return y;
  }
  void into(Run<B>& run, const ViewOf<B>& x, Activation activation, const MapOf<B>& y) const noexcept {
    ops::expand_and_filter<B>(run, pointwise, depthwise, x, Activation::none, activation, y);
  }
};

// Two units: [B, H, W, in] -> [B, H, W, out]
template <class B>
struct Stage {
  Unit<B> conv1, conv2;

  Stage(Preparation<B>& p, const StageWeights& w) : conv1(p, w.conv1), conv2(p, w.conv2) {}

  MapOf<B> operator()(Run<B>& run, const ViewOf<B>& x) const noexcept {
    const MapOf<B> y = run.map(x.batch, x.height, x.width, conv2.pointwise.out);
    const auto scope = run.scope();
    conv2.into(run, conv1(run, x), Activation::relu, y);
    return y;
  }
};

}  // namespace yunet

struct YuNetWeights {
  using Unit = yunet::UnitWeights;
  static constexpr Index kWidth = 64;  // of the neck and of what it sees

  yunet::StemWeights model0;
  std::vector<yunet::StageWeights> models = {stage(16, 32), stage(32, 64), stage(64, 64), stage(64, 64), stage(64, 64)};
  std::vector<Unit> lateral_convs = {unit(kWidth), unit(kWidth), unit(kWidth)};
  std::array<std::array<Unit, yunet::kLevels>, yunet::kHeads> heads = {};

  YuNetWeights() {
    for (std::size_t h = 0; h < yunet::kHeads; ++h) heads[h].fill(unit(yunet::kHeadRows[h].channels));
  }

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("backbone.model0", model0);
    for (std::size_t i = 0; i < models.size(); ++i) v.child("backbone.model" + std::to_string(i + 1), models[i]);
    for (std::size_t l = 0; l < yunet::kLevels; ++l)
      v.child("neck.lateral_convs." + std::to_string(l), lateral_convs[l]);
    for (std::size_t h = 0; h < yunet::kHeads; ++h) {
      const std::string head = std::string("bbox_head.multi_level_") + yunet::kHeadRows[h].name + ".";
      for (std::size_t l = 0; l < yunet::kLevels; ++l) v.child(head + std::to_string(l), heads[h][l]);
    }
  }

 private:
  static Unit unit(Index out) { return {kWidth, out, {}, {}, {}, {}}; }
  static yunet::StageWeights stage(Index in, Index out) {
    return {{in, in, {}, {}, {}, {}}, {in, out, {}, {}, {}, {}}};
  }
};

// Ready to run, immutable; any number of threads may use it.
template <class B>
class YuNet {
 public:
  using Weights = YuNetWeights;
  using Given = Nothing;
  using Tables = Nothing;
  // Of each level [B, H / s, W / s, kCell].
  using Output = std::array<ViewOf<B>, yunet::kLevels>;
  using Target = Nothing;

  // Errors: those of the source, non_finite, out_of_memory.
  static Result<YuNet> prepare(const B& backend, const YuNetWeights& w) noexcept {
    return guarded([&]() -> Result<YuNet> {
      Preparation<B> preparation(backend);
      YuNet network(preparation, w);
      if (!preparation.status().ok()) return preparation.status();
      return Result<YuNet>(std::move(network));
    });
  }

  const B& backend() const noexcept { return backend_; }
  static Status check_input(Index batch, Index height, Index width, const Given&) noexcept {
    if (batch >= 1 && height >= 1 && width >= 1 && height % yunet::kMultiple == 0 && width % yunet::kMultiple == 0) {
      return {};
    }
    return error(Errc::invalid_argument, "YuNet takes images with sides that are multiples of ", yunet::kMultiple,
                 ", got ", batch, " x ", height, " x ", width);
  }

  // Image [B, H, W, 3] -> the cells of each level.
  Output operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    std::array<MapOf<B>, yunet::kLevels> cells;
    for (std::size_t l = 0; l < yunet::kLevels; ++l) {
      const Index stride = yunet::kStrides[l];
      cells[l] = run.map(image.batch, image.height / stride, image.width / stride, yunet::kCell);
    }
    const auto scope = run.scope();
    const auto features = backbone(run, image);
    MapOf<B> coarser;
    for (std::size_t l = yunet::kLevels; l-- > 0;) {
      if (coarser.batch != 0) ops::add_upsampled<B>(run, coarser, features[l]);
      coarser = laterals_[l](run, features[l]);
      run.stage(kNeckNames[l], coarser);
      heads_[l].into(run, coarser, Activation::none, cells[l]);
      for (std::size_t h = 0; h < yunet::kHeads; ++h) {
        const yunet::HeadRow& row = yunet::kHeadRows[h];
        run.stage(row.stages[l], cells[l].slice(row.first, row.channels));
      }
    }
    return {cells[0], cells[1], cells[2]};
  }

 private:
  static constexpr const char* kModelNames[] = {"model1", "model2", "model3", "model4", "model5"};
  static constexpr const char* kNeckNames[] = {"neck0", "neck1", "neck2"};

  YuNet(Preparation<B>& p, const YuNetWeights& w)
      : backend_(p.backend()),
        stem_(core::prepare(p, w.model0.conv1)),
        stem_unit_(p, w.model0.conv2),
        models_(prepare_each<yunet::Stage<B>>(p, w.models)),
        laterals_(prepare_each<yunet::Unit<B>>(p, w.lateral_convs)) {
    heads_.reserve(yunet::kLevels);
    for (std::size_t l = 0; l < yunet::kLevels; ++l) {
      heads_.emplace_back(p, std::array<const YuNetWeights::Unit*, yunet::kHeads>{&w.heads[0][l], &w.heads[1][l],
                                                                                  &w.heads[2][l], &w.heads[3][l]});
    }
  }

  // The maps at strides 8, 16 and 32, 64 channels each.
  std::array<MapOf<B>, yunet::kLevels> backbone(Run<B>& run, const ViewOf<B>& image) const noexcept {
    MapOf<B> x = stem_unit_(run, ops::convolution<B>(run, stem_, image, Activation::relu));
    run.stage("model0", x);
    std::array<MapOf<B>, yunet::kLevels> features;
    for (std::size_t i = 0; i < models_.size(); ++i) {
      const bool same_size = i == 1;
      x = models_[i](run, same_size ? x : ops::max_pool<B>(run, yunet::kPool, x));
      run.stage(kModelNames[i], x);
      if (i >= 2) features[i - 2] = x;
    }
    return features;
  }

  B backend_;
  typename B::Convolution stem_;
  yunet::Unit<B> stem_unit_;
  std::vector<yunet::Stage<B>> models_;   // model1 to model5
  std::vector<yunet::Unit<B>> laterals_;  // of a level each
  std::vector<yunet::Unit<B>> heads_;     // the four outputs of a level in one
};

SEGFACE_END_CORE
