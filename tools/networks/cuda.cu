#include "segface/backends/cuda.cuh"
#include "segface/parser_definitions.hpp"

#include "networks/cuda.hpp"
#include "networks/device_times.cuh"
#include "networks/replay.hpp"

SEGFACE_BEGIN_NAMESPACE

template class BasicParser<cuda::Backend>;
template class BasicWorkspace<cuda::Backend>;
template class BasicParser<cuda::HalfBackend>;
template class BasicWorkspace<cuda::HalfBackend>;

SEGFACE_END_NAMESPACE

namespace networks {

template <class Backend>
segface::Result<std::vector<segface::StageComparison>> replay_on_cuda(const segface::Golden& golden,
                                                                      const segface::Image& picture,
                                                                      const segface::WeightFile& file) {
  SEGFACE_ASSIGN(backend, Backend::from_environment());
  return replay(golden, picture, file, backend);
}

template segface::Result<std::vector<segface::StageComparison>> replay_on_cuda<segface::cuda::Backend>(
    const segface::Golden&, const segface::Image&, const segface::WeightFile&);
template segface::Result<std::vector<segface::StageComparison>> replay_on_cuda<segface::cuda::HalfBackend>(
    const segface::Golden&, const segface::Image&, const segface::WeightFile&);

template segface::Result<DeviceTimes> times_on_cuda<segface::cuda::Backend>(const segface::WeightFile&, bool,
                                                                            segface::Index, segface::Index);
template segface::Result<DeviceTimes> times_on_cuda<segface::cuda::HalfBackend>(const segface::WeightFile&, bool,
                                                                                segface::Index, segface::Index);

}  // namespace networks
