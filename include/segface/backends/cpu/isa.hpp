// Which kernels this processor runs: the best it has, or the set that SEGFACE_ISA names.
#pragma once

#include <cstdlib>
#include <iterator>
#include <string_view>

#include "segface/backends/cpu/kernels.hpp"
#include "segface/base/status.hpp"
#if SEGFACE_X86_KERNELS
#include "segface/backends/cpu/x86_features.hpp"
#elif SEGFACE_ARM_KERNELS
#include "segface/backends/cpu/arm_features.hpp"
#endif

SEGFACE_BEGIN_CORE
namespace cpu {

enum class Isa : std::uint8_t { baseline, avx2, avx512 };

// The instruction sets of this build, one row each, the best last. To add one: a file of vectors, its lines in
// kernels.hpp, a name in Isa, a row here, and its kernels below.
struct IsaRow {
  Isa isa;
  const char* name;
  bool (*supported)();  // by this processor
};
inline constexpr IsaRow kIsas[] = {
    {Isa::baseline, "baseline", [] { return true; }},
#if SEGFACE_X86_KERNELS
    {Isa::avx2, "avx2", [] { return x86_features().avx2; }},
    {Isa::avx512, "avx512", [] { return x86_features().avx512; }},
#endif
};
static_assert(
    [] {
      std::size_t at = 0;
      for (const IsaRow& row : kIsas) {
        if (static_cast<std::size_t>(row.isa) != at++) return false;
      }
      return true;
    }(),
    "rows stand in the order of Isa");

inline const char* isa_name(Isa isa) noexcept {
  return kIsas[static_cast<std::size_t>(isa)].name;
}

inline const Kernels& kernels(Isa isa) noexcept {
#if SEGFACE_X86_KERNELS
  if (isa == Isa::avx512) return avx512::kKernels;
  if (isa == Isa::avx2) return avx2::kKernels;
#endif
  static_cast<void>(isa);
  return baseline::kKernels;
}

// Whether products of a precision are made by instructions for them, and so in less time than those of float32.
inline bool has_instructions(Isa isa, Precision precision) noexcept {
#if SEGFACE_X86_KERNELS
  static const X86Features features = x86_features();
  if (isa == Isa::avx512) return precision == Precision::bf16 ? features.avx512_bf16 : features.avx512_vnni;
  if (isa == Isa::avx2) return precision == Precision::int8 && features.avx_vnni;
#elif SEGFACE_ARM_KERNELS
  if (precision == Precision::int8) return arm_dot_products();
#endif
  static_cast<void>(isa);
  static_cast<void>(precision);
  return false;
}

// The products of a precision that go with a set, in panels of the same width; null for float32, and where the processor
// lacks instructions for bf16. int8 is never lacking: other instructions give the same results, more slowly.
inline const ProductKernels* product_kernels(Isa isa, Precision precision) noexcept {
  if (precision == Precision::float32) return nullptr;
#if SEGFACE_X86_KERNELS
  const bool native = has_instructions(isa, precision);
  if (precision == Precision::bf16) return native ? &avx512::kBf16Products : nullptr;
  if (isa == Isa::avx512) return native ? &avx512::kVnniProducts : &avx512::kInt8Products;
  if (isa == Isa::avx2) return native ? &avx2::kVnniProducts : &avx2::kInt8Products;
#elif SEGFACE_ARM_KERNELS
  if (has_instructions(isa, precision)) return &neon_dots::kInt8Products;
#endif
  static_cast<void>(isa);
  return precision == Precision::int8 ? &baseline::kInt8Products : nullptr;
}

inline Isa best_isa() noexcept {
  std::size_t best = std::size(kIsas) - 1;
  while (!kIsas[best].supported()) --best;
  return kIsas[best].isa;
}

// The set named by SEGFACE_ISA; the best where it is unset. Errors: invalid_argument, unsupported_cpu.
inline Result<Isa> chosen_isa() noexcept {
  const char* const name = std::getenv("SEGFACE_ISA");
  if (name == nullptr || *name == '\0') return best_isa();
  Message known;
  for (const IsaRow& row : kIsas) {
    if (std::string_view(name) != row.name) {
      append_parts(known, &row == kIsas ? "" : ", ", row.name);
      continue;
    }
    if (row.supported()) return row.isa;
    return error(Errc::unsupported_cpu, "SEGFACE_ISA=", name, ": this processor lacks these instructions; the best it ",
                 "has is ", isa_name(best_isa()));
  }
  return error(Errc::invalid_argument, "SEGFACE_ISA=", name, " is unknown; known are ", known.view());
}

}  // namespace cpu
SEGFACE_END_CORE
