// SegFace: image [B, H, W, 3] -> logits [B, 4h, 4w, K], h = H / 4 rounded as the backbone does.
//
// backbone (four maps at strides 4, 8, 16, 32) -> MLP fusion (one map of 256 channels) -> class-token decoder.
// Mirrors SegFaceCeleb and its siblings; Narayan et al., SegFace: Face Segmentation of Long-Tail Classes, AAAI 2025,
// figure 2. Three lifetimes: SegFace (weights, any size), Plan (one size; engine/plan.hpp), Run (one pass;
// backends/run.hpp). B is a backend; MapOf<B> is a map that is written, ViewOf<B> one that is only read (base/map.hpp).
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <array>
#include <utility>

#include "segface/backends/compound.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/networks/segface/class_token_decoder.hpp"
#include "segface/networks/segface/mlp_fusion.hpp"
#include "segface/networks/segface/weights.hpp"

SEGFACE_BEGIN_CORE

// Smallest side of an input.
inline constexpr Index kMinSide = 32;

// A network ready to run, immutable; any number of threads may use it.
template <class B>
class SegFace {
 public:
  // See networks/network.hpp.
  using Weights = SegFaceWeights;
  using Given = Span<const TanhWarp>;  // none, or one for each image
  using Tables = ClassTokenDecoderTables<B>;
  using Output = MapOf<B>;
  using Target = LabelTarget;

  // Reads the weights one tensor at a time. Errors: those of the source, non_finite, out_of_memory.
  static Result<SegFace> prepare(const B& backend, const SegFaceWeights& w) noexcept;

  SegFace(SegFace&&) noexcept;
  SegFace& operator=(SegFace&&) noexcept;
  ~SegFace();

  const B& backend() const noexcept { return backend_; }
  // The layers whose products are rounded here, with their precisions.
  const PrecisionRecipe& rounded() const noexcept { return rounded_; }

  // Errors: invalid_argument (no image, a side below kMinSide, warps for what is no square).
  static Status check_input(Index batch, Index height, Index width, Given warps) noexcept;
  // Position encodings, and what follows from them.
  Tables tables(Run<B>& run, Index height, Index width) const noexcept;

  // Normalised image [B, H, W, 3] -> pyramid.
  Pyramid<B> pyramid(Run<B>& run, const ViewOf<B>& image) const noexcept;

  // Normalised image [B, H, W, 3] of the plan's size -> logits [B, 4h, 4w, K]; with a warp for each image, as LaPa's
  // networks need, the image is warped first and the logits are taken back, to [B, H, W, K].
  MapOf<B> operator()(Run<B>& run, const Tables& tables, const ViewOf<B>& image, Given warps = {}) const noexcept;
  // The same for one image, whose labels go to the target, at the target's size: the logits need not be in memory.
  void label(Run<B>& run, const Tables& tables, const ViewOf<B>& image, Given warps,
             const LabelTarget& target) const noexcept;
  void label(Run<B>& run, const MapOf<B>& logits, const LabelTarget& target) const noexcept;

 private:
  SegFace(Preparation<B>& p, const SegFaceWeights& w, const MlpFusionNumbers& fusion);

  MapOf<B> warped(Run<B>& run, const Tables& tables, const ViewOf<B>& image, Given warps) const noexcept;

  B backend_;
  BackboneNetwork<B> backbone_;
  ops::MlpFusion<B> fusion_;
  ClassTokenDecoder<B> decoder_;
  PrecisionRecipe rounded_;
};

// Members are defined outside the class, and not inline, so that a program may instantiate them once.

template <class B>
Pyramid<B> SegFace<B>::pyramid(Run<B>& run, const ViewOf<B>& image) const noexcept {
  const std::array<ViewOf<B>, 4> features = backbone_(run, image);
  const Pyramid<B> fused = ops::fuse<B>(run, fusion_, features);
  run.stage("fused", fused.fused);
  return fused;
}

template <class B>
MapOf<B> SegFace<B>::operator()(Run<B>& run, const Tables& tables, const ViewOf<B>& image, Given warps) const noexcept {
  const MapOf<B> logits =
      warps.empty() ? decoder_(run, tables, pyramid(run, image)) : warped(run, tables, image, warps);
  run.stage("logits", logits);
  return logits;
}

template <class B>
void SegFace<B>::label(Run<B>& run, const Tables& tables, const ViewOf<B>& image, Given warps,
                       const LabelTarget& target) const noexcept {
  if (warps.empty()) {
    decoder_.label(run, tables, pyramid(run, image), target);
  } else {
    label(run, (*this)(run, tables, image, warps), target);
  }
}

template <class B>
void SegFace<B>::label(Run<B>& run, const MapOf<B>& logits, const LabelTarget& target) const noexcept {
  ops::label_map<B>(run, logits, target);
}

template <class B>
MapOf<B> SegFace<B>::warped(Run<B>& run, const Tables& tables, const ViewOf<B>& image, Given warps) const noexcept {
  const MapOf<B> input = run.map(image.batch, image.height, image.width, image.channels);
  ops::warp<B>(run, warps, /*back=*/false, image, input);
  run.stage("warped", input);
  const MapOf<B> logits = decoder_(run, tables, pyramid(run, input));
  const MapOf<B> back = run.map(image.batch, image.height, image.width, logits.channels);
  ops::warp<B>(run, warps, /*back=*/true, logits, back);
  return back;
}

template <class B>
SegFace<B>::SegFace(SegFace&&) noexcept = default;
template <class B>
SegFace<B>& SegFace<B>::operator=(SegFace&&) noexcept = default;
template <class B>
SegFace<B>::~SegFace() = default;

template <class B>
Result<SegFace<B>> SegFace<B>::prepare(const B& backend, const SegFaceWeights& w) noexcept {
  return guarded([&]() -> Result<SegFace> {
    Preparation<B> preparation(backend, &w.recipe);
    SegFace network(preparation, w, MlpFusionNumbers(preparation, w.fusion));
    if (!preparation.status().ok()) return preparation.status();
    network.rounded_ = preparation.take_used();
    return Result<SegFace>(std::move(network));
  });
}

template <class B>
SegFace<B>::SegFace(Preparation<B>& p, const SegFaceWeights& w, const MlpFusionNumbers& fusion)
    : backend_(p.backend()),
      backbone_(p, w.backbone),
      fusion_(core::prepare(p, fusion)),
      decoder_(p, w.face_decoder, w.pe_layer, fusion) {}

template <class B>
Status SegFace<B>::check_input(Index batch, Index height, Index width, Given warps) noexcept {
  if (batch < 1 || height < kMinSide || width < kMinSide) {
    return error(Errc::invalid_argument, "an input of ", batch, " x ", height, " x ", width,
                 " pixels is too small: expected at least 1 image with sides of ", kMinSide, " or more");
  }
  if (!warps.empty() && height != width) {
    return error(Errc::invalid_argument, "an input of ", height, " x ", width,
                 " pixels cannot be warped: LaPa's networks take squares only");
  }
  return {};
}

template <class B>
typename SegFace<B>::Tables SegFace<B>::tables(Run<B>& run, Index height, Index width) const noexcept {
  Arena shapes;  // a dry run tells the size of the finest map
  Run<B> dry(backend_, shapes, run.executor());
  const ViewOf<B> finest = pyramid(dry, dry.map(1, height, width, 3)).levels[0];
  return decoder_.tables(run, finest.height, finest.width);
}

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
