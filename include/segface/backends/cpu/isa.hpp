// Which kernels this processor runs: the best it has, or the set that SEGFACE_ISA names.
#pragma once

#include <cstdlib>
#include <string_view>

#include "segface/backends/cpu/kernels.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cpu {

enum class Isa : std::uint8_t { baseline, avx2, avx512 };

inline bool supported(Isa isa) noexcept {
#if SEGFACE_X86_KERNELS
  switch (isa) {
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
    case Isa::avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::baseline:
      break;
  }
#endif
  return isa == Isa::baseline;
}

inline const Kernels& kernels(Isa isa) noexcept {
#if SEGFACE_X86_KERNELS
  if (isa == Isa::avx512) return avx512::kKernels;
  if (isa == Isa::avx2) return kAvx2Kernels;
#endif
  static_cast<void>(isa);
  return baseline::kKernels;
}

inline Isa best_isa() noexcept {
  return supported(Isa::avx512) ? Isa::avx512 : supported(Isa::avx2) ? Isa::avx2 : Isa::baseline;
}

// The set named by SEGFACE_ISA (baseline, avx2, avx512); the best where it is unset. Errors: invalid_argument,
// unsupported_cpu.
inline Result<Isa> chosen_isa() noexcept {
  const char* const name = std::getenv("SEGFACE_ISA");
  if (name == nullptr || *name == '\0') return best_isa();
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    constexpr std::string_view kNames[] = {"baseline", "avx2", "avx512"};
    if (name != kNames[static_cast<std::size_t>(isa)]) continue;
    if (supported(isa)) return isa;
    return error(Errc::unsupported_cpu, "SEGFACE_ISA=", name, ": this processor lacks these instructions; the best it ",
                 "has is ", kernels(best_isa()).name);
  }
  return error(Errc::invalid_argument, "SEGFACE_ISA=", name, " is unknown; use baseline, avx2 or avx512");
}

}  // namespace cpu
SEGFACE_END_NAMESPACE
