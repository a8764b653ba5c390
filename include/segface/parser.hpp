// BasicParser: the facade over model, plan and run, for any backend; users write segface::Parser.
//
// A parser is loaded once, is immutable, and is cheap to copy; any number of threads parse with it at a time. A
// workspace holds what one caller needs between calls: activations, threads, tables; with one, parsing allocates
// nothing after the first photo of a size.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "segface/backends/compound/labels.hpp"
#include "segface/base/config.hpp"
#include "segface/base/executor.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/image/image.hpp"
#include "segface/image/landmarks.hpp"
#include "segface/image/mask.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/resize.hpp"
#include "segface/image/warp.hpp"
#include "segface/model.hpp"
#include "segface/weights/weight_file.hpp"

SEGFACE_BEGIN_NAMESPACE

struct Options {
  // Threads of one call: 0 is one a processor, at most 256.
  Index threads = 0;
  // Replays the file's self-test after loading (about 20 ms): Errc::mismatch where it does not agree.
  bool self_test = false;
};

// A normalised input, planar as PyTorch's: [batch, 3, height, width], (rgb / 255 - mean) / std.
struct TensorView {
  const float* data = nullptr;
  Index batch = 0, height = 0, width = 0;
};

// Sizes of the logits for an input: [batch, classes, height, width].
struct LogitsShape {
  Index batch = 0, classes = 0, height = 0, width = 0;

  std::size_t count() const noexcept { return static_cast<std::size_t>(batch * classes * height * width); }
};

// How long a stage of the last call took.
struct StageTime {
  const char* name = "";
  double milliseconds = 0;
};

template <class Backend>
class BasicWorkspace;

template <class Backend>
class BasicParser {
 public:
  using Workspace = BasicWorkspace<Backend>;

  // An empty parser; every call answers invalid_argument.
  BasicParser() noexcept = default;

  // From a weight file, made by `segface convert`. Errors: those of WeightFile::open, non_finite, out_of_memory.
  // Without a backend given, it is the one that the environment asks for (SEGFACE_ISA).
  static Result<BasicParser> try_load(const std::string& path, const Options& options = {}) noexcept {
    SEGFACE_ASSIGN(backend, Backend::from_environment());
    return try_load(path, options, backend);
  }
  static Result<BasicParser> try_load(const std::string& path, const Options& options,
                                      const Backend& backend) noexcept {
    SEGFACE_ASSIGN(file, WeightFile::open(path));
    return make(file, options, backend);
  }
  // From the bytes of a weight file, which are not needed afterwards.
  static Result<BasicParser> try_from_memory(Bytes bytes, const Options& options = {}) noexcept {
    SEGFACE_ASSIGN(backend, Backend::from_environment());
    return try_from_memory(bytes, options, backend);
  }
  static Result<BasicParser> try_from_memory(Bytes bytes, const Options& options, const Backend& backend) noexcept {
    SEGFACE_ASSIGN(file, WeightFile::from_memory(bytes));
    return make(file, options, backend);
  }

  // Photo in, mask of the photo's size out. A LaPa network needs the five landmarks, in pixels of the photo; others
  // only check them. Errors: invalid_argument, out_of_memory.
  Result<Mask> try_parse(const ImageView& photo) const noexcept {
    return parse_with([&](Workspace& workspace, Mask& mask) { return workspace.parse(photo, mask); });
  }
  Result<Mask> try_parse(const ImageView& photo, const Landmarks& landmarks) const noexcept {
    return parse_with([&](Workspace& workspace, Mask& mask) { return workspace.parse(photo, landmarks, mask); });
  }

  // A workspace of this parser; `executor`, where given, runs its kernels and must outlive it.
  Result<Workspace> try_workspace(Executor* executor = nullptr) const noexcept {
    if (shared_ == nullptr) return no_network();
    return Workspace::make(shared_, executor);
  }

#if SEGFACE_EXCEPTIONS
  // The same, throwing segface::Error.
  static BasicParser load(const std::string& path, const Options& options = {}) {
    return try_load(path, options).value_or_throw();
  }
  static BasicParser from_memory(Bytes bytes, const Options& options = {}) {
    return try_from_memory(bytes, options).value_or_throw();
  }
  Mask parse(const ImageView& photo) const {
    return try_parse(photo).value_or_throw();
  }
  Mask parse(const ImageView& photo, const Landmarks& landmarks) const {
    return try_parse(photo, landmarks).value_or_throw();
  }
  Workspace workspace(Executor* executor = nullptr) const {
    return try_workspace(executor).value_or_throw();
  }
#endif

