// The code behind compiled.hpp.
#include "segface/compiled.hpp"

#include "segface/segface.hpp"

SEGFACE_BEGIN_NAMESPACE

template class BasicParser<cpu::Backend>;
template class BasicWorkspace<cpu::Backend>;

SEGFACE_END_NAMESPACE
