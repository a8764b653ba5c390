#include "networks.hpp"

SEGFACE_BEGIN_NAMESPACE

template class SegFace<reference::Backend<float>>;
template class Plan<SegFace, reference::Backend<float>>;
template class BasicParser<reference::Backend<float>>;
template class BasicWorkspace<reference::Backend<float>>;

SEGFACE_END_NAMESPACE
