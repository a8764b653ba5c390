// Memory of the host that is pinned: copies between it and the device do not wait for the host, and a graph may hold
// them.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "segface/backends/cuda/status.cuh"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

struct PinnedDeleter {
  void operator()(void* block) const noexcept { static_cast<void>(cudaFreeHost(block)); }
};

// `size` elements, uninitialised. Move-only.
template <class T>
class PinnedBuffer {
 public:
  PinnedBuffer() noexcept = default;
  PinnedBuffer(PinnedBuffer&& other) noexcept { *this = std::move(other); }
  PinnedBuffer& operator=(PinnedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Errors: overflow, out_of_memory, those of check.
  static Result<PinnedBuffer> make(std::size_t size) noexcept {
    PinnedBuffer buffer;
    std::size_t bytes = 0;
    if (!multiply_fits(size, sizeof(T), bytes)) return error(Errc::overflow, "a buffer of ", size, " elements");
    if (size == 0) return Result<PinnedBuffer>(std::move(buffer));
    void* data = nullptr;
    SEGFACE_RETURN_IF_ERROR(check(cudaMallocHost(&data, bytes), "cudaMallocHost"));
    buffer.data_.reset(static_cast<T*>(data));
    buffer.size_ = size;
    return Result<PinnedBuffer>(std::move(buffer));
  }

  T* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }

 private:
  std::unique_ptr<T, PinnedDeleter> data_;
  std::size_t size_ = 0;
};

}  // namespace cuda
SEGFACE_END_NAMESPACE
