// Run: one pass through the network: backend, arena, executor, and what has happened so far.
//
// Every kernel goes through Run::kernel, the one place that counts cost, skips the work of a dry run, stops
// after a cancel, and hands tasks to the executor; or, on a device, through Run::device, which does the same for work
// that is put into a stream and may fail. The host gets at maps through Run::write and Run::read alone.
#pragma once

#include "segface/backends/cost.hpp"
#include "segface/backends/memory.hpp"
#include "segface/base/arena.hpp"
#include "segface/base/config.hpp"
#include "segface/base/map.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"

SEGFACE_BEGIN_CORE

// What a caller may see of a pass. The default sees nothing.
template <class Scalar>
class Observer {
 public:
  virtual ~Observer() = default;
  // Between kernels, with the cost so far; false cancels the pass.
  virtual bool proceed(const Cost& /*so_far*/) noexcept { return true; }
  // Whether every stage must be whole in memory for stage(); a backend may leave some out otherwise.
  virtual bool every_stage() const noexcept { return false; }
  // At the end of a stage: its name, its output and the cost so far. The output's data is null in a dry run, and with a
  // backend on a device where not every_stage() is asked for.
  virtual void stage(const char* /*name*/, const Map<const Scalar>& /*output*/, const Cost& /*so_far*/) noexcept {}
};

template <class Backend>
class Run {
 public:
  using Scalar = typename Backend::Scalar;
  using Memory = MemoryOf<Backend>;
  using Observer = core::Observer<HostScalarOf<Backend>>;

  // A pass that a backend on the host makes, or a dry one.
  Run(const Backend& backend, Arena& arena, Executor& executor, Observer* observer = nullptr) noexcept
      : Run(backend, arena, executor, observer, observer != nullptr && observer->every_stage()) {}
  Run(const Backend& backend, Arena& arena, Executor& executor, Observer* observer, bool every_stage) noexcept
      : backend_(backend), arena_(arena), executor_(executor), observer_(observer), every_stage_(every_stage) {}
  // A pass in memory that the arena hands out.
  Run(const Backend& backend, Memory& memory, Arena& arena, Executor& executor, Observer* observer = nullptr) noexcept
      : Run(backend, arena, executor, observer) {
    memory_ = &memory;
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const Backend& backend() const noexcept { return backend_; }
  Executor& executor() const noexcept { return executor_; }
  // Of a pass that is not dry, where the backend has a Memory of its own.
  Memory& memory() const noexcept { return *memory_; }
  // Threads a kernel may use: the number of scratch areas it needs.
  Index workers() const noexcept { return executor_.threads(); }
  bool dry() const noexcept { return arena_.dry(); }
  bool every_stage() const noexcept { return every_stage_; }
  const Cost& cost() const noexcept { return cost_; }
  // Besides what kernels cost.
  void count(const Cost& cost) noexcept { cost_ += cost; }

  // ok, cancelled, internal, or what the device said.
  Status status() const noexcept {
    if (!failure_.ok()) return failure_;
    if (cancelled_) return error(Errc::cancelled, "cancelled by the caller's callback");
    if (arena_.exhausted()) return error(Errc::internal, "the arena is smaller than the plan said; please report this");
    return {};
  }

  // An uninitialised map of the arena, [batch, height, width, channels].
  Map<Scalar> map(Index batch, Index height, Index width, Index channels) noexcept {
    return arena_.map<Scalar>(batch, height, width, channels);
  }
  // Scratch of `count` elements.
  template <class T>
  T* scratch(Index count) noexcept {
    return arena_.allocate<T>(count);
  }
  // What is allocated after this line is given back at the end of the block.
  Arena::Scope scope() noexcept { return Arena::Scope(arena_); }

  // Runs body(task, worker) for 0 <= task < tasks. The body is noexcept, allocates nothing, and tasks write to
  // disjoint places.
  template <class Body>
  void kernel(const Cost& cost, Index tasks, const Body& body) noexcept {
    cost_ += cost;
    if (tasks == 0 || dry() || stopped()) return;
    executor_.for_each(tasks, body);
    if (observer_ != nullptr) cancelled_ = !observer_->proceed(cost_);
  }
  // Calls body(), which gives a device work to do and returns a Status; after a failure nothing more is done.
  template <class Body>
  void device(const Cost& cost, const Body& body) noexcept {
    cost_ += cost;
    if (dry() || stopped() || replays_) return;
    keep(body());
    if (observer_ != nullptr && failure_.ok()) cancelled_ = !observer_->proceed(cost_);
  }

  // pass(run), which must put the same work into the stream whenever it is called in this memory. A device gets the
  // work piece by piece the first time, when it is also captured, and from then on as a graph, until the memory's graph
  // is cleared; a graph is of one pass. Every stage is wanted: always piece by piece.
  template <class Pass>
  auto recorded(const Pass& pass) noexcept {
    if constexpr (!Memory::kOnHost) {
      if (!dry() && !every_stage_) return recorded_on_device(pass);
    }
    return pass(*this);
  }

  // fill(map on the host) gives a map its numbers; use(map on the host) sees them. Neither is called in a dry run, or
  // after a failure.
  template <class T, class Fill>
  void write(const Map<T>& map, const Fill& fill) noexcept {
    if (dry() || stopped()) return;
    if constexpr (Memory::kOnHost) {
      fill(map);
    } else {
      keep(memory_->write(map, fill));
    }
  }
  template <class T, class Use>
  void read(const Map<T>& map, const Use& use) noexcept {
    if (dry() || stopped()) return;
    if constexpr (Memory::kOnHost) {
      use(map);
    } else {
      keep(memory_->read(map, use));
    }
  }

  // Marks the end of a stage.
  void stage(const char* name, const Map<const Scalar>& output) noexcept {
    if (observer_ == nullptr || stopped()) return;
    const auto show = [&](const HostViewOf<Backend>& map) { observer_->stage(name, map, cost_); };
    if constexpr (Memory::kOnHost) {
      show(output);
    } else if (every_stage_ && !dry()) {
      read(output, show);
    } else {
      show({nullptr, output.batch, output.height, output.width, output.channels, output.stride});
    }
  }

 private:
  template <class Pass>
  auto recorded_on_device(const Pass& pass) noexcept {
    auto& graph = memory_->graph();
    if (graph.ready()) {
      replays_ = true;  // memory is handed out and stages are told as ever
      const auto result = pass(*this);
      replays_ = false;
      device({}, [&] { return graph.launch(memory_->stream()); });
      return result;
    }
    Arena arena = arena_;
    const auto result = pass(*this);
    if (!graph.tried() && status().ok()) {
      graph.capture(memory_->stream(), [&] {
        Run run(backend_, *memory_, arena, executor_);
        pass(run);
        return run.status();
      });
    }
    return result;
  }

  bool stopped() const noexcept { return cancelled_ || arena_.exhausted() || !failure_.ok(); }
  void keep(const Status& status) noexcept { failure_ = status; }

  const Backend& backend_;
  Arena& arena_;
  Executor& executor_;
  Observer* observer_;
  bool every_stage_;
  Memory* memory_ = nullptr;
  Cost cost_;
  Status failure_;
  bool cancelled_ = false;
  bool replays_ = false;  // a graph does the work of device()
};

// Activations of a backend: written, and only read.
template <class Backend>
using MapOf = Map<typename Backend::Scalar>;
template <class Backend>
using ViewOf = Map<const typename Backend::Scalar>;

SEGFACE_END_CORE
