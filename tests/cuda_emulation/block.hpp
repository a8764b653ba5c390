// A block of threads on a CPU: each thread a call of the kernel, in turn on one fiber until it waits, then the next on
// another. Barriers and warp operations are places where a fiber leaves until all that must come have come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emulation.hpp"
#include "fibers.hpp"

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1) : x(width), y(height), z(depth) {}
};

// Of the thread that runs.
inline thread_local uint3 threadIdx = {0, 0, 0}, blockIdx = {0, 0, 0};
inline thread_local dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

namespace emulation {

// Every __shared__ array begins at a multiple of this, which is more than a block may have: no other begins where one
// ends.
inline constexpr std::size_t kSharedAlignment = std::size_t{1} << 16, kMostSharedBytes = 48 << 10;
// After a block's dynamic shared memory, to see what is written there.
inline constexpr std::size_t kSpareBytes = 512;

// A place in a kernel's text.
struct Site {
  const char* file;
  int line;
};

// What the lanes of a warp lay open to each other: up to eight bytes each.
struct Lanes {
  std::uint64_t values[32];
};

// Waits for the block's other threads.
void block_barrier(const Site& site);
// Lays the value open to the lanes of `mask`, waits for them, and returns theirs, until the next exchange.
const Lanes& exchange(unsigned mask, std::uint64_t value, const Site& site);
// The block's dynamic shared memory.
void* dynamic_shared();

// Runs the blocks of a grid, a block at a time. An empty text where all went well.
std::string run_grid(const std::function<void()>& kernel, dim3 grid, dim3 block, std::size_t shared_bytes, Order order);
// The linear number of the thread that runs.
inline unsigned thread_in_block() {
  return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
}
// Ends the grid that runs, when the thread next waits; the first reason counts.
void fail_kernel(const std::string& why);
// Whether a kernel runs; ends its grid at once, also from a signal handler.
bool in_kernel();
[[noreturn]] void abandon_kernel(const char* why);

}  // namespace emulation
