// Where a backend's activations are, and how the host gets numbers in and out.
//
// A backend that computes on the host says nothing and gets HostMemory, in which the host looks at maps where they are.
// One on a device has a member type Memory with the same functions, where the block is the device's and kOnHost is
// false, and with more: write(map, fill) and read(map, use), see Run, in which the host may see other numbers than the
// device has: those of the backend's member type HostScalar; stream() and graph(), see Run::recorded, the one of
// kMostSizes that use_graph(i) chose, and clear_graphs(). One Memory has one user at a time.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/map.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

// Sizes of the input that one user goes back to without planning anew, and graphs of passes that are kept for them.
inline constexpr std::size_t kMostSizes = 4;

class HostMemory {
 public:
  // Numbers of the host that may be copied from and to the block.
  template <class T>
  using HostBuffer = Buffer<T>;

  // Whether the host may look at maps where they are.
  static constexpr bool kOnHost = true;

  // At least so many bytes in the block; what was in it is lost where it grows. Errors: overflow, out_of_memory.
  Status reserve(std::size_t bytes) noexcept { return core::reserve(block_, bytes); }
  Span<std::uint8_t> block() noexcept { return block_.span(); }
  std::size_t bytes() const noexcept { return block_.size(); }

  // Waits for all work so far.
  Status finish() noexcept { return {}; }

 private:
  Buffer<std::uint8_t, HugePages> block_;
};

namespace detail {
template <class B, class = void>
struct MemoryOf {
  using type = HostMemory;
};
template <class B>
struct MemoryOf<B, std::void_t<typename B::Memory>> {
  using type = typename B::Memory;
};
}  // namespace detail

template <class Backend>
using MemoryOf = typename detail::MemoryOf<Backend>::type;

namespace detail {
template <class B, class = void>
struct HostScalarOf {
  using type = typename B::Scalar;
};
template <class B>
struct HostScalarOf<B, std::void_t<typename B::HostScalar>> {
  using type = typename B::HostScalar;
};
}  // namespace detail

// The numbers of a backend's maps as the host sees them, and such maps: written, and only read.
template <class Backend>
using HostScalarOf = typename detail::HostScalarOf<Backend>::type;
template <class Backend>
using HostMapOf = Map<HostScalarOf<Backend>>;
template <class Backend>
using HostViewOf = Map<const HostScalarOf<Backend>>;

SEGFACE_END_CORE
