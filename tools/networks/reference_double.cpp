#include "networks.hpp"

SEGFACE_BEGIN_NAMESPACE

template class core::SegFace<reference::Backend<double>>;
template class core::Plan<core::SegFace, reference::Backend<double>>;

SEGFACE_END_NAMESPACE
