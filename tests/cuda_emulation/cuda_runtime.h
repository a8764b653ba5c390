// What the library uses of the CUDA runtime, as plain C++ on a CPU: see README.md. Names are CUDA's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "block.hpp"
#include "device.hpp"

// ---- the language ---------------------------------------------------------------------------------------------

#define __global__
#define __device__
#define __host__
// One block runs at a time, its threads fibers of one thread.
#define __shared__ static __attribute__((aligned(emulation::kSharedAlignment)))

// What the program's instrumentation, if any, does not report: see access.hpp.
#define EMULATION_UNSEEN __attribute__((no_sanitize("thread")))

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulation::block_barrier({file, line});
}
inline void __syncwarp(unsigned mask = ~0u, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulation::exchange(mask, 0, {file, line});
}

namespace emulation {

// What lane pick(own lane) of a section of `width` lanes has, or the own value where that is outside the section.
template <class T, class Pick>
T shuffle(unsigned mask, T value, int width, const Site& site, const Pick& pick) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  const Lanes& lanes = exchange(mask, bits, site);
  const int lane = static_cast<int>(thread_in_block() % 32), first = lane / width * width;
  const int from = pick(lane - first);
  if (from >= 0 && from < width) std::memcpy(&value, &lanes.values[first + from], sizeof(T));
  return value;
}

}  // namespace emulation

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32, const char* file = __builtin_FILE(),
              int line = __builtin_LINE()) {
  return emulation::shuffle(mask, value, width, {file, line}, [&](int) { return from % width; });
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  return emulation::shuffle(mask, value, width, {file, line}, [&](int lane) { return lane ^ lanes; });
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned lanes, int width = 32, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  return emulation::shuffle(mask, value, width, {file, line}, [&](int lane) { return lane + static_cast<int>(lanes); });
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned lanes, int width = 32, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) {
  return emulation::shuffle(mask, value, width, {file, line}, [&](int lane) { return lane - static_cast<int>(lanes); });
}
inline unsigned __ballot_sync(unsigned mask, int vote, const char* file = __builtin_FILE(),
                              int line = __builtin_LINE()) {
  const emulation::Lanes& lanes = emulation::exchange(mask, vote != 0, {file, line});
  unsigned votes = 0;
  for (unsigned lane = 0; lane < 32; ++lane) votes |= static_cast<unsigned>(lanes.values[lane]) << lane;
  return votes & mask;
}
inline int __any_sync(unsigned mask, int vote, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return __ballot_sync(mask, vote, file, line) != 0;
}
inline int __all_sync(unsigned mask, int vote, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return __ballot_sync(mask, vote == 0, file, line) == 0;
}
template <class T>
EMULATION_UNSEEN T atomicAdd(T* place, T value) {
  const T before = *place;
  *place = before + value;
  return before;
}

// ---- the interface --------------------------------------------------------------------------------------------

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorIllegalState = 401,
  cudaErrorIllegalAddress = 700,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901,
  cudaErrorStreamCaptureWrongThread = 908,
  cudaErrorUnknown = 999
};
enum cudaMemcpyKind {
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4  // what the addresses say
};
inline constexpr unsigned cudaStreamNonBlocking = 1;
using cudaStream_t = CUstream_st*;

const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDeviceSynchronize();

cudaError_t cudaMalloc(void** buffer, std::size_t bytes);
cudaError_t cudaFree(void* buffer);
cudaError_t cudaMallocHost(void** block, std::size_t bytes);
cudaError_t cudaFreeHost(void* block);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream = nullptr);
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream = nullptr);

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);

namespace emulation {

// Checks a launch and puts it into the stream. `arguments` are looked at word by word for addresses of the host;
// `kernel` names it.
cudaError_t launch(const void* kernel, std::function<void()> call, const std::uint64_t* arguments, std::size_t words,
                   dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream);

// An argument as words that hold its bytes, and zeros where it has none. A compiler that cannot tell where that is
// shows pointers alone.
template <class T>
void show(const void* argument, std::uint64_t* words) {
  alignas(T) unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, argument, sizeof(T));
#if defined(__has_builtin) && __has_builtin(__builtin_clear_padding)
  __builtin_clear_padding(reinterpret_cast<T*>(bytes));
#else
  if (!std::is_pointer_v<T>) return;
#endif
  std::memcpy(words, bytes, sizeof(T));
}

template <class... P, std::size_t... I>
cudaError_t launch(void (*kernel)(P...), void** pointers, std::index_sequence<I...>, dim3 grid, dim3 block,
                   std::size_t shared_bytes, cudaStream_t stream) {
  const std::tuple<std::decay_t<P>...> values(*static_cast<const std::decay_t<P>*>(pointers[I])...);
  constexpr std::size_t kWords = ((sizeof(P) / 8 + 1) + ... + 1);
  std::uint64_t words[kWords] = {};
  std::size_t word = 0;
  ((show<P>(pointers[I], words + word), word += sizeof(P) / 8 + 1), ...);
  return launch(
      reinterpret_cast<const void*>(kernel), [kernel, values] { std::apply(kernel, values); }, words, kWords, grid,
      block, shared_bytes, stream);
}

}  // namespace emulation

template <class... P>
cudaError_t cudaLaunchKernel(void (*kernel)(P...), dim3 grid, dim3 block, void** arguments,
                             std::size_t shared_bytes = 0, cudaStream_t stream = nullptr) {
  return emulation::launch(kernel, arguments, std::index_sequence_for<P...>(), grid, block, shared_bytes, stream);
}

#include "graph.hpp"  // wants the types above
