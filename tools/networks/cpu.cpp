#include "networks.hpp"

SEGFACE_BEGIN_NAMESPACE

template class core::SegFace<cpu::Backend>;
template class core::Plan<core::SegFace, cpu::Backend>;
template class BasicParser<cpu::Backend>;
template class BasicWorkspace<cpu::Backend>;
template class BasicFinder<cpu::Backend>;
template class BasicPhotoParser<cpu::Backend>;
template class BasicTracker<cpu::Backend>;

SEGFACE_END_NAMESPACE

namespace networks {

segface::cpu::Backend cpu_backend(segface::cpu::Isa isa) {
  return segface::cpu::Backend(isa);
}

}  // namespace networks
