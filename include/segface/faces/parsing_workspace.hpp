// ParsingWorkspace: a call from a photo to its labels: what faces add to an EngineWorkspace. Landmarks become warps, a
// photo becomes an input, logits become labels, planes and a confidence. Its public functions are those of
// BasicWorkspace.
#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "segface/backends/compound/labels.hpp"
#include "segface/backends/compound/photo.hpp"
#include "segface/base/config.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/engine/call.hpp"
#include "segface/engine/workspace.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/faces/mask.hpp"
#include "segface/faces/parsing_network.hpp"
#include "segface/faces/results.hpp"
#include "segface/faces/warp.hpp"
#include "segface/image/image.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/networks/segface/model.hpp"

SEGFACE_BEGIN_CORE

// What a network says of a photo.
struct SeenPhoto {
  LogitsView<float> logits;
  double confidence;            // the mean probability of their labels, before they are interpolated
  const std::uint8_t* settled;  // of each pixel of the logits, as SettledLabels has them; null where nobody told
};

template <class Backend>
class ParsingWorkspace {
 public:
  // Whether logits can be looked at where the network leaves them.
  static constexpr bool kSharesLogits = MemoryOf<Backend>::kOnHost && std::is_same_v<typename Backend::Scalar, float>;

  // Without an executor given, the network's.
  static Result<std::unique_ptr<ParsingWorkspace>> make(std::shared_ptr<const ParsingNetwork<Backend>> network,
                                                        Executor* executor) noexcept {
    return guarded([&]() -> Result<std::unique_ptr<ParsingWorkspace>> {
      return std::unique_ptr<ParsingWorkspace>(new ParsingWorkspace(std::move(network), executor));
    });
  }

