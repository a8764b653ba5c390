#include "segface/faces/mask.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

using namespace segface;

TEST_CASE("mask: pixels and boxes of each label, of runs long and short") {
  std::uint32_t state = 5;
  const auto below = [&](std::uint32_t count) {
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % count;
  };
  for (const auto& size : {std::pair<Index, Index>{1, 1}, {7, 9}, {8, 1}, {65, 40}, {300, 5}}) {
    const Index width = size.first, height = size.second;
    Mask mask;
    REQUIRE(mask.resize(Dataset::celeb, width, height).ok());
    const auto pixels = static_cast<std::size_t>(width * height);
    for (std::size_t i = 0; i < pixels;) {
      const std::size_t end = std::min(pixels, i + 1 + below(below(2) == 0 ? 3 : 90));
      const auto label = static_cast<std::uint8_t>(below(17));  // of 19
      std::fill(mask.data() + i, mask.data() + end, label);
      i = end;
    }
    mask.finish(0.5);
    for (std::uint8_t label = 0; label < 19; ++label) {
      Index count = 0, left = width, top = height, right = -1, bottom = -1;
      for (Index y = 0; y < height; ++y) {
        for (Index x = 0; x < width; ++x) {
          if (mask.at(x, y) != label) continue;
          ++count;
          left = std::min(left, x), right = std::max(right, x), top = std::min(top, y), bottom = std::max(bottom, y);
        }
      }
      CHECK(mask.count(label) == count);
      const Box box = mask.box(label);
      CHECK(box.width == (count == 0 ? 0 : right - left + 1));
      CHECK(box.height == (count == 0 ? 0 : bottom - top + 1));
      CHECK(box.x == (count == 0 ? 0 : left));
      CHECK(box.y == (count == 0 ? 0 : top));
    }
  }
}
