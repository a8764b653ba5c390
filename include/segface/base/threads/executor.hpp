// Executor: who runs the tasks of a kernel. A run-time value: OpenMP, a thread pool, serial, or the host's own.
//
// A kernel is cut into tasks by its sizes alone, never by the number of threads, and tasks write to disjoint
// places: results are bit-identical on every executor. Task bodies are noexcept and allocate nothing.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#if defined(_OPENMP)
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif
#if SEGFACE_EXCEPTIONS
#include <system_error>
#endif

SEGFACE_BEGIN_NAMESPACE

// Identity of the process, to notice a fork: neither OpenMP's threads nor ours survive one.
inline long process_id() noexcept {
#if defined(__unix__) || defined(__APPLE__)
  return static_cast<long>(::getpid());
#else
  return 0;
#endif
}

// The process in which this was first called. OpenMP's threads live there, and libgomp in a child waits for them
// for ever, even for an executor made in the child.
inline long first_process_id() noexcept {
  static const long id = process_id();
  return id;
}

// Runs `tasks` calls of a function. Hosts with a scheduler of their own derive from this.
class Executor {
 public:
  // task is 0 .. tasks - 1; worker is 0 .. threads() - 1 and never used by two calls at a time.
  using Function = void (*)(const void* body, Index task, Index worker);

  virtual ~Executor() = default;
  // Most calls at a time.
  virtual Index threads() const noexcept = 0;
  // Returns when function(body, task, worker) has been called once for each task, in any order.
  virtual void run(Index tasks, Function function, const void* body) noexcept = 0;

