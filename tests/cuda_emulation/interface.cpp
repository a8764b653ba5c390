// The functions that cuda_runtime.h and cublas_v2.h declare.
#include <Eigen/Core>
#include <vector>

#include "access.hpp"
#include "cublas_v2.h"
#include "symbols.hpp"

namespace {

using emulation::Permission;

thread_local cudaError_t last_error = cudaSuccess;

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

// call() where it may go on.
template <class Call>
cudaError_t permitted(const Call& call, cudaError_t refusal = cudaErrorUnknown) {
  const Permission permission = emulation::ask();
  if (permission == Permission::broken) return remember(cudaErrorIllegalAddress);
  return remember(permission == Permission::refused ? refusal : call());
}
cudaError_t outcome(bool fine) {
  return fine ? cudaSuccess : cudaErrorIllegalAddress;
}

bool valid(const void* data, std::size_t bytes, bool device) {
  return data != nullptr && emulation::on_device(data, bytes) == device;
}

}  // namespace

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorUnknown:
      break;
  }
  return "unknown error";
}
cudaError_t cudaGetLastError() {
  return std::exchange(last_error, cudaSuccess);
}
cudaError_t cudaGetDeviceCount(int* count) {
  return permitted([&] {
    *count = emulation::devices();
    return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
  });
}
cudaError_t cudaDeviceSynchronize() {
  return permitted([] { return outcome(emulation::drain_all()); });
}

