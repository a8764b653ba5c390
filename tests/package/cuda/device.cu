// Loads cuBLASLt, which needs no GPU, and finds the GPU. nvcc takes the headers for processors too, in several files.
#include <cstdio>

#include "segface/cuda.cuh"
#include "segface/image/file.hpp"
#include "segface/segface.hpp"

bool refuses_no_photo();  // in photo.cu

int main() {
  if (!refuses_no_photo()) return 1;
  const auto library = segface::core::cuda::CublasLt::load();
  if (!library.ok()) {
    std::fprintf(stderr, "%s\n", library.error().message());
    return 1;
  }
  const auto backend = segface::cuda::Backend::from_environment();
  if (!backend.ok()) {
    std::fprintf(stderr, "%s\n", backend.error().message());
    return backend.error().code() == segface::Errc::no_device ? 7 : 1;
  }
  return library->make_handle().ok() ? 0 : 1;
}
