#include "networks.hpp"

SEGFACE_BEGIN_NAMESPACE

template class SegFace<cpu::Backend>;
template class Plan<SegFace, cpu::Backend>;
template class BasicParser<cpu::Backend>;
template class BasicWorkspace<cpu::Backend>;

SEGFACE_END_NAMESPACE

namespace networks {

segface::cpu::Backend cpu_backend(segface::cpu::Isa isa) {
  return segface::cpu::Backend(isa);
}

}  // namespace networks
