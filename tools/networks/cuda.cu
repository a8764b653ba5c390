#include "segface/cuda.cuh"
#include "segface/faces/finder_definitions.hpp"
#include "segface/parser_definitions.hpp"
#include "segface/tracker_definitions.hpp"

#include "networks/cuda.hpp"
#include "networks/device_times.cuh"
#include "networks/replay.hpp"

SEGFACE_BEGIN_NAMESPACE

template class BasicParser<cuda::Backend>;
template class BasicWorkspace<cuda::Backend>;
template class BasicParser<cuda::HalfBackend>;
template class BasicWorkspace<cuda::HalfBackend>;
template class BasicFinder<cuda::Backend>;
template class BasicFinder<cuda::HalfBackend>;
template class BasicPhotoParser<cuda::Backend>;
template class BasicTracker<cuda::Backend>;
template class BasicPhotoParser<cuda::HalfBackend>;
template class BasicTracker<cuda::HalfBackend>;

SEGFACE_END_NAMESPACE

namespace networks {

template <class Backend>
segface::Result<std::vector<segface::core::StageComparison>> replay_on_cuda(const segface::core::Golden& golden,
                                                                            const segface::Image& picture,
                                                                            const segface::core::WeightFile& file) {
  SEGFACE_ASSIGN(backend, Backend::from_environment());
  return replay(golden, picture, file, backend);
}

template segface::Result<std::vector<segface::core::StageComparison>> replay_on_cuda<segface::cuda::Backend>(
    const segface::core::Golden&, const segface::Image&, const segface::core::WeightFile&);
template segface::Result<std::vector<segface::core::StageComparison>> replay_on_cuda<segface::cuda::HalfBackend>(
    const segface::core::Golden&, const segface::Image&, const segface::core::WeightFile&);

template segface::Result<DeviceTimes> times_on_cuda<segface::cuda::Backend>(const segface::core::WeightFile&, bool,
                                                                            segface::Index, segface::Index);
template segface::Result<DeviceTimes> times_on_cuda<segface::cuda::HalfBackend>(const segface::core::WeightFile&, bool,
                                                                                segface::Index, segface::Index);

}  // namespace networks
