// Launching kernels: one checked function, reading and writing several channels at once, and the geometry of kernels
// whose threads make an element of a map each, or several neighbours.
#pragma once

#include <climits>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>

#include "segface/backends/cuda/status.cuh"
#include "segface/base/config.hpp"
#include "segface/base/map.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kWholeWarp = 0xffffffffu;

// The sum over the lanes of a warp, or of each group of so many (a power of two), in every lane.
__device__ inline float warp_sum(float value, int group = kWarp) noexcept {
  for (int lanes = group / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kWholeWarp, value, lanes);
  return value;
}

// Asks for a loop of so many turns at once, so that all they read is asked for before any of it is used.
#if defined(__CUDACC__)
#define SEGFACE_CUDA_PRAGMA(text) _Pragma(#text)
#define SEGFACE_UNROLL(turns) SEGFACE_CUDA_PRAGMA(unroll turns)
#else
#define SEGFACE_UNROLL(turns)
#endif

struct Geometry {
  dim3 grid, block;
};

// Puts kernel(arguments...) into the stream; what: its name, for messages.
template <class... Parameters, class... Arguments>
Status launch(const char* what, void (*kernel)(Parameters...), const Geometry& geometry, cudaStream_t stream,
              const Arguments&... arguments) noexcept {
  std::tuple<Parameters...> values(arguments...);
  return std::apply(
      [&](auto&... each) {
        void* pointers[] = {&each...};
        return check(cudaLaunchKernel(kernel, geometry.grid, geometry.block, pointers, 0, stream), what);
      },
      values);
}

inline unsigned ceil_divide(Index count, Index by) noexcept {
  return static_cast<unsigned>((count + by - 1) / by);
}

// ---- neighbouring channels together ------------------------------------------------------------------------------

// N channels of a row as floats, in registers.
template <int N>
struct Numbers {
  float at[N];

  __device__ float& operator[](int i) noexcept { return at[i]; }
  __device__ const float& operator[](int i) const noexcept { return at[i]; }
};

// Channels that a thread reads or writes at once: 16 bytes of them.
template <class T>
inline constexpr int kPack = 16 / static_cast<int>(sizeof(T));

template <int N, class T>
struct alignas(sizeof(T) * N) Packed {
  T at[N];
};

template <int N, class T>
__device__ Numbers<N> read(const T* from) noexcept {
  constexpr int kAtOnce = N < kPack<T> ? N : kPack<T>;
  Numbers<N> numbers;
  for (int i = 0; i < N; i += kAtOnce) {
    const auto packed = *reinterpret_cast<const Packed<kAtOnce, T>*>(from + i);
    for (int j = 0; j < kAtOnce; ++j) numbers[i + j] = static_cast<float>(packed.at[j]);
  }
  return numbers;
}
// The same, or zeros: read in either case, so that nothing branches and reads of several places are asked for together.
// `anywhere` is a place that may be read instead.
template <int N, class T>
__device__ Numbers<N> read_if(bool wanted, const T* from, const T* anywhere) noexcept {
  Numbers<N> numbers = read<N>(wanted ? from : anywhere);
  for (float& number : numbers.at) number = wanted ? number : 0.0f;
  return numbers;
}
template <int N, class T>
__device__ void write(const Numbers<N>& numbers, T* to) noexcept {
  constexpr int kAtOnce = N < kPack<T> ? N : kPack<T>;
  for (int i = 0; i < N; i += kAtOnce) {
    Packed<kAtOnce, T> packed;
    for (int j = 0; j < kAtOnce; ++j) packed.at[j] = static_cast<T>(numbers[i + j]);
    *reinterpret_cast<Packed<kAtOnce, T>*>(to + i) = packed;
  }
}

// Whether every row of a map, if it has any, may be read N channels at a time; what is no map may.
template <int N, class T>
bool in_packs(const Map<T>& map) noexcept {
  constexpr std::size_t kBytes = N * sizeof(T) < 16 ? N * sizeof(T) : 16;
  const auto bytes = [](Index elements) { return static_cast<std::size_t>(elements) * sizeof(T); };
  return map.channels % N == 0 && bytes(map.stride) % kBytes == 0 &&
         reinterpret_cast<std::uintptr_t>(map.data) % kBytes == 0;
}
template <int N, class Other>
bool in_packs(const Other&) noexcept {
  return true;
}

// Calls launch(std::integral_constant<int, N>()), where N is kPack<T> if all of these may be read so, else 1.
template <class T, class Launch, class... Maps>
Status in_widest_packs(const Launch& launch, const Maps&... maps) noexcept {
  constexpr int kNumbers = kPack<std::remove_const_t<T>>;
  if ((in_packs<kNumbers>(maps) && ...)) return launch(std::integral_constant<int, kNumbers>());
  return launch(std::integral_constant<int, 1>());
}

// ---- a thread for each element ----------------------------------------------------------------------------------

inline constexpr unsigned kElementBlock = 256;

// The element of a map that a thread of such a kernel makes, or the first of N in neighbouring channels: neighbours in
// a warp are neighbours in the channels.
struct Element {
  Index batch, y, x, channel;
  Index row;
  bool inside;

  template <int N, class T>
  __device__ static Element of(const Map<T>& map) noexcept {
    const unsigned i = blockIdx.x * kElementBlock + threadIdx.x;
    const auto packs = static_cast<unsigned>(map.channels) / N, width = static_cast<unsigned>(map.width),
               height = static_cast<unsigned>(map.height);
    const unsigned row = i / packs, line = row / width;
    return {line / height, line % height, row % width, Index{i % packs} * N, row, row < map.rows()};
  }
};

// kernel(arguments...) with a thread for N elements of the map. Errors: limit_exceeded, those of launch.
template <int N, class T, class... Parameters, class... Arguments>
Status launch_elements(const char* what, void (*kernel)(Parameters...), const Map<T>& map, cudaStream_t stream,
                       const Arguments&... arguments) noexcept {
  const Index count = map.rows() * (map.channels / N);
  if (count > INT_MAX) return error(Errc::limit_exceeded, what, ": more than 2^31 elements; use a smaller batch");
  return launch(what, kernel, {ceil_divide(count, kElementBlock), kElementBlock}, stream, arguments...);
}

// kernel(n)(arguments...), with a thread for n of the map's elements, as many as all arguments allow.
template <class T, class Kernel, class... Arguments>
Status launch_packs(const char* what, const Kernel& kernel, const Map<T>& map, cudaStream_t stream,
                    const Arguments&... arguments) noexcept {
  const auto launch = [&](auto n) {
    return launch_elements<decltype(n)::value>(what, kernel(n), map, stream, arguments...);
  };
  return in_widest_packs<T>(launch, map, arguments...);
}

}  // namespace cuda
SEGFACE_END_CORE
