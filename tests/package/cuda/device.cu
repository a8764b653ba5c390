// Finds the GPU, and calls the library that segface::cuda brings. nvcc takes the headers for processors too.
#include <cublasLt.h>

#include <cstdio>

#include "segface/backends/cuda.cuh"
#include "segface/segface.hpp"

int main() {
  const auto backend = segface::cuda::Backend::from_environment();
  if (!backend.ok()) {
    std::fprintf(stderr, "%s\n", backend.error().message());
    return backend.error().code() == segface::Errc::no_device ? 7 : 1;
  }
  cublasLtHandle_t handle = nullptr;
  if (cublasLtCreate(&handle) != CUBLAS_STATUS_SUCCESS) return 1;
  cublasLtDestroy(handle);
  return 0;
}
