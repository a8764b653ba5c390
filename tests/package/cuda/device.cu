// Loads cuBLASLt, which needs no GPU, and finds the GPU. nvcc takes the headers for processors too.
#include <cstdio>

#include "segface/backends/cuda.cuh"
#include "segface/segface.hpp"

int main() {
  const auto library = segface::cuda::CublasLt::load();
  if (!library.ok()) {
    std::fprintf(stderr, "%s\n", library.status().message());
    return 1;
  }
  const auto backend = segface::cuda::Backend::from_environment();
  if (!backend.ok()) {
    std::fprintf(stderr, "%s\n", backend.status().message());
    return backend.status().code() == segface::Errc::no_device ? 7 : 1;
  }
  return library->make_handle().ok() ? 0 : 1;
}
