// Engine: a network ready to run, the threads it runs on, and the plan of the size that it is mostly used at: what all
// workspaces share. It knows of no file and of no meaning; facades add these.
#pragma once

#include <memory>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/engine/plan.hpp"

SEGFACE_BEGIN_NAMESPACE

// Immutable once planned; any number of threads may use it.
template <template <class> class Network, class Backend>
class Engine {
 public:
  using Given = typename Network<Backend>::Given;

  // Engines of one facade share an executor. Errors: those of Network::prepare, out_of_memory.
  static Result<std::unique_ptr<Engine>> make(const Backend& backend, const typename Network<Backend>::Weights& weights,
                                              std::shared_ptr<Executor> executor) noexcept {
    return guarded([&]() -> Result<std::unique_ptr<Engine>> {
      const FloatingPointGuard guard;
      SEGFACE_ASSIGN(network, Network<Backend>::prepare(backend, weights));
      return std::unique_ptr<Engine>(new Engine(std::move(network), std::move(executor)));
    });
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Makes the plan that workspaces need not make. Errors: those of Plan::make.
  Status plan_for(Index batch, Index height, Index width, const Given& given = {}) noexcept {
    return guarded([&]() -> Status {
      const FloatingPointGuard guard;
      SEGFACE_ASSIGN(made, (Plan<Network, Backend>::make(network_, batch, height, width, *executor_, given)));
      plan_ = std::make_shared<const Plan<Network, Backend>>(std::move(made));
      return {};
    });
  }

  const Network<Backend>& network() const noexcept { return network_; }
  // Null where none was asked for.
  const std::shared_ptr<const Plan<Network, Backend>>& plan() const noexcept { return plan_; }
  Executor& executor() const noexcept { return *executor_; }

 private:
  Engine(Network<Backend> network, std::shared_ptr<Executor> executor) noexcept
      : network_(std::move(network)), executor_(std::move(executor)) {}

  Network<Backend> network_;
  std::shared_ptr<Executor> executor_;  // of all workspaces that were given none
  std::shared_ptr<const Plan<Network, Backend>> plan_;
};

SEGFACE_END_NAMESPACE
