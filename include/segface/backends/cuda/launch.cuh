// Launching kernels: one checked function, and the geometry of those that make an element of a map a thread.
#pragma once

#include <climits>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <type_traits>

#include "segface/backends/cuda/status.cuh"
#include "segface/base/config.hpp"
#include "segface/base/map.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr unsigned kWarp = 32;
inline constexpr unsigned kWholeWarp = 0xffffffffu;

// The sum, and the largest, over the lanes of a warp, in every lane.
__device__ inline float warp_sum(float value) noexcept {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kWholeWarp, value, lanes);
  return value;
}
__device__ inline float warp_max(float value) noexcept {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value = fmaxf(value, __shfl_xor_sync(kWholeWarp, value, lanes));
  return value;
}

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

// ---- a thread for each element ----------------------------------------------------------------------------------

inline constexpr unsigned kElementBlock = 256;

// The element of a map that a thread of such a kernel makes: neighbours in a warp are neighbours in the channels.
struct Element {
  Index batch, y, x, channel;
  Index row;
  bool inside;

  template <class T>
  __device__ static Element of(const Map<T>& map) noexcept {
    const unsigned i = blockIdx.x * kElementBlock + threadIdx.x;
    const auto channels = static_cast<unsigned>(map.channels), width = static_cast<unsigned>(map.width),
               height = static_cast<unsigned>(map.height);
    const unsigned row = i / channels, line = row / width;
    return {line / height, line % height, row % width, i % channels, row, row < map.rows()};
  }
};

// kernel(arguments...) with a thread for each element of the map. Errors: limit_exceeded, those of launch.
template <class T, class... Parameters, class... Arguments>
Status launch_elements(const char* what, void (*kernel)(Parameters...), const Map<T>& map, cudaStream_t stream,
                       const Arguments&... arguments) noexcept {
  const Index count = map.rows() * map.channels;
  if (count > INT_MAX) return error(Errc::limit_exceeded, what, ": more than 2^31 elements; use a smaller batch");
  return launch(what, kernel, {ceil_divide(count, kElementBlock), kElementBlock}, stream, arguments...);
}

}  // namespace cuda
SEGFACE_END_CORE
