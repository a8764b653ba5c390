// Run: one pass through the network: backend, arena, executor, and what has happened so far.
//
// Every kernel goes through Run::kernel, the one place that counts cost, skips the work of a dry run, stops
// after a cancel, and hands tasks to the executor.
#pragma once

#include "segface/base/arena.hpp"
#include "segface/base/config.hpp"
#include "segface/base/executor.hpp"
#include "segface/base/map.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

// What a kernel does, by its sizes alone: floating-point operations (a multiply-add is 2) and bytes read or
// written at least once.
struct Cost {
  double flops = 0;
  double bytes = 0;

  Cost& operator+=(const Cost& other) noexcept {
    flops += other.flops;
    bytes += other.bytes;
    return *this;
  }
};

// What a caller may see of a pass. The default sees nothing.
template <class Scalar>
class Observer {
 public:
  virtual ~Observer() = default;
  // Between kernels, with the cost so far; false cancels the pass.
  virtual bool proceed(const Cost& /*so_far*/) noexcept { return true; }
  // Whether every stage must be whole in memory for stage(); a backend may leave some out otherwise.
  virtual bool every_stage() const noexcept { return false; }
  // At the end of a stage: its name, its output (data is null in a dry run) and the cost so far.
  virtual void stage(const char* /*name*/, const Map<const Scalar>& /*output*/, const Cost& /*so_far*/) noexcept {}
};

template <class Backend>
class Run {
 public:
  using Scalar = typename Backend::Scalar;

  Run(const Backend& backend, Arena& arena, Executor& executor, Observer<Scalar>* observer = nullptr) noexcept
      : Run(backend, arena, executor, observer, observer != nullptr && observer->every_stage()) {}
  Run(const Backend& backend, Arena& arena, Executor& executor, Observer<Scalar>* observer, bool every_stage) noexcept
      : backend_(backend), arena_(arena), executor_(executor), observer_(observer), every_stage_(every_stage) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  const Backend& backend() const noexcept { return backend_; }
  // Threads a kernel may use: the number of scratch areas it needs.
  Index workers() const noexcept { return executor_.threads(); }
  bool dry() const noexcept { return arena_.dry(); }
  bool every_stage() const noexcept { return every_stage_; }
  const Cost& cost() const noexcept { return cost_; }

  // ok, cancelled, or internal.
  Status status() const noexcept {
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
    if (tasks == 0 || dry() || cancelled_ || arena_.exhausted()) return;
    executor_.for_each(tasks, body);
    if (observer_ != nullptr) cancelled_ = !observer_->proceed(cost_);
  }

  // Marks the end of a stage.
  void stage(const char* name, const Map<const Scalar>& output) noexcept {
    if (observer_ != nullptr && !cancelled_ && !arena_.exhausted()) observer_->stage(name, output, cost_);
  }

 private:
  const Backend& backend_;
  Arena& arena_;
  Executor& executor_;
  Observer<Scalar>* observer_;
  bool every_stage_;
  Cost cost_;
  bool cancelled_ = false;
};

// Activations of a backend: written, and only read.
template <class Backend>
using MapOf = Map<typename Backend::Scalar>;
template <class Backend>
using ViewOf = Map<const typename Backend::Scalar>;

SEGFACE_END_NAMESPACE
