// WorkspaceState: the work of a call and what is kept between calls: activations, tables. Its public functions are
// those of BasicWorkspace.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "segface/backends/compound/labels.hpp"
#include "segface/backends/compound/photo.hpp"
#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/process.hpp"
#include "segface/facade/shared_network.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/faces/mask.hpp"
#include "segface/faces/warp.hpp"
#include "segface/image/image.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/networks/segface/model.hpp"
#include "segface/parser.hpp"

SEGFACE_BEGIN_CORE

template <class Backend>
class WorkspaceState {
 public:
  using Scalar = typename Backend::Scalar;
  using HostMap = HostMapOf<Backend>;
  using Shared = SharedNetwork<Backend>;

  explicit WorkspaceState(std::shared_ptr<Shared> shared) noexcept : shared_(std::move(shared)) {}

  static Result<std::unique_ptr<WorkspaceState>> make(std::shared_ptr<Shared> shared, Executor* executor) noexcept {
    return guarded([&]() -> Result<std::unique_ptr<WorkspaceState>> {
      auto state = std::make_unique<WorkspaceState>(std::move(shared));
      state->executor_ = executor != nullptr ? executor : state->shared_->executor.get();
      state->times_.reserve(kMostStages);
      return Result<std::unique_ptr<WorkspaceState>>(std::move(state));
    });
  }

