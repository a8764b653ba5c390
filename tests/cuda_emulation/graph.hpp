// Streams that record the work they are given, and graphs of such work: part of cuda_runtime.h.
//
// On a GPU a stream that is captured must not be waited for, and its thread must not make a call that may wait for the
// device: such a call fails, and so does everything else until the capture ends without a graph. Here the same; copies
// from or to memory of the host that is not pinned are refused too, because a graph copies when it runs.
#pragma once

#include <functional>

#include "device.hpp"

enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal = 0,       // calls of all threads
  cudaStreamCaptureModeThreadLocal = 1,  // of this one
  cudaStreamCaptureModeRelaxed = 2       // of none
};
using cudaGraph_t = struct CUgraph_st*;
using cudaGraphExec_t = struct CUgraphExec_st*;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);

namespace emulation {

// Whether the stream is being captured: then the work was recorded, or dropped where the capture is invalid.
bool record(CUstream_st* stream, const std::function<void()>& work);
// What is told to a call that puts work into the stream: an error where its capture is invalid.
cudaError_t may_enqueue(CUstream_st* stream);
// What is told to a call that no capture allows on this stream, and to one that may wait for the device; an error makes
// the captures it concerns invalid.
cudaError_t may_leave(CUstream_st* stream);
cudaError_t may_wait();
// call() where the call may go on; defined beside the rest of the interface.
cudaError_t permit(const std::function<cudaError_t()>& call);

}  // namespace emulation
