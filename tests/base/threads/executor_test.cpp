// Who runs the tasks of a kernel: each once, whoever takes part, in the library's floating-point mode.
#include "segface/base/threads/executor.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "segface/base/threads/make_executor.hpp"
#include "segface/base/threads/openmp.hpp"

#include "base/threads/runs.hpp"

using namespace segface;
using namespace segface::core;

TEST_CASE("every executor runs each task once") {
  SerialExecutor serial;
  for (const Index tasks : {0, 1, 2, 3, 7, 64, 1000}) {
    CAPTURE(tasks);
    const std::vector<int> once(static_cast<std::size_t>(tasks), 1);
    CHECK(test::runs(serial, tasks) == once);
    for (const Index threads : {1, 2, 3, 8, 70}) {
      CAPTURE(threads);
      const std::unique_ptr<Executor> pool = ThreadPool::make(threads).value();
      CHECK(pool->threads() == threads);
      CHECK(test::runs(*pool, tasks) == once);
#if defined(_OPENMP)
      OpenMpExecutor openmp(threads, threads);
      CHECK(openmp.threads() == threads);
      CHECK(test::runs(openmp, tasks) == once);  // by the caller alone
      std::vector<int> held;
      openmp.hold_for([&] { held = test::runs(openmp, tasks); });
      CHECK(held == once);
#endif
    }
  }
}

#if defined(_OPENMP)
TEST_CASE("OpenMP's threads work while the executor is held, and not in a region of the host's") {
  OpenMpExecutor openmp(2, 2);
  std::atomic<int> inside{0};
  const auto meet = [&] {  // true where both tasks are under way at a time
    inside = 0;
    bool met = false;
    openmp.for_each(2, [&](Index task, Index) {
      ++inside;
      for (int look = 0; look < 100000 && inside < 2; ++look) std::this_thread::yield();
      if (task == 0) met = inside == 2;
    });
    return met;
  };
  for (int time = 0; time < 3; ++time) {
    bool met = false;
    openmp.hold_for([&] {
      for (int kernel = 0; kernel < 100 && !met; ++kernel) met = meet();  // the other may come late
    });
    CHECK(met);
  }
  bool region[2] = {};
#pragma omp parallel num_threads(2)
  {
#pragma omp single
    openmp.hold_for([&] { region[0] = test::runs(openmp, 7) == std::vector<int>(7, 1); });
#pragma omp single
    region[1] = omp_get_num_threads() == 2;
  }
  CHECK(region[0]);
  CHECK(region[1]);
}
#endif

TEST_CASE("more threads than may be asked for, or are of use") {
  CHECK(ThreadPool::make(kMaxThreads + 1).value()->threads() <= kMaxThreads);
  CHECK(ThreadPool::make(0).value()->threads() == 1);
  CHECK(make_executor(kMaxThreads + 1).value()->threads() <= available_threads());
  CHECK(make_executor(1).value()->threads() == 1);
#if defined(_OPENMP)
  CHECK(OpenMpExecutor(kMaxThreads + 1).threads() <= available_threads());
  CHECK(OpenMpExecutor(kMaxThreads + 1, kMaxThreads + 1).threads() == kMaxThreads);
#endif
}

#if defined(__unix__)
TEST_CASE("OMP_NUM_THREADS bounds the threads of who asks for none in particular") {
  const char* const before = std::getenv("OMP_NUM_THREADS");
  const std::string kept = before == nullptr ? "" : before;
  const auto with = [](const char* value) {
    ::setenv("OMP_NUM_THREADS", value, 1);
    return make_executor(0).value()->threads();
  };
  CHECK(with("1") == 1);
  CHECK(with("1,8") == 1);
  for (const char* senseless : {"", "0", "-3", "many", "1000000"}) CHECK(with(senseless) == available_threads());
  ::setenv("OMP_NUM_THREADS", "1", 1);
  CHECK(make_executor(2).value()->threads() == std::min<Index>(2, available_threads()));  // asked for
  before == nullptr ? ::unsetenv("OMP_NUM_THREADS") : ::setenv("OMP_NUM_THREADS", kept.c_str(), 1);
}
#endif

TEST_CASE("a task runs in the library's floating-point mode on a host's own thread, which gets its own back") {
#if defined(__SSE__)
  constexpr unsigned kTowardsZero = 0x1f80u | 0x6000u;
  class Host final : public Executor {
   public:
    unsigned after = 0;
    Index threads() const noexcept override { return 1; }
    void run(Index tasks, Function function, const void* body) noexcept override {
      std::thread([&] {
        _mm_setcsr(kTowardsZero);
        for (Index task = 0; task < tasks; ++task) function(body, task, 0);
        after = _mm_getcsr();
      }).join();
    }
  } host;
  unsigned inside = 0;
  volatile float third = 3;
  host.for_each(1, [&](Index, Index) {
    inside = _mm_getcsr();
    third = 1 / third;  // inexact: a flag that belongs to the task
  });
  CHECK((inside & 0xffc0u) == 0x9fc0u);
  CHECK(host.after == kTowardsZero);
#endif
}

TEST_CASE("a worker does its own share in order, then what others left") {
  std::vector<Index> done;
  const auto note = [](const void* body, Index task, Index) {
    static_cast<std::vector<Index>*>(const_cast<void*>(body))->push_back(task);
  };
  TaskShares shares(7, 3);  // 0 1, 2 3, 4 5 6
  shares.work(note, &done, 1);
  CHECK(done == std::vector<Index>{2, 3, 4, 5, 6, 0, 1});
  shares.work(note, &done, 2);
  CHECK(done.size() == 7);
  TaskShares few(2, 3);  // -, 0, 1
  few.work(note, &done, 0);
  CHECK(done.size() == 9);
  TaskShares many(1000, 200);  // some workers share a share
  many.work(note, &done, 199);
  CHECK(done.size() == 1009);
}
