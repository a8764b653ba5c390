#include "segface/base/map.hpp"

#include <doctest/doctest.h>

using segface::core::Map;

TEST_CASE("parts of a map lie where they should, and those of a map without data are without data") {
  float data[2 * 3 * 5] = {};
  const Map<float> map = {data, 2, 1, 3, 4, 5};
  CHECK(map.slice(3, 1).data == data + 3);
  CHECK(map.slice(3, 1).channels == 1);
  CHECK(map.image(1).data == data + 15);
  CHECK(map.image(1).batch == 1);
  const Map<float> dry = {nullptr, 2, 1, 3, 4, 5};
  CHECK(dry.slice(3, 1).data == nullptr);
  CHECK(dry.image(1).data == nullptr);
}
