// Whether a 64-bit ARM processor has dot products of bytes. Included by isa.hpp where the kernels of ARM are.
#pragma once

#if defined(__linux__)
#include <sys/auxv.h>
#endif

#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// ARMv8.2's, which every Apple processor with macOS has. Not asked for where the system is another.
inline bool arm_dot_products() noexcept {
#if defined(__APPLE__)
  return true;
#elif defined(__linux__)
  constexpr unsigned long kDotProducts = 1ul << 20;  // HWCAP_ASIMDDP
  static const bool there = (getauxval(AT_HWCAP) & kDotProducts) != 0;
  return there;
#else
  return false;
#endif
}

}  // namespace cpu
SEGFACE_END_CORE
