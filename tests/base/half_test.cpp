#include "segface/base/half.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace segface;
using namespace segface::core;

namespace {

// The value of a binary16 pattern by its definition, without the tricks of the code under test.
double half_by_definition(unsigned pattern) {
  const int exponent = static_cast<int>(pattern >> 10 & 31u);
  const double fraction = static_cast<double>(pattern & 1023u) / 1024;
  const double magnitude = exponent == 31
                               ? (fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan(""))
                               : (exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15));
  return (pattern >> 15) != 0 ? -magnitude : magnitude;
}

// Nearest of all finite patterns and infinity (as 65536), ties to the even pattern.
std::uint16_t nearest_half(float value) {
  const double magnitude = std::fabs(static_cast<double>(value));
  const auto size = [](unsigned pattern) { return pattern == 0x7c00 ? 65536.0 : half_by_definition(pattern); };
  unsigned low = 0, high = 0x7c00;
  while (high - low > 1) {
    const unsigned middle = (low + high) / 2;
    (size(middle) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - size(low), above = size(high) - magnitude;
  const unsigned chosen = below < above ? low : above < below ? high : (low % 2 == 0 ? low : high);
  return static_cast<std::uint16_t>(chosen | (std::signbit(value) ? 0x8000u : 0u));
}

}  // namespace

TEST_CASE("all 65536 halves become the float they stand for, and return") {
  unsigned wrong = 0, wrong_return = 0;
  for (unsigned pattern = 0; pattern < 65536; ++pattern) {
    const float value = float_from_half(static_cast<std::uint16_t>(pattern));
    const double expected = half_by_definition(pattern);
    const bool same = std::isnan(expected)
                          ? std::isnan(value)
                          : static_cast<double>(value) == expected && std::signbit(value) == std::signbit(expected);
    wrong += same ? 0 : 1;
    const std::uint16_t back = half_from_float(value);
    const bool returns = std::isnan(expected) ? (back & 0x7fffu) > 0x7c00u : back == pattern;
    wrong_return += returns ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(wrong_return == 0);
}

TEST_CASE("floats between halves round to the nearest, ties to even") {
  unsigned wrong = 0;
  for (unsigned pattern = 0; pattern < 0x7c00; ++pattern) {
    const float low = float_from_half(static_cast<std::uint16_t>(pattern));
    const float high = pattern == 0x7bff ? 65536.0f : float_from_half(static_cast<std::uint16_t>(pattern + 1));
    const float middle = low + (high - low) / 2;  // exact
    for (const float value : {middle, std::nextafterf(middle, 0.0f), std::nextafterf(middle, 1e6f)}) {
      wrong += half_from_float(value) == nearest_half(value) ? 0 : 1;
      wrong += half_from_float(-value) == nearest_half(-value) ? 0 : 1;
    }
  }
  CHECK(wrong == 0);
  CHECK(half_from_float(65519.996f) == 0x7bff);
  CHECK(half_from_float(65520.0f) == 0x7c00);
  CHECK(half_from_float(1e30f) == 0x7c00);
  CHECK(half_from_float(-std::numeric_limits<float>::infinity()) == 0xfc00);
  CHECK(half_from_float(1e-30f) == 0);
}

TEST_CASE("bfloat16 is the upper half of a float, rounded to nearest even") {
  unsigned wrong = 0;
  for (std::uint32_t pattern = 0; pattern < 65536; ++pattern) {
    const float value = float_from_bfloat16(static_cast<std::uint16_t>(pattern));
    wrong += bits_of(value) == pattern << 16 ? 0 : 1;
    const std::uint16_t back = bfloat16_from_float(value);
    wrong += (std::isnan(value) ? (back & 0x7fffu) > 0x7f80u : back == pattern) ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK(bfloat16_from_float(float_from_bits(0x3f808000)) == 0x3f80);  // ties
  CHECK(bfloat16_from_float(float_from_bits(0x3f818000)) == 0x3f82);
  CHECK(bfloat16_from_float(float_from_bits(0x3f808001)) == 0x3f81);
  CHECK(bfloat16_from_float(float_from_bits(0x3f807fff)) == 0x3f80);
  CHECK(bfloat16_from_float(float_from_bits(0x7f7fffff)) == 0x7f80);
  CHECK((bfloat16_from_float(float_from_bits(0x7f800001)) & 0x7fffu) > 0x7f80u);  // a NaN stays one
}

TEST_CASE("finite is neither NaN nor infinite") {
  CHECK(is_finite(0.0f));
  CHECK(is_finite(-std::numeric_limits<float>::max()));
  CHECK(is_finite(std::numeric_limits<float>::denorm_min()));
  CHECK_FALSE(is_finite(std::numeric_limits<float>::infinity()));
  CHECK_FALSE(is_finite(-std::numeric_limits<float>::infinity()));
  CHECK_FALSE(is_finite(std::numeric_limits<float>::quiet_NaN()));
}

TEST_CASE("arrays convert at any alignment, both ways") {
  const std::vector<float> values = {0.0f, -0.5f, 1.5f, 1024.0f, -65504.0f};
  for (const DType type : {DType::f32, DType::f16, DType::bf16, DType::f64}) {
    CAPTURE(dtype_name(type));
    std::vector<std::uint8_t> bytes(values.size() * bytes_of(type) + 1);
    std::vector<float> back(values.size());
    from_float(values.data(), values.size(), type, bytes.data() + 1);
    to_float(type, bytes.data() + 1, values.size(), back.data());
    std::vector<float> expected = values;
    if (type == DType::bf16) expected.back() = -65536.0f;  // eight bits of fraction
    CHECK(back == expected);
  }
  const std::uint8_t half_one[] = {0x00, 0x3c};  // little-endian
  float one = 0;
  to_float(DType::f16, half_one, 1, &one);
  CHECK(one == 1.0f);
}

TEST_CASE("every number format has its size and name") {
  CHECK(bytes_of(DType::f32) == 4);
  CHECK(bytes_of(DType::bf16) == 2);
  CHECK(bytes_of(DType::i64) == 8);
  CHECK(bytes_of(DType::boolean) == 1);
  CHECK(std::string(dtype_name(DType::boolean)) == "BOOL");
  CHECK(std::string(dtype_name(DType::f16)) == "F16");
  CHECK(is_floating(DType::f64));
  CHECK_FALSE(is_floating(DType::i64));
}
