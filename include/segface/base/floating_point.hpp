// The floating-point mode the library computes in, whatever the host has set.
//
// Round to nearest, denormals are zero, no traps. A task of an executor sets it (Executor::for_each), since it may run on
// any thread of a host's; so does each call of the library; a host's callback gets its own mode back.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"
#if defined(__SSE__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

SEGFACE_BEGIN_CORE

// Rounding, denormals and traps of a thread; on other processors than these nothing is known and nothing set.
class FloatingPointMode {
 public:
#if defined(__SSE__) || defined(_M_X64)
  static FloatingPointMode current() noexcept {
    return FloatingPointMode(_mm_getcsr());
  }
  static FloatingPointMode library() noexcept {
    return FloatingPointMode(kNoTraps | kFlushToZero | kDenormalsAreZero);
  }
  void set() const noexcept {
    _mm_setcsr(bits_);
  }
  // But for the flags that say what happened.
  bool operator==(const FloatingPointMode& other) const noexcept {
    return ((bits_ ^ other.bits_) & ~0x3fu) == 0;
  }

 private:
  using Bits = unsigned;
  static constexpr Bits kNoTraps = 0x1f80, kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
#elif defined(__aarch64__)
  static FloatingPointMode current() noexcept {
    Bits bits;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(bits));
    return FloatingPointMode(bits);
  }
  static FloatingPointMode library() noexcept {
    return FloatingPointMode(Bits{1} << 24);
  }  // FZ
  void set() const noexcept {
    __asm__ __volatile__("msr fpcr, %0" : : "r"(bits_));
  }
  bool operator==(const FloatingPointMode& other) const noexcept {
    return bits_ == other.bits_;
  }

 private:
  using Bits = std::uint64_t;
#else
  static FloatingPointMode current() noexcept {
    return FloatingPointMode(0);
  }
  static FloatingPointMode library() noexcept {
    return FloatingPointMode(0);
  }
  void set() const noexcept {}
  bool operator==(const FloatingPointMode& other) const noexcept {
    return bits_ == other.bits_;
  }

 private:
  using Bits = unsigned;
#endif
  explicit FloatingPointMode(Bits bits) noexcept : bits_(bits) {}
  Bits bits_;
};

// While alive, this thread is in a mode, the library's if none is named; afterwards in the one before. Where they are the
// same nothing is written, which makes one inside another cheap.
class FloatingPointGuard {
 public:
  explicit FloatingPointGuard(FloatingPointMode mode = FloatingPointMode::library()) noexcept
      : before_(FloatingPointMode::current()) {
    if (!(mode == before_)) mode.set();
  }
  ~FloatingPointGuard() {
    if (!(FloatingPointMode::current() == before_)) before_.set();
  }
  FloatingPointGuard(const FloatingPointGuard&) = delete;
  FloatingPointGuard& operator=(const FloatingPointGuard&) = delete;

  FloatingPointMode before() const noexcept { return before_; }

 private:
  FloatingPointMode before_;
};

SEGFACE_END_CORE
