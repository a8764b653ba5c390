// TaskShares: who of several workers takes which task of a kernel.
#pragma once

#include <algorithm>
#include <atomic>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/threads/executor.hpp"

SEGFACE_BEGIN_CORE

// Hands out the tasks of a kernel. A worker begins with a share of its own, in order, the same one in every kernel:
// what it reads is mostly what it wrote in the one before, and in its cache. Then it helps the others with theirs. A share
// whose worker does not come is done by the others.
class TaskShares {
 public:
  // workers >= 1; where there are many, some have a share together.
  TaskShares(Index tasks, Index workers) noexcept : tasks_(tasks), shares_(std::min(workers, kMostShares)) {
    for (Index share = 0; share < shares_; ++share) next_[share].task.store(begin(share), std::memory_order_relaxed);
  }

  // What one worker does; several at a time. Returns when no task is left to begin.
  void work(Executor::Function function, const void* body, Index worker) noexcept {
    for (Index i = 0; i < shares_; ++i) {
      const Index share = (worker + i) % shares_, end = begin(share + 1);
      std::atomic<Index>& next = next_[share].task;
      for (Index task = next++; task < end; task = next++) function(body, task, worker);
    }
  }

 private:
  static constexpr Index kMostShares = 32;
  struct alignas(kAlignment) Next {
    std::atomic<Index> task;
  };
  Index begin(Index share) const noexcept { return share * tasks_ / shares_; }

  const Index tasks_, shares_;
  Next next_[kMostShares];
};

SEGFACE_END_CORE
