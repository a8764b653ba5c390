// Plan: what follows from the size of the input: tables, memory, shapes, costs; found by a dry run of the network's own
// code. And one pass with memory of its own, for those who pass once.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "segface/backends/run.hpp"
#include "segface/base/arena.hpp"
#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/networks/network.hpp"

SEGFACE_BEGIN_CORE

// A stage of the network with what it costs at the plan's size.
struct StageCost {
  std::string name;
  Cost cost;
  Index height = 0, width = 0, channels = 0;
};

// Immutable; any number of threads may use it.
template <template <class> class Network, class B>
class Plan {
 public:
  using Given = typename Network<B>::Given;
  using Tables = typename Network<B>::Tables;

  // For `batch` images of height x width and as many threads as the executor has. `given`: as every pass will be given,
  // of which only the sizes count. The network must outlive the plan. Errors: those of Network::check_input,
  // limit_exceeded, overflow, out_of_memory.
  static Result<Plan> make(const Network<B>& network, Index batch, Index height, Index width, Executor& executor,
                           const Given& given = {}) noexcept;

  Index batch() const noexcept { return batch_; }
  Index height() const noexcept { return height_; }
  Index width() const noexcept { return width_; }
  // Threads it was made for; a run may use fewer.
  Index threads() const noexcept { return threads_; }
  // Bytes a pass needs, to its output and (of one image; else 0) to labels, and bytes the plan itself holds.
  std::size_t workspace_bytes() const noexcept { return workspace_bytes_; }
  std::size_t labelling_bytes() const noexcept { return labelling_bytes_; }
  std::size_t bytes() const noexcept { return memory_.bytes(); }
  // Cost of one pass, and of its stages in order.
  const Cost& cost() const noexcept { return cost_; }
  const std::vector<StageCost>& stages() const noexcept { return stages_; }
  const Tables& tables() const noexcept { return tables_; }

 private:
  static constexpr bool kLabels = !std::is_same_v<typename Network<B>::Target, Nothing>;

  Plan(Index batch, Index height, Index width, Index threads) noexcept
      : batch_(batch), height_(height), width_(width), threads_(threads) {}

  // Collects the stages of the dry run.
  struct Recorder final : Observer<HostScalarOf<B>> {
    std::vector<StageCost> stages;
    bool out_of_memory = false;
    Cost before;

    void stage(const char* name, const HostViewOf<B>& output, const Cost& so_far) noexcept override {
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

  Status build(const Network<B>& network, Executor& executor, const Given& given);

  Index batch_, height_, width_, threads_;
  std::size_t workspace_bytes_ = 0, labelling_bytes_ = 0;
  Cost cost_;
  std::vector<StageCost> stages_;
  MemoryOf<B> memory_;
  Tables tables_;
};

// Members are defined outside the class, and not inline, so that a program may instantiate them once.

template <template <class> class Network, class B>
Result<Plan<Network, B>> Plan<Network, B>::make(const Network<B>& network, Index batch, Index height, Index width,
                                                Executor& executor, const Given& given) noexcept {
  SEGFACE_RETURN_IF_ERROR(Network<B>::check_input(batch, height, width, given));
  constexpr Index kMostPixels = Index{1} << 28;
  if (height > kMostPixels / width || batch > kMostPixels / (height * width)) {
    return error(Errc::limit_exceeded, "an input of ", batch, " x ", height, " x ", width,
                 " pixels is too large: expected at most 2^28 pixels; use a smaller size or batch");
  }
  return guarded([&]() -> Result<Plan> {
    Plan plan(batch, height, width, executor.threads());
    SEGFACE_RETURN_IF_ERROR(plan.build(network, executor, given));
    return Result<Plan>(std::move(plan));
  });
}

template <template <class> class Network, class B>
Status Plan<Network, B>::build(const Network<B>& network, Executor& executor, const Given& given) {
  if constexpr (!std::is_same_v<Tables, Nothing>) {
    Arena counting;
    Run<B> counting_run(network.backend(), counting, executor);
    network.tables(counting_run, height_, width_);

    SEGFACE_RETURN_IF_ERROR(memory_.reserve(counting.high_water()));
    Arena arena(memory_.block());
    Run<B> run(network.backend(), memory_, arena, executor);
    tables_ = network.tables(run, height_, width_);
    SEGFACE_RETURN_IF_ERROR(run.status());
    SEGFACE_RETURN_IF_ERROR(memory_.finish());
  }

  Arena dry;
  Recorder recorder;
  Run<B> dry_run(network.backend(), dry, executor, &recorder);
  const auto output = pass_of(network, dry_run, tables_, dry_run.map(batch_, height_, width_, 3), given);
  if constexpr (kLabels) {
    if (batch_ == 1) network.label(dry_run, output, {});
  }
  workspace_bytes_ = dry.high_water();
  cost_ = dry_run.cost();
  stages_ = std::move(recorder.stages);

  if constexpr (kLabels) {
    if (batch_ == 1) {
      Arena labelling;
      Run<B> run(network.backend(), labelling, executor);
      network.label(run, tables_, run.map(1, height_, width_, 3), given, {});
      labelling_bytes_ = labelling.high_water();
    }
  }
  return recorder.out_of_memory ? error(Errc::out_of_memory, "out of memory") : Status();
}

// One pass with memory of its own: fill(input [B, H, W, 3]), then use(output), of a network whose output is one map.
// Errors: out_of_memory, cancelled, those of a device.
template <template <class> class Network, class B, class Fill, class Use>
Status pass_once(const Network<B>& network, const Plan<Network, B>& plan, Executor& executor,
                 typename Run<B>::Observer* observer, const Fill& fill, const Use& use,
                 const typename Network<B>::Given& given = {}) noexcept {
  const FloatingPointGuard guard;
  const bool every_stage = observer != nullptr && observer->every_stage();
  const auto pass = [&](Run<B>& run) {
    const MapOf<B> input = run.map(plan.batch(), plan.height(), plan.width(), 3);
    run.write(input, fill);
    return pass_of(network, run, plan.tables(), input, given);
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
