// OpenMpExecutor: OpenMP's threads, for hosts that want no others; there is none without -fopenmp.
//
//     segface::OpenMpExecutor executor(2);
//     auto workspace = parser.workspace(&executor);
//
// A call of the library is one parallel region, in which the threads wait as a Crew does, and meet OpenMP's barrier once:
// with a region a kernel, threads that wait stay awake there for milliseconds, and beside another busy process libgomp
// made a photo 20 to 40 times slower. A callback of the caller's is called in that region.
#pragma once

#if defined(_OPENMP)
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <memory>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/threads/crew.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/process.hpp"
#include "segface/base/threads/processors.hpp"

SEGFACE_BEGIN_NAMESPACE

// Threads work between the begin and the end of hold(); outside, in a region of the host's, in a forked child, and where
// memory for it runs out, the caller works alone. The host's settings of OpenMP stay as they are.
class OpenMpExecutor final : public Executor {
 public:
  // 0 or less means default_threads(); at most `processors`.
  explicit OpenMpExecutor(Index threads, Index processors = available_threads()) noexcept
      : crew_(core::Crew::make(
            std::max<Index>(1, std::min({threads <= 0 ? default_threads() : threads, processors, core::kMaxThreads})),
            true)) {}

  // As in ThreadPool: the copy of what a thread waits on cannot be destroyed.
  ~OpenMpExecutor() override {
    if (core::process_id() != loading_process_) static_cast<void>(crew_.release());
  }

  Index threads() const noexcept override { return crew_ == nullptr ? 1 : crew_->size(); }

  void hold(void (*pass)(const void*), const void* context) noexcept override {
    if (threads() == 1 || core::process_id() != loading_process_ || omp_in_parallel() != 0 || held_.exchange(true)) {
      return pass(context);
    }
    crew_->gather();
#pragma omp parallel num_threads(static_cast <int>(threads()))
    {
      if (const int worker = omp_get_thread_num(); worker != 0) {
        crew_->serve(worker);
      } else {
        pass(context);
        crew_->dismiss();
      }
    }
    held_ = false;
  }

  void run(Index tasks, Function function, const void* body) noexcept override {
    if (held_ && core::process_id() == loading_process_) return crew_->run(tasks, function, body);
    for (Index task = 0; task < tasks; ++task) function(body, task, 0);
  }

 private:
  // Known before a host's first fork. In a child libgomp may wait for ever for threads that stayed in the parent, even if
  // this library had not used it there.
  static inline const long loading_process_ = core::process_id();

  std::unique_ptr<core::Crew> crew_;
  std::atomic<bool> held_{false};
};

SEGFACE_END_NAMESPACE
#endif
