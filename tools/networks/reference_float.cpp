#include "networks.hpp"

SEGFACE_BEGIN_NAMESPACE

template class core::SegFace<reference::Backend<float>>;
template class core::Plan<core::SegFace, reference::Backend<float>>;
template class BasicParser<reference::Backend<float>>;
template class BasicWorkspace<reference::Backend<float>>;
template class BasicFinder<reference::Backend<float>>;
template class BasicPhotoParser<reference::Backend<float>>;
template class BasicTracker<reference::Backend<float>>;

SEGFACE_END_NAMESPACE
