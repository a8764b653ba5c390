// A network timed by the GPU's own clock: events between calls that wait in a stream, so that the host is not in the
// way.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "segface/base/threads/executor.hpp"
#include "segface/cuda.cuh"
#include "segface/engine/plan.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/faces/warp.hpp"
#include "segface/networks/segface/model.hpp"
#include "segface/tensors/synthetic.hpp"

#include "networks/cuda.hpp"

namespace networks {

struct EventDeleter {
  void operator()(cudaEvent_t event) const noexcept { static_cast<void>(cudaEventDestroy(event)); }
};
using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, EventDeleter>;

// The median of milliseconds from the end of a call to the end of the next; the first calls are not counted.
// call() -> Status puts its work into the stream.
template <class Call>
segface::Result<double> median_on_device(cudaStream_t stream, segface::Index runs, const Call& call) {
  using namespace segface;
  using namespace segface::core;
  constexpr Index kWarmUp = 3;
  std::vector<Event> events;
  for (Index run = 0; run <= kWarmUp + runs; ++run) {
    if (run > 0) SEGFACE_RETURN_IF_ERROR(call());
    cudaEvent_t event = nullptr;
    SEGFACE_RETURN_IF_ERROR(cuda::check(cudaEventCreate(&event), "cudaEventCreate"));
    events.emplace_back(event);
    SEGFACE_RETURN_IF_ERROR(cuda::check(cudaEventRecord(event, stream), "cudaEventRecord"));
  }
  SEGFACE_RETURN_IF_ERROR(cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize"));
  std::vector<float> times;
  for (std::size_t i = kWarmUp + 1; i < events.size(); ++i) {
    float milliseconds = 0;
    SEGFACE_RETURN_IF_ERROR(
        cuda::check(cudaEventElapsedTime(&milliseconds, events[i - 1].get(), events[i].get()), "cudaEventElapsedTime"));
    times.push_back(milliseconds);
  }
  std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
  return static_cast<double>(times[static_cast<std::size_t>(runs / 2)]);
}

inline segface::Result<std::size_t> bytes_in_use() {
  std::size_t free = 0, all = 0;
  SEGFACE_RETURN_IF_ERROR(segface::core::cuda::check(cudaMemGetInfo(&free, &all), "cudaMemGetInfo"));
  return all - free;
}

template <class Backend>
segface::Result<DeviceTimes> times_on_cuda(const segface::core::WeightFile& file, bool tf32, segface::Index batch,
                                           segface::Index runs) {
  using namespace segface;
  using namespace segface::core;
  return guarded([&]() -> Result<DeviceTimes> {
    SEGFACE_ASSIGN(backend, Backend::from_environment(tf32));
    DeviceTimes times;
    cudaDeviceProp properties;
    SEGFACE_RETURN_IF_ERROR(cuda::check(cudaGetDeviceProperties(&properties, 0), "cudaGetDeviceProperties"));
    times.device = properties.name;
    SEGFACE_ASSIGN(before, bytes_in_use());
    SEGFACE_ASSIGN(network, SegFace<Backend>::prepare(backend, file.weights()));
    SEGFACE_ASSIGN(executor, make_executor(1));
    const Index side = file.info().resolution;
    const bool warped = file.info().warped();
    const auto count = static_cast<std::size_t>(batch), pixels = static_cast<std::size_t>(side * side);
    SEGFACE_ASSIGN(warps, cuda::PinnedBuffer<TanhWarp>::make(warped ? count : 0));  // a graph reads them where they are
    SEGFACE_ASSIGN(standard, make_tanh_warp(standard_landmarks(side), side));
    std::fill_n(warps.data(), warps.size(), standard);
    const Span<const TanhWarp> faces = {warps.data(), warps.size()};
    SEGFACE_ASSIGN(plan, (Plan<SegFace, Backend>::make(network, batch, side, side, *executor, faces)));

    cuda::Memory memory;
    SEGFACE_RETURN_IF_ERROR(memory.reserve(plan.workspace_bytes()));
    const UniformSequence sequence("input", 1);
    {
      Arena arena(memory.block());
      Run<Backend> run(backend, memory, arena, *executor);
      const auto image = run.map(batch, side, side, 3);
      run.write(image, [&](const Map<float>& host) {
        for (std::size_t i = 0; i < 3 * count * pixels; ++i) host.data[i] = static_cast<float>(2 * sequence[i]);
      });
      run.recorded([&](Run<Backend>& pass) { return network(pass, plan.tables(), image, faces); });
      SEGFACE_RETURN_IF_ERROR(run.status());
    }
    if (!memory.graph().ready()) return error(Errc::internal, "the pass could not be captured as a graph");
    SEGFACE_ASSIGN(alone,
                   median_on_device(memory.stream(), runs, [&] { return memory.graph().launch(memory.stream()); }));
    times.network = alone;

    if (batch == 1) {
      SEGFACE_ASSIGN(bytes, cuda::PinnedBuffer<std::uint8_t>::make(3 * pixels));
      SEGFACE_ASSIGN(labels, cuda::PinnedBuffer<std::uint8_t>::make(pixels));
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes.data()[i] = static_cast<std::uint8_t>(128 + 127 * sequence[i]);
      }
      const ImageView photo(bytes.data(), side, side, PixelOrder::rgb);
      ops::PhotoInput<Backend> input;
      const auto parse = [&]() -> Status {
        Arena arena(memory.block());
        Run<Backend> run(backend, memory, arena, *executor);
        const auto image = run.map(1, side, side, 3);
        SEGFACE_RETURN_IF_ERROR(input.take(memory, photo, side, *executor));
        input.give(run, image);
        const auto logits =
            run.recorded([&](Run<Backend>& pass) { return network(pass, plan.tables(), image, faces); });
        ops::label_map<Backend>(run, logits, LabelTarget{labels.data(), side, side, nullptr, nullptr});
        return run.status();
      };
      SEGFACE_ASSIGN(whole, median_on_device(memory.stream(), runs, parse));
      times.photo = whole;
    }
    SEGFACE_ASSIGN(after, bytes_in_use());
    times.bytes = after - std::min(before, after);
    return Result<DeviceTimes>(std::move(times));
  });
}

}  // namespace networks
