// What a thread has to do with its process: which it is, and that nobody cancels it in the middle of a call.
#pragma once

#include "segface/base/config.hpp"
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <unistd.h>
#endif

SEGFACE_BEGIN_CORE

// To notice a fork: threads do not survive one, and locks may be held by threads that are no more.
inline long process_id() noexcept {
#if defined(__unix__) || defined(__APPLE__)
  return static_cast<long>(::getpid());
#else
  return 0;
#endif
}

// While alive, pthread_cancel of this thread is put off until its next cancellation point after this: unwinding would
// end the process, since the library's functions are noexcept.
class CancellationGuard {
 public:
#if (defined(__unix__) || defined(__APPLE__)) && !defined(__ANDROID__)  // Android has no pthread_cancel
  CancellationGuard() noexcept {
    static_cast<void>(::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_));
  }
  ~CancellationGuard() {
    static_cast<void>(::pthread_setcancelstate(before_, nullptr));
  }

 private:
  int before_ = PTHREAD_CANCEL_ENABLE;

 public:
#else
  CancellationGuard() noexcept {}
#endif
  CancellationGuard(const CancellationGuard&) = delete;
  CancellationGuard& operator=(const CancellationGuard&) = delete;
};

SEGFACE_END_CORE
