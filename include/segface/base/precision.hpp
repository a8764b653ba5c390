// How exactly the products of a network are computed.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

// Of products with many inputs and outputs; all else is float32. bf16: of numbers with eight bits of fraction; int8: of
// bytes, with sums that are exact. Labels change where two classes are about equal.
enum class Precision : std::uint8_t { float32, bf16, int8 };

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Of a backend whose type says how exact it is.
inline Status require_float32(Precision precision) noexcept {
  if (precision == Precision::float32) return {};
  return error(Errc::invalid_argument,
               "only the cpu backend has products of bf16 and int8; ask for float32, or that backend");
}

SEGFACE_END_CORE
