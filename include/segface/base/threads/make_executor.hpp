// The executor of a parser, and of whoever has no other.
#pragma once

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/base/threads/pool.hpp"
#include "segface/base/threads/processors.hpp"

SEGFACE_BEGIN_CORE

// The threads of who asks for so many: at most as many as this process may keep awake, since more would wait for one
// another; default_threads() for 0 or less.
inline Index granted_threads(Index threads) noexcept {
  return threads <= 0 ? default_threads() : std::min(threads, available_threads());
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// For `threads` threads, or fewer where this process may not keep so many awake; 0 or less means default_threads().
// Errors: out_of_memory.
inline Result<std::unique_ptr<Executor>> make_executor(Index threads) noexcept {
  const Index count = core::granted_threads(threads);
  if (count > 1) return core::ThreadPool::make(count);
  std::unique_ptr<Executor> serial(new (std::nothrow) SerialExecutor);
  if (serial == nullptr) return error(Errc::out_of_memory, "out of memory: no room for an executor");
  return Result<std::unique_ptr<Executor>>(std::move(serial));
}

SEGFACE_END_NAMESPACE
