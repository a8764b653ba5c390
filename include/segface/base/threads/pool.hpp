// ThreadPool: threads of the library's own, created once; they wait between kernels as a Crew does.
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/crew.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/process.hpp"
#include "segface/base/threads/processors.hpp"
#include "segface/base/threads/thread.hpp"

SEGFACE_BEGIN_CORE

// In a forked child, where the threads are not, the work is done serially by the caller.
class ThreadPool final : public Executor {
  struct Helper {
    Crew* crew;
    Index worker;
    Thread thread;
  };

 public:
  // `threads` includes the caller; more than kMaxThreads means kMaxThreads, and where the system refuses some, the pool
  // is smaller. Errors: out_of_memory.
  static Result<std::unique_ptr<Executor>> make(Index threads) noexcept {
    const Index size = std::max<Index>(1, std::min(threads, kMaxThreads));
    std::unique_ptr<Crew> crew = Crew::make(size, size <= available_threads());
    std::unique_ptr<Helper[]> helpers(new (std::nothrow) Helper[static_cast<std::size_t>(size)]);
    std::unique_ptr<ThreadPool> pool;
    if (crew != nullptr && helpers != nullptr) pool.reset(new (std::nothrow) ThreadPool(crew, helpers));
    if (pool == nullptr) return error(Errc::out_of_memory, "out of memory: no room for ", size, " threads");
    pool->start(size);
    return Result<std::unique_ptr<Executor>>(std::move(pool));
  }

  // Here alone is the crew destroyed, and not in a forked child: its threads were waiting in the parent, and a copy of
  // what one waits on cannot be destroyed, it would wait for them. It is left behind.
  ~ThreadPool() override {
    if (process_id() != process_) {
      static_cast<void>(crew_.release());
      return;
    }
    const CancellationGuard guard;
    crew_->dismiss();
    for (Index worker = 1; worker < threads(); ++worker) helpers_[static_cast<std::size_t>(worker)].thread.join();
  }

  Index threads() const noexcept override { return crew_->size(); }

  void run(Index tasks, Function function, const void* body) noexcept override {
    if (process_id() == process_) return crew_->run(tasks, function, body);
    for (Index task = 0; task < tasks; ++task) function(body, task, 0);
  }

 private:
  // Takes both.
  ThreadPool(std::unique_ptr<Crew>& crew, std::unique_ptr<Helper[]>& helpers) noexcept
      : process_(process_id()), crew_(std::move(crew)), helpers_(std::move(helpers)) {}

  void start(Index size) noexcept {
    Index started = 1;
    for (; started < size; ++started) {
      Helper& helper = helpers_[static_cast<std::size_t>(started)];
      helper.crew = crew_.get();
      helper.worker = started;
      if (!helper.thread.start(serve, &helper)) break;
    }
    crew_->set_size(started);
  }
  static void* serve(void* argument) noexcept {
    const Helper& helper = *static_cast<const Helper*>(argument);
    helper.crew->serve(helper.worker);
    return nullptr;
  }

  const long process_;
  std::unique_ptr<Crew> crew_;
  std::unique_ptr<Helper[]> helpers_;
};

SEGFACE_END_CORE
