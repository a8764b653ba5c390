#include "segface/image/preprocess.hpp"

#include <doctest/doctest.h>

#include <cstdint>

#include "segface/base/half.hpp"

using namespace segface;
using namespace segface::core;

TEST_CASE("preprocess: values of torchvision, bit for bit") {
  // ToTensor and Normalize in float32.
  const std::uint8_t rgb[] = {0, 0, 0, 255, 255, 255, 128, 37, 201};
  float out[3 * 4];
  for (float& value : out) value = -77.0f;
  normalize(rgb, 3, out, 4);
  const std::uint32_t expected[] = {0xc0078bbdu, 0xc0024924u, 0xbfe6f809u, 0x400fee1du, 0x401b6db7u,
                                    0x4028f5c3u, 0x3d97af32u, 0xbfb1a883u, 0x3fd9730eu};
  for (int p = 0; p < 3; ++p) {
    for (int c = 0; c < 3; ++c) CHECK(bits_of(out[4 * p + c]) == expected[3 * p + c]);
    CHECK(out[4 * p + 3] == -77.0f);
  }
}

TEST_CASE("preprocess: a double holds the float's value") {
  const std::uint8_t rgb[] = {9, 99, 199};
  float single[3];
  double twice[3];
  normalize(rgb, 1, single, 3);
  normalize(rgb, 1, twice, 3);
  for (int c = 0; c < 3; ++c) CHECK(twice[c] == static_cast<double>(single[c]));
}
