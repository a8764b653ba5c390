// The members of BasicParser and BasicWorkspace. None is inline, so that a program may compile them once:
// segface/compiled.hpp.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/process.hpp"
#include "segface/engine/idle_workspaces.hpp"
#include "segface/faces/parsing_network.hpp"
#include "segface/faces/parsing_workspace.hpp"
#include "segface/parser.hpp"

SEGFACE_BEGIN_CORE

// What all copies of a parser share.
template <class Backend>
struct ParserState {
  std::shared_ptr<const ParsingNetwork<Backend>> network;
  IdleWorkspaces<ParsingWorkspace<Backend>> idle;  // as many as there are threads: more calls at a time gain nothing

  explicit ParserState(std::shared_ptr<const ParsingNetwork<Backend>> prepared)
      : network(std::move(prepared)), idle(network->engine().executor().threads()) {}
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// ---- BasicParser ----------------------------------------------------------------------------------------------

template <class Backend>
Result<BasicParser<Backend>> BasicParser<Backend>::load(const std::string& path, const Options& options) noexcept {
  SEGFACE_ASSIGN(backend, Backend::from_environment());
  return load(path, options, backend);
}
template <class Backend>
Result<BasicParser<Backend>> BasicParser<Backend>::load(const std::string& path, const Options& options,
                                                        const Backend& backend) noexcept {
  const core::CancellationGuard guard;
  SEGFACE_ASSIGN(file, core::WeightFile::open(path));
  return make(file, options, backend);
}
template <class Backend>
Result<BasicParser<Backend>> BasicParser<Backend>::from_memory(Bytes bytes, const Options& options) noexcept {
  SEGFACE_ASSIGN(backend, Backend::from_environment());
  return from_memory(bytes, options, backend);
}
template <class Backend>
Result<BasicParser<Backend>> BasicParser<Backend>::from_memory(Bytes bytes, const Options& options,
                                                               const Backend& backend) noexcept {
  const core::CancellationGuard guard;
  SEGFACE_ASSIGN(file, core::WeightFile::from_memory(bytes));
  return make(file, options, backend);
}
template <class Backend>
Result<BasicParser<Backend>> BasicParser<Backend>::make(const core::WeightFile& file, const Options& options,
                                                        const Backend& backend) noexcept {
  return core::guarded([&]() -> Result<BasicParser> {
    SEGFACE_ASSIGN(network, core::ParsingNetwork<Backend>::make(file, options, backend));
    BasicParser parser;
    parser.state_ = std::make_shared<core::ParserState<Backend>>(std::move(network));
    return Result<BasicParser>(std::move(parser));
  });
}

template <class Backend>
Status BasicParser<Backend>::no_network() noexcept {
  return error(Errc::invalid_argument, "this parser is empty or was moved from; load a weight file first");
}

template <class Backend>
Result<Mask> BasicParser<Backend>::parse(const ImageView& photo) const noexcept {
  return parse(photo, nullptr);
}
template <class Backend>
Result<Mask> BasicParser<Backend>::parse(const ImageView& photo, const Landmarks& landmarks) const noexcept {
  return parse(photo, &landmarks);
}
template <class Backend>
Result<Mask> BasicParser<Backend>::parse(const ImageView& photo, const Landmarks* landmarks) const noexcept {
  if (state_ == nullptr) return no_network();
  const core::CancellationGuard guard;
  std::unique_ptr<core::ParsingWorkspace<Backend>> workspace = state_->idle.take();
  if (workspace == nullptr) {
    SEGFACE_ASSIGN(made, core::ParsingWorkspace<Backend>::make(state_->network, nullptr));
    workspace = std::move(made);
  }
  Mask mask;
  const Status status = workspace->parse(photo, landmarks, mask, {});
  state_->idle.keep(std::move(workspace));
  if (!status.ok()) return status;
  return Result<Mask>(std::move(mask));
}

template <class Backend>
Result<BasicWorkspace<Backend>> BasicParser<Backend>::workspace(Executor* executor) const noexcept {
  if (state_ == nullptr) return no_network();
  SEGFACE_ASSIGN(state, core::ParsingWorkspace<Backend>::make(state_->network, executor));
  return Workspace(std::move(state));
}

template <class Backend>
const NetworkInfo& BasicParser<Backend>::info() const noexcept {
  return state_->network->info();
}
template <class Backend>
const Backend& BasicParser<Backend>::backend() const noexcept {
  return state_->network->engine().network().backend();
}
template <class Backend>
const core::PrecisionRecipe& BasicParser<Backend>::rounded() const noexcept {
  return state_->network->engine().network().rounded();
}
template <class Backend>
const core::Plan<core::SegFace, Backend>& BasicParser<Backend>::plan() const noexcept {
  return *state_->network->engine().plan();
}
template <class Backend>
Index BasicParser<Backend>::threads() const noexcept {
  return executor().threads();
}
template <class Backend>
Executor& BasicParser<Backend>::executor() const noexcept {
  return state_->network->engine().executor();
}
template <class Backend>
Result<double> BasicParser<Backend>::self_test() const noexcept {
  if (state_ == nullptr) return no_network();
  return state_->network->replay_self_test();
}

// ---- BasicWorkspace -------------------------------------------------------------------------------------------

template <class Backend>
BasicWorkspace<Backend>::BasicWorkspace(std::unique_ptr<core::ParsingWorkspace<Backend>> state) noexcept
    : state_(std::move(state)) {}
template <class Backend>
BasicWorkspace<Backend>::BasicWorkspace(BasicWorkspace&&) noexcept = default;
template <class Backend>
BasicWorkspace<Backend>& BasicWorkspace<Backend>::operator=(BasicWorkspace&&) noexcept = default;
template <class Backend>
BasicWorkspace<Backend>::~BasicWorkspace() = default;

template <class Backend>
Status BasicWorkspace<Backend>::moved_from() noexcept {
  return error(Errc::invalid_argument, "this workspace was moved from");
}

template <class Backend>
Status BasicWorkspace<Backend>::parse(const ImageView& photo, Mask& mask, Span<float> logits) noexcept {
  return state_ == nullptr ? moved_from() : state_->parse(photo, nullptr, mask, logits);
}
template <class Backend>
Status BasicWorkspace<Backend>::parse(const ImageView& photo, const Landmarks& landmarks, Mask& mask,
                                      Span<float> logits) noexcept {
  return state_ == nullptr ? moved_from() : state_->parse(photo, &landmarks, mask, logits);
}
template <class Backend>
Status BasicWorkspace<Backend>::start(const ImageView& photo, const Results& results) noexcept {
  return state_ == nullptr ? moved_from() : state_->start(photo, nullptr, results);
}
template <class Backend>
Status BasicWorkspace<Backend>::start(const ImageView& photo, const Landmarks& landmarks,
                                      const Results& results) noexcept {
  return state_ == nullptr ? moved_from() : state_->start(photo, &landmarks, results);
}
template <class Backend>
Status BasicWorkspace<Backend>::finish() noexcept {
  return state_ == nullptr ? moved_from() : state_->finish();
}
template <class Backend>
Result<LogitsShape> BasicWorkspace<Backend>::logits_shape(Index batch, Index height, Index width) noexcept {
  if (state_ == nullptr) return moved_from();
  return state_->logits_shape(batch, height, width);
}
template <class Backend>
Status BasicWorkspace<Backend>::logits(const TensorView& input, Span<float> out,
                                       Span<const Landmarks> landmarks) noexcept {
  return state_ == nullptr ? moved_from() : state_->logits(input, out, landmarks);
}
template <class Backend>
void BasicWorkspace<Backend>::on_progress(Progress progress) {
  if (state_ != nullptr) state_->on_progress(std::move(progress));
}
template <class Backend>
Span<const StageTime> BasicWorkspace<Backend>::times() const noexcept {
  return state_ == nullptr ? Span<const StageTime>() : state_->times();
}
template <class Backend>
std::size_t BasicWorkspace<Backend>::bytes() const noexcept {
  return state_ == nullptr ? 0 : state_->bytes();
}

SEGFACE_END_NAMESPACE
