// Finds the GPU, and makes a handle of each library that segface::cuda brings.
#include <cublasLt.h>
#include <cublas_v2.h>

#include <cstdio>

#include "segface/backends/cuda.cuh"

int main() {
  const auto backend = segface::cuda::Backend::from_environment();
  if (!backend.ok()) {
    std::fprintf(stderr, "%s\n", backend.status().message());
    return backend.status().code() == segface::Errc::no_device ? 7 : 1;
  }
  cublasHandle_t products = nullptr;
  cublasLtHandle_t epilogues = nullptr;
  if (cublasCreate(&products) != CUBLAS_STATUS_SUCCESS || cublasLtCreate(&epilogues) != CUBLAS_STATUS_SUCCESS) return 1;
  cublasLtDestroy(epilogues);
  cublasDestroy(products);
  return 0;
}
