// SegFace: image [B, H, W, 3] -> logits [B, 4h, 4w, K], h = H / 4 rounded as the backbone does.
//
// backbone (four maps at strides 4, 8, 16, 32) -> MLP fusion (one map of 256 channels) -> class-token decoder.
// Mirrors SegFaceCeleb and its siblings; Narayan et al., SegFace: Face Segmentation of Long-Tail Classes, AAAI 2025,
// figure 2. Three lifetimes: SegFace (weights, any size), Plan (one size), Run (one pass).
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "segface/backends/compound.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/networks/segface/backbones/backbone.hpp"
#include "segface/networks/segface/backbones/convnext.hpp"
#include "segface/networks/segface/backbones/efficientnet_v2.hpp"
#include "segface/networks/segface/backbones/mobilenet_v3.hpp"
#include "segface/networks/segface/backbones/resnet.hpp"
#include "segface/networks/segface/backbones/swin.hpp"
#include "segface/networks/segface/backbones/swin_v2.hpp"
#include "segface/networks/segface/class_token_decoder.hpp"
#include "segface/networks/segface/mlp_fusion.hpp"

SEGFACE_BEGIN_CORE

// Smallest side of an input.
inline constexpr Index kMinSide = 32;

// Every tensor of a network: official names, in the official order.
struct SegFaceWeights {
  using AnyBackbone = std::variant<swin::Weights, swin::WeightsV2, convnext::Weights, resnet::Weights,
                                   mobilenet_v3::Weights, efficientnet_v2::Weights>;

  AnyBackbone backbone;
  PositionEncodingWeights pe_layer;
  ClassTokenDecoderWeights face_decoder;
  MlpFusionWeights fusion;

  SegFaceWeights(Backbone which, Dataset dataset)
      : backbone(make_backbone(which)), face_decoder(dataset), fusion(channels(backbone)) {}

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
      {Backbone::mobilenet, [] { return AnyBackbone(mobilenet_v3::Weights()); }},
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

template <class B>
class Plan;

// A network ready to run, immutable; any number of threads may use it.
template <class B>
class SegFace {
 public:
  // Reads the weights one tensor at a time. Errors: those of the source, non_finite, out_of_memory.
  static Result<SegFace> prepare(const B& backend, const SegFaceWeights& w) noexcept;

  SegFace(SegFace&&) noexcept;
  SegFace& operator=(SegFace&&) noexcept;
  ~SegFace();

  const B& backend() const noexcept { return backend_; }

  // Normalised image [B, H, W, 3] -> pyramid.
  Pyramid<B> pyramid(Run<B>& run, const ViewOf<B>& image) const noexcept;

  // Normalised image [B, H, W, 3] of the plan's size -> logits [B, 4h, 4w, K]; with a warp for each image, as LaPa's
  // networks need, the image is warped first and the logits are taken back, to [B, H, W, K].
  MapOf<B> operator()(Run<B>& run, const ClassTokenDecoderPlan<B>& plan, const ViewOf<B>& image,
                      Span<const TanhWarp> warps = {}) const noexcept;
  // The same for one image, whose labels go to the target, at the target's size: the logits need not be in memory.
  void label(Run<B>& run, const ClassTokenDecoderPlan<B>& plan, const ViewOf<B>& image, Span<const TanhWarp> warps,
             const LabelTarget& target) const noexcept;

  const ClassTokenDecoder<B>& decoder() const noexcept { return decoder_; }

 private:
  // One network for each kind of weights.
  template <class Weights>
  struct Networks;
  template <class... Weights>
  struct Networks<std::variant<Weights...>> {
    using type = std::variant<typename Weights::template Network<B>...>;
  };
  using AnyBackbone = typename Networks<SegFaceWeights::AnyBackbone>::type;

  SegFace(Preparation<B>& p, const SegFaceWeights& w, const MlpFusionNumbers& fusion);

  static AnyBackbone make_backbone(Preparation<B>& p, const SegFaceWeights::AnyBackbone& weights);
  MapOf<B> warped(Run<B>& run, const ClassTokenDecoderPlan<B>& plan, const ViewOf<B>& image,
                  Span<const TanhWarp> warps) const noexcept;

