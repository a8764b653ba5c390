// EngineWorkspace: what one caller keeps between calls of an engine: activations, the plans of the last sizes, on a
// device their graphs; and what every call does: one at a time, in the library's floating-point mode, timed, asking the
// caller's callback. Facades put images in and make something of the output.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "segface/backends/memory.hpp"
#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/process.hpp"
#include "segface/engine/call.hpp"
#include "segface/engine/engine.hpp"
#include "segface/engine/plan.hpp"

SEGFACE_BEGIN_CORE

template <template <class> class Network, class Backend>
class EngineWorkspace {
 public:
  using Given = typename Network<Backend>::Given;
  using Output = typename Network<Backend>::Output;
  using PlanOf = Plan<Network, Backend>;

  // Without an executor given, the engine's; one that is given must outlive it. Throws where memory runs out: call it
  // inside guarded().
  explicit EngineWorkspace(std::shared_ptr<const Engine<Network, Backend>> engine, Executor* executor = nullptr)
      : engine_(std::move(engine)), executor_(executor != nullptr ? executor : &engine_->executor()) {
    times_.reserve(kMostStages);
  }

  // ---- a call ---------------------------------------------------------------------------------------------------

  // Runs body() -> Status alone, not to be cancelled by pthread_cancel. Errors: busy, out_of_memory (body threw it).
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
  // A call of which exclusively() only gave the work to a device: every other one is busy until finish().
  void start() noexcept { pending_ = true; }
  Status finish() noexcept {
    return alone([&] {
      pending_ = false;
      return finished({});
    });
  }
  // The status of work that is done or given up: nothing touches the caller's memory any more.
  Status finished(const Status& status) noexcept {
    const Status waited = memory_.finish();
    if (!waited.ok()) static_cast<void>(memory_.finish());  // a wait that failed may not have waited
    return status.ok() ? waited : status;
  }

  // ---- inside a call --------------------------------------------------------------------------------------------

  // Makes plan() that of an input of this size and this executor: one of the last kMostSizes, or the engine's, or else a
  // new one, in place of that which was not asked for the longest. Errors: those of Plan::make. Throws where memory runs
  // out.
  Status plan_for(Index batch, Index height, Index width, const Given& given = {}) {
    const auto fits = [&](const std::shared_ptr<const PlanOf>& plan) {
      return plan != nullptr && plan->batch() == batch && plan->height() == height && plan->width() == width &&
             plan->threads() == executor_->threads();
    };
    std::size_t at = 0;
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      if (sizes_[i].last_call < sizes_[at].last_call) at = i;
      if (fits(sizes_[i].plan)) {
        at = i;
        break;
      }
    }
    Size& size = sizes_[at];
    if constexpr (!kOnHost) memory_.use_graph(at);
    if (!fits(size.plan)) {
      std::shared_ptr<const PlanOf> plan = engine_->plan();
      if (!fits(plan)) {
        SEGFACE_ASSIGN(made, PlanOf::make(engine_->network(), batch, height, width, *executor_, given));
        plan = std::make_shared<const PlanOf>(std::move(made));
      }
      if constexpr (!kOnHost) memory_.graph().clear();
      size.plan = std::move(plan);
    }
    size.last_call = ++calls_;
    plan_ = size.plan.get();
    return {};
  }
  // Of the last plan_for().
  const PlanOf& plan() const noexcept { return *plan_; }

  const Engine<Network, Backend>& engine() const noexcept { return *engine_; }
  Executor& executor() const noexcept { return *executor_; }
  // In which passes compute: so many bytes are to be reserved as the plan says.
  MemoryOf<Backend>& memory() noexcept { return memory_; }
  // Before memory that passes are given goes: graphs hold its address.
  void forget_graphs() noexcept {
    if constexpr (!kOnHost) memory_.clear_graphs();
  }

  // pass(run, image) on the images [B, H, W, 3] of the plan's size that give(run, image) writes.
  template <class Give, class Pass>
  Status forward(const Give& give, const Pass& pass) noexcept {
    Arena arena(memory_.block());
    CallObserver observer(*this, plan_->cost().flops);
    Run<Backend> run(engine_->network().backend(), memory_, arena, *executor_, &observer);
    const MapOf<Backend> image = run.map(plan_->batch(), plan_->height(), plan_->width(), 3);
    give(run, image);
    mark("input");
    pass(run, image);
    return observer.thrown().ok() ? run.status() : observer.thrown();
  }
  // In a pass: the network's output. A callback is called between kernels, which a graph has not.
  Output compute(Run<Backend>& run, const MapOf<Backend>& image, const Given& given = {}) noexcept {
    const auto pass = [&](Run<Backend>& r) { return pass_of(engine_->network(), r, plan_->tables(), image, given); };
    return progress_ ? pass(run) : run.recorded(pass);
  }
  // A whole pass: give(input [batch, height, width, 3] on the host), then use(run, output). Errors: those of plan_for,
  // out_of_memory, cancelled, those of a device.
  template <class Give, class Use>
  Status pass(Index batch, Index height, Index width, const Give& give, const Use& use) {
    SEGFACE_RETURN_IF_ERROR(plan_for(batch, height, width));
    SEGFACE_RETURN_IF_ERROR(memory_.reserve(plan_->workspace_bytes()));
    return forward([&](Run<Backend>& run, const MapOf<Backend>& image) { run.write(image, give); },
                   [&](Run<Backend>& run, const MapOf<Backend>& image) { use(run, compute(run, image)); });
  }
  // Ends a stage of times().
  void mark(const char* stage) noexcept { clock_.mark(times_, stage); }

  // ---- between calls --------------------------------------------------------------------------------------------

  void on_progress(std::function<bool(double)> progress) { progress_ = std::move(progress); }
  Span<const StageTime> times() const noexcept { return {times_.data(), times_.size()}; }
  // Bytes it holds, without those of plans that it shares with the engine.
  std::size_t bytes() const noexcept {
    std::size_t total = memory_.bytes();
    for (const Size& size : sizes_) {
      if (size.plan != nullptr && size.plan != engine_->plan()) total += size.plan->bytes();
    }
    return total;
  }

 private:
  static constexpr std::size_t kMostStages = 24;
  static constexpr bool kOnHost = MemoryOf<Backend>::kOnHost;

  struct Size {
    std::shared_ptr<const PlanOf> plan;
    std::uint64_t last_call = 0;
  };

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
  class CallObserver final : public Run<Backend>::Observer {
   public:
    CallObserver(EngineWorkspace& workspace, double total) noexcept : workspace_(workspace), total_(total) {}

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
      workspace_.mark(name);
    }

    // What the callback threw; ok where nothing.
    const Status& thrown() const noexcept {
      return thrown_;
    }

   private:
    EngineWorkspace& workspace_;
    double total_;
    Status thrown_;
  };

  std::shared_ptr<const Engine<Network, Backend>> engine_;
  Executor* executor_;
  std::array<Size, kMostSizes> sizes_;  // the graph of sizes_[i] is memory_'s i-th
  std::uint64_t calls_ = 0;
  const PlanOf* plan_ = nullptr;
  MemoryOf<Backend> memory_;  // activations
  bool pending_ = false;      // a call was started and is not finished
  std::vector<StageTime> times_;
  Clock clock_ = {};
  std::function<bool(double)> progress_;
  FloatingPointMode callers_mode_ = FloatingPointMode::library();
  std::atomic<bool> busy_{false};
};

SEGFACE_END_CORE
