// Both backends' networks, compiled once for the command line and the tests: what includes this uses them without
// compiling them again.
#pragma once

#include "segface/backends/reference.hpp"
#include "segface/compiled.hpp"
#include "segface/video.hpp"

SEGFACE_BEGIN_NAMESPACE

extern template class core::SegFace<cpu::Backend>;
extern template class core::Plan<core::SegFace, cpu::Backend>;

extern template class core::SegFace<reference::Backend<float>>;
extern template class core::Plan<core::SegFace, reference::Backend<float>>;
extern template class BasicParser<reference::Backend<float>>;
extern template class BasicWorkspace<reference::Backend<float>>;
extern template class BasicFinder<reference::Backend<float>>;
extern template class BasicPhotoParser<reference::Backend<float>>;
extern template class BasicTracker<reference::Backend<float>>;

extern template class core::SegFace<reference::Backend<double>>;
extern template class core::Plan<core::SegFace, reference::Backend<double>>;

SEGFACE_END_NAMESPACE

namespace networks {

// The cpu backend with the kernels of an instruction set that this processor has: made elsewhere, kernels are compiled
// once too.
segface::cpu::Backend cpu_backend(segface::cpu::Isa isa);

}  // namespace networks