  // Only where not empty.
  bool empty() const noexcept {
    return shared_ == nullptr;
  }
  const NetworkInfo& info() const noexcept {
    return shared_->info;
  }
  const Backend& backend() const noexcept {
    return shared_->network.backend();
  }
  // The plan of the network's own resolution: memory, cost, stages.
  const Plan<Backend>& plan() const noexcept {
    return *shared_->plan;
  }
  // Threads of one call.
  Index threads() const noexcept {
    return shared_->plan->threads();
  }
  // Replays the file's self-test: the largest difference in parts of the logits' root mean square, which agrees
  // up to SelfTest::kTolerance.
  Result<double> try_self_test() const noexcept {
    if (shared_ == nullptr) return no_network();
    SerialExecutor executor;
    SEGFACE_ASSIGN(computed, SelfTest::run(shared_->network, shared_->self_test.seed, executor));
    return shared_->self_test.difference(computed);
  }

 private:
  friend Workspace;

  // What all copies of a parser and its workspaces share.
  struct Shared {
    Shared(SegFace<Backend> prepared, NetworkInfo description, SelfTest test) noexcept
        : network(std::move(prepared)), info(std::move(description)), self_test(std::move(test)) {}

    SegFace<Backend> network;
    NetworkInfo info;
    SelfTest self_test;
    std::shared_ptr<const Plan<Backend>> plan;
    std::mutex mutex;                                // guards idle
    std::vector<std::unique_ptr<Workspace>> idle{};  // lent to calls without a workspace of their own
  };

  static Status no_network() noexcept {
    return error(Errc::invalid_argument, "this parser is empty or was moved from; load a weight file first");
  }

  static Result<BasicParser> make(const WeightFile& file, const Options& options, const Backend& backend) noexcept {
    return guarded([&]() -> Result<BasicParser> {
      const FloatingPointGuard guard;
      const std::string& name = file.tensors().name();
      SEGFACE_ASSIGN(network, SegFace<Backend>::prepare(backend, file.weights()));
      SEGFACE_ASSIGN(executor, make_executor(options.threads));
      BasicParser parser;
      parser.shared_ = std::make_shared<Shared>(std::move(network), file.info(), file.self_test());
      const Index side = file.info().resolution;
      SEGFACE_ASSIGN(plan,
                     Plan<Backend>::make(parser.shared_->network, 1, side, side, *executor, file.info().warped()));
      parser.shared_->plan = std::make_shared<const Plan<Backend>>(std::move(plan));
      if (options.self_test) {
        SEGFACE_ASSIGN(difference, parser.try_self_test());
        if (!(difference <= SelfTest::kTolerance)) {
          return error(Errc::mismatch, name, ": the self-test does not agree: the file is damaged, or this build or ",
                       "processor computes wrongly; convert the checkpoint again and run `segface verify`");
        }
      }
      return Result<BasicParser>(std::move(parser));
    });
  }

  // parse(workspace, mask) with a workspace of the parser's own.
  template <class Parse>
  Result<Mask> parse_with(const Parse& parse) const noexcept {
    SEGFACE_ASSIGN(workspace, borrow());
    Mask mask;
    const Status status = parse(*workspace, mask);
    give_back(std::move(workspace));
    if (!status.ok()) return status;
    return Result<Mask>(std::move(mask));
  }

  Result<std::unique_ptr<Workspace>> borrow() const noexcept {
    if (shared_ == nullptr) return no_network();
    {
      const std::lock_guard<std::mutex> lock(shared_->mutex);
      if (!shared_->idle.empty()) {
        std::unique_ptr<Workspace> workspace = std::move(shared_->idle.back());
        shared_->idle.pop_back();
        return Result<std::unique_ptr<Workspace>>(std::move(workspace));
      }
    }
    // A lent workspace must not keep alive what keeps it: it borrows the shared state without owning it.
    const std::shared_ptr<Shared> unowned(std::shared_ptr<Shared>(), shared_.get());
    SEGFACE_ASSIGN(made, Workspace::make(unowned, nullptr));
    std::unique_ptr<Workspace> workspace(new (std::nothrow) Workspace(std::move(made)));
    if (workspace == nullptr) return error(Errc::out_of_memory, "out of memory");
    return Result<std::unique_ptr<Workspace>>(std::move(workspace));
  }
  void give_back(std::unique_ptr<Workspace> workspace) const noexcept {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    static_cast<void>(guarded([&]() -> Status {
      shared_->idle.push_back(std::move(workspace));
      return {};
    }));
  }

  std::shared_ptr<Shared> shared_;
};

// What one caller needs between calls. One call at a time: a second thread gets Errc::busy. Move-only.
template <class Backend>
class BasicWorkspace {
 public:
  using Scalar = typename Backend::Scalar;
  // Called between kernels with the share done, 0 to 1; false cancels the call.
  using Progress = std::function<bool(double)>;

