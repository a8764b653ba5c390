// Memory of a GPU: buffers for weights, and what one caller has: a block for activations, a stream, a cuBLAS handle,
// and pinned memory of the host through which maps are copied in and out. All of it on the device that is current.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include "segface/backends/cuda/status.cuh"
#include "segface/base/config.hpp"
#include "segface/base/map.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

// Frees what a unique_ptr holds, where a destructor can tell nobody that it failed.
struct DeviceDeleter {
  void operator()(void* buffer) const noexcept { static_cast<void>(cudaFree(buffer)); }
};
struct PinnedDeleter {
  void operator()(void* block) const noexcept { static_cast<void>(cudaFreeHost(block)); }
};
struct StreamDeleter {
  void operator()(cudaStream_t stream) const noexcept { static_cast<void>(cudaStreamDestroy(stream)); }
};
struct BlasDeleter {
  void operator()(cublasHandle_t handle) const noexcept { static_cast<void>(cublasDestroy(handle)); }
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

// See backends/memory.hpp.
class Memory {
 public:
  static constexpr bool kOnHost = false;

  Status reserve(std::size_t bytes) noexcept {
    if (stream_ == nullptr) {
      cudaStream_t stream = nullptr;
      SEGFACE_RETURN_IF_ERROR(
          check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags"));
      stream_.reset(stream);
    }
    if (block_.size() >= bytes) return {};
    SEGFACE_RETURN_IF_ERROR(finish());
    block_ = {};
    SEGFACE_ASSIGN(block, DeviceBuffer<std::uint8_t>::make(bytes));
    block_ = std::move(block);
    return {};
  }
  Span<std::uint8_t> block() const noexcept { return {block_.data(), block_.size()}; }
  std::size_t bytes() const noexcept { return block_.size() + staging_bytes_; }

  cudaStream_t stream() const noexcept { return stream_.get(); }
  // The handle of this stream, made when it is first asked for.
  Result<cublasHandle_t> blas() noexcept {
    if (blas_ == nullptr) {
      cublasHandle_t handle = nullptr;
      SEGFACE_RETURN_IF_ERROR(check(cublasCreate(&handle), "cublasCreate"));
      std::unique_ptr<std::remove_pointer_t<cublasHandle_t>, BlasDeleter> owned(handle);
      SEGFACE_RETURN_IF_ERROR(check(cublasSetStream(handle, stream()), "cublasSetStream"));
      blas_ = std::move(owned);
    }
    return blas_.get();
  }

  Status finish() noexcept { return check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize"); }

  template <class T, class Fill>
  Status write(const Map<T>& map, const Fill& fill) noexcept {
    SEGFACE_RETURN_IF_ERROR(finish());  // the staging memory may still be copied from
    SEGFACE_ASSIGN(host, stage(map));
    fill(host);
    return copy(map.data, map.stride, host.data, host.stride, map, cudaMemcpyHostToDevice);
  }
  template <class T, class Use>
  Status read(const Map<T>& map, const Use& use) noexcept {
    SEGFACE_RETURN_IF_ERROR(finish());
    SEGFACE_ASSIGN(host, stage(map));
    SEGFACE_RETURN_IF_ERROR(copy(staging_.get(), host.stride, map.data, map.stride, map, cudaMemcpyDeviceToHost));
    SEGFACE_RETURN_IF_ERROR(finish());
    use(host);
    return {};
  }

 private:
  // A packed map of the same shape in pinned memory.
  template <class T>
  Result<Map<T>> stage(const Map<T>& map) noexcept {
    const std::size_t bytes = static_cast<std::size_t>(map.rows() * map.channels) * sizeof(T);
    if (staging_bytes_ < bytes) {
      staging_.reset();
      staging_bytes_ = 0;
      void* block = nullptr;
      SEGFACE_RETURN_IF_ERROR(check(cudaMallocHost(&block, bytes), "cudaMallocHost"));
      staging_.reset(static_cast<std::uint8_t*>(block));
      staging_bytes_ = bytes;
    }
    return Map<T>{reinterpret_cast<T*>(staging_.get()), map.batch, map.height, map.width, map.channels, map.channels};
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
  std::unique_ptr<std::uint8_t, PinnedDeleter> staging_;
  std::size_t staging_bytes_ = 0;
  DeviceBuffer<std::uint8_t> block_;
  std::unique_ptr<std::remove_pointer_t<cublasHandle_t>, BlasDeleter> blas_;
  std::unique_ptr<std::remove_pointer_t<cudaStream_t>, StreamDeleter> stream_;
};

}  // namespace cuda
SEGFACE_END_NAMESPACE
