#include "networks/cuda.hpp"

#include "segface/backends/cuda.cuh"
#include "segface/facade/definitions.hpp"

#include "networks/replay.hpp"

SEGFACE_BEGIN_NAMESPACE

template class BasicParser<cuda::Backend>;
template class BasicWorkspace<cuda::Backend>;

SEGFACE_END_NAMESPACE

namespace networks {

segface::Result<std::vector<segface::StageComparison>> replay_on_cuda(const segface::Golden& golden,
                                                                      const segface::Image& picture,
                                                                      const segface::WeightFile& file) {
  SEGFACE_ASSIGN(backend, segface::cuda::Backend::from_environment());
  return replay(golden, picture, file, backend);
}

}  // namespace networks
