// The functions that cuda_runtime.h declares.
#include <vector>

#include "access.hpp"
#include "cuda_runtime.h"
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
// The same of a call that may wait for the device, and of one that puts work into a stream.
template <class Call>
cudaError_t permitted_wait(const Call& call, cudaError_t refusal = cudaErrorUnknown) {
  return permitted(
      [&] {
        const cudaError_t refused = emulation::may_wait();
        return refused != cudaSuccess ? refused : call();
      },
      refusal);
}
template <class Call>
cudaError_t permitted_work(cudaStream_t stream, const Call& call) {
  return permitted([&] {
    const cudaError_t refused = emulation::may_enqueue(stream);
    return refused != cudaSuccess ? refused : call();
  });
}
cudaError_t outcome(bool fine) {
  return fine ? cudaSuccess : cudaErrorIllegalAddress;
}

bool valid(const void* data, std::size_t bytes, bool device) {
  return data != nullptr && emulation::on_device(data, bytes) == device;
}

}  // namespace

cudaError_t emulation::permit(const std::function<cudaError_t()>& call) {
  return permitted(call);
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorIllegalState:
      return "the operation cannot be performed in the present state";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
      return "no CUDA-capable device is detected";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureWrongThread:
      return "attempt to terminate a thread-local capture sequence from another thread";
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
  return permitted_wait([] { return outcome(emulation::drain_all()); });
}

cudaError_t cudaMalloc(void** buffer, std::size_t bytes) {
  return permitted_wait(
      [&] {
        *buffer = emulation::allocate_device(bytes);
        return *buffer != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
      },
      cudaErrorMemoryAllocation);
}
cudaError_t cudaFree(void* buffer) {
  if (buffer == nullptr) return cudaSuccess;
  if (const cudaError_t refused = emulation::may_wait(); refused != cudaSuccess) return remember(refused);
  static_cast<void>(emulation::drain_all());
  return emulation::free_device(buffer) ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaMallocHost(void** block, std::size_t bytes) {
  return permitted_wait(
      [&] {
        *block = emulation::allocate_pinned(bytes);
        return *block != nullptr ? cudaSuccess : cudaErrorMemoryAllocation;
      },
      cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* block) {
  if (block == nullptr) return cudaSuccess;
  if (const cudaError_t refused = emulation::may_wait(); refused != cudaSuccess) return remember(refused);
  static_cast<void>(emulation::drain_all());
  return emulation::free_pinned(block) ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return permitted_work(stream, [&] {
    if (width == 0 || height == 0) return cudaSuccess;
    const std::size_t to_bytes = (height - 1) * to_pitch + width, from_bytes = (height - 1) * from_pitch + width;
    if (kind == cudaMemcpyDefault) {
      const bool device = emulation::on_device(to, to_bytes);
      kind = !device                                  ? cudaMemcpyDeviceToHost
             : emulation::on_device(from, from_bytes) ? cudaMemcpyDeviceToDevice
                                                      : cudaMemcpyHostToDevice;
    }
    if (width > to_pitch || width > from_pitch || !valid(to, to_bytes, kind != cudaMemcpyDeviceToHost) ||
        !valid(from, from_bytes, kind != cudaMemcpyHostToDevice)) {
      return cudaErrorInvalidValue;
    }
    const bool pageable = (kind == cudaMemcpyHostToDevice && !emulation::pinned(from, from_bytes)) ||
                          (kind == cudaMemcpyDeviceToHost && !emulation::pinned(to, to_bytes));
    if (pageable) {
      if (const cudaError_t refused = emulation::may_leave(stream); refused != cudaSuccess) return refused;
    }
    auto* const target = static_cast<unsigned char*>(to);
    const auto* source = static_cast<const unsigned char*>(from);
    std::vector<unsigned char> kept;  // memory of the host that is not pinned is read at once
    if (kind == cudaMemcpyHostToDevice && pageable) {
      kept.assign(source, source + from_bytes);
    }
    if (kind == cudaMemcpyDeviceToHost) {
      for (std::size_t row = 0; row < height; ++row) std::memset(target + row * to_pitch, 0xff, width);
    }
    if (emulation::listener()) emulation::listener()("copy");
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
  if (const cudaError_t refused = emulation::may_wait(); refused != cudaSuccess) return remember(refused);
  const bool before = emulation::drain_legacy();
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  if (error != cudaSuccess || !before) return remember(before ? error : cudaErrorIllegalAddress);
  if (kind == cudaMemcpyHostToDevice && !emulation::pinned(from, bytes)) return cudaSuccess;
  return remember(outcome(emulation::drain_legacy()));
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return permitted_work(stream, [&] {
    if (!valid(to, bytes, true)) return cudaErrorInvalidValue;
    if (emulation::listener()) emulation::listener()("fill");
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
  return permitted([&] {
    const cudaError_t refused = emulation::may_leave(stream);
    return refused != cudaSuccess ? refused : outcome(emulation::drain(stream));
  });
}

cudaError_t emulation::launch(const void* kernel, std::function<void()> call, const std::uint64_t* arguments,
                              std::size_t words, dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream) {
  return permitted_work(stream, [&] {
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
    if (listener()) listener()(kernel_name(kernel));
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
