// The tests of tests/cuda on a real GPU, compiled by nvcc (tools/bench/gpu.sh). Exit code 7 where there is none.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <cstdio>

int main(int count, char** words) {
  int devices = 0;
  const cudaError_t outcome = cudaGetDeviceCount(&devices);
  if (outcome != cudaSuccess || devices == 0) {
    std::fprintf(stderr, "no device: %s\n", cudaGetErrorString(outcome));
    return 7;
  }
  return doctest::Context(count, words).run();
}
