// The code behind compiled.hpp.
#include "segface/compiled.hpp"

#include "segface/video.hpp"

SEGFACE_BEGIN_NAMESPACE

template class BasicParser<cpu::Backend>;
template class BasicWorkspace<cpu::Backend>;
template class BasicFinder<cpu::Backend>;
template class BasicPhotoParser<cpu::Backend>;
template class BasicTracker<cpu::Backend>;

SEGFACE_END_NAMESPACE
