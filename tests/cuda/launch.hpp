// What tests of single kernels share: numbers on the emulated device, and launches.
#pragma once

#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "emulation.hpp"

namespace test {

// A buffer of floats on the device.
struct Floats {
  float* data = nullptr;
  std::size_t count;

  explicit Floats(const std::vector<float>& values) : count(values.size()) {
    REQUIRE(cudaMalloc(reinterpret_cast<void**>(&data), count * sizeof(float)) == cudaSuccess);
    REQUIRE(cudaMemcpy(data, values.data(), count * sizeof(float), cudaMemcpyHostToDevice) == cudaSuccess);
    REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  }
  ~Floats() { cudaFree(data); }
  Floats(const Floats&) = delete;

  std::vector<float> values() const {
    std::vector<float> copy(count);
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(cudaMemcpy(copy.data(), data, count * sizeof(float), cudaMemcpyDeviceToHost) == cudaSuccess);
    return copy;
  }
};

inline std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes, A... arguments) {
  std::tuple<P...> values(arguments...);
  return std::apply(
      [&](auto&... each) {
        void* pointers[] = {&each...};
        return cudaLaunchKernel(kernel, grid, block, pointers, shared_bytes);
      },
      values);
}

// Runs a kernel on `count` numbers and returns the fault; the device works again afterwards.
template <class... P, class... A>
std::string fault_of(void (*kernel)(P...), std::size_t count, dim3 block, std::size_t shared_bytes, A... arguments) {
  const Floats data(counting(count));
  CHECK(launch(kernel, 1, block, shared_bytes, data.data, arguments...) == cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaErrorIllegalAddress);
  CHECK(cudaMemsetAsync(data.data, 0, 4) == cudaErrorIllegalAddress);  // as on a GPU, nothing works any more
  const std::string fault = emulation::fault();
  emulation::reset();
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  return fault;
}
inline bool mentions(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace test
