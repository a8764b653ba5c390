// SharedNetwork: what all copies of a parser and its workspaces share.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/make_executor.hpp"
#include "segface/base/threads/process.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/networks/segface/model.hpp"
#include "segface/parser.hpp"

SEGFACE_BEGIN_CORE

template <class Backend>
struct SharedNetwork {
  SegFace<Backend> network;
  NetworkInfo info;
  SelfTest self_test;
  std::shared_ptr<const Plan<Backend>> plan{};                   // of one photo, at the network's own resolution
  std::unique_ptr<Executor> executor;                            // of all workspaces that were given none
  const long process = process_id();                             // where the mutex may be relied on
  std::mutex mutex{};                                            // guards idle
  std::vector<std::unique_ptr<WorkspaceState<Backend>>> idle{};  // lent to calls without a workspace of their own

  SharedNetwork(SegFace<Backend> prepared, const WeightFile& file, std::unique_ptr<Executor> threads)
      : network(std::move(prepared)), info(file.info()), self_test(file.self_test()), executor(std::move(threads)) {
    idle.reserve(static_cast<std::size_t>(executor->threads()));
  }

  static Result<std::shared_ptr<SharedNetwork>> make(const WeightFile& file, const Options& options,
                                                     const Backend& backend) noexcept {
    return guarded([&]() -> Result<std::shared_ptr<SharedNetwork>> {
      const FloatingPointGuard guard;
      SEGFACE_ASSIGN(prepared, SegFace<Backend>::prepare(backend, file.weights()));
      SEGFACE_ASSIGN(threads, make_executor(options.threads));
      auto shared = std::make_shared<SharedNetwork>(std::move(prepared), file, std::move(threads));
      const Index side = file.info().resolution;
      SEGFACE_ASSIGN(planned,
                     Plan<Backend>::make(shared->network, 1, side, side, *shared->executor, file.info().warped()));
      shared->plan = std::make_shared<const Plan<Backend>>(std::move(planned));
      if (options.self_test) {
        SEGFACE_ASSIGN(difference, shared->replay_self_test());
        if (!(difference <= SelfTest::kTolerance)) {
          return error(Errc::mismatch, file.tensors().name(),
                       ": the self-test does not agree: the file is damaged, or this build or processor computes ",
                       "wrongly; convert the checkpoint again and repeat the self-test");
        }
      }
      return shared;
    });
  }

  // A workspace that no call is using, or null. In a forked child always null: another thread of the parent's may have
  // held the mutex, and will not let go of the copy.
  std::unique_ptr<WorkspaceState<Backend>> take_idle() noexcept {
    if (process_id() != process) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex);
    if (idle.empty()) return nullptr;
    std::unique_ptr<WorkspaceState<Backend>> workspace = std::move(idle.back());
    idle.pop_back();
    return workspace;
  }
  // Keeps a workspace for a later call, as many as there are threads: more calls at a time gain nothing.
  void keep_idle(std::unique_ptr<WorkspaceState<Backend>> workspace) noexcept {
    if (process_id() != process) return;
    const std::lock_guard<std::mutex> lock(mutex);
    if (idle.size() < idle.capacity()) idle.push_back(std::move(workspace));
  }

  // The largest difference in parts of the logits' root mean square.
  Result<double> replay_self_test() const noexcept {
    SerialExecutor serial;
    SEGFACE_ASSIGN(computed, SelfTest::run(network, self_test.seed, serial));
    return self_test.difference(computed);
  }
};

SEGFACE_END_CORE
