// The members of BasicFinder. None is inline, so that a program may compile them once.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/make_executor.hpp"
#include "segface/base/threads/process.hpp"
#include "segface/base/uniform_sequence.hpp"
#include "segface/engine/finder_file.hpp"
#include "segface/engine/idle_workspaces.hpp"
#include "segface/faces/finder.hpp"
#include "segface/faces/finding.hpp"

SEGFACE_BEGIN_CORE

// What all copies of a finder share.
template <class Backend>
struct SharedDetector {
  std::shared_ptr<const Engine<YuNet, Backend>> yunet;
  std::shared_ptr<const Engine<ONet, Backend>> onet;
  FinderInfo info;
  FinderSelfTest self_test;
  IdleWorkspaces<FindingWorkspace<Backend>> idle;

  SharedDetector(std::unique_ptr<Engine<YuNet, Backend>> finds, std::unique_ptr<Engine<ONet, Backend>> places,
                 const FinderFile& file)
      : yunet(std::move(finds)),
        onet(std::move(places)),
        info(file.info()),
        self_test(file.self_test()),
        idle(yunet->executor().threads()) {}

  // Calls body(workspace) -> Status with a workspace that no other call has.
  template <class Body>
  Status with_workspace(const Body& body) noexcept {
    const CancellationGuard cancellation;
    const FloatingPointGuard mode;
    return guarded([&]() -> Status {
      std::unique_ptr<FindingWorkspace<Backend>> workspace = idle.take();
      if (workspace == nullptr) workspace = std::make_unique<FindingWorkspace<Backend>>(yunet, onet);
      Status status;
      yunet->executor().hold_for([&] { status = guarded([&] { return body(*workspace); }); });
      idle.keep(std::move(workspace));
      return status;
    });
  }
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

template <class Backend>
Result<BasicFinder<Backend>> BasicFinder<Backend>::load(const std::string& path, const Options& options) noexcept {
  SEGFACE_ASSIGN(backend, Backend::from_environment());
  return load(path, options, backend);
}
template <class Backend>
Result<BasicFinder<Backend>> BasicFinder<Backend>::load(const std::string& path, const Options& options,
                                                        const Backend& backend) noexcept {
  const core::CancellationGuard guard;
  SEGFACE_ASSIGN(file, core::FinderFile::open(path));
  return make(file, options, backend);
}
template <class Backend>
Result<BasicFinder<Backend>> BasicFinder<Backend>::from_memory(Bytes bytes, const Options& options) noexcept {
  SEGFACE_ASSIGN(backend, Backend::from_environment());
  return from_memory(bytes, options, backend);
}
template <class Backend>
Result<BasicFinder<Backend>> BasicFinder<Backend>::from_memory(Bytes bytes, const Options& options,
                                                               const Backend& backend) noexcept {
  const core::CancellationGuard guard;
  SEGFACE_ASSIGN(file, core::FinderFile::from_memory(bytes));
  return make(file, options, backend);
}
template <class Backend>
Result<BasicFinder<Backend>> BasicFinder<Backend>::make(const core::FinderFile& file, const Options& options,
                                                        const Backend& backend) noexcept {
  return core::guarded([&]() -> Result<BasicFinder> {
    SEGFACE_ASSIGN(threads, make_executor(options.threads));
    const std::shared_ptr<Executor> executor(std::move(threads));
    SEGFACE_ASSIGN(yunet, (core::Engine<core::YuNet, Backend>::make(backend, file.weights().yunet, executor)));
    SEGFACE_ASSIGN(onet, (core::Engine<core::ONet, Backend>::make(backend, file.weights().onet, executor)));
    BasicFinder finder;
    finder.shared_ = std::make_shared<core::SharedDetector<Backend>>(std::move(yunet), std::move(onet), file);
    if (options.self_test) {
      SEGFACE_ASSIGN(difference, finder.self_test());
      if (!(difference <= core::FinderSelfTest::kTolerance)) {
        return error(
            Errc::mismatch, file.tensors().name(),
            ": the self-test does not agree: the file is damaged, or this build or processor computes wrongly");
      }
    }
    return Result<BasicFinder>(std::move(finder));
  });
}

template <class Backend>
Status BasicFinder<Backend>::no_networks() noexcept {
  return error(Errc::invalid_argument, "this finder is empty or was moved from; load a finder's weights first");
}

template <class Backend>
Result<Faces> BasicFinder<Backend>::find(const ImageView& photo, const FindOptions& options) const noexcept {
  if (shared_ == nullptr) return no_networks();
  SEGFACE_RETURN_IF_ERROR(photo.validate());
  SEGFACE_RETURN_IF_ERROR(options.check());
  Faces faces;
  SEGFACE_RETURN_IF_ERROR(
      shared_->with_workspace([&](auto& workspace) { return workspace.find(photo, options, faces); }));
  return Result<Faces>(std::move(faces));
}

template <class Backend>
const FinderInfo& BasicFinder<Backend>::info() const noexcept {
  return shared_->info;
}

template <class Backend>
Result<double> BasicFinder<Backend>::self_test() const noexcept {
  if (shared_ == nullptr) return no_networks();
  core::FinderSelfTest replayed;
  SEGFACE_RETURN_IF_ERROR(
      shared_->with_workspace([&](auto& workspace) { return workspace.replay(shared_->self_test.seed, replayed); }));
  return shared_->self_test.difference(replayed);
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
