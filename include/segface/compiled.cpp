// The code behind compiled.hpp.
#include "segface/segface.hpp"

SEGFACE_BEGIN_NAMESPACE

template class SegFace<cpu::Backend>;
template class Plan<cpu::Backend>;
template class BasicParser<cpu::Backend>;
template class BasicWorkspace<cpu::Backend>;

SEGFACE_END_NAMESPACE
