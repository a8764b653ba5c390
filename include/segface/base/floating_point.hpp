// The floating-point environment the library computes in, whatever the host has set.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"
#if defined(__SSE__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

SEGFACE_BEGIN_NAMESPACE

// While alive: round to nearest, denormals are zero, no traps; afterwards the host's mode is back.
// One at the entry of each forward call and one in each worker make results independent of the host.
class FloatingPointGuard {
 public:
#if defined(__SSE__) || defined(_M_X64)
  FloatingPointGuard() noexcept : saved_(_mm_getcsr()) {
    _mm_setcsr(kMaskTraps | kFlushToZero | kDenormalsAreZero);
  }
  ~FloatingPointGuard() {
    _mm_setcsr(static_cast<unsigned>(saved_));
  }

 private:
  static constexpr unsigned kMaskTraps = 0x1f80, kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
#elif defined(__aarch64__)
  FloatingPointGuard() noexcept {
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(saved_));
    set(std::uint64_t{1} << 24);  // FZ
  }
  ~FloatingPointGuard() {
    set(saved_);
  }

 private:
  static void set(std::uint64_t mode) noexcept {
    __asm__ __volatile__("msr fpcr, %0" : : "r"(mode));
  }
#else
  FloatingPointGuard() noexcept : saved_(0) {}
  ~FloatingPointGuard() {
    static_cast<void>(saved_);
  }

 private:
#endif
  std::uint64_t saved_;

 public:
  FloatingPointGuard(const FloatingPointGuard&) = delete;
  FloatingPointGuard& operator=(const FloatingPointGuard&) = delete;
};

SEGFACE_END_NAMESPACE
