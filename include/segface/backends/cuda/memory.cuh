// What one caller has on a GPU: a block for activations, a stream, what products need, and pinned memory of the host
// through which maps are copied in and out, where the host sees floats. All of it on the device that is current.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <type_traits>
#include <utility>

#include "segface/backends/cuda/buffer.cuh"
#include "segface/backends/cuda/graph.cuh"
#include "segface/backends/cuda/product.cuh"
#include "segface/backends/cuda/status.cuh"
#include "segface/backends/memory.hpp"
#include "segface/base/config.hpp"
#include "segface/base/map.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

struct StreamDeleter {
  void operator()(cudaStream_t stream) const noexcept { static_cast<void>(cudaStreamDestroy(stream)); }
};

// See backends/memory.hpp.
class Memory {
 public:
  static constexpr bool kOnHost = false;
  template <class T>
  using HostBuffer = PinnedBuffer<T>;

  Status reserve(std::size_t bytes) noexcept {
    if (stream_ == nullptr) {
      cudaStream_t stream = nullptr;
      SEGFACE_RETURN_IF_ERROR(
          check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"));
      stream_.reset(stream);
    }
    if (block_.size() >= bytes) return {};
    clear_graphs();
    SEGFACE_RETURN_IF_ERROR(finish());
    return segface::reserve(block_, bytes);
  }
  Span<std::uint8_t> block() const noexcept { return {block_.data(), block_.size()}; }
  std::size_t bytes() const noexcept { return block_.size() + results_.size() + staging_.size() + products_.bytes(); }
  // So many bytes, 256-byte aligned, for what will be copied to a caller; those of an earlier call may be the same.
  Result<std::uint8_t*> results(std::size_t bytes) noexcept {
    SEGFACE_RETURN_IF_ERROR(segface::reserve(results_, bytes));
    return results_.data();
  }

  cudaStream_t stream() const noexcept { return stream_.get(); }
  // Of a pass in the block, the one that was chosen last; who changes the pass clears it.
  Graph& graph() noexcept { return graphs_[graph_]; }
  void use_graph(std::size_t which) noexcept { graph_ = which; }
  void clear_graphs() noexcept {
    for (Graph& graph : graphs_) graph.clear();
  }
  // Puts a product into the stream.
  template <class T>
  Status multiply(const CublasLt& library, const Product<T>& product, bool tf32) noexcept {
    return products_.multiply(library, stream(), product, tf32);
  }

  Status finish() noexcept { return check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize"); }

  template <class T, class Fill>
  Status write(const Map<T>& map, const Fill& fill) noexcept {
    SEGFACE_RETURN_IF_ERROR(finish());  // the staging memory may still be copied from
    SEGFACE_ASSIGN(staged, stage(map));
    fill(staged.numbers);
    staged.narrow();
    return copy(map.data, map.stride, staged.stored, map.channels, map, cudaMemcpyHostToDevice);
  }
  template <class T, class Use>
  Status read(const Map<T>& map, const Use& use) noexcept {
    SEGFACE_RETURN_IF_ERROR(finish());
    SEGFACE_ASSIGN(staged, stage(map));
    SEGFACE_RETURN_IF_ERROR(copy(staged.stored, map.channels, map.data, map.stride, map, cudaMemcpyDeviceToHost));
    SEGFACE_RETURN_IF_ERROR(finish());
    staged.widen();
    use(staged.numbers);
    return {};
  }

 private:
  // A map of T on its way, packed: as the device has it, and as the host sees it, which is the same place for floats.
  template <class T>
  struct Staged {
    T* stored;
    Map<float> numbers;

    std::size_t size() const noexcept { return static_cast<std::size_t>(numbers.rows() * numbers.channels); }
    void narrow() const noexcept {
      if constexpr (!std::is_same_v<T, float>) std::copy_n(numbers.data, size(), stored);
    }
    void widen() const noexcept {
      if constexpr (!std::is_same_v<T, float>) std::copy_n(stored, size(), numbers.data);
    }
  };
  template <class T>
  Result<Staged<std::remove_const_t<T>>> stage(const Map<T>& map) noexcept {
    using Number = std::remove_const_t<T>;
    const std::size_t size = static_cast<std::size_t>(map.rows() * map.channels);
    const std::size_t bytes = size * (std::is_same_v<Number, float> ? sizeof(float) : sizeof(float) + sizeof(Number));
    SEGFACE_RETURN_IF_ERROR(segface::reserve(staging_, bytes));
    auto* const numbers = reinterpret_cast<float*>(staging_.data());
    auto* const after = reinterpret_cast<Number*>(staging_.data() + bytes) - size;
    return Staged<Number>{after, {numbers, map.batch, map.height, map.width, map.channels, map.channels}};
  }
  template <class T>
  Status copy(void* to, Index to_stride, const void* from, Index from_stride, const Map<T>& shape,
              cudaMemcpyKind kind) noexcept {
    const auto bytes = [](Index elements) { return static_cast<std::size_t>(elements) * sizeof(T); };
    return check(cudaMemcpy2DAsync(to, bytes(to_stride), from, bytes(from_stride), bytes(shape.channels),
                                   static_cast<std::size_t>(shape.rows()), kind, stream()),
                 "cudaMemcpy2DAsync");
  }

  // Destroyed last to first; cudaFree and cudaFreeHost wait for work that still runs.
  PinnedBuffer<std::uint8_t> staging_;
  DeviceBuffer<std::uint8_t> block_, results_;
  Products products_;
  std::unique_ptr<std::remove_pointer_t<cudaStream_t>, StreamDeleter> stream_;
  std::array<Graph, kMostSizes> graphs_;
  std::size_t graph_ = 0;
};

}  // namespace cuda
SEGFACE_END_NAMESPACE
