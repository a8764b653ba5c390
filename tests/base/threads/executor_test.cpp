// Who runs the tasks of a kernel: each once, whoever takes part.
#include "segface/base/threads/executor.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <vector>

using namespace segface;

namespace {

// How often each task ran; workers are below `threads`.
std::vector<int> runs(Executor& executor, Index tasks) {
  std::vector<std::atomic<int>> counts(static_cast<std::size_t>(tasks));
  std::atomic<bool> workers_known{true};
  executor.for_each(tasks, [&](Index task, Index worker) {
    ++counts[static_cast<std::size_t>(task)];
    if (worker < 0 || worker >= executor.threads()) workers_known = false;
  });
  CHECK(workers_known);
  return std::vector<int>(counts.begin(), counts.end());
}

}  // namespace

TEST_CASE("every executor runs each task once") {
  SerialExecutor serial;
  for (const Index tasks : {0, 1, 2, 3, 7, 64, 1000}) {
    CAPTURE(tasks);
    const std::vector<int> once(static_cast<std::size_t>(tasks), 1);
    CHECK(runs(serial, tasks) == once);
    for (const Index threads : {1, 2, 3, 8}) {
      CAPTURE(threads);
      CHECK(runs(*ThreadPool::make(threads).value(), tasks) == once);
#if defined(_OPENMP)
      OpenMpExecutor openmp(threads);
      CHECK(runs(openmp, tasks) == once);
#endif
    }
  }
}

TEST_CASE("more threads than may be asked for") {
  CHECK(make_executor(kMaxThreads + 1).value()->threads() <= kMaxThreads);
  CHECK(ThreadPool::make(kMaxThreads + 1).value()->threads() <= kMaxThreads);
#if defined(_OPENMP)
  CHECK(OpenMpExecutor(kMaxThreads + 1).threads() == kMaxThreads);
#endif
}

TEST_CASE("a worker does its own share in order, then what others left") {
  TaskShares shares;
  std::vector<Index> done;
  const auto note = [](const void* body, Index task, Index) {
    static_cast<std::vector<Index>*>(const_cast<void*>(body))->push_back(task);
  };
  shares.reset(7, 3);  // 0 1, 2 3, 4 5 6
  shares.work(note, &done, 1);
  CHECK(done == std::vector<Index>{2, 3, 4, 5, 6, 0, 1});
  shares.work(note, &done, 2);
  CHECK(done.size() == 7);
  shares.reset(2, 3);  // -, 0, 1
  shares.work(note, &done, 0);
  CHECK(done.size() == 9);
}
