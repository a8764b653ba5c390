// Buffers of numbers: on the device that is current, and in memory of the host that is pinned, so that copies between
// it and the device do not wait for the host, and a graph may hold them.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "segface/backends/cuda/status.cuh"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

// Where a buffer lies. As what a unique_ptr deletes by, it can tell nobody that freeing failed.
struct OnDevice {
  static Status allocate(void** block, std::size_t bytes) noexcept {
    return check(cudaMalloc(block, bytes), "cudaMalloc");
  }
  void operator()(void* block) const noexcept { static_cast<void>(cudaFree(block)); }
};
struct Pinned {
  static Status allocate(void** block, std::size_t bytes) noexcept {
    return check(cudaMallocHost(block, bytes), "cudaMallocHost");
  }
  void operator()(void* block) const noexcept { static_cast<void>(cudaFreeHost(block)); }
};

// `size` elements, uninitialised. Move-only.
template <class T, class Place>
class BasicBuffer {
 public:
  BasicBuffer() noexcept = default;
  BasicBuffer(BasicBuffer&& other) noexcept { *this = std::move(other); }
  BasicBuffer& operator=(BasicBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Errors: overflow, out_of_memory, those of check.
  static Result<BasicBuffer> make(std::size_t size) noexcept {
    BasicBuffer buffer;
    std::size_t bytes = 0;
    if (!multiply_fits(size, sizeof(T), bytes)) return error(Errc::overflow, "a buffer of ", size, " elements");
    if (size == 0) return Result<BasicBuffer>(std::move(buffer));
    void* block = nullptr;
    SEGFACE_RETURN_IF_ERROR(Place::allocate(&block, bytes));
    buffer.data_.reset(static_cast<T*>(block));
    buffer.size_ = size;
    return Result<BasicBuffer>(std::move(buffer));
  }

  T* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }

 private:
  std::unique_ptr<T, Place> data_;
  std::size_t size_ = 0;
};

template <class T>
using DeviceBuffer = BasicBuffer<T, OnDevice>;
template <class T>
using PinnedBuffer = BasicBuffer<T, Pinned>;

// A copy on the device of `count` numbers of the host. cudaMemcpy may return before memory that is not pinned has
// arrived, and the streams of a Memory do not wait for the one it uses. Errors: those of make and of check.
template <class T>
Result<DeviceBuffer<T>> upload(const T* values, Index count) noexcept {
  SEGFACE_ASSIGN(buffer, DeviceBuffer<T>::make(static_cast<std::size_t>(count)));
  if (count != 0) {
    const std::size_t bytes = buffer.size() * sizeof(T);
    SEGFACE_RETURN_IF_ERROR(check(cudaMemcpy(buffer.data(), values, bytes, cudaMemcpyHostToDevice), "cudaMemcpy"));
    SEGFACE_RETURN_IF_ERROR(check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize"));
  }
  return Result<DeviceBuffer<T>>(std::move(buffer));
}

}  // namespace cuda
SEGFACE_END_CORE