cudaError_t cudaMalloc(void** buffer, std::size_t bytes) {
  return permitted(
      [&] {
        *buffer = emulation::allocate_device(bytes);
        return *buffer != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
      },
      cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* buffer) {
  if (buffer == nullptr) return cudaSuccess;
  static_cast<void>(emulation::drain_all());
  return emulation::free_device(buffer) ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaMallocHost(void** block, std::size_t bytes) {
  return permitted(
      [&] {
        *block = emulation::allocate_pinned(bytes);
        return *block != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
      },
      cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* block) {
  if (block == nullptr) return cudaSuccess;
  static_cast<void>(emulation::drain_all());
  return emulation::free_pinned(block) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return permitted([&] {
    if (width == 0 || height == 0) return cudaSuccess;
    const std::size_t to_bytes = (height - 1) * to_pitch + width, from_bytes = (height - 1) * from_pitch + width;
    if (width > to_pitch || width > from_pitch || !valid(to, to_bytes, kind != cudaMemcpyDeviceToHost) ||
        !valid(from, from_bytes, kind != cudaMemcpyHostToDevice)) {
      return cudaErrorInvalidValue;
    }
    auto* const target = static_cast<unsigned char*>(to);
    const auto* source = static_cast<const unsigned char*>(from);
    std::vector<unsigned char> kept;  // memory of the host that is not pinned is read at once
    if (kind == cudaMemcpyHostToDevice && !emulation::pinned(from, from_bytes)) {
      kept.assign(source, source + from_bytes);
    }
    if (kind == cudaMemcpyDeviceToHost) {
      for (std::size_t row = 0; row < height; ++row) std::memset(target + row * to_pitch, 0xff, width);
    }
    emulation::enqueue(stream, [=, kept = std::move(kept)] {
      const unsigned char* const begin = kept.empty() ? source : kept.data();
      for (std::size_t row = 0; row < height; ++row) {
        std::memcpy(target + row * to_pitch, begin + row * from_pitch, width);
      }
    });
    return cudaSuccess;
  });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}
// From memory of the host that is not pinned, it returns when that may be changed: the copy itself may come later, and
// streams that do not wait for the legacy stream may overtake it.
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const bool before = emulation::drain_legacy();
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  if (error != cudaSuccess || !before) return remember(before ? error : cudaErrorIllegalAddress);
  if (kind == cudaMemcpyHostToDevice && !emulation::pinned(from, bytes)) return cudaSuccess;
  return remember(outcome(emulation::drain_legacy()));
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return permitted([&] {
    if (!valid(to, bytes, true)) return cudaErrorInvalidValue;
    emulation::enqueue(stream, [=] { std::memset(to, value, bytes); });
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return permitted([&] {
    *stream = emulation::make_stream((flags & cudaStreamNonBlocking) == 0);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return emulation::free_stream(stream) ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return permitted([&] { return outcome(emulation::drain(stream)); });
}

cudaError_t emulation::launch(const void* kernel, std::function<void()> call, const std::uint64_t* arguments,
                              std::size_t words, dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream) {
  return permitted([&] {
    const bool fits = grid.x >= 1 && grid.x <= 0x7fffffff && grid.y >= 1 && grid.y <= 65535 && grid.z >= 1 &&
                      grid.z <= 65535 && block.x >= 1 && block.y >= 1 && block.z >= 1 && block.z <= 64 &&
                      std::size_t{block.x} * block.y * block.z <= 1024 && shared_bytes <= kMostSharedBytes;
    if (!fits) return cudaErrorInvalidConfiguration;
    for (std::size_t word = 0; word < words; ++word) {
      if (looks_like_host_address(arguments[word])) {
        report("an argument of " + kernel_name(kernel) + " points into the host's memory");
        return cudaErrorIllegalAddress;
      }
    }
    enqueue(stream, [=, call = std::move(call)] {
      count_kernel();
      begin_kernel(kernel);
      const std::string why = run_grid(call, grid, block, shared_bytes, order());
      end_kernel();
      if (!why.empty()) report(why + ", of " + kernel_name(kernel));
    });
    return cudaSuccess;
  });
}

// ---- cuBLAS ---------------------------------------------------------------------------------------------------

struct cublasContext {
  cudaStream_t stream = nullptr;
};

namespace {

template <class Call>
cublasStatus_t permitted_blas(const Call& call) {
  return emulation::ask() == Permission::granted ? call() : CUBLAS_STATUS_EXECUTION_FAILED;
}

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;  // columns first, as cuBLAS has them
template <class M>
using Strided = Eigen::Map<M, Eigen::Unaligned, Eigen::OuterStride<>>;

Matrix operand(const float* data, cublasOperation_t op, int rows, int columns, int stride) {
  if (op == CUBLAS_OP_N) return Strided<const Matrix>(data, rows, columns, Eigen::OuterStride<>(stride));
  return Strided<const Matrix>(data, columns, rows, Eigen::OuterStride<>(stride)).transpose();
}

// Whether `count` matrices of so many columns are on the device.
bool matrices_on_device(const float* data, int rows, int columns, int stride, long long step, int count) {
  if (stride < rows) return false;
  const auto last = static_cast<std::size_t>(count - 1) * static_cast<std::size_t>(step);
  const auto size = static_cast<std::size_t>(columns - 1) * static_cast<std::size_t>(stride);
  return emulation::on_device(data, (last + size + static_cast<std::size_t>(rows)) * sizeof(float));
}

}  // namespace

const char* cublasGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "execution failed";
}
cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  return permitted_blas([&] {
    *handle = new cublasContext;
    emulation::count_handle(1);
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  delete handle;
  emulation::count_handle(-1);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  return permitted_blas([&] {
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
  });
}
cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t op_a, cublasOperation_t op_b, int m,
                                         int n, int k, const float* alpha, const float* a, int lda, long long stride_a,
                                         const float* b, int ldb, long long stride_b, const float* beta, float* c,
                                         int ldc, long long stride_c, int count) {
  return permitted_blas([&] {
    const bool a_fits = op_a == CUBLAS_OP_N ? matrices_on_device(a, m, k, lda, stride_a, count)
                                            : matrices_on_device(a, k, m, lda, stride_a, count);
    const bool b_fits = op_b == CUBLAS_OP_N ? matrices_on_device(b, k, n, ldb, stride_b, count)
                                            : matrices_on_device(b, n, k, ldb, stride_b, count);
    if (!a_fits || !b_fits || !matrices_on_device(c, m, n, ldc, stride_c, count)) return CUBLAS_STATUS_INVALID_VALUE;
    emulation::enqueue(handle->stream, [=, scale = *alpha, keep = *beta] {
      const auto elements = [&](int rows, int columns, long long step) {
        return static_cast<double>(rows) * columns * (step == 0 ? 1 : count);
      };
      emulation::library_kernel("cublas", sizeof(float) * (elements(m, k, stride_a) + elements(k, n, stride_b) +
                                                           (keep == 0 ? 1 : 2) * elements(m, n, stride_c)));
      for (int i = 0; i < count; ++i) {
        const Matrix left = operand(a + i * stride_a, op_a, m, k, lda),
                     right = operand(b + i * stride_b, op_b, k, n, ldb);
        Strided<Matrix> result(c + i * stride_c, m, n, Eigen::OuterStride<>(ldc));
        const Matrix product = scale * (left * right);
        if (keep == 0) {
          result = product;
        } else {
          result = product + keep * result;
        }
      }
    });
    return CUBLAS_STATUS_SUCCESS;
  });
}
