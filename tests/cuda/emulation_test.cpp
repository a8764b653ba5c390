// The emulator itself: what CUDA promises is so, and each planted fault is found.
#include "emulation.hpp"

#include <cublasLt.h>
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <string>
#include <vector>

#include "cuda/launch.hpp"

using namespace test;

namespace {

constexpr unsigned kBlock = 64;

// Each block's sum in every place of the block, by halving; `Barriers` false: a planted race.
template <bool Barriers>
__global__ void sum_of_block(float* data) {
  __shared__ float sums[kBlock];
  const unsigned t = threadIdx.x;
  sums[t] = data[blockIdx.x * kBlock + t];
  __syncthreads();
  for (unsigned half = kBlock / 2; half > 0; half /= 2) {
    if (t < half) sums[t] += sums[t + half];
    if (Barriers) __syncthreads();
  }
  __syncthreads();
  data[blockIdx.x * kBlock + t] = sums[0];
}
__global__ void sum_of_warp(float* data) {
  const unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = data[at];
  for (int lanes = 16; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(~0u, sum, lanes);
  data[at] = sum;
}
__global__ void vote(float* data) {
  const unsigned at = threadIdx.x;
  const unsigned odd = __ballot_sync(~0u, static_cast<int>(at % 2));
  const bool some = __any_sync(~0u, at == 5) != 0, all = __all_sync(~0u, at < 31) != 0;
  data[at] = (odd == 0xaaaaaaaau ? 1.0f : 0.0f) + (some ? 2.0f : 0.0f) + (all ? 4.0f : 0.0f);
}
__global__ void neighbours(float* data) {
  const unsigned at = threadIdx.x;
  const float value = data[at];
  const float up = __shfl_up_sync(~0u, value, 1), down = __shfl_down_sync(~0u, value, 1, 8);
  data[at] = 100 * up + down + 10000 * __shfl_sync(~0u, value, 3);
}
__global__ void count_all(float* data) {
  atomicAdd(data, 1.0f);
}
__global__ void reverse_by_dynamic_shared(float* data) {
  auto* const shared = static_cast<float*>(emulation::dynamic_shared());
  shared[threadIdx.x] = data[threadIdx.x];
  __syncthreads();
  data[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}
__global__ void write_up_to(float* data, int last) {
  for (int i = 0; i <= last; ++i) data[i] = 2.0f;
}
__global__ void read_at(float* data, std::ptrdiff_t at) {
  data[0] = data[at];
}
__global__ void barrier_for_some(float* data) {
  if (threadIdx.x < 7) __syncthreads();
  data[threadIdx.x] = 0;
}
__global__ void two_barriers(float* data) {
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  data[threadIdx.x] = 0;
}
__global__ void shuffle_of_some(float* data) {
  if (threadIdx.x < 16) data[threadIdx.x] = __shfl_xor_sync(~0u, data[threadIdx.x], 1);
}

}  // namespace

TEST_CASE("barriers, shuffles, votes, atomics, shared memory") {
  for (const emulation::Order order : emulation::kOrders) {
    emulation::set_order(order);
    const Floats sums(counting(3 * kBlock));
    CHECK(launch(sum_of_block<true>, 3, kBlock, 0, sums.data) == cudaSuccess);
    const std::vector<float> all = sums.values();
    CHECK(all[0] == 2080);
    CHECK(all[2 * kBlock + 63] == 10272);

    const Floats warps(counting(64));
    CHECK(launch(sum_of_warp, 1, 64, 0, warps.data) == cudaSuccess);
    CHECK(warps.values()[31] == 528);
    CHECK(warps.values()[32] == 1552);

    const Floats votes(counting(32)), beside(counting(32));
    CHECK(launch(vote, 1, 32, 0, votes.data) == cudaSuccess);
    CHECK(votes.values()[9] == 3);
    CHECK(launch(neighbours, 1, 32, 0, beside.data) == cudaSuccess);
    CHECK(beside.values()[0] == 100 + 2 + 40000);
    CHECK(beside.values()[7] == 700 + 8 + 40000);

    const Floats counter({0});
    CHECK(launch(count_all, 5, 32, 0, counter.data) == cudaSuccess);
    CHECK(counter.values()[0] == 160);

    const Floats reversed(counting(40));
    CHECK(launch(reverse_by_dynamic_shared, 1, 40, 40 * sizeof(float), reversed.data) == cudaSuccess);
    CHECK(reversed.values()[1] == 39);
  }
  emulation::set_order(emulation::Order::ascending);
}

TEST_CASE("a removed barrier changes the result with the order of threads") {
  std::vector<float> results;
  for (const emulation::Order order : emulation::kOrders) {
    emulation::set_order(order);
    const Floats sums(counting(kBlock));
    CHECK(launch(sum_of_block<false>, 1, kBlock, 0, sums.data) == cudaSuccess);
    results.push_back(sums.values()[0]);
  }
  emulation::set_order(emulation::Order::ascending);
  CHECK((results[0] != results[1] || results[1] != results[2]));
}

TEST_CASE("planted faults are found") {
  CHECK(mentions(fault_of(barrier_for_some, 32, 32, 0), "a thread has ended, another waits at"));
  CHECK(mentions(fault_of(two_barriers, 32, 32, 0), "divergent barriers"));
  CHECK(mentions(fault_of(two_barriers, 32, 32, 0), "in thread (1, 0, 0) of block (0, 0, 0), of two_barriers"));
  CHECK(mentions(fault_of(shuffle_of_some, 32, 32, 0), "lanes of the mask never came"));
  CHECK(mentions(fault_of(write_up_to, 8, 32, 0, 8), "bytes beside a buffer of 32 bytes"));
  CHECK(mentions(fault_of(write_up_to, 64, 32, 0, 64), "in no buffer"));  // the guard page begins where it ends
  CHECK(mentions(fault_of(read_at, 64, 32, 0, 1024), "in no buffer"));
  CHECK(mentions(fault_of(read_at, 64, 32, 0, -1024), "in no buffer"));
  CHECK(mentions(fault_of(reverse_by_dynamic_shared, 40, 40, 39 * sizeof(float)), "beyond 156 of dynamic shared"));
  std::vector<float> host(8);
  CHECK(launch(count_all, 1, 1, 0, host.data()) == cudaErrorIllegalAddress);
  CHECK(mentions(emulation::fault(), "an argument of count_all points into the host's memory"));
  emulation::reset();
  CHECK(host[0] == 0);
}

TEST_CASE("the host cannot touch device memory") {
  const Floats data(counting(8));
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    const volatile float value = data.data[0];
    ::_exit(value > 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK_FALSE((WIFEXITED(status) && WEXITSTATUS(status) < 2));
}

TEST_CASE("nothing happens before somebody waits") {
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  float* pinned = nullptr;
  REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&pinned), 8 * sizeof(float)) == cudaSuccess);
  const Floats data(counting(8));
  CHECK(cudaMemcpyAsync(pinned, data.data, 32, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
  CHECK(std::isnan(pinned[3]));
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(pinned[3] == 4);

  pinned[0] = 11;  // pinned memory is read when the copy runs
  float pageable[8] = {12};
  const Floats other(counting(8));
  CHECK(cudaMemcpyAsync(data.data, pinned, 32, cudaMemcpyHostToDevice, stream) == cudaSuccess);
  CHECK(cudaMemcpyAsync(other.data, pageable, 32, cudaMemcpyHostToDevice, stream) == cudaSuccess);
  pinned[0] = pageable[0] = 13;
  CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
  CHECK(data.values()[0] == 13);
  CHECK(other.values()[0] == 12);
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("a stream of its own overtakes a copy that nobody waited for") {
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  void* buffer = nullptr;
  REQUIRE(cudaMalloc(&buffer, 4) == cudaSuccess);
  const float one = 1;
  float seen = 0;
  for (const bool wait : {false, true}) {
    CHECK(cudaMemcpy(buffer, &one, 4, cudaMemcpyHostToDevice) == cudaSuccess);
    if (wait) CHECK(cudaStreamSynchronize(nullptr) == cudaSuccess);
    CHECK(cudaMemcpyAsync(&seen, buffer, 4, cudaMemcpyDeviceToHost, stream) == cudaSuccess);
    CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
    CHECK(std::isnan(seen) == !wait);
  }
  CHECK(cudaFree(buffer) == cudaSuccess);
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("new memory is not a number; wrong calls are refused; objects are counted") {
  const std::size_t live = emulation::live_objects();
  {
    void* fresh = nullptr;
    float value = 0;
    REQUIRE(cudaMalloc(&fresh, 4) == cudaSuccess);
    CHECK(cudaMemcpy(&value, fresh, 4, cudaMemcpyDeviceToHost) == cudaSuccess);
    CHECK(std::isnan(value));
    CHECK(cudaMemcpy(fresh, &value, 8, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
    CHECK(cudaMemcpy(&value, &value, 4, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
    CHECK(cudaGetLastError() == cudaErrorInvalidValue);
    CHECK(cudaGetLastError() == cudaSuccess);
    CHECK(launch(count_all, 1, 1025, 0, static_cast<float*>(fresh)) == cudaErrorInvalidConfiguration);
    CHECK(emulation::live_objects() == live + 1);
    CHECK(cudaFree(fresh) == cudaSuccess);
    CHECK(cudaFree(fresh) == cudaErrorInvalidValue);
  }
  CHECK(emulation::live_objects() == live);
}

TEST_CASE("the call that is to fail does") {
  void* buffer = nullptr;
  emulation::fail_after(1);
  REQUIRE(cudaMalloc(&buffer, 4) == cudaSuccess);
  CHECK(cudaMemsetAsync(buffer, 0, 4) == cudaErrorUnknown);
  CHECK(cudaMemsetAsync(buffer, 0, 4) == cudaSuccess);
  CHECK(cudaFree(buffer) == cudaSuccess);
  emulation::fail_after(0);
  CHECK(cudaMalloc(&buffer, 4) == cudaErrorMemoryAllocation);
}

TEST_CASE("products of matrices, columns first") {
  const Floats a({1, 2, 3, 4, 5, 6}), b({1, 0, 2, 1}), c({10, 10, 10, 10, 10, 10}), bias({1, 2, 3});
  cublasLtHandle_t handle = nullptr;
  REQUIRE(cublasLtCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const float one = 1, half = 0.5f;
  cublasLtMatmulDescOpaque_t operation;
  cublasLtMatrixLayoutOpaque_t left, right, result;
  cublasLtMatmulPreferenceOpaque_t preference;
  cublasLtMatmulHeuristicResult_t found;
  int count = 0;
  const cublasOperation_t transposed = CUBLAS_OP_T;
  const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_RELU_BIAS;
  const float* const place = bias.data;
  REQUIRE(cublasLtMatmulDescInit(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
  cublasLtMatmulDescSetAttribute(&operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed);
  cublasLtMatmulDescSetAttribute(&operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
  cublasLtMatmulDescSetAttribute(&operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &place, sizeof place);
  cublasLtMatrixLayoutInit(&left, CUDA_R_32F, 2, 3, 2);
  cublasLtMatrixLayoutInit(&right, CUDA_R_32F, 2, 2, 2);
  cublasLtMatrixLayoutInit(&result, CUDA_R_32F, 3, 2, 3);
  cublasLtMatmulPreferenceInit(&preference);
  REQUIRE(cublasLtMatmulAlgoGetHeuristic(handle, &operation, &left, &right, &result, &result, &preference, 1, &found,
                                         &count) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(count == 1);
  const auto multiply = [&] {
    return cublasLtMatmul(handle, &operation, &one, a.data, &left, b.data, &right, &half, c.data, &result, c.data,
                          &result, &found.algo, nullptr, 0, nullptr);
  };
  CHECK(multiply() == CUBLAS_STATUS_SUCCESS);  // [1 2; 3 4; 5 6] [1 2; 0 1] + 5, then the bias of each row
  CHECK(c.values() == std::vector<float>{7, 10, 13, 10, 17, 24});
  left.stride = 3;  // not what the algorithm was chosen for
  CHECK(multiply() == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasLtDestroy(handle) == CUBLAS_STATUS_SUCCESS);
}
