// The cuda backend's networks, compiled by nvcc in cuda.cu, for what is compiled by another compiler: backends are
// named here and never seen.
#pragma once

#include "segface/engine/golden.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/faces/finder.hpp"
#include "segface/parser.hpp"
#include "segface/photo_parser.hpp"
#include "segface/tracker.hpp"

#include "networks/device_times.hpp"

struct __half;  // CUDA's

SEGFACE_BEGIN_CORE
namespace cuda {
template <class Scalar>
class BasicBackend;
using Backend = BasicBackend<float>;
using HalfBackend = BasicBackend<__half>;
}  // namespace cuda
SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

namespace cuda = core::cuda;

extern template class BasicParser<cuda::Backend>;
extern template class BasicWorkspace<cuda::Backend>;
extern template class BasicParser<cuda::HalfBackend>;
extern template class BasicWorkspace<cuda::HalfBackend>;
extern template class BasicFinder<cuda::Backend>;
extern template class BasicFinder<cuda::HalfBackend>;
extern template class BasicPhotoParser<cuda::Backend>;
extern template class BasicTracker<cuda::Backend>;
extern template class BasicPhotoParser<cuda::HalfBackend>;
extern template class BasicTracker<cuda::HalfBackend>;

SEGFACE_END_NAMESPACE

namespace networks {

// See replay.hpp. Errors: no_device too. Of both backends.
template <class Backend>
segface::Result<std::vector<segface::core::StageComparison>> replay_on_cuda(const segface::core::Golden& golden,
                                                                            const segface::Image& picture,
                                                                            const segface::core::WeightFile& file);

// tf32: see BasicBackend::from_environment; only float32 may be. Errors: no_device too. Of both backends.
template <class Backend>
segface::Result<DeviceTimes> times_on_cuda(const segface::core::WeightFile& file, bool tf32, segface::Index batch,
                                           segface::Index runs);

}  // namespace networks