  // landmarks: null where there are none.
  Status parse(const ImageView& photo, const Landmarks* landmarks, Mask& mask, Span<float> logits) noexcept {
    return exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(photo.validate());
      SEGFACE_RETURN_IF_ERROR(mask.resize(shared_->info.dataset, photo.width, photo.height));
      SEGFACE_RETURN_IF_ERROR(plan_for(1, shared_->info.resolution, shared_->info.resolution));
      const LogitsShape shape = shape_of_plan();
      const auto rows = static_cast<std::size_t>(shape.height);
      SEGFACE_RETURN_IF_ERROR(reserve(row_confidence_, rows));
      const LabelTarget target = {mask.data(), photo.width, photo.height, nullptr, row_confidence_.data()};
      SEGFACE_RETURN_IF_ERROR(finished(put(photo, landmarks, target, logits)));
      double sum = 0;
      for (std::size_t y = 0; y < rows; ++y) sum += row_confidence_.data()[y];
      mask.finish(sum / static_cast<double>(shape.width * shape.height));
      clock_.mark(times_, "labels");
      return {};
    });
  }

  Status start(const ImageView& photo, const Landmarks* landmarks, const Results& results) noexcept {
    return exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(photo.validate());
      SEGFACE_RETURN_IF_ERROR(check(results));
      const LabelTarget target = {results.labels, photo.width, photo.height, results.confidence};
      const Status status = put(photo, landmarks, target, results.logits);
      if (!status.ok()) return finished(status);
      pending_ = true;
      return {};
    });
  }
  Status finish() noexcept {
    return alone([&] {
      pending_ = false;
      return finished({});
    });
  }

  Result<LogitsShape> logits_shape(Index batch, Index height, Index width) noexcept {
    LogitsShape shape;
    SEGFACE_RETURN_IF_ERROR(exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(plan_for(batch, height, width));
      shape = shape_of_plan();
      return {};
    }));
    return shape;
  }

  Status logits(const TensorView& input, Span<float> out, Span<const Landmarks> landmarks) noexcept {
    return exclusively([&]() -> Status {
      const auto faces = static_cast<Index>(landmarks.size());
      SEGFACE_RETURN_IF_ERROR(plan_for(input.batch, input.height, input.width));
      const LogitsShape shape = shape_of_plan();
      SEGFACE_RETURN_IF_ERROR(check(input, out, shape));
      SEGFACE_RETURN_IF_ERROR(check_faces(landmarks.data(), faces, input.batch, input.width, input.height));
      SEGFACE_RETURN_IF_ERROR(
          set_warps(landmarks.data(), faces, static_cast<double>(input.width), static_cast<double>(input.height)));
      SEGFACE_RETURN_IF_ERROR(memory_.reserve(plan_->workspace_bytes()));
      return finished(forward(
          [&](Run<Backend>& run, const Map<Scalar>& image) {
            run.write(image, [&](const HostMap& map) { copy_input(input, map); });
          },
          [&](Run<Backend>& run, const Map<Scalar>& image) {
            ops::class_planes<Backend>(run, compute(run, image), out);
          }));
    });
  }

  void on_progress(std::function<bool(double)> progress) { progress_ = std::move(progress); }
  Span<const StageTime> times() const noexcept { return {times_.data(), times_.size()}; }
  std::size_t bytes() const noexcept {
    return memory_.bytes() + photo_.bytes() + row_confidence_.size() * sizeof(double);
  }

 private:
  static constexpr std::size_t kMostStages = 24;

  // Wall time since the last mark.
  struct Clock {
    std::chrono::steady_clock::time_point last;

    void start(std::vector<StageTime>& times) noexcept {
      times.clear();
      last = std::chrono::steady_clock::now();
    }
    void mark(std::vector<StageTime>& times, const char* name) noexcept {
      const auto now = std::chrono::steady_clock::now();
      if (times.size() < kMostStages) {
        times.push_back({name, std::chrono::duration<double, std::milli>(now - last).count()});
      }
      last = now;
    }
  };

  // Tells the caller's callback, and times the stages.
  class Watch final : public Run<Backend>::Watcher {
   public:
    Watch(WorkspaceState& workspace, double total) noexcept : workspace_(workspace), total_(total) {}

    // In the caller's floating-point mode. What the callback throws ends the call: this is noexcept.
    bool proceed(const Cost& so_far) noexcept override {
      if (!workspace_.progress_) return true;
      const FloatingPointGuard guard(workspace_.callers_mode_);
#if SEGFACE_EXCEPTIONS
      try {
        return workspace_.progress_(so_far.flops / total_);
      } catch (const std::exception& exception) {
        thrown_ = error(Errc::cancelled, "cancelled: the caller's callback threw an exception: ", exception.what());
      } catch (...) {
        thrown_ = error(Errc::cancelled, "cancelled: the caller's callback threw what is no std::exception");
      }
      return false;
#else
      return workspace_.progress_(so_far.flops / total_);
#endif
    }
    void stage(const char* name, const HostViewOf<Backend>&, const Cost&) noexcept override {
      workspace_.clock_.mark(workspace_.times_, name);
    }

    // What the callback threw; ok where nothing.
    const Status& thrown() const noexcept {
      return thrown_;
    }

   private:
    WorkspaceState& workspace_;
    double total_;
    Status thrown_;
  };

  // Runs body alone, in the library's floating-point mode, and not to be cancelled by pthread_cancel.
  template <class Body>
  Status alone(const Body& body) noexcept {
    if (busy_.exchange(true, std::memory_order_acquire)) {
      return error(Errc::busy, "this workspace is in use by another call; give each thread one of its own");
    }
    const CancellationGuard cancellation;
    const FloatingPointGuard mode;
    callers_mode_ = mode.before();
    Status status;
    executor_->hold_for([&] { status = guarded(body); });
    busy_.store(false, std::memory_order_release);
    return status;
  }
  // The same where no call is under way that was only started.
  template <class Body>
  Status exclusively(const Body& body) noexcept {
    return alone([&]() -> Status {
      if (pending_) return error(Errc::busy, "this workspace has a call under way that was started; finish() it first");
      clock_.start(times_);
      return body();
    });
  }
  // The status of work that is done or given up: nothing touches the caller's memory any more.
  Status finished(const Status& status) noexcept {
    const Status waited = memory_.finish();
    if (!waited.ok()) static_cast<void>(memory_.finish());  // a wait that failed may not have waited
    return status.ok() ? waited : status;
  }

  // Makes plan_ fit an input of this size and this executor. Throws where memory runs out: call it inside guarded().
  Status plan_for(Index batch, Index height, Index width) {
    const auto fits = [&](const std::shared_ptr<const Plan<Backend>>& plan) {
      return plan != nullptr && plan->batch() == batch && plan->height() == height && plan->width() == width &&
             plan->threads() == executor_->threads();
    };
    if (!fits(plan_)) {
      if (fits(shared_->plan)) {
        plan_ = shared_->plan;
      } else {
        SEGFACE_ASSIGN(plan,
                       Plan<Backend>::make(shared_->network, batch, height, width, *executor_, shared_->info.warped()));
        plan_ = std::make_shared<const Plan<Backend>>(std::move(plan));
      }
      if constexpr (!MemoryOf<Backend>::kOnHost) memory_.graph().clear();
    }
    return {};
  }

  LogitsShape shape_of_plan() const noexcept {
    const StageCost& last = plan_->stages().back();  // "logits"
    return {plan_->batch(), last.channels, last.height, last.width};
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
    if (shared_->info.warped() && count != images) {
      return error(Errc::invalid_argument, "a LaPa network needs five landmarks of each face, got those of ", count,
                   " faces for ", images, " images; expected ", kLandmarkOrder, ", in pixels of the photo");
    }
    for (Index i = 0; i < count; ++i) SEGFACE_RETURN_IF_ERROR(check_landmarks(landmarks[i], width, height));
    return {};
  }
  // The warps of the call that follows, from landmarks in an image of width x height; none where none are needed.
  Status set_warps(const Landmarks* landmarks, Index count, double width, double height) noexcept {
    if (!shared_->info.warped()) return {};
    SEGFACE_RETURN_IF_ERROR(reserve(warps_, static_cast<std::size_t>(count)));
    const auto side = static_cast<double>(plan_->width());
    for (Index i = 0; i < count; ++i) {
      SEGFACE_ASSIGN(warp, make_tanh_warp(landmarks[i].scaled(side / width, side / height), plan_->width()));
      warps_.data()[i] = warp;
    }
    return {};
  }
  Span<const TanhWarp> warps() const noexcept {
    return {warps_.data(), shared_->info.warped() ? static_cast<std::size_t>(plan_->batch()) : 0};
  }

  // Does all of a photo's work, or gives it to the device; labels and logits only where there is room for them. Throws
  // where memory runs out: call it inside guarded().
  Status put(const ImageView& photo, const Landmarks* landmarks, const LabelTarget& target, Span<float> logits) {
    const Index side = shared_->info.resolution;
    SEGFACE_RETURN_IF_ERROR(check_faces(landmarks, landmarks == nullptr ? 0 : 1, 1, photo.width, photo.height));
    SEGFACE_RETURN_IF_ERROR(plan_for(1, side, side));
    if (!logits.empty()) SEGFACE_RETURN_IF_ERROR(check_size(logits, shape_of_plan()));
    const bool streams = MemoryOf<Backend>::kOnHost && logits.empty();  // the logits need not be whole
    SEGFACE_RETURN_IF_ERROR(memory_.reserve(streams ? plan_->labelling_bytes() : plan_->workspace_bytes()));
    SEGFACE_RETURN_IF_ERROR(
        set_warps(landmarks, 1, static_cast<double>(photo.width), static_cast<double>(photo.height)));
    SEGFACE_RETURN_IF_ERROR(photo_.take(memory_, photo, side, *executor_));
    return forward([&](Run<Backend>& run, const Map<Scalar>& image) { photo_.give(run, image); },
                   [&](Run<Backend>& run, const Map<Scalar>& image) {
                     if (streams) return shared_->network.label(run, plan_->decoder(), image, warps(), target);
                     const Map<Scalar> computed = compute(run, image);
                     if (target.labels != nullptr) ops::label_map<Backend>(run, computed, target);
                     if (!logits.empty()) ops::class_planes<Backend>(run, computed, logits);
                   });
  }

  // pass(run, image) on the image that give(run, image) writes.
  template <class Give, class Pass>
  Status forward(const Give& give, const Pass& pass) noexcept {
    Arena arena(memory_.block());
    Watch watch(*this, plan_->cost().flops);
    Run<Backend> run(shared_->network.backend(), memory_, arena, *executor_, &watch);
    const Map<Scalar> image = run.map(plan_->batch(), plan_->height(), plan_->width(), 3);
    give(run, image);
    clock_.mark(times_, "input");
    pass(run, image);
    return watch.thrown().ok() ? run.status() : watch.thrown();
  }
  // The network's logits. A callback is called between kernels, which a graph has not.
  Map<Scalar> compute(Run<Backend>& run, const Map<Scalar>& image) noexcept {
    const auto pass = [&](Run<Backend>& r) { return shared_->network(r, plan_->decoder(), image, warps()); };
    return progress_ ? pass(run) : run.recorded(pass);
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

  std::shared_ptr<Shared> shared_;
  Executor* executor_ = nullptr;
  std::shared_ptr<const Plan<Backend>> plan_;
  template <class T>
  using HostBuffer = typename MemoryOf<Backend>::template HostBuffer<T>;
  HostBuffer<double> row_confidence_;
  HostBuffer<TanhWarp> warps_;  // of the call
  MemoryOf<Backend> memory_;    // activations
  ops::PhotoInput<Backend> photo_;
  bool pending_ = false;  // a call was started and is not finished
  std::vector<StageTime> times_;
  Clock clock_ = {};
  std::function<bool(double)> progress_;
  FloatingPointMode callers_mode_ = FloatingPointMode::library();
  std::atomic<bool> busy_{false};
};

SEGFACE_END_CORE
