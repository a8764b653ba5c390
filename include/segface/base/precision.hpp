// How exactly the products of a network are computed.
#pragma once

#include <cstddef>
#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

// Of products with many inputs and outputs; all else is float32. bf16: of numbers with eight bits of fraction; int8: of
// bytes, with sums that are exact. Labels change where two classes are about equal. automatic: the lowest of these, layer
// by layer, that the weight file's recipe allows and the processor has instructions for.
enum class Precision : std::uint8_t { float32, bf16, int8, automatic };

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// By Precision.
inline constexpr const char* kPrecisionNames[] = {"f32", "bf16", "int8", "auto"};
inline constexpr const char* precision_name(Precision precision) noexcept {
  return kPrecisionNames[static_cast<std::size_t>(precision)];
}

// Of a backend whose type says how exact it is.
inline Status require_float32(Precision precision) noexcept {
  if (precision == Precision::float32 || precision == Precision::automatic) return {};
  return error(Errc::invalid_argument,
               "only the cpu backend has products of bf16 and int8; ask for float32, or that backend");
}

SEGFACE_END_CORE
