// How often an executor runs each task.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <vector>

#include "segface/base/threads/executor.hpp"

namespace test {

// How often each task ran; workers are below threads().
inline std::vector<int> runs(segface::Executor& executor, segface::Index tasks) {
  std::vector<std::atomic<int>> counts(static_cast<std::size_t>(tasks));
  std::atomic<bool> workers_known{true};
  executor.for_each(tasks, [&](segface::Index task, segface::Index worker) {
    ++counts[static_cast<std::size_t>(task)];
    if (worker < 0 || worker >= executor.threads()) workers_known = false;
  });
  CHECK(workers_known);
  return std::vector<int>(counts.begin(), counts.end());
}

}  // namespace test
