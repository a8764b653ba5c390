// Graphs: what is captured runs when it is launched, and each call that a capture forbids is found. Of the emulated
// GPU; on a real one, whether the emulated one is like it.
#include <cuda_runtime.h>
#include <doctest/doctest.h>

#include <functional>
#include <thread>
#include <vector>

#include "emulation.hpp"

namespace {

__global__ void add_one(float* data) {
  data[threadIdx.x] += 1;
}

// A stream, a buffer of numbers on the device and as many of the host, pinned.
struct Fixture {
  static constexpr std::size_t kCount = 8, kBytes = kCount * sizeof(float);
  cudaStream_t stream = nullptr;
  float *data = nullptr, *pinned = nullptr;

  Fixture() {
    REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaMalloc(reinterpret_cast<void**>(&data), kBytes) == cudaSuccess);
    REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&pinned), kBytes) == cudaSuccess);
    for (std::size_t i = 0; i < kCount; ++i) pinned[i] = 10;
  }
  ~Fixture() {
    cudaStreamDestroy(stream);
    cudaFree(data);
    cudaFreeHost(pinned);
  }
  Fixture(const Fixture&) = delete;

  cudaError_t upload(const float* from) const { return cudaMemcpyAsync(data, from, kBytes, cudaMemcpyDefault, stream); }
  cudaError_t add() const {
    float* argument = data;
    void* pointers[] = {&argument};
    return cudaLaunchKernel(add_one, 1, kCount, pointers, 0, stream);
  }
  float value() const {
    float first = 0;
    CHECK(cudaMemcpyAsync(&first, data, sizeof(first), cudaMemcpyDefault, stream) == cudaSuccess);
    CHECK(cudaStreamSynchronize(stream) == cudaSuccess);
    return first;
  }
  // A graph of upload, or not, and add.
  cudaGraphExec_t graph(bool uploads = true) const {
    cudaGraph_t captured = nullptr;
    cudaGraphExec_t executable = nullptr;
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    if (uploads) CHECK(upload(pinned) == cudaSuccess);
    CHECK(add() == cudaSuccess);
    CHECK(cudaStreamEndCapture(stream, &captured) == cudaSuccess);
    CHECK(cudaGraphInstantiateWithFlags(&executable, captured, 0) == cudaSuccess);
    CHECK(cudaGraphDestroy(captured) == cudaSuccess);
    return executable;
  }
};

}  // namespace

TEST_CASE("a captured stream does nothing; its graph does it again and again") {
  ON_EMULATOR(const std::size_t live = emulation::live_objects());
  {
    const Fixture f;
    ON_EMULATOR(const std::size_t kernels = emulation::kernels_run());
    const cudaGraphExec_t graph = f.graph();
    CHECK(cudaStreamSynchronize(f.stream) == cudaSuccess);
    ON_EMULATOR(CHECK(emulation::kernels_run() == kernels));
    for (const float start : {10.0f, 20.0f}) {  // pinned memory is read when the graph runs
      f.pinned[0] = start;
      CHECK(cudaGraphLaunch(graph, f.stream) == cudaSuccess);
      CHECK(f.value() == start + 1);
    }
    CHECK(f.add() == cudaSuccess);
    CHECK(f.value() == 22);
    CHECK(cudaGraphExecDestroy(graph) == cudaSuccess);
    ON_EMULATOR(CHECK(cudaGraphLaunch(graph, f.stream) == cudaErrorInvalidValue));
    ON_EMULATOR(CHECK(cudaGraphExecDestroy(graph) == cudaErrorInvalidValue));
  }
  ON_EMULATOR(CHECK(emulation::live_objects() == live));
}