  // landmarks: null where there are none.
  Status parse(const ImageView& photo, const Landmarks* landmarks, Mask& mask, Span<float> logits) noexcept {
    return work_.exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(photo.validate());
      SEGFACE_RETURN_IF_ERROR(mask.resize(network_->info().dataset, photo.width, photo.height));
      LabelTarget target = {mask.data(), photo.width, photo.height};
      SEGFACE_RETURN_IF_ERROR(count_confidence(target));
      SEGFACE_RETURN_IF_ERROR(work_.finished(put(photo, landmarks, target, logits)));
      mask.finish(counted_confidence());
      work_.mark("labels");
      return {};
    });
  }

  // The logits themselves, which stay until the next call: in `planes`, as parse() gives them, or, where these are empty
  // and kSharesLogits, in memory of the workspace. What is settled is told where it is asked for and kSharesLogits.
  Result<SeenPhoto> see(const ImageView& photo, const Landmarks* landmarks, Span<float> planes, bool settles) noexcept {
    SeenPhoto seen = {};
    SEGFACE_RETURN_IF_ERROR(work_.exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(photo.validate());
      LabelTarget nothing = {nullptr, 0, 0};
      SEGFACE_RETURN_IF_ERROR(count_confidence(nothing));
      if (kSharesLogits && settles) {
        const LogitsShape shape = shape_of_plan();
        SEGFACE_RETURN_IF_ERROR(reserve(settled_, static_cast<std::size_t>(shape.height * shape.width)));
        nothing.settled = settled_.data();
      }
      Map<Scalar> logits;
      SEGFACE_RETURN_IF_ERROR(work_.finished(put(photo, landmarks, nothing, planes, &logits)));
      if constexpr (kSharesLogits) {
        seen.logits =
            LogitsView<float>::interleaved(logits.data, logits.channels, logits.width, logits.height, logits.stride);
      }
      if (!planes.empty()) {
        seen.logits = LogitsView<float>::planes(planes.data(), logits.channels, logits.width, logits.height);
      }
      seen.confidence = counted_confidence();
      seen.settled = nothing.settled;
      work_.mark("labels");
      return {};
    }));
    return seen;
  }

  Status start(const ImageView& photo, const Landmarks* landmarks, const Results& results) noexcept {
    return work_.exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(photo.validate());
      SEGFACE_RETURN_IF_ERROR(check(results));
      const LabelTarget target = {results.labels, photo.width, photo.height, results.confidence};
      const Status status = put(photo, landmarks, target, results.logits);
      if (!status.ok()) return work_.finished(status);
      work_.start();
      return {};
    });
  }
  Status finish() noexcept { return work_.finish(); }

  Result<LogitsShape> logits_shape(Index batch, Index height, Index width) noexcept {
    LogitsShape shape;
    SEGFACE_RETURN_IF_ERROR(work_.exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(plan_for(batch, height, width));
      shape = shape_of_plan();
      return {};
    }));
    return shape;
  }

  Status logits(const TensorView& input, Span<float> out, Span<const Landmarks> landmarks) noexcept {
    return work_.exclusively([&]() -> Status {
      const auto faces = static_cast<Index>(landmarks.size());
      SEGFACE_RETURN_IF_ERROR(plan_for(input.batch, input.height, input.width));
      const LogitsShape shape = shape_of_plan();
      SEGFACE_RETURN_IF_ERROR(check(input, out, shape));
      SEGFACE_RETURN_IF_ERROR(check_faces(landmarks.data(), faces, input.batch, input.width, input.height));
      SEGFACE_RETURN_IF_ERROR(
          set_warps(landmarks.data(), faces, static_cast<double>(input.width), static_cast<double>(input.height)));
      SEGFACE_RETURN_IF_ERROR(work_.memory().reserve(plan().workspace_bytes()));
      return work_.finished(work_.forward(
          [&](Run<Backend>& run, const Map<Scalar>& image) {
            run.write(image, [&](const HostMap& map) { copy_input(input, map); });
          },
          [&](Run<Backend>& run, const Map<Scalar>& image) {
            ops::class_planes<Backend>(run, work_.compute(run, image, warps()), out);
          }));
    });
  }

  void on_progress(std::function<bool(double)> progress) { work_.on_progress(std::move(progress)); }
  Span<const StageTime> times() const noexcept { return work_.times(); }
  std::size_t bytes() const noexcept {
    return work_.bytes() + photo_.bytes() + row_confidence_.size() * sizeof(double) + settled_.size();
  }

 private:
  using Scalar = typename Backend::Scalar;
  using HostMap = HostMapOf<Backend>;

  ParsingWorkspace(std::shared_ptr<const ParsingNetwork<Backend>> network, Executor* executor)
      : network_(std::move(network)), work_(network_->shared_engine(), executor) {}

  const SegFace<Backend>& network() const noexcept { return network_->engine().network(); }
  const Plan<SegFace, Backend>& plan() const noexcept { return work_.plan(); }
  Status plan_for(Index batch, Index height, Index width) {
    return work_.plan_for(batch, height, width, network_->warps_of(batch));
  }

  LogitsShape shape_of_plan() const noexcept {
    const StageCost& last = plan().stages().back();  // "logits"
    return {plan().batch(), last.channels, last.height, last.width};
  }

  // Has the target's call count the confidence of each row of logits. Errors: those of plan_for.
  Status count_confidence(LabelTarget& target) {
    SEGFACE_RETURN_IF_ERROR(plan_for(1, network_->info().resolution, network_->info().resolution));
    SEGFACE_RETURN_IF_ERROR(reserve(row_confidence_, static_cast<std::size_t>(shape_of_plan().height)));
    target.row_confidence = row_confidence_.data();
    return {};
  }
  // The mean of what it counted.
  double counted_confidence() const noexcept {
    const LogitsShape shape = shape_of_plan();
    double sum = 0;
    for (Index y = 0; y < shape.height; ++y) sum += row_confidence_.data()[y];
    return sum / static_cast<double>(shape.width * shape.height);
  }

  static Status check_size(Span<float> out, const LogitsShape& shape) noexcept {
    if (out.data() != nullptr && out.size() >= shape.count()) return {};
    return error(Errc::buffer_too_small, "the logits [", shape.batch, ", ", shape.classes, ", ", shape.height, ", ",
                 shape.width, "] need room for ", shape.count(), " floats, got ", out.size());
  }

  static Status check(const Results& results) noexcept {
    if (results.labels != nullptr || (!results.logits.empty() && results.confidence == nullptr)) return {};
    return error(Errc::invalid_argument, "the results have no room for labels; without them only logits can be had");
  }
  static Status check(const TensorView& input, Span<float> out, const LogitsShape& shape) noexcept {
    if (input.data == nullptr) return error(Errc::invalid_argument, "the input tensor is a null pointer");
    SEGFACE_RETURN_IF_ERROR(check_size(out, shape));
    const auto count = static_cast<std::size_t>(input.batch * 3 * input.height * input.width);
    const auto begin = reinterpret_cast<std::uintptr_t>(input.data), end = begin + count * sizeof(float);
    const auto out_begin = reinterpret_cast<std::uintptr_t>(out.data()),
               out_end = out_begin + shape.count() * sizeof(float);
    if (begin < out_end && out_begin < end) {
      return error(Errc::invalid_argument,
                   "input and output overlap in memory; use a buffer of its own for the logits");
    }
    constexpr float kMost = 1e6f;
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_finite(input.data[i]) || input.data[i] > kMost || input.data[i] < -kMost) {
        return error(Errc::invalid_argument, "the input tensor is not finite, or beyond a million, at index ", i,
                     "; expected (rgb / 255 - mean) / std");
      }
    }
    return {};
  }

  // One face an image, each plausible, where the network needs them.
  Status check_faces(const Landmarks* landmarks, Index count, Index images, Index width, Index height) const noexcept {
    if (network_->info().warped() && count != images) {
      return error(Errc::invalid_argument, "a LaPa network needs five landmarks of each face, got those of ", count,
                   " faces for ", images, " images; expected ", kLandmarkOrder, ", in pixels of the photo");
    }
    for (Index i = 0; i < count; ++i) SEGFACE_RETURN_IF_ERROR(check_landmarks(landmarks[i], width, height));
    return {};
  }
  // The warps of the call that follows, from landmarks in an image of width x height; none where none are needed.
  Status set_warps(const Landmarks* landmarks, Index count, double width, double height) noexcept {
    if (!network_->info().warped()) return {};
    if (warps_.size() < static_cast<std::size_t>(count)) {
      work_.forget_graphs();
      SEGFACE_RETURN_IF_ERROR(reserve(warps_, static_cast<std::size_t>(count)));
    }
    const auto side = static_cast<double>(plan().width());
    for (Index i = 0; i < count; ++i) {
      SEGFACE_ASSIGN(warp, make_tanh_warp(landmarks[i].scaled(side / width, side / height), plan().width()));
      warps_.data()[i] = warp;
    }
    return {};
  }
  Span<const TanhWarp> warps() const noexcept {
    return {warps_.data(), network_->info().warped() ? static_cast<std::size_t>(plan().batch()) : 0};
  }

  // Does all of a photo's work, or gives it to the device; labels and logits only where there is room for them. `whole`,
  // where given, gets the map of the logits, in the workspace. Throws where memory runs out: call it inside guarded().
  Status put(const ImageView& photo, const Landmarks* landmarks, const LabelTarget& target, Span<float> logits,
             Map<Scalar>* whole = nullptr) {
    const Index side = network_->info().resolution;
    SEGFACE_RETURN_IF_ERROR(check_faces(landmarks, landmarks == nullptr ? 0 : 1, 1, photo.width, photo.height));
    SEGFACE_RETURN_IF_ERROR(plan_for(1, side, side));
    if (!logits.empty()) SEGFACE_RETURN_IF_ERROR(check_size(logits, shape_of_plan()));
    const bool streams = MemoryOf<Backend>::kOnHost && logits.empty() && whole == nullptr;  // they need not be whole
    SEGFACE_RETURN_IF_ERROR(work_.memory().reserve(streams ? plan().labelling_bytes() : plan().workspace_bytes()));
    SEGFACE_RETURN_IF_ERROR(
        set_warps(landmarks, 1, static_cast<double>(photo.width), static_cast<double>(photo.height)));
    SEGFACE_RETURN_IF_ERROR(photo_.take(work_.memory(), photo, side, work_.executor()));
    return work_.forward([&](Run<Backend>& run, const Map<Scalar>& image) { photo_.give(run, image); },
                         [&](Run<Backend>& run, const Map<Scalar>& image) {
                           if (streams) return network().label(run, plan().tables(), image, warps(), target);
                           const Map<Scalar> computed = work_.compute(run, image, warps());
                           if (whole != nullptr) *whole = computed;
                           if (target.labels != nullptr || target.row_confidence != nullptr) {
                             network().label(run, computed, target);
                           }
                           if (!logits.empty()) ops::class_planes<Backend>(run, computed, logits);
                         });
  }

  static void copy_input(const TensorView& input, const HostMap& image) noexcept {
    const Index pixels = image.pixels();
    for (Index b = 0; b < input.batch; ++b) {
      for (Index p = 0; p < pixels; ++p) {
        for (Index c = 0; c < 3; ++c) {
          image.row(b * pixels + p)[c] = static_cast<HostScalarOf<Backend>>(input.data[(b * 3 + c) * pixels + p]);
        }
      }
    }
  }

  template <class T>
  using HostBuffer = typename MemoryOf<Backend>::template HostBuffer<T>;

  std::shared_ptr<const ParsingNetwork<Backend>> network_;
  HostBuffer<double> row_confidence_;
  HostBuffer<std::uint8_t> settled_;
  HostBuffer<TanhWarp> warps_;  // of the call
  EngineWorkspace<SegFace, Backend> work_;
  ops::PhotoInput<Backend> photo_;
};

SEGFACE_END_CORE
