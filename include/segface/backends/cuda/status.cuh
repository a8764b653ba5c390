// CUDA's errors as Status. Every call is checked; cuBLASLt's are by CublasLt::check.
#pragma once

#include <cuda_runtime.h>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

// what: the call, for the message. Errors: out_of_memory, no_device, internal.
inline Status check(cudaError_t outcome, const char* what) noexcept {
  if (outcome == cudaSuccess) return {};
  static_cast<void>(cudaGetLastError());  // it is told here; do not tell the next caller
  if (outcome == cudaErrorMemoryAllocation) return error(Errc::out_of_memory, "the GPU is out of memory: ", what);
  if (outcome == cudaErrorNoDevice || outcome == cudaErrorInsufficientDriver) {
    return error(Errc::no_device, "no GPU to compute on: ", cudaGetErrorString(outcome), "; use the cpu backend");
  }
  return error(Errc::internal, "the GPU failed: ", what, ": ", cudaGetErrorString(outcome));
}

}  // namespace cuda
SEGFACE_END_CORE
