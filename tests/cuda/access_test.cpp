// Counts of accesses to memory, and the rules of shared memory, on kernels whose answer is known. This file is compiled
// with -fsanitize=thread, so that its kernels' accesses are seen: see access.hpp.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "cuda/launch.hpp"
#include "traffic.hpp"

using namespace test;
using emulation::KernelTraffic;

namespace {

struct alignas(16) Four {
  float values[4];
};
struct LooseFour {
  float values[4];
};

__global__ void copy_spaced(const float* x, float* y, unsigned stride, unsigned first) {
  const unsigned t = blockIdx.x * blockDim.x + threadIdx.x;
  y[t] = x[first + stride * t];
}
__global__ void copy_rows(const float* x, float* y) {
  for (unsigned row = 0; row < 3; ++row) y[row * 32 + threadIdx.x] = x[row * 32 + threadIdx.x];
}
template <class T>
__global__ void copy_fours(const T* x, T* y) {
  y[threadIdx.x] = x[threadIdx.x];
}
template <class T>
__global__ void sums_of_fours(const T* x, float* y) {
  const T four = x[threadIdx.x];
  y[threadIdx.x] = four.values[0] + four.values[1] + four.values[2] + four.values[3];
}
__global__ void add_one(float* x) {
  x[threadIdx.x] += 1;
}
__global__ void read_ragged(const float* x, float* y) {  // lane t reads t % 4 + 1 numbers of its own eight
  float sum = 0;
  for (unsigned i = 0; i <= threadIdx.x % 4; ++i) sum += x[8 * threadIdx.x + i];
  sum = __shfl_sync(~0u, sum, 0);
  y[threadIdx.x] = sum;
}
__global__ void through_shared(float* x, unsigned stride) {
  __shared__ float all[32 * 33];
  all[stride * threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = all[stride * threadIdx.x];
}
__global__ void broadcast_shared(float* x) {
  __shared__ float one;
  if (threadIdx.x == 0) one = x[0];
  __syncthreads();
  x[threadIdx.x] = one;
}
template <unsigned kPadded>
__global__ void transpose(const float* x, float* y) {
  __shared__ float tile[32][kPadded];
  tile[threadIdx.y][threadIdx.x] = x[threadIdx.y * 32 + threadIdx.x];
  __syncthreads();
  y[threadIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}
__global__ void fours_through_shared(Four* x, unsigned stride) {
  __shared__ Four all[64];
  all[stride * threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = all[stride * threadIdx.x];
}

// What one launch does.
template <class... P, class... A>
KernelTraffic traffic_of(void (*kernel)(P...), dim3 grid, dim3 block, A... arguments) {
  emulation::Traffic traffic;
  CHECK(launch(kernel, grid, block, 0, arguments...) == cudaSuccess);
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  REQUIRE(traffic.kernels().size() == 1);
  CHECK(traffic.kernels().front().launches == 1);
  return traffic.kernels().front();
}

}  // namespace

TEST_CASE("sectors of device memory") {
  const Floats x(counting(2048)), y(counting(2048));
  const auto* const fours = reinterpret_cast<const Four*>(x.data);
  const auto* const loose = reinterpret_cast<const LooseFour*>(x.data);
  const auto check = [](const KernelTraffic& got, std::uint64_t sectors, std::uint64_t least, std::uint64_t block_bytes,
                        std::uint64_t bytes) {
    CAPTURE(got.name);
    CHECK(got.sectors == sectors);
    CHECK(got.least == least);
    CHECK(got.block_bytes == block_bytes);
    CHECK(got.bytes == bytes);
    CHECK(got.services == 0);
  };
  // Four sectors hold what a warp stores of floats.
  check(traffic_of(copy_spaced, 2, 64, x.data, y.data, 1, 0), 16 + 16, 16 + 16, 1024, 1024);
  check(traffic_of(copy_spaced, 1, 32, x.data, y.data, 2, 0), 8 + 4, 4 + 4, 384, 384);
  check(traffic_of(copy_spaced, 1, 32, x.data, y.data, 32, 0), 32 + 4, 4 + 4, 1152, 1152);
  check(traffic_of(copy_spaced, 1, 32, x.data, y.data, 1, 1), 5 + 4, 4 + 4, 288, 288);
  check(traffic_of(copy_spaced, 1, 20, x.data, y.data, 1, 0), 3 + 3, 3 + 3, 192, 192);
  check(traffic_of(copy_spaced, 1, 32, x.data, y.data, 0, 5), 1 + 4, 1 + 4, 160, 160);
  check(traffic_of(copy_spaced, 2, 32, x.data, y.data, 0, 5), 2 + 8, 2 + 8, 64 + 256, 32 + 256);
  check(traffic_of(copy_rows, 1, 32, x.data, y.data), 3 * 8, 3 * 8, 768, 768);
  check(traffic_of(add_one, 1, 32, x.data), 4 + 4, 4 + 4, 256, 256);
  // Of each lane's sector 4, 8, 12 or 16 bytes.
  check(traffic_of(read_ragged, 1, 32, x.data, y.data), 32 + 4, 10 + 4, 1024 + 128, 1024 + 128);
  // 16 bytes at once where the type is aligned so, else four times 4, of sectors that were asked for already.
  check(traffic_of(copy_fours<Four>, 1, 32, fours, reinterpret_cast<Four*>(y.data)), 16 + 16, 16 + 16, 1024, 1024);
  check(traffic_of(sums_of_fours<Four>, 1, 32, fours, y.data), 16 + 4, 16 + 4, 640, 640);
  check(traffic_of(sums_of_fours<LooseFour>, 1, 32, loose, y.data), 16 + 4, 16 + 4, 640, 640);
}

TEST_CASE("conflicts of shared memory's banks") {
  const Floats x(counting(1024)), y(counting(1024));
  const auto ways = [](const KernelTraffic& got, std::uint64_t services, std::uint64_t least) {
    CAPTURE(got.name);
    CHECK(got.services == services);
    CHECK(got.least_services == least);
    return got.most_ways;
  };
  CHECK(ways(traffic_of(through_shared, 1, 32, x.data, 1), 2, 2) == 1);
  CHECK(ways(traffic_of(through_shared, 1, 32, x.data, 2), 4, 2) == 2);
  CHECK(ways(traffic_of(through_shared, 1, 32, x.data, 32), 64, 2) == 32);
  CHECK(ways(traffic_of(through_shared, 1, 32, x.data, 33), 2, 2) == 1);
  CHECK(ways(traffic_of(through_shared, 1, 17, x.data, 32), 34, 2) == 17);
  CHECK(ways(traffic_of(broadcast_shared, 1, 32, x.data), 2, 2) == 1);
  CHECK(ways(traffic_of(transpose<32>, 1, dim3(32, 32), x.data, y.data), 32 + 32 * 32, 64) == 32);
  CHECK(ways(traffic_of(transpose<33>, 1, dim3(32, 32), x.data, y.data), 32 + 32, 64) == 1);
  auto* const fours = reinterpret_cast<Four*>(x.data);
  CHECK(ways(traffic_of(fours_through_shared, 1, 32, fours, 1), 4 + 4, 8) == 1);
  CHECK(ways(traffic_of(fours_through_shared, 1, 32, fours, 2), 8 + 8, 8) == 2);
}

TEST_CASE("operations and their model") {
  const Floats x(counting(64)), y(counting(64));
  emulation::Traffic traffic;
  for (int i = 0; i < 2; ++i) {
    CHECK(launch(copy_spaced, 1, 64, 0, x.data, y.data, 1, 0) == cudaSuccess);
    CHECK(launch(add_one, 1, 64, 0, y.data) == cudaSuccess);
    traffic.end_operation(512);
  }
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  REQUIRE(traffic.operations().size() == 1);
  const emulation::OperationTraffic operation = traffic.operations().front();
  CHECK(operation.kernels == "copy_spaced + add_one");
  CHECK(operation.runs == 2);
  CHECK(operation.bytes == 2048);
  CHECK(operation.model_bytes == 1024);
}

// ---- the rules of memory -----------------------------------------------------------------------------------

namespace {

constexpr unsigned kBlock = 64;

enum class Meet { nowhere, warp, block };
template <Meet kMeet>
__device__ void meet() {
  if (kMeet == Meet::warp) __syncwarp();
  if (kMeet == Meet::block) __syncthreads();
}
// Adds up each group of kWide numbers by halving.
template <unsigned kWide, Meet kMeet>
__global__ void sum_by_halving(float* data) {
  __shared__ float sums[kBlock];
  const unsigned t = threadIdx.x;
  sums[t] = data[t];
  __syncthreads();
  for (unsigned half = kWide / 2; half > 0; half /= 2) {
    if (t % kWide < half) sums[t] += sums[t + half];
    meet<kMeet>();
  }
  data[t] = sums[t / kWide * kWide];
}
__global__ void write_the_same_place(float* data) {
  __shared__ float one;
  one = data[0];
  __syncthreads();
  data[threadIdx.x] = one;
}
__global__ void write_bytes(float* data) {
  __shared__ unsigned char bytes[kBlock];
  bytes[threadIdx.x] = static_cast<unsigned char>(data[threadIdx.x]);
  data[threadIdx.x] = bytes[threadIdx.x];
}
__global__ void read_unwritten(float* data) {
  __shared__ float numbers[kBlock];
  if (threadIdx.x != 5) numbers[threadIdx.x] = data[threadIdx.x];
  data[threadIdx.x] = numbers[threadIdx.x];
}
__global__ void reach(float* data, int too_far) {
  __shared__ float numbers[kBlock];
  const int at = static_cast<int>(threadIdx.x) + too_far;
  numbers[at] = data[threadIdx.x];
  __syncthreads();
  data[threadIdx.x] = numbers[at];
}
__global__ void reach_dynamic(float* data) {
  static_cast<float*>(emulation::dynamic_shared())[threadIdx.x] = data[threadIdx.x];
}

__global__ void read_next(float* data) {
  data[threadIdx.x] = data[threadIdx.x + 1];
}
__global__ void write_next(float* data) {
  data[threadIdx.x + 1] = data[threadIdx.x];
}

std::string race_of(void (*kernel)(float*)) {
  return fault_of(kernel, kBlock, kBlock, 0);
}
bool runs(void (*kernel)(float*)) {
  const Floats data(counting(kBlock));
  CHECK(launch(kernel, 3, kBlock, 0, data.data) == cudaSuccess);
  return cudaDeviceSynchronize() == cudaSuccess;
}

}  // namespace

TEST_CASE("an index one too far in device memory") {
  for (const std::size_t count : {5u, 64u}) {
    CHECK(mentions(fault_of(read_next, count, static_cast<unsigned>(count), 0), "beside the buffers of the device"));
    CHECK(mentions(fault_of(write_next, count, static_cast<unsigned>(count), 0), "beside the buffers of the device"));
  }
}

TEST_CASE("a removed barrier is a race in every order") {
  for (const emulation::Order order : emulation::kOrders) {
    emulation::set_order(order);
    CHECK(runs(sum_by_halving<kBlock, Meet::block>));
    const std::string block = race_of(sum_by_halving<kBlock, Meet::nowhere>);
    CHECK(mentions(block, "no barrier between this and thread"));
    CHECK(mentions(block, "::sums of shared memory"));
    CHECK(mentions(block, "sum_by_halving<64u, "));
    // A warp's meeting is for its own lanes.
    CHECK(runs(sum_by_halving<32, Meet::warp>));
    CHECK(mentions(race_of(sum_by_halving<kBlock, Meet::warp>), "no barrier"));
    CHECK(mentions(race_of(sum_by_halving<32, Meet::nowhere>), "no barrier"));
    CHECK(mentions(race_of(write_the_same_place), "no barrier"));
    CHECK(runs(write_bytes));
  }
  emulation::set_order(emulation::Order::ascending);
}

TEST_CASE("shared memory that nobody wrote, and beside its arrays") {
  CHECK(mentions(race_of(read_unwritten), "nobody has written yet what is read of"));
  CHECK(mentions(race_of(read_unwritten), "in thread (5, 0, 0)"));
  for (const int too_far : {1, 1000, -1}) {
    const std::string fault = fault_of(reach, kBlock, kBlock, 0, too_far);
    CHECK(mentions(fault, "beside the arrays of shared memory"));
    CHECK(mentions(fault, too_far == 1 ? "in thread (63, 0, 0)" : "in thread (0, 0, 0)"));
  }
  CHECK(mentions(fault_of(reach_dynamic, kBlock, kBlock, 252), "beside the arrays of shared memory"));
}
