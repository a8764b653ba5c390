// Crew: workers that wait for kernels, and the callers who share them.
//
// A caller calls free workers to its job, works itself, calls those back that have not come meanwhile, and waits for the
// others. So nobody waits for a thread that the system has not woken yet, or has put aside for another process's: the one
// processor of a small container, or a busy neighbour, costs what it takes and no more.
//
// Who waits looks for its turn for a moment, since the next kernel mostly follows at once, then sleeps; where there are
// fewer processors than workers it sleeps at once.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>

#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/task_shares.hpp"

SEGFACE_BEGIN_CORE

// Looks whether condition() has come true: kLooks times, some tens of microseconds, where each thread has a processor,
// else once. False where it has not.
inline constexpr int kLooks = 1000;
template <class Condition>
bool look_for(const Condition& condition, bool may_look) noexcept {
  for (int look = 0; look < (may_look ? kLooks : 1); ++look) {
    if (condition()) return true;
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("isb");
#endif
  }
  return false;
}

class Crew {
 public:
  // For `size` threads, 1 <= size: a caller's, and size - 1 that serve(), though none need come; null where memory runs out.
  // may_look: each thread has a processor.
  static std::unique_ptr<Crew> make(Index size, bool may_look) noexcept {
    std::unique_ptr<Crew> crew(new (std::nothrow) Crew(may_look));
    if (crew == nullptr) return nullptr;
    crew->seats_.reset(new (std::nothrow) Seat[static_cast<std::size_t>(size)]);
    if (crew->seats_ == nullptr) return nullptr;
    crew->size_ = size;
    return crew;
  }

  Index size() const noexcept { return size_; }
  // Fewer than made for; before anybody runs.
  void set_size(Index size) noexcept { size_ = size; }

  // Runs each task once, with the caller's fair part of the workers, as far as these are free. Any number of callers at a
  // time; the caller is worker 0 of its job.
  void run(Index tasks, Executor::Function function, const void* body) noexcept {
    const Index callers = ++callers_;
    const Index workers = std::min(tasks, size_ / callers);
    if (workers > 1) {
      lead(tasks, function, body, workers - 1);
    } else {
      for (Index task = 0; task < tasks; ++task) function(body, task, 0);
    }
    --callers_;
  }

  // What worker 1 .. size - 1 does, a thread each, until dismiss().
  void serve(Index worker) noexcept {
    const FloatingPointGuard guard;  // so that tasks need not set it
    Seat& seat = seats_[static_cast<std::size_t>(worker)];
    while (wait_for_call(seat)) {
      Job* job = seat.job;
      if (job == nullptr || !seat.job.compare_exchange_strong(job, taken())) continue;  // called back
      job->shares.work(job->function, job->body, worker);
      seat.job = nullptr;
      ++job->left;  // from here on the job may be gone
      if (sleeping_callers_ != 0) {
        { const std::lock_guard<std::mutex> lock(mutex_); }
        left_.notify_all();
      }
    }
  }

  // Ends every serve(), when its job is done.
  void dismiss() noexcept {
    dismissed_ = true;
    for (Index worker = 1; worker < size_; ++worker) wake(seats_[static_cast<std::size_t>(worker)]);
  }

  // Lets workers serve() again after dismiss(), when the last has left.
  void gather() noexcept { dismissed_ = false; }

 private:
  struct Job {
    Executor::Function function;
    const void* body;
    TaskShares shares;
    std::atomic<Index> left{0};  // workers that came and are done
  };
  struct alignas(kAlignment) Seat {
    std::atomic<Job*> job{nullptr};  // what its worker is called to; taken() while it works; null: free
    std::atomic<bool> asleep{false};
    std::mutex mutex;
    std::condition_variable called;
  };

  explicit Crew(bool may_look) noexcept : may_look_(may_look) {}

  // No job's address.
  Job* taken() noexcept { return reinterpret_cast<Job*>(this); }

  void lead(Index tasks, Executor::Function function, const void* body, Index wanted) noexcept {
    Job job{function, body, TaskShares(tasks, wanted + 1)};
    Index called = 0, end = 1;
    for (; end < size_ && called < wanted; ++end) {
      Seat& seat = seats_[static_cast<std::size_t>(end)];
      Job* none = nullptr;
      if (seat.job != nullptr || !seat.job.compare_exchange_strong(none, &job)) continue;
      ++called;
      if (seat.asleep) wake(seat);
    }
    job.shares.work(function, body, 0);
    for (Index worker = 1; worker < end; ++worker) {
      std::atomic<Job*>& waiting = seats_[static_cast<std::size_t>(worker)].job;
      Job* mine = &job;
      if (waiting == mine && waiting.compare_exchange_strong(mine, nullptr)) --called;
    }
    const auto done = [&] { return job.left == called; };
    if (look_for(done, may_look_)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    ++sleeping_callers_;
    left_.wait(lock, done);
    --sleeping_callers_;
  }

  // False when dismissed.
  bool wait_for_call(Seat& seat) noexcept {
    const auto called = [&] { return seat.job != nullptr || dismissed_; };
    if (!look_for(called, may_look_)) {
      std::unique_lock<std::mutex> lock(seat.mutex);
      seat.asleep = true;
      seat.called.wait(lock, called);
      seat.asleep = false;
    }
    return !dismissed_;
  }
  // After what it waits for has been written: it has seen that, or is waiting once the lock is had.
  static void wake(Seat& seat) noexcept {
    { const std::lock_guard<std::mutex> lock(seat.mutex); }
    seat.called.notify_one();
  }

  const bool may_look_;
  Index size_ = 1;
  std::unique_ptr<Seat[]> seats_;
  std::atomic<bool> dismissed_{false};
  std::atomic<Index> callers_{0};
  std::atomic<Index> sleeping_callers_{0};
  std::mutex mutex_;  // of callers that sleep
  std::condition_variable left_;
};

SEGFACE_END_CORE