  B backend_;
  AnyBackbone backbone_;
  ops::MlpFusion<B> fusion_;
  ClassTokenDecoder<B> decoder_;
};

// Members are defined outside the class, and not inline, so that a program may instantiate them once.

template <class B>
SegFace<B>::SegFace(SegFace&&) noexcept = default;
template <class B>
SegFace<B>& SegFace<B>::operator=(SegFace&&) noexcept = default;
template <class B>
SegFace<B>::~SegFace() = default;

template <class B>
Result<SegFace<B>> SegFace<B>::prepare(const B& backend, const SegFaceWeights& w) noexcept {
  return guarded([&]() -> Result<SegFace> {
    Preparation<B> preparation(backend);
    SegFace network(preparation, w, MlpFusionNumbers(preparation, w.fusion));
    if (!preparation.status().ok()) return preparation.status();
    return Result<SegFace>(std::move(network));
  });
}

template <class B>
SegFace<B>::SegFace(Preparation<B>& p, const SegFaceWeights& w, const MlpFusionNumbers& fusion)
    : backend_(p.backend()),
      backbone_(make_backbone(p, w.backbone)),
      fusion_(core::prepare(p, fusion)),
      decoder_(p, w.face_decoder, w.pe_layer, fusion) {}

template <class B>
typename SegFace<B>::AnyBackbone SegFace<B>::make_backbone(Preparation<B>& p,
                                                           const SegFaceWeights::AnyBackbone& weights) {
  return std::visit(
      [&](const auto& w) {
        using Network = typename std::decay_t<decltype(w)>::template Network<B>;
        return AnyBackbone(std::in_place_type<Network>, p, w);
      },
      weights);
}

template <class B>
Pyramid<B> SegFace<B>::pyramid(Run<B>& run, const ViewOf<B>& image) const noexcept {
  const std::array<ViewOf<B>, 4> features =
      std::visit([&](const auto& backbone) { return backbone(run, image); }, backbone_);
  const Pyramid<B> fused = ops::fuse<B>(run, fusion_, features);
  run.stage("fused", fused.fused);
  return fused;
}

template <class B>
MapOf<B> SegFace<B>::operator()(Run<B>& run, const ClassTokenDecoderPlan<B>& plan, const ViewOf<B>& image,
                                Span<const TanhWarp> warps) const noexcept {
  const MapOf<B> logits = warps.empty() ? decoder_(run, plan, pyramid(run, image)) : warped(run, plan, image, warps);
  run.stage("logits", logits);
  return logits;
}

template <class B>
void SegFace<B>::label(Run<B>& run, const ClassTokenDecoderPlan<B>& plan, const ViewOf<B>& image,
                       Span<const TanhWarp> warps, const LabelTarget& target) const noexcept {
  if (warps.empty()) {
    decoder_.label(run, plan, pyramid(run, image), target);
  } else {
    ops::label_map<B>(run, (*this)(run, plan, image, warps), target);
  }
}

template <class B>
MapOf<B> SegFace<B>::warped(Run<B>& run, const ClassTokenDecoderPlan<B>& plan, const ViewOf<B>& image,
                            Span<const TanhWarp> warps) const noexcept {
  const MapOf<B> input = run.map(image.batch, image.height, image.width, image.channels);
  ops::warp<B>(run, warps, /*back=*/false, image, input);
  run.stage("warped", input);
  const MapOf<B> logits = decoder_(run, plan, pyramid(run, input));
  const MapOf<B> back = run.map(image.batch, image.height, image.width, logits.channels);
  ops::warp<B>(run, warps, /*back=*/true, logits, back);
  return back;
}

// A stage of the network with what it costs at the plan's size.
struct StageCost {
  std::string name;
  Cost cost;
  Index height = 0, width = 0, channels = 0;
};

// Everything that follows from the size of the input: position encodings, memory, shapes, costs. Immutable.
template <class B>
class Plan {
 public:
  using Scalar = HostScalarOf<B>;

  // For `batch` images of height x width and as many threads as the executor has; `warped`: every pass gets warps. The
  // network must outlive the plan. Errors: invalid_argument (a side below kMinSide; to be warped, but no square),
  // limit_exceeded, overflow, out_of_memory.
  static Result<Plan> make(const SegFace<B>& network, Index batch, Index height, Index width, Executor& executor,
                           bool warped = false) noexcept;

  Index batch() const noexcept { return batch_; }
  Index height() const noexcept { return height_; }
  Index width() const noexcept { return width_; }
  // Threads it was made for; a run may use fewer.
  Index threads() const noexcept { return threads_; }
  // Bytes a pass needs, to logits and (of one image; else 0) to labels, and bytes the plan itself holds.
  std::size_t workspace_bytes() const noexcept { return workspace_bytes_; }
  std::size_t labelling_bytes() const noexcept { return labelling_bytes_; }
  std::size_t bytes() const noexcept { return memory_.bytes(); }
  // Cost of one pass, and of its stages in order.
  const Cost& cost() const noexcept { return cost_; }
  const std::vector<StageCost>& stages() const noexcept { return stages_; }
  const ClassTokenDecoderPlan<B>& decoder() const noexcept { return decoder_; }

 private:
  Plan(Index batch, Index height, Index width, Index threads) noexcept
      : batch_(batch), height_(height), width_(width), threads_(threads) {}

  // Collects the stages of the dry run.
  struct Recorder final : Observer<Scalar> {
    std::vector<StageCost> stages;
    bool out_of_memory = false;
    Cost before;

    void stage(const char* name, const Map<const Scalar>& output, const Cost& so_far) noexcept override {
      const Status status = guarded([&]() -> Status {
        stages.push_back({name,
                          {so_far.flops - before.flops, so_far.bytes - before.bytes},
                          output.height,
                          output.width,
                          output.channels});
        return {};
      });
      out_of_memory = out_of_memory || !status.ok();
      before = so_far;
    }
  };