TEST_CASE("calls that a capture forbids fail and end it") {
  const Fixture f;
  float pageable[Fixture::kCount] = {};
  void* memory = nullptr;
  const std::function<cudaError_t()> forbidden[] = {
      [&] { return cudaMalloc(&memory, 4); }, [&] { return cudaMallocHost(&memory, 4); },
      [&] { return cudaFree(f.data); }, [&] { return cudaFreeHost(f.pinned); }, [&] { return cudaDeviceSynchronize(); },
      [&] { return cudaStreamSynchronize(f.stream); },
      // A GPU takes these, with what the memory held then. The library must not need them.
      ON_EMULATOR(
          [&] { return cudaMemcpy(f.data, pageable, 4, cudaMemcpyHostToDevice); }, [&] { return f.upload(pageable); },
          [&] { return cudaMemcpyAsync(pageable, f.data, Fixture::kBytes, cudaMemcpyDeviceToHost, f.stream); })};
  for (const auto& call : forbidden) {
    const auto which = &call - forbidden;
    CAPTURE(which);
    CHECK(cudaStreamBeginCapture(f.stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    CHECK(f.upload(f.pinned) == cudaSuccess);
    CHECK(call() == cudaErrorStreamCaptureUnsupported);
    CHECK(f.add() == cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamEndCapture(f.stream, &graph) == cudaErrorStreamCaptureInvalidated);
    CHECK(graph == nullptr);
    CHECK(f.upload(f.pinned) == cudaSuccess);  // and the stream works again
    CHECK(f.value() == 10);
  }
}

TEST_CASE("whose calls a capture forbids is its mode's choice") {
  const Fixture f;
  const auto allocate = [](cudaError_t* outcome) {
    void* memory = nullptr;
    *outcome = cudaMalloc(&memory, 4);
    if (*outcome == cudaSuccess) cudaFree(memory);
  };
  const auto outcomes = [&](cudaStreamCaptureMode mode) {
    cudaError_t own, other;
    cudaGraph_t graph = nullptr;
    CHECK(cudaStreamBeginCapture(f.stream, mode) == cudaSuccess);
    std::thread(allocate, &other).join();
    allocate(&own);
    if (cudaStreamEndCapture(f.stream, &graph) == cudaSuccess) cudaGraphDestroy(graph);
    return std::vector<cudaError_t>{own, other};
  };
  using Outcomes = std::vector<cudaError_t>;
  constexpr cudaError_t kNot = cudaErrorStreamCaptureUnsupported;
  CHECK(outcomes(cudaStreamCaptureModeGlobal) == Outcomes{kNot, kNot});
  CHECK(outcomes(cudaStreamCaptureModeThreadLocal) == Outcomes{kNot, cudaSuccess});
  CHECK(outcomes(cudaStreamCaptureModeRelaxed) == Outcomes{cudaSuccess, cudaSuccess});
}

TEST_CASE("captures begin and end where they may") {
  const Fixture f;
  cudaGraph_t graph = nullptr;
  CHECK(cudaStreamEndCapture(f.stream, &graph) == cudaErrorIllegalState);
  CHECK(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeThreadLocal) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaStreamBeginCapture(f.stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  CHECK(cudaStreamBeginCapture(f.stream, cudaStreamCaptureModeThreadLocal) == cudaErrorIllegalState);
  cudaError_t other = cudaSuccess;
  std::thread([&] { other = cudaStreamEndCapture(f.stream, &graph); }).join();
  CHECK(other == cudaErrorStreamCaptureWrongThread);
  ON_EMULATOR(emulation::fail_after(0));
  const cudaError_t ended = cudaStreamEndCapture(f.stream, &graph);  // the capture ends, whether this fails or not
  ON_EMULATOR(CHECK(ended == cudaErrorUnknown));
  CHECK((graph == nullptr) == (ended != cudaSuccess));
  if (graph != nullptr) CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  CHECK(f.upload(f.pinned) == cudaSuccess);
  CHECK(f.value() == 10);
}

TEST_CASE("a graph that outlives its buffer is found out") {
  if (!emulation::kEmulated) return;  // nothing heals a GPU after that
  const Fixture f;
  const cudaGraphExec_t graph = f.graph(/*uploads=*/false);
  CHECK(cudaFree(f.data) == cudaSuccess);
  CHECK(cudaGraphLaunch(graph, f.stream) == cudaSuccess);
  CHECK(cudaStreamSynchronize(f.stream) == cudaErrorIllegalAddress);
  CHECK_FALSE(emulation::fault().empty());
  emulation::reset();
  CHECK(cudaGraphExecDestroy(graph) == cudaSuccess);
}
