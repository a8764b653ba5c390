// What tests of the emulated GPU may ask, answered by a real one: with this folder in place of cuda_emulation, and
// CUDA's own headers, tests/cuda compiles for GPUs. What only the emulator knows is left out there by ON_EMULATOR.
#pragma once

#include <cuda_runtime.h>

#include <string>

#define ON_EMULATOR(...)

namespace emulation {

inline constexpr bool kEmulated = false;

// The order of threads is the GPU's own. Twice: results that differ are of a race.
enum class Order { ascending, again };
inline constexpr Order kOrders[] = {Order::ascending, Order::again};
inline void set_order(Order) {}

// What went wrong on the device, in words; empty where nothing did. It stays: no reset helps.
inline std::string fault() {
  const cudaError_t outcome = cudaPeekAtLastError();
  return outcome == cudaSuccess ? "" : cudaGetErrorString(outcome);
}
inline void reset() {}

}  // namespace emulation
