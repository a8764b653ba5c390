// How exactly the products of a network are computed.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE

// int8: products with many inputs and outputs are of bytes, eight bits for each number, with sums that are exact; all else
// is float32. Labels change where two classes are about equal.
enum class Precision : std::uint8_t { float32, int8 };

SEGFACE_END_NAMESPACE
