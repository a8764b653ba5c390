#include "networks.hpp"

SEGFACE_BEGIN_NAMESPACE

template class SegFace<reference::Backend<double>>;
template class Plan<SegFace, reference::Backend<double>>;

SEGFACE_END_NAMESPACE
