// Graph: the work of a pass, captured from the stream it would go into, and put there by one call afterwards.
//
// A kernel's launch takes the host some microseconds, and a pass has hundreds; a graph of them takes about as long as a
// few. It holds addresses: those of weights, of the block of activations, and of pinned memory, which it reads when it
// runs. So it must be cleared before any of them goes.
#pragma once

#include <memory>
#include <type_traits>

#include "segface/backends/cuda/status.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

struct GraphDeleter {
  void operator()(cudaGraph_t graph) const noexcept { static_cast<void>(cudaGraphDestroy(graph)); }
};
struct ExecutableDeleter {
  void operator()(cudaGraphExec_t graph) const noexcept { static_cast<void>(cudaGraphExecDestroy(graph)); }
};

class Graph {
 public:
  // Whether capture() was called since the last clear(), and whether it succeeded.
  bool tried() const noexcept { return tried_; }
  bool ready() const noexcept { return executable_ != nullptr; }
  void clear() noexcept {
    executable_.reset();
    tried_ = false;
  }

  // Captures what work() -> Status puts into the stream, which does not happen. What cannot be captured is no error:
  // the graph is not ready then, and the work remains to be put into the stream piece by piece. Calls of other threads
  // go on meanwhile; work() must neither allocate nor wait.
  template <class Work>
  void capture(cudaStream_t stream, const Work& work) noexcept {
    clear();
    tried_ = true;
    const cudaError_t begun = cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    if (!check(begun, "cudaStreamBeginCapture").ok()) return;
    const bool recorded = work().ok();
    cudaGraph_t captured = nullptr;
    const bool ended = check(cudaStreamEndCapture(stream, &captured), "cudaStreamEndCapture").ok();
    const std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, GraphDeleter> graph(captured);
    if (!recorded || !ended) return;
    cudaGraphExec_t executable = nullptr;
    const cudaError_t made = cudaGraphInstantiateWithFlags(&executable, captured, 0);
    if (check(made, "cudaGraphInstantiateWithFlags").ok()) executable_.reset(executable);
  }

  // Only where ready.
  Status launch(cudaStream_t stream) const noexcept {
    return check(cudaGraphLaunch(executable_.get(), stream), "cudaGraphLaunch");
  }

 private:
  std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, ExecutableDeleter> executable_;
  bool tried_ = false;
};

}  // namespace cuda
SEGFACE_END_CORE
