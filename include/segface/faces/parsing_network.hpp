// ParsingNetwork: a network that parses faces, ready to run, with what its file says of it.
#pragma once

#include <cmath>
#include <memory>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/make_executor.hpp"
#include "segface/engine/call.hpp"
#include "segface/engine/engine.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/networks/segface/model.hpp"

SEGFACE_BEGIN_CORE

// Immutable, shared by a parser and its workspaces.
template <class Backend>
class ParsingNetwork {
 public:
  using EngineOf = Engine<SegFace, Backend>;

  // Errors: those of Engine::make and Backend::with, mismatch (of the self-test, where it is asked for).
  static Result<std::shared_ptr<const ParsingNetwork>> make(const WeightFile& file, const Options& options,
                                                            const Backend& backend) noexcept {
    return guarded([&]() -> Result<std::shared_ptr<const ParsingNetwork>> {
      SEGFACE_ASSIGN(executor, make_executor(options.threads));
      SEGFACE_ASSIGN(precise, backend.with(options.precision));
      SEGFACE_ASSIGN(engine, EngineOf::make(precise, file.weights(), std::move(executor)));
      const std::shared_ptr<ParsingNetwork> made(new ParsingNetwork(std::move(engine), file));
      const Index side = made->info_.resolution;
      SEGFACE_RETURN_IF_ERROR(made->engine_->plan_for(1, side, side, made->warps_of(1)));
      if (options.self_test) SEGFACE_RETURN_IF_ERROR(made->check_self_test(file, backend));
      return std::shared_ptr<const ParsingNetwork>(made);
    });
  }

  // Planned for one photo at the network's own resolution.
  const EngineOf& engine() const noexcept { return *engine_; }
  std::shared_ptr<const EngineOf> shared_engine() const noexcept { return engine_; }
  const NetworkInfo& info() const noexcept { return info_; }
  // What a plan is told of the warps of its passes: how many there are.
  Span<const TanhWarp> warps_of(Index batch) const noexcept {
    return {nullptr, info_.warped() ? static_cast<std::size_t>(batch) : 0};
  }

  // The largest difference in parts of the logits' root mean square.
  Result<double> replay_self_test() const noexcept {
    SerialExecutor serial;
    SEGFACE_ASSIGN(computed, SelfTest::run(engine_->network(), self_test_.seed, serial));
    return self_test_.difference(computed);
  }

 private:
  // What a file has is the self-test of float32: with rounded products a network of float32 is made for it, and of their
  // own it is asked that they are numbers.
  Status check_self_test(const WeightFile& file, const Backend& backend) const {
    SEGFACE_ASSIGN(difference, replay_self_test());
    if (engine_->network().backend().precision() != Precision::float32 && difference < HUGE_VAL) {
      SerialExecutor serial;
      SEGFACE_ASSIGN(exact, backend.with(Precision::float32));
      SEGFACE_ASSIGN(network, SegFace<Backend>::prepare(exact, file.weights()));
      SEGFACE_ASSIGN(computed, SelfTest::run(network, self_test_.seed, serial));
      difference = self_test_.difference(computed);
    }
    if (difference <= SelfTest::kTolerance) return {};
    return error(Errc::mismatch, file.tensors().name(),
                 ": the self-test does not agree: the file is damaged, or this build or processor computes ",
                 "wrongly; convert the checkpoint again and repeat the self-test");
  }

  ParsingNetwork(std::shared_ptr<EngineOf> engine, const WeightFile& file)
      : engine_(std::move(engine)), info_(file.info()), self_test_(file.self_test()) {}

  std::shared_ptr<EngineOf> engine_;
  NetworkInfo info_;
  SelfTest self_test_;
};

SEGFACE_END_CORE
