// Buffers of numbers on the device that is current.
#pragma once

#include <memory>
#include <utility>

#include "segface/backends/cuda/status.cuh"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

// Frees what a unique_ptr holds, where a destructor can tell nobody that it failed.
struct DeviceDeleter {
  void operator()(void* buffer) const noexcept { static_cast<void>(cudaFree(buffer)); }
};

// `size` elements on the device, uninitialised. Move-only.
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer() noexcept = default;
  DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  // Errors: overflow, out_of_memory, those of check.
  static Result<DeviceBuffer> make(std::size_t size) noexcept {
    DeviceBuffer buffer;
    std::size_t bytes = 0;
    if (!multiply_fits(size, sizeof(T), bytes)) return error(Errc::overflow, "a buffer of ", size, " elements");
    if (size == 0) return Result<DeviceBuffer>(std::move(buffer));
    void* data = nullptr;
    SEGFACE_RETURN_IF_ERROR(check(cudaMalloc(&data, bytes), "cudaMalloc"));
    buffer.data_.reset(static_cast<T*>(data));
    buffer.size_ = size;
    return Result<DeviceBuffer>(std::move(buffer));
  }
  // A copy of numbers of the host. cudaMemcpy may return before memory that is not pinned has arrived, and the streams
  // of a Memory do not wait for the one it uses.
  static Result<DeviceBuffer> copy_of(const T* values, std::size_t size) noexcept {
    SEGFACE_ASSIGN(buffer, make(size));
    if (size != 0) {
      SEGFACE_RETURN_IF_ERROR(
          check(cudaMemcpy(buffer.data(), values, size * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy"));
      SEGFACE_RETURN_IF_ERROR(check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize"));
    }
    return Result<DeviceBuffer>(std::move(buffer));
  }

  T* data() const noexcept { return data_.get(); }
  std::size_t size() const noexcept { return size_; }

 private:
  std::unique_ptr<T, DeviceDeleter> data_;
  std::size_t size_ = 0;
};

}  // namespace cuda
SEGFACE_END_NAMESPACE
