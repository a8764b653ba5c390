// Executor: who runs the tasks of a kernel. A run-time value: serial, a pool of threads, OpenMP, or the host's own.
//
// A kernel is cut into tasks by its sizes alone, never by the number of threads, and tasks write to disjoint
// places: results are bit-identical on every executor. Task bodies are noexcept and allocate nothing.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE

// Runs `tasks` calls of a function. Hosts with a scheduler of their own derive from this.
class Executor {
 public:
  // task is 0 .. tasks - 1; worker is 0 .. threads() - 1 and never used by two calls at a time of one run().
  using Function = void (*)(const void* body, Index task, Index worker);

  virtual ~Executor() = default;
  // Most calls at a time of one run(). The same for as long as the executor lives.
  virtual Index threads() const noexcept = 0;
  // Returns when function(body, task, worker) has been called once for each task, in any order. Several threads may
  // call this at a time where workspaces of several threads share the executor.
  virtual void run(Index tasks, Function function, const void* body) noexcept = 0;

  // Calls pass(context), in which run() is called many times by this thread: what it takes to have other threads at hand
  // may be done once for all.
  virtual void hold(void (*pass)(const void* context), const void* context) noexcept { pass(context); }

  // The same for a callable: pass().
  template <class Pass>
  void hold_for(const Pass& pass) noexcept {
    hold([](const void* context) { (*static_cast<const Pass*>(context))(); }, &pass);
  }
  // run() for a callable: body(task, worker), in the library's floating-point mode on any thread.
  template <class Body>
  void for_each(Index tasks, const Body& body) noexcept {
    run(
        tasks,
        [](const void* context, Index task, Index worker) {
          const core::FloatingPointGuard guard;
          (*static_cast<const Body*>(context))(task, worker);
        },
        &body);
  }
};

// One thread: the caller's.
class SerialExecutor final : public Executor {
 public:
  Index threads() const noexcept override { return 1; }
  void run(Index tasks, Function function, const void* body) noexcept override {
    for (Index task = 0; task < tasks; ++task) function(body, task, 0);
  }
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Most threads that are ever asked for, whatever the caller says.
inline constexpr Index kMaxThreads = 256;

SEGFACE_END_CORE