  Status build(const SegFace<B>& network, Executor& executor, bool warped);

  Index batch_, height_, width_, threads_;
  std::size_t workspace_bytes_ = 0, labelling_bytes_ = 0;
  Cost cost_;
  std::vector<StageCost> stages_;
  MemoryOf<B> memory_;
  ClassTokenDecoderPlan<B> decoder_;
};

template <class B>
Result<Plan<B>> Plan<B>::make(const SegFace<B>& network, Index batch, Index height, Index width, Executor& executor,
                              bool warped) noexcept {
  if (batch < 1 || height < kMinSide || width < kMinSide) {
    return error(Errc::invalid_argument, "an input of ", batch, " x ", height, " x ", width,
                 " pixels is too small: expected at least 1 image with sides of ", kMinSide, " or more");
  }
  constexpr Index kMostPixels = Index{1} << 28;
  if (height > kMostPixels / width || batch > kMostPixels / (height * width)) {
    return error(Errc::limit_exceeded, "an input of ", batch, " x ", height, " x ", width,
                 " pixels is too large: expected at most 2^28 pixels; use a smaller size or batch");
  }
  if (warped && height != width) {
    return error(Errc::invalid_argument, "an input of ", height, " x ", width,
                 " pixels cannot be warped: LaPa's networks take squares only");
  }
  return guarded([&]() -> Result<Plan> {
    Plan plan(batch, height, width, executor.threads());
    SEGFACE_RETURN_IF_ERROR(plan.build(network, executor, warped));
    return Result<Plan>(std::move(plan));
  });
}

template <class B>
Status Plan<B>::build(const SegFace<B>& network, Executor& executor, bool warped) {
  // A dry run tells the sizes of the maps, then what the position encodings need, then what a pass needs.
  Arena shapes;
  Run<B> shape_run(network.backend(), shapes, executor);
  const ViewOf<B> image = shape_run.map(batch_, height_, width_, 3);
  const ViewOf<B> finest = network.pyramid(shape_run, image).levels[0];

  Arena counting;
  Run<B> counting_run(network.backend(), counting, executor);
  network.decoder().plan(counting_run, finest.height, finest.width);

  SEGFACE_RETURN_IF_ERROR(memory_.reserve(counting.high_water()));
  Arena arena(memory_.block());
  Run<B> plan_run(network.backend(), memory_, arena, executor);
  decoder_ = network.decoder().plan(plan_run, finest.height, finest.width);
  SEGFACE_RETURN_IF_ERROR(plan_run.status());
  SEGFACE_RETURN_IF_ERROR(memory_.finish());

  Arena dry;
  Recorder recorder;
  Run<B> dry_run(network.backend(), dry, executor, &recorder);
  const MapOf<B> input = dry_run.map(batch_, height_, width_, 3);
  const std::vector<TanhWarp> warps(warped ? static_cast<std::size_t>(batch_) : 0);
  const MapOf<B> logits = network(dry_run, decoder_, input, {warps.data(), warps.size()});
  if (batch_ == 1) ops::label_map<B>(dry_run, logits, LabelTarget());
  workspace_bytes_ = dry.high_water();
  cost_ = dry_run.cost();
  stages_ = std::move(recorder.stages);

  if (batch_ == 1) {
    Arena labelling;
    Run<B> labelling_run(network.backend(), labelling, executor);
    network.label(labelling_run, decoder_, labelling_run.map(1, height_, width_, 3), {warps.data(), warps.size()}, {});
    labelling_bytes_ = labelling.high_water();
  }
  return recorder.out_of_memory ? error(Errc::out_of_memory, "out of memory") : Status();
}

// One pass with memory of its own, for those who pass once: fill(input [B, H, W, 3]), then use(logits [B, 4h, 4w, K]).
// Errors: out_of_memory, cancelled, those of a device.
template <class B, class Fill, class Use>
Status pass_once(const SegFace<B>& network, const Plan<B>& plan, Executor& executor, typename Run<B>::Watcher* observer,
                 const Fill& fill, const Use& use, Span<const TanhWarp> warps = {}) noexcept {
  const FloatingPointGuard guard;
  const bool every_stage = observer != nullptr && observer->every_stage();
  const auto pass = [&](Run<B>& run) {
    const MapOf<B> input = run.map(plan.batch(), plan.height(), plan.width(), 3);
    run.write(input, fill);
    return network(run, plan.decoder(), input, warps);
  };
  Arena counting;  // the plan does not count with every stage
  Run<B> dry_run(network.backend(), counting, executor, nullptr, every_stage);
  pass(dry_run);
  MemoryOf<B> memory;
  SEGFACE_RETURN_IF_ERROR(memory.reserve(counting.high_water()));
  Arena arena(memory.block());
  Run<B> run(network.backend(), memory, arena, executor, observer);
  run.read(pass(run), use);
  return run.status();
}

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
