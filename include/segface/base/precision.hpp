// How exactly the products of a network are computed.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

// int8: products with many inputs and outputs are of bytes, eight bits for each number, with sums that are exact; all else
// is float32. Labels change where two classes are about equal.
enum class Precision : std::uint8_t { float32, int8 };

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Of a backend whose type says how exact it is.
inline Status require_float32(Precision precision) noexcept {
  if (precision == Precision::float32) return {};
  return error(Errc::invalid_argument, "int8: only the cpu backend multiplies bytes; ask for float32, or that backend");
}

SEGFACE_END_CORE