  BasicWorkspace(BasicWorkspace&& other) noexcept
      : shared_(std::move(other.shared_)),
        owned_(std::move(other.owned_)),
        executor_(other.executor_),
        plan_(std::move(other.plan_)),
        block_(std::move(other.block_)),
        resize_(std::move(other.resize_)),
        pixels_(std::move(other.pixels_)),
        row_confidence_(std::move(other.row_confidence_)),
        warps_(std::move(other.warps_)),
        logits_(other.logits_),
        times_(std::move(other.times_)),
        progress_(std::move(other.progress_)) {}

  // Photo in, mask of the photo's size out; `mask` is unspecified after an error. `logits`, where given, gets the
  // network's output for a resolution x resolution input before it is resized, planar as from logits().
  // A LaPa network needs the landmarks, in pixels of the photo; others only check them.
  // Errors: invalid_argument, buffer_too_small (of the logits; nothing is written), busy, cancelled, out_of_memory.
  Status parse(const ImageView& photo, Mask& mask, Span<float> logits = {}) noexcept {
    return parse(photo, nullptr, mask, logits);
  }
  Status parse(const ImageView& photo, const Landmarks& landmarks, Mask& mask, Span<float> logits = {}) noexcept {
    return parse(photo, &landmarks, mask, logits);
  }

