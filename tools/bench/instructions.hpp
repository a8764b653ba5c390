// Rates of the instructions that products are made of, for bench_kernels: multiply-adds of float32, of bfloat16
// (vdpbf16ps) and of bytes (vpdpbusd), in vectors of 16 lanes, by processors that have them.
//
// "registers": 28 sums, each waiting for its own step before, nothing else. "tile": as in a tile of 14 x 32 results: in each
// step 2 vectors of weights and 14 broadcasts of a row's group besides, all from the first cache.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "segface/backends/cpu/x86_features.hpp"

namespace instructions {

#define SEGFACE_INSTRUCTION(name, mnemonic)                                                                    \
  __attribute__((target("avx512f"))) inline void name##_in_registers(Index steps, const std::uint32_t*,        \
                                                                     const std::uint32_t*) {                   \
    Vec sums[28] = {}, factor = {}, other = {};                                                                \
    __asm__ volatile("" : "+v"(factor), "+v"(other));                                                          \
    for (Index step = 0; step < steps; ++step) {                                                               \
      _Pragma("GCC unroll 28") for (Vec & sum : sums) __asm__ volatile(                                        \
          mnemonic " %2, %1, %0" : "+v"(sum) : "v"(factor), "v"(other));                                       \
    }                                                                                                          \
  }                                                                                                            \
  __attribute__((target("avx512f"))) inline void name##_in_a_tile(Index steps, const std::uint32_t* rows,      \
                                                                  const std::uint32_t* panel) {                \
    Vec sums[28] = {};                                                                                         \
    for (Index step = 0; step < steps; ++step) {                                                               \
      const Index k = step % kDepth;                                                                           \
      Vec w0, w1;                                                                                              \
      __asm__ volatile("vmovups %1, %0" : "=v"(w0) : "m"(*reinterpret_cast<const Vec*>(panel + 32 * k)));      \
      __asm__ volatile("vmovups %1, %0" : "=v"(w1) : "m"(*reinterpret_cast<const Vec*>(panel + 32 * k + 16))); \
      _Pragma("GCC unroll 14") for (int r = 0; r < 14; ++r) {                                                  \
        Vec x;                                                                                                 \
        __asm__ volatile("vpbroadcastd %1, %0" : "=v"(x) : "m"(rows[r * kDepth + k]));                         \
        __asm__ volatile(mnemonic " %2, %1, %0" : "+v"(sums[2 * r]) : "v"(x), "v"(w0));                        \
        __asm__ volatile(mnemonic " %2, %1, %0" : "+v"(sums[2 * r + 1]) : "v"(x), "v"(w1));                    \
      }                                                                                                        \
    }                                                                                                          \
  }

using segface::Index;
typedef float Vec __attribute__((vector_size(64)));
inline constexpr Index kDepth = 64;  // groups of a row: of bytes 256 inputs

SEGFACE_INSTRUCTION(float32, "vfmadd231ps")
SEGFACE_INSTRUCTION(bf16, "vdpbf16ps")
SEGFACE_INSTRUCTION(int8, "vpdpbusd")
#undef SEGFACE_INSTRUCTION

// Counts a multiply-add as two. numbers: that one lane multiplies at once.
inline void add(const std::string& name, double numbers,
                void (*loop)(Index, const std::uint32_t*, const std::uint32_t*)) {
  benchmark::RegisterBenchmark(("instruction/" + name).c_str(), [=](benchmark::State& state) {
    constexpr Index kSteps = 4096;
    const std::vector<std::uint32_t> rows(14 * kDepth), panel(32 * kDepth);
    for (auto _ : state) loop(kSteps, rows.data(), panel.data());
    const double operations = 2 * 28 * 16 * numbers * static_cast<double>(kSteps * state.iterations());
    state.counters["GFLOP/s"] = benchmark::Counter(operations / 1e9, benchmark::Counter::kIsRate);
  });
}
inline void add_all() {
  const segface::core::cpu::X86Features features = segface::core::cpu::x86_features();
  if (!features.avx512) return;
  add("float32_in_registers", 1, float32_in_registers);
  add("float32_in_a_tile", 1, float32_in_a_tile);
  if (features.avx512_bf16) {
    add("bf16_in_registers", 2, bf16_in_registers);
    add("bf16_in_a_tile", 2, bf16_in_a_tile);
  }
  if (features.avx512_vnni) {
    add("int8_in_registers", 4, int8_in_registers);
    add("int8_in_a_tile", 4, int8_in_a_tile);
  }
}

}  // namespace instructions
