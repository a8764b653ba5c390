// Number formats of stored weights: their names, sizes, and exact conversions to and from float.
#pragma once

#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE

enum class DType : std::uint8_t { f32, f16, bf16, f64, i64, i32, i16, i8, u8, boolean };

// safetensors' spelling.
inline const char* dtype_name(DType type) noexcept {
  constexpr const char* kNames[] = {"F32", "F16", "BF16", "F64", "I64", "I32", "I16", "I8", "U8", "BOOL"};
  return kNames[static_cast<std::size_t>(type)];
}

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

inline std::size_t bytes_of(DType type) noexcept {
  constexpr std::size_t kBytes[] = {4, 2, 2, 8, 8, 4, 2, 1, 1, 1};
  return kBytes[static_cast<std::size_t>(type)];
}

inline bool is_floating(DType type) noexcept {
  return type <= DType::f64;
}

inline float float_from_bits(std::uint32_t bits) noexcept {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline std::uint32_t bits_of(float value) noexcept {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// True for numbers that are neither NaN nor infinite; a bit test, so that -ffast-math cannot fold it away.
inline bool is_finite(float value) noexcept {
  return (bits_of(value) & 0x7f800000u) != 0x7f800000u;
}

// IEEE binary16 to float, exact for all 65,536 patterns. Integer arithmetic only: the host's rounding and
// flush-to-zero modes have no say.
inline float float_from_half(std::uint16_t half) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  std::uint32_t exponent = (half >> 10) & 31u;
  std::uint32_t fraction = half & 0x3ffu;
  if (exponent == 31) return float_from_bits(sign | 0x7f800000u | (fraction << 13));
  if (exponent == 0) {
    if (fraction == 0) return float_from_bits(sign);
    exponent = 1;
    while ((fraction & 0x400u) == 0) {  // normalise: a subnormal half is a normal float
      fraction <<= 1;
      --exponent;
    }
    fraction &= 0x3ffu;
  }
  return float_from_bits(sign | ((exponent + 112u) << 23) | (fraction << 13));
}

// Right shift that rounds to nearest, ties to even; shift is 1 to 31.
inline std::uint32_t shift_to_nearest(std::uint32_t value, std::uint32_t shift) noexcept {
  const std::uint32_t half = 1u << (shift - 1);
  const std::uint32_t rest = value & ((half << 1) - 1u);
  const std::uint32_t quotient = value >> shift;
  return quotient + (rest > half || (rest == half && (quotient & 1u) != 0) ? 1u : 0u);
}

// Float to IEEE binary16, rounding to nearest even; too large becomes infinity, NaN stays NaN.
inline std::uint16_t half_from_float(float value) noexcept {
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and above
  if (magnitude < 0x38800000u) {                                                    // below 2^-14: subnormal
    if (magnitude < 0x33000000u) return static_cast<std::uint16_t>(sign);           // below 2^-25
    const std::uint32_t fraction = (magnitude & 0x7fffffu) | 0x800000u;
    return static_cast<std::uint16_t>(sign | shift_to_nearest(fraction, 126u - (magnitude >> 23)));
  }
  return static_cast<std::uint16_t>(sign | shift_to_nearest(magnitude - 0x38000000u, 13));
}

inline float float_from_bfloat16(std::uint16_t bfloat) noexcept {
  return float_from_bits(static_cast<std::uint32_t>(bfloat) << 16);
}

// Float to bfloat16, rounding to nearest even; NaN stays NaN.
inline std::uint16_t bfloat16_from_float(float value) noexcept {
  const std::uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return static_cast<std::uint16_t>(shift_to_nearest(bits, 16));
}

// Converts `count` elements at `bytes` (any alignment, little-endian) from a floating type to float.
inline void to_float(DType type, const std::uint8_t* bytes, std::size_t count, float* values) noexcept {
  const auto load = [&](std::size_t i, auto zero) {
    auto element = zero;
    std::memcpy(&element, bytes + i * sizeof element, sizeof element);
    return element;
  };
  for (std::size_t i = 0; i < count; ++i) {
    switch (type) {
      case DType::f16:
        values[i] = float_from_half(load(i, std::uint16_t{}));
        break;
      case DType::bf16:
        values[i] = float_from_bfloat16(load(i, std::uint16_t{}));
        break;
      case DType::f64:
        values[i] = static_cast<float>(load(i, double{}));
        break;
      default:
        values[i] = load(i, float{});
        break;
    }
  }
}

// Converts `count` floats to f32, f16, bf16 or f64 at `bytes`.
inline void from_float(const float* values, std::size_t count, DType type, std::uint8_t* bytes) noexcept {
  const auto store = [&](std::size_t i, auto element) {
    std::memcpy(bytes + i * sizeof element, &element, sizeof element);
  };
  for (std::size_t i = 0; i < count; ++i) {
    switch (type) {
      case DType::f16:
        store(i, half_from_float(values[i]));
        break;
      case DType::bf16:
        store(i, bfloat16_from_float(values[i]));
        break;
      case DType::f64:
        store(i, static_cast<double>(values[i]));
        break;
      default:
        store(i, values[i]);
        break;
    }
  }
}

SEGFACE_END_CORE
