// Workspaces that no call is using, kept for calls that bring none of their own.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/threads/process.hpp"

SEGFACE_BEGIN_CORE

// Any number of threads may use it. In a forked child it is empty and stays so: another thread of the parent's may have
// held the mutex, and will not let go of the copy.
template <class Workspace>
class IdleWorkspaces {
 public:
  // Keeps `most` at most. Throws where memory runs out: call it inside guarded().
  explicit IdleWorkspaces(Index most) { idle_.reserve(static_cast<std::size_t>(most)); }

  // Null where there is none.
  std::unique_ptr<Workspace> take() noexcept {
    if (process_id() != process_) return nullptr;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty()) return nullptr;
    std::unique_ptr<Workspace> workspace = std::move(idle_.back());
    idle_.pop_back();
    return workspace;
  }
  void keep(std::unique_ptr<Workspace> workspace) noexcept {
    if (process_id() != process_) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.size() < idle_.capacity()) idle_.push_back(std::move(workspace));
  }

 private:
  const long process_ = process_id();  // where the mutex may be relied on
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> idle_;
};

SEGFACE_END_CORE
