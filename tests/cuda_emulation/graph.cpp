#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "cuda_runtime.h"

using Work = std::vector<std::function<void()>>;

struct CUgraph_st {
  Work work;
};
struct CUgraphExec_st {
  Work work;
};

namespace emulation {
namespace {

struct Capture {
  cudaStreamCaptureMode mode;
  std::thread::id thread;
  bool invalid = false;
  Work work = {};
};

struct Graphs {
  std::recursive_mutex mutex;
  std::map<const CUstream_st*, Capture> captures;
  std::map<const void*, std::unique_ptr<CUgraph_st>> graphs;
  std::map<const void*, std::unique_ptr<CUgraphExec_st>> executables;
};
Graphs& graphs() {
  static Graphs* const one = new Graphs;  // never destroyed, as the device
  return *one;
}

using Lock = std::lock_guard<std::recursive_mutex>;

Capture* capture_of(const CUstream_st* stream) {
  const auto found = graphs().captures.find(stream);
  return found == graphs().captures.end() ? nullptr : &found->second;
}

}  // namespace

bool record(CUstream_st* stream, const std::function<void()>& work) {
  const Lock lock(graphs().mutex);
  Capture* const capture = capture_of(stream);
  if (capture != nullptr && !capture->invalid) capture->work.push_back(work);
  return capture != nullptr;
}
cudaError_t may_enqueue(CUstream_st* stream) {
  const Lock lock(graphs().mutex);
  const Capture* const capture = capture_of(stream);
  return capture != nullptr && capture->invalid ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
}
cudaError_t may_leave(CUstream_st* stream) {
  const Lock lock(graphs().mutex);
  Capture* const capture = capture_of(stream);
  if (capture == nullptr) return cudaSuccess;
  capture->invalid = true;
  return cudaErrorStreamCaptureUnsupported;
}
cudaError_t may_wait() {
  const Lock lock(graphs().mutex);
  cudaError_t error = cudaSuccess;
  for (auto& [stream, capture] : graphs().captures) {
    if (capture.mode == cudaStreamCaptureModeRelaxed) continue;
    if (capture.mode == cudaStreamCaptureModeThreadLocal && capture.thread != std::this_thread::get_id()) continue;
    capture.invalid = true;
    error = cudaErrorStreamCaptureUnsupported;
  }
  return error;
}

}  // namespace emulation

using emulation::graphs;
using emulation::Lock;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return emulation::permit([&] {
    const Lock lock(graphs().mutex);
    if (stream == nullptr) return cudaErrorStreamCaptureUnsupported;
    if (!graphs().captures.try_emplace(stream, emulation::Capture{mode, std::this_thread::get_id()}).second) {
      return cudaErrorIllegalState;
    }
    return cudaSuccess;
  });
}
// Where it fails, the capture ends as well, unless it is another thread's.
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(graphs().mutex);
  emulation::Capture* const found = emulation::capture_of(stream);
  *graph = nullptr;
  if (found == nullptr) return emulation::permit([] { return cudaErrorIllegalState; });
  if (found->mode != cudaStreamCaptureModeRelaxed && found->thread != std::this_thread::get_id()) {
    return emulation::permit([] { return cudaErrorStreamCaptureWrongThread; });
  }
  const emulation::Capture capture = std::move(*found);
  graphs().captures.erase(stream);
  return emulation::permit([&] {
    if (capture.invalid) return cudaErrorStreamCaptureInvalidated;
    auto made = std::make_unique<CUgraph_st>(CUgraph_st{capture.work});
    *graph = made.get();
    graphs().graphs[*graph] = std::move(made);
    emulation::count_handle(1);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  return emulation::permit([&] {
    const Lock lock(graphs().mutex);
    if (flags != 0 || graphs().graphs.count(graph) == 0) return cudaErrorInvalidValue;
    auto made = std::make_unique<CUgraphExec_st>(CUgraphExec_st{graph->work});
    *executable = made.get();
    graphs().executables[*executable] = std::move(made);
    emulation::count_handle(1);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  return emulation::permit([&] {
    const Lock lock(graphs().mutex);
    if (graphs().executables.count(executable) == 0) return cudaErrorInvalidValue;
    if (const cudaError_t refused = emulation::may_enqueue(stream); refused != cudaSuccess) return refused;
    for (const auto& work : executable->work) emulation::enqueue(stream, work);
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Lock lock(graphs().mutex);
  if (graphs().graphs.erase(graph) == 0) return cudaErrorInvalidValue;
  emulation::count_handle(-1);
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const Lock lock(graphs().mutex);
  if (graphs().executables.erase(executable) == 0) return cudaErrorInvalidValue;
  emulation::count_handle(-1);
  return cudaSuccess;
}