  // The same for a callable: body(task, worker).
  template <class Body>
  void for_each(Index tasks, const Body& body) noexcept {
    run(
        tasks,
        [](const void* context, Index task, Index worker) { (*static_cast<const Body*>(context))(task, worker); },
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

// Most threads that are ever asked for, whatever the caller says.
inline constexpr Index kMaxThreads = 256;

// Hands out the tasks of a kernel. A worker begins with a share of its own, in order, the same one in every kernel:
// what it reads is mostly what it wrote in the one before, and in its cache. Then it helps the others with theirs.
class TaskShares {
 public:
  // Before any worker begins. 1 <= workers <= kMaxThreads.
  void reset(Index tasks, Index workers) noexcept {
    tasks_ = tasks;
    workers_ = workers;
    for (Index share = 0; share < workers; ++share) next_[share].task.store(begin(share), std::memory_order_relaxed);
  }
  // What one worker does; several at a time. Returns when no task is left to begin.
  void work(Executor::Function function, const void* body, Index worker) noexcept {
    for (Index i = 0; i < workers_; ++i) {
      const Index share = (worker + i) % workers_, end = begin(share + 1);
      std::atomic<Index>& next = next_[share].task;
      for (Index task = next++; task < end; task = next++) function(body, task, worker);
    }
  }

 private:
  struct alignas(64) Next {  // a cache line each
    std::atomic<Index> task;
  };
  Index begin(Index share) const noexcept { return share * tasks_ / workers_; }

  Index tasks_ = 0, workers_ = 1;
  Next next_[kMaxThreads];
};

// Processors this process may use.
inline Index available_threads() noexcept {
  return std::max<Index>(1, static_cast<Index>(std::thread::hardware_concurrency()));
}

// Threads of its own, created once and waiting between kernels: awake for a moment, since the next kernel mostly
// follows at once, then asleep. After a fork, and where another caller is using it, the work is done serially by the
// caller.
class ThreadPool final : public Executor {
 public:
  // `threads` includes the caller; more than kMaxThreads means kMaxThreads, and where the system refuses some, the pool
  // is smaller.
  static Result<std::unique_ptr<Executor>> make(Index threads) noexcept {
    return guarded([&]() -> Result<std::unique_ptr<Executor>> {
      const Index count = std::min(threads, kMaxThreads);
      std::unique_ptr<ThreadPool> pool(new ThreadPool(count));
      pool->workers_.reserve(static_cast<std::size_t>(count));
      pool->start(count - 1);
      return std::unique_ptr<Executor>(std::move(pool));
    });
  }

  ~ThreadPool() override {
    if (process_id() != process_) {  // the threads stayed in the parent
      for (std::thread& worker : workers_) worker.detach();
      return;
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  Index threads() const noexcept override { return static_cast<Index>(workers_.size()) + 1; }

  void run(Index tasks, Function function, const void* body) noexcept override {
    const bool alone = workers_.empty() || tasks < 2 || process_id() != process_;
    const std::unique_lock<std::mutex> turn =
        alone ? std::unique_lock<std::mutex>() : std::unique_lock<std::mutex>(turn_, std::try_to_lock);
    if (!turn.owns_lock()) {
      for (Index task = 0; task < tasks; ++task) function(body, task, 0);
      return;
    }
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      function_ = function;
      body_ = body;
      shares_.reset(tasks, threads());
      running_ = static_cast<Index>(workers_.size());
      ++generation_;
    }
    wake_.notify_all();
    shares_.work(function, body, 0);
    const auto done = [&] { return running_ == 0; };
    if (stay_awake_until(done)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, done);
  }

 private:
  explicit ThreadPool(Index threads) noexcept
      : process_(process_id()), may_stay_awake_(threads <= available_threads()) {}

  void start(Index count) noexcept {
    for (Index i = 1; i <= count; ++i) {
#if SEGFACE_EXCEPTIONS
      try {
        workers_.emplace_back([this, i] { work(i); });
      } catch (const std::system_error&) {
        return;
      }
#else
      workers_.emplace_back([this, i] { work(i); });
#endif
    }
  }

  void work(Index worker) noexcept {
    const FloatingPointGuard guard;
    std::uint64_t seen = 0;
    for (;;) {
      const auto called = [&] { return stopping_ || generation_ != seen; };
      static_cast<void>(stay_awake_until(called));
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, called);
      if (stopping_) return;
      seen = generation_;
      lock.unlock();
      shares_.work(function_, body_, worker);
      lock.lock();
      if (--running_ == 0) done_.notify_one();
    }
  }

  // Some tens of microseconds at most; not at all where there are more threads than processors.
  template <class Condition>
  bool stay_awake_until(const Condition& condition) const noexcept {
    constexpr int kLooks = 1000;
    if (!may_stay_awake_) return false;
    for (int look = 0; look < kLooks; ++look) {
      if (condition()) return true;
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
      __builtin_ia32_pause();
#endif
    }
    return false;
  }

  const long process_;
  const bool may_stay_awake_;  // each thread has a processor
  std::vector<std::thread> workers_;
  std::mutex turn_;   // held by the caller whose kernel is running
  std::mutex mutex_;  // guards changes of what follows
  std::condition_variable wake_, done_;
  Function function_ = nullptr;
  const void* body_ = nullptr;
  TaskShares shares_;
  std::atomic<Index> running_{0};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<bool> stopping_{false};
};

#if defined(_OPENMP)
// OpenMP's threads, asked for per region; the host's settings stay as they are. Serial inside a parallel region
// of the host, and after a fork (libgomp would wait for threads that the child does not have).
class OpenMpExecutor final : public Executor {
 public:
  explicit OpenMpExecutor(Index threads) noexcept
      : threads_(std::min(threads, kMaxThreads)), process_(first_process_id()) {}

  Index threads() const noexcept override { return threads_; }
  void run(Index tasks, Function function, const void* body) noexcept override {
    if (threads_ == 1 || tasks < 2 || process_id() != process_ || omp_in_parallel() != 0) {
      for (Index task = 0; task < tasks; ++task) function(body, task, 0);
      return;
    }
    TaskShares shares;
    shares.reset(tasks, threads_);
#pragma omp parallel num_threads(static_cast <int>(threads_))
    {
      const FloatingPointGuard guard;
      shares.work(function, body, omp_get_thread_num());
    }
  }

 private:
  Index threads_;
  long process_;
};
#endif

// The executor for `threads` threads: serial for 1, OpenMP where this translation unit is compiled with it, else
// a thread pool. 0 or less means one thread a processor; more than kMaxThreads means kMaxThreads.
inline Result<std::unique_ptr<Executor>> make_executor(Index threads) noexcept {
  const Index count = std::min(threads <= 0 ? available_threads() : threads, kMaxThreads);
  std::unique_ptr<Executor> executor;
  if (count == 1) {
    executor.reset(new (std::nothrow) SerialExecutor);
  } else {
#if defined(_OPENMP)
    executor.reset(new (std::nothrow) OpenMpExecutor(count));
#else
    return ThreadPool::make(count);
#endif
  }
  if (executor == nullptr) return error(Errc::out_of_memory, "out of memory: no room for an executor");
  return Result<std::unique_ptr<Executor>>(std::move(executor));
}

SEGFACE_END_NAMESPACE
