// What the library uses of CUDA's binary16: storage with conversions, rounded to nearest even. Names are CUDA's.
#pragma once

#include "segface/base/half.hpp"

struct __half {
  __half() = default;
  __half(float value) : bits(segface::core::half_from_float(value)) {}  // NOLINT: implicit as CUDA's is
  operator float() const { return segface::core::float_from_half(bits); }

 private:
  std::uint16_t bits;
};
static_assert(sizeof(__half) == 2);

inline __half __float2half_rn(float value) {
  return value;
}
inline float __half2float(__half value) {
  return value;
}
