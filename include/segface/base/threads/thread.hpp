// Thread: one of the operating system's, which may be refused.
//
// std::thread is for systems without POSIX threads only: it allocates, and where exceptions are off it ends the process
// when a thread is refused.
#pragma once

#include "segface/base/config.hpp"
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <signal.h>

#include <initializer_list>
#else
#include <thread>
#endif

SEGFACE_BEGIN_CORE

// Started at most once, and joined if it was started.
class Thread {
 public:
  using Body = void* (*)(void* argument);

  // Runs body(argument), with the signals blocked that a handler of the host's may be waiting for: they are for its own
  // threads. Those that tell of a fault in the thread itself are not. False where the system refuses.
  bool start(Body body, void* argument) noexcept {
#if defined(__unix__) || defined(__APPLE__)
    sigset_t blocked, before;
    sigfillset(&blocked);  // which is a macro on some systems
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&blocked, fault);
    if (::pthread_sigmask(SIG_SETMASK, &blocked, &before) != 0) return false;
    const bool started = ::pthread_create(&thread_, nullptr, body, argument) == 0;
    static_cast<void>(::pthread_sigmask(SIG_SETMASK, &before, nullptr));
    return started;
#elif SEGFACE_EXCEPTIONS
    try {
      thread_ = std::thread(body, argument);
      return true;
    } catch (...) {
      return false;
    }
#else
    thread_ = std::thread(body, argument);
    return true;
#endif
  }

  void join() noexcept {
#if defined(__unix__) || defined(__APPLE__)
    static_cast<void>(::pthread_join(thread_, nullptr));
#else
    thread_.join();
#endif
  }

 private:
#if defined(__unix__) || defined(__APPLE__)
  pthread_t thread_ = {};
#else
  std::thread thread_;
#endif
};

SEGFACE_END_CORE
