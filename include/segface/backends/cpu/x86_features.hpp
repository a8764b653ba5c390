// Which instructions an x86-64 processor has and its system lets programs use. Included by isa.hpp where the kernels of
// x86-64 are.
//
// The processor is asked itself: __builtin_cpu_supports() of g++ and clang++ takes a symbol of their run-time library,
// which not every clang++ is linked with (MSVC's linker, zig).
#pragma once

#include <cpuid.h>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

struct X86Features {
  bool avx2 = false;                                                // and FMA
  bool avx512 = false;                                              // F, BW, DQ and VL, and all of avx2
  bool avx_vnni = false, avx512_vnni = false, avx512_bf16 = false;  // dot products of small numbers, beside these
};

inline X86Features x86_features() noexcept {
  const auto bit = [](unsigned word, int at) { return (word >> at & 1u) != 0; };
  X86Features features;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0) return features;
  const bool fma = bit(ecx, 12), system_saves_states = bit(ecx, 27);
  if (!fma || !system_saves_states || __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return features;
  __asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
  const unsigned saved = eax;
  constexpr unsigned kYmm = 0x06, kZmm = 0xe6;
  features.avx2 = bit(ebx, 5) && (saved & kYmm) == kYmm;
  features.avx512 =
      features.avx2 && bit(ebx, 16) && bit(ebx, 17) && bit(ebx, 30) && bit(ebx, 31) && (saved & kZmm) == kZmm;
  features.avx512_vnni = features.avx512 && bit(ecx, 11);
  if (__get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) == 0) return features;
  features.avx_vnni = features.avx2 && bit(eax, 4);
  features.avx512_bf16 = features.avx512 && bit(eax, 5);
  return features;
}

}  // namespace cpu
SEGFACE_END_CORE
