// WorkspaceState: the work of a call and what is kept between calls: activations, threads, tables. Its public functions
// are those of BasicWorkspace.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "segface/backends/compound/labels.hpp"
#include "segface/base/config.hpp"
#include "segface/base/executor.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/facade/shared_network.hpp"
#include "segface/image/image.hpp"
#include "segface/image/landmarks.hpp"
#include "segface/image/mask.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/resize.hpp"
#include "segface/image/warp.hpp"
#include "segface/model.hpp"
#include "segface/parser.hpp"

SEGFACE_BEGIN_NAMESPACE

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
      if (executor == nullptr) {
        SEGFACE_ASSIGN(own, make_executor(state->shared_->plan->threads()));
        state->owned_ = std::move(own);
        executor = state->owned_.get();
      }
      state->executor_ = executor;
      state->times_.reserve(kMostStages);
      return Result<std::unique_ptr<WorkspaceState>>(std::move(state));
    });
  }

  // landmarks: null where there are none.
  Status parse(const ImageView& photo, const Landmarks* landmarks, Mask& mask, Span<float> logits) noexcept {
    return exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(photo.validate());
      SEGFACE_RETURN_IF_ERROR(check_faces(landmarks, landmarks == nullptr ? 0 : 1, 1, photo.width, photo.height));
      SEGFACE_RETURN_IF_ERROR(plan_for(1, shared_->info.resolution, shared_->info.resolution));
      if (!logits.empty()) SEGFACE_RETURN_IF_ERROR(check_size(logits, shape_of_plan()));
      SEGFACE_RETURN_IF_ERROR(memory_.reserve(logits.empty() ? plan_->labelling_bytes() : plan_->workspace_bytes()));
      SEGFACE_RETURN_IF_ERROR(resize(photo));
      set_warps(landmarks, 1, static_cast<double>(photo.width), static_cast<double>(photo.height));
      SEGFACE_RETURN_IF_ERROR(mask.resize(shared_->info.dataset, photo.width, photo.height));
      const auto rows = static_cast<std::size_t>(photo.height);
      if (row_confidence_.size() < rows) {
        SEGFACE_ASSIGN(sums, Buffer<double>::make(rows));
        row_confidence_ = std::move(sums);
      }
      LabelTarget target = {mask.data(), photo.width, photo.height};
      target.row_confidence = row_confidence_.data();
      SEGFACE_RETURN_IF_ERROR(
          forward([&](const HostMap& image) { normalize(pixels_.data(), image.rows(), image.data, image.stride); },
                  [&](Run<Backend>& run, const Map<Scalar>& image) {
                    const SegFace<Backend>& network = shared_->network;
                    if (logits.empty()) return network.label(run, plan_->decoder(), image, warps(), target);
                    const Map<Scalar> computed = network(run, plan_->decoder(), image, warps());
                    ops::label_map<Backend>(run, computed, target);
                    run.read(computed, [&](const HostMap& map) { copy_planes(map, logits); });
                  }));
      double sum = 0;
      for (std::size_t y = 0; y < rows; ++y) sum += row_confidence_[y];
      mask.finish(sum / static_cast<double>(photo.width * photo.height));
      clock_.mark(times_, "labels");
      return {};
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
      set_warps(landmarks.data(), faces, static_cast<double>(input.width), static_cast<double>(input.height));
      SEGFACE_RETURN_IF_ERROR(memory_.reserve(plan_->workspace_bytes()));
      return forward([&](const HostMap& image) { copy_input(input, image); },
                     [&](Run<Backend>& run, const Map<Scalar>& image) {
                       const Map<Scalar> computed = shared_->network(run, plan_->decoder(), image, warps());
                       run.read(computed, [&](const HostMap& map) { copy_planes(map, out); });
                     });
    });
  }

  void on_progress(std::function<bool(double)> progress) { progress_ = std::move(progress); }
  Span<const StageTime> times() const noexcept { return {times_.data(), times_.size()}; }
  std::size_t bytes() const noexcept {
    return memory_.bytes() + pixels_.size() + row_confidence_.size() * sizeof(double);
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

    bool proceed(const Cost& so_far) noexcept override {
      if (!workspace_.progress_) return true;
#if SEGFACE_EXCEPTIONS
      try {
        return workspace_.progress_(so_far.flops / total_);
      } catch (...) {
        return false;
      }
#else
      return workspace_.progress_(so_far.flops / total_);
#endif
    }
    void stage(const char* name, const HostViewOf<Backend>&, const Cost&) noexcept override {
      workspace_.clock_.mark(workspace_.times_, name);
    }

   private:
    WorkspaceState& workspace_;
    double total_;
  };

  // Runs body alone, in the library's floating-point mode.
  template <class Body>
  Status exclusively(const Body& body) noexcept {
    if (busy_.exchange(true, std::memory_order_acquire)) {
      return error(Errc::busy, "this workspace is in use by another call; give each thread one of its own");
    }
    const FloatingPointGuard guard;
    clock_.start(times_);
    Status status = guarded(body);
    busy_.store(false, std::memory_order_release);
    return status;
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
  void set_warps(const Landmarks* landmarks, Index count, double width, double height) {
    warps_.clear();
    if (!shared_->info.warped()) return;
    const auto side = static_cast<double>(plan_->width());
    for (Index i = 0; i < count; ++i) {
      warps_.push_back(make_tanh_warp(landmarks[i].scaled(side / width, side / height), plan_->width()));
    }
  }

  Span<const TanhWarp> warps() const noexcept {
    return {warps_.data(), warps_.size()};
  }

  // pass(run, image) on the image that fill(image) writes.
  template <class Fill, class Pass>
  Status forward(const Fill& fill, const Pass& pass) noexcept {
    Arena arena(memory_.block());
    Watch watch(*this, plan_->cost().flops);
    Run<Backend> run(shared_->network.backend(), memory_, arena, *executor_, &watch);
    const Map<Scalar> image = run.map(plan_->batch(), plan_->height(), plan_->width(), 3);
    run.write(image, fill);
    clock_.mark(times_, "input");
    pass(run, image);
    return run.status();
  }

  // A photo -> pixels_, at the network's resolution.
  Status resize(const ImageView& photo) noexcept {
    const Index side = shared_->info.resolution;
    if (resize_.from_width() != photo.width || resize_.from_height() != photo.height) {
      SEGFACE_ASSIGN(resize, BicubicResize::make(photo.width, photo.height, side, side));
      resize_ = std::move(resize);
    }
    const auto rgb_bytes = static_cast<std::size_t>(side * side * 3);
    const std::size_t bytes = rgb_bytes + resize_.scratch_bytes();
    if (pixels_.size() < bytes) {
      SEGFACE_ASSIGN(pixels, Buffer<std::uint8_t>::make(bytes));
      pixels_ = std::move(pixels);
    }
    resize_.rgb(photo, pixels_.data(), pixels_.data() + rgb_bytes, *executor_);
    return {};
  }

  // Calls body(image, first pixel, end) for blocks of pixels of a batch that stay in the cache.
  template <class Body>
  void for_blocks(const HostMap& map, const Body& body) const noexcept {
    constexpr Index kBlock = 512;
    const Index pixels = map.pixels(), blocks = (pixels + kBlock - 1) / kBlock;
    executor_->for_each(map.batch * blocks, [&](Index task, Index) {
      const Index first = task % blocks * kBlock;
      body(task / blocks, first, std::min(first + kBlock, pixels));
    });
  }
  void copy_input(const TensorView& input, const HostMap& image) const noexcept {
    for_blocks(image, [&](Index b, Index first, Index end) {
      for (Index p = first; p < end; ++p) {
        HostScalarOf<Backend>* const pixel = image.row(b * image.pixels() + p);
        for (Index c = 0; c < 3; ++c)
          pixel[c] = static_cast<HostScalarOf<Backend>>(input.data[(b * 3 + c) * image.pixels() + p]);
      }
    });
  }
  void copy_planes(const HostMap& logits, Span<float> out) const noexcept {
    for_blocks(logits, [&](Index b, Index first, Index end) {
      for (Index c = 0; c < logits.channels; ++c) {
        float* const plane = out.data() + (b * logits.channels + c) * logits.pixels();
        for (Index p = first; p < end; ++p) plane[p] = static_cast<float>(logits.row(b * logits.pixels() + p)[c]);
      }
    });
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Executor> owned_;
  Executor* executor_ = nullptr;
  std::shared_ptr<const Plan<Backend>> plan_;
  MemoryOf<Backend> memory_;  // activations
  BicubicResize resize_;
  Buffer<std::uint8_t> pixels_;  // the resized photo, then scratch
  Buffer<double> row_confidence_;
  std::vector<TanhWarp> warps_;  // of the call
  std::vector<StageTime> times_;
  Clock clock_ = {};
  std::function<bool(double)> progress_;
  std::atomic<bool> busy_{false};
};

SEGFACE_END_NAMESPACE
