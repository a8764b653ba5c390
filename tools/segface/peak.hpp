// What the processor can do at most: fused multiply-adds of one instruction set, nothing else, on every thread.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "segface/base/threads/executor.hpp"

#include "output.hpp"

namespace tool {

inline constexpr int kChains = 12;

// kChains sums of vectors, each waiting for its own step before; returns something that depends on all of them.
#define SEGFACE_PEAK(name, bytes, attributes)                                                       \
  attributes inline float name(Index steps) {                                                       \
    typedef float Vec __attribute__((vector_size(bytes)));                                          \
    Vec sums[kChains], factor, term;                                                                \
    for (int i = 0; i < kChains; ++i) sums[i] = Vec{} + static_cast<float>(i);                      \
    factor = Vec{} + 0.999f;                                                                        \
    term = Vec{} + 1e-3f;                                                                           \
    for (Index step = 0; step < steps; ++step) {                                                    \
      _Pragma("GCC unroll 12") for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * factor + term; \
    }                                                                                               \
    float total = 0;                                                                                \
    for (int i = 0; i < kChains; ++i) total += sums[i][0];                                          \
    return total;                                                                                   \
  }
SEGFACE_PEAK(peak_baseline, 16, )
#if defined(__x86_64__)
SEGFACE_PEAK(peak_avx2, 32, __attribute__((target("avx2,fma"))))
SEGFACE_PEAK(peak_avx512, 64, __attribute__((target("avx512f"))))
#endif
#undef SEGFACE_PEAK

// GFLOP/s of all threads of the executor together; the best of some tries.
inline double measure_peak([[maybe_unused]] std::string_view isa, Executor& executor) {
  float (*loop)(Index) = peak_baseline;
  double lanes = 4;
#if defined(__x86_64__)
  if (isa == "avx2") loop = peak_avx2, lanes = 8;
  if (isa == "avx512") loop = peak_avx512, lanes = 16;
#endif
  constexpr Index kSteps = 500000;
  double best = 0;
  for (int attempt = 0; attempt < 40; ++attempt) {
    Stopwatch watch;
    std::vector<float> kept(static_cast<std::size_t>(executor.threads()));
    executor.for_each(executor.threads(),
                      [&](Index task, Index) { kept[static_cast<std::size_t>(task)] = loop(kSteps); });
    const double operations = 2 * kChains * lanes * static_cast<double>(kSteps * executor.threads());
    best = std::max(best, operations / watch.lap() / 1e6);
  }
  return best;
}

}  // namespace tool