  // Sizes of the logits for inputs of a size. Errors: invalid_argument, limit_exceeded, out_of_memory.
  Result<LogitsShape> logits_shape(Index batch, Index height, Index width) noexcept {
    LogitsShape shape;
    SEGFACE_RETURN_IF_ERROR(exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(plan_for(batch, height, width));
      shape = shape_of_plan();
      return {};
    }));
    return shape;
  }

  // A normalised tensor in, raw logits [batch, classes, 4h, 4w] out: as the official network gives them, before
  // they are resized. A LaPa network needs the landmarks of each image, in pixels of the input; others only check them.
  // Errors: invalid_argument, buffer_too_small (nothing is written), busy, cancelled.
  Status logits(const TensorView& input, Span<float> out, Span<const Landmarks> landmarks = {}) noexcept {
    return exclusively([&]() -> Status {
      const auto faces = static_cast<Index>(landmarks.size());
      SEGFACE_RETURN_IF_ERROR(plan_for(input.batch, input.height, input.width));
      const LogitsShape shape = shape_of_plan();
      SEGFACE_RETURN_IF_ERROR(check(input, out, shape));
      SEGFACE_RETURN_IF_ERROR(check_faces(landmarks.data(), faces, input.batch, input.width, input.height));
      set_warps(landmarks.data(), faces, static_cast<double>(input.width), static_cast<double>(input.height));
      SEGFACE_RETURN_IF_ERROR(forward([&](const Map<Scalar>& image) {
        for (Index b = 0; b < input.batch; ++b) {
          for (Index p = 0; p < image.pixels(); ++p) {
            for (Index c = 0; c < 3; ++c) {
              image.row(b * image.pixels() + p)[c] = static_cast<Scalar>(input.data[(b * 3 + c) * image.pixels() + p]);
            }
          }
        }
      }));
      copy_planes(out);
      return {};
    });
  }

  // The callback of the calls that follow; none by default.
  void on_progress(Progress progress) { progress_ = std::move(progress); }
  // The stages of the last call.
  Span<const StageTime> times() const noexcept { return {times_.data(), times_.size()}; }
  // Bytes it holds.
  std::size_t bytes() const noexcept {
    return block_.size() + pixels_.size() + row_confidence_.size() * sizeof(double);
  }

 private:
  friend BasicParser<Backend>;
  using Shared = typename BasicParser<Backend>::Shared;

  BasicWorkspace() noexcept = default;

  static Result<BasicWorkspace> make(std::shared_ptr<Shared> shared, Executor* executor) noexcept {
    return guarded([&]() -> Result<BasicWorkspace> {
      BasicWorkspace workspace;
      workspace.shared_ = std::move(shared);
      if (executor == nullptr) {
        SEGFACE_ASSIGN(own, make_executor(workspace.shared_->plan->threads()));
        workspace.owned_ = std::move(own);
        executor = workspace.owned_.get();
      }
      workspace.executor_ = executor;
      workspace.times_.reserve(kMostStages);
      return Result<BasicWorkspace>(std::move(workspace));
    });
  }

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
  class Watch final : public Observer<Scalar> {
   public:
    Watch(BasicWorkspace& workspace, double total) noexcept : workspace_(workspace), total_(total) {}

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
    void stage(const char* name, const Map<const Scalar>&, const Cost&) noexcept override {
      workspace_.clock_.mark(workspace_.times_, name);
    }

   private:
    BasicWorkspace& workspace_;
    double total_;
  };

  // Runs body alone, in the library's floating-point mode.
  template <class Body>
  Status exclusively(const Body& body) noexcept {
    if (shared_ == nullptr) return error(Errc::invalid_argument, "this workspace was moved from");
    if (busy_.exchange(true, std::memory_order_acquire)) {
      return error(Errc::busy, "this workspace is in use by another call; give each thread one of its own");
    }
    const FloatingPointGuard guard;
    clock_.start(times_);
    Status status = guarded(body);
    busy_.store(false, std::memory_order_release);
    return status;
  }

  // Makes plan_ and block_ fit an input of this size and this executor.
  Status plan_for(Index batch, Index height, Index width) noexcept {
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
    if (block_.size() < plan_->workspace_bytes()) {
      block_ = {};
      SEGFACE_ASSIGN(block, Buffer<std::uint8_t>::make(plan_->workspace_bytes()));
      block_ = std::move(block);
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

  // landmarks: null where there are none.
  Status parse(const ImageView& photo, const Landmarks* landmarks, Mask& mask, Span<float> logits) noexcept {
    return exclusively([&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(photo.validate());
      SEGFACE_RETURN_IF_ERROR(check_faces(landmarks, landmarks == nullptr ? 0 : 1, 1, photo.width, photo.height));
      SEGFACE_RETURN_IF_ERROR(plan_for(1, shared_->info.resolution, shared_->info.resolution));
      if (!logits.empty()) SEGFACE_RETURN_IF_ERROR(check_size(logits, shape_of_plan()));
      set_warps(landmarks, 1, static_cast<double>(photo.width), static_cast<double>(photo.height));
      SEGFACE_RETURN_IF_ERROR(forward_photo(photo));
      if (!logits.empty()) copy_planes(logits);
      SEGFACE_RETURN_IF_ERROR(mask.resize(shared_->info.dataset, photo.width, photo.height));
      const auto rows = static_cast<std::size_t>(photo.height);
      if (row_confidence_.size() < rows) {
        SEGFACE_ASSIGN(sums, Buffer<double>::make(rows));
        row_confidence_ = std::move(sums);
      }
      LabelTarget target = {mask.data(), photo.width, photo.height};
      target.row_confidence = row_confidence_.data();
      ops::label_pixels(shared_->network.backend(), interleaved_logits(), target, *executor_);
      double sum = 0;
      for (std::size_t y = 0; y < rows; ++y) sum += row_confidence_[y];
      mask.finish(sum / static_cast<double>(photo.width * photo.height));
      clock_.mark(times_, "labels");
      return {};
    });
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

  // Runs the network on the input that `fill` writes; logits_ points into block_ afterwards.
  template <class Fill>
  Status forward(const Fill& fill) noexcept {
    Arena arena(block_.span());
    Watch watch(*this, plan_->cost().flops);
    Run<Backend> run(shared_->network.backend(), arena, *executor_, &watch);
    const Map<Scalar> image = run.map(plan_->batch(), plan_->height(), plan_->width(), 3);
    fill(image);
    clock_.mark(times_, "input");
    logits_ = shared_->network(run, plan_->decoder(), image, {warps_.data(), warps_.size()});
    return run.status();
  }

  // The same for a photo, resized; the plan is that of the network's resolution.
  Status forward_photo(const ImageView& photo) noexcept {
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
    return forward(
        [&](const Map<Scalar>& image) { normalize(pixels_.data(), image.rows(), image.data, image.stride); });
  }

  LogitsView<Scalar> interleaved_logits() const noexcept {
    return LogitsView<Scalar>::interleaved(logits_.data, logits_.channels, logits_.width, logits_.height,
                                           logits_.stride);
  }

  void copy_planes(Span<float> out) const noexcept {
    const Index pixels = logits_.pixels();
    for (Index b = 0; b < logits_.batch; ++b) {
      for (Index c = 0; c < logits_.channels; ++c) {
        float* plane = out.data() + (b * logits_.channels + c) * pixels;
        for (Index p = 0; p < pixels; ++p) plane[p] = static_cast<float>(logits_.row(b * pixels + p)[c]);
      }
    }
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<Executor> owned_;
  Executor* executor_ = nullptr;
  std::shared_ptr<const Plan<Backend>> plan_;
  Buffer<std::uint8_t> block_;  // activations
  BicubicResize resize_;
  Buffer<std::uint8_t> pixels_;  // the resized photo, then scratch
  Buffer<double> row_confidence_;
  std::vector<TanhWarp> warps_;  // of the call
  Map<Scalar> logits_;           // of the last call, inside block_
  std::vector<StageTime> times_;
  Clock clock_ = {};
  Progress progress_;
  std::atomic<bool> busy_{false};
};

SEGFACE_END_NAMESPACE
