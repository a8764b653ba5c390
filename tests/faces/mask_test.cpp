// A mask filled by hand: counts and boxes, and callers that give it what is no label, no group, no size, no data set.
#include "segface/faces/mask.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <utility>

using namespace segface;

namespace {

// 3 x 2: two of hair, one of what is no label.
Mask small_mask() {
  constexpr std::uint8_t kLabels[] = {0, 14, 14, 2, 200, 0};
  Mask mask;
  mask.resize(Dataset::celeb, 3, 2).or_throw();
  std::copy(std::begin(kLabels), std::end(kLabels), mask.data());
  mask.finish(0.5);
  return mask;
}

}  // namespace

TEST_CASE("labels are counted and boxed, and what is no label is not") {
  const Mask mask = small_mask();
  CHECK(mask.count(14) == 2);
  CHECK(mask.box(14).x == 1);
  CHECK(mask.box(14).width == 2);
  CHECK(mask.count(0) == 2);
  CHECK(mask.count(200) == 0);
  CHECK(mask.name(200).empty());
  CHECK(mask.box(200).width == 0);
  Index counted = 0;
  for (std::uint8_t label = 0; label < 19; ++label) counted += mask.count(label);
  CHECK(counted == 5);
  const Image hair = mask.group(LabelGroup::hair).value();
  CHECK(int{hair.data()[1]} == 255);
  CHECK(int{hair.data()[4]} == 0);
}

TEST_CASE("a group that is none has no labels") {
  for (const int number : {8, 9, 255}) {
    const auto none = static_cast<LabelGroup>(number);
    CHECK(label_mask(Dataset::celeb, none) == 0);
    CHECK(small_mask().count(none) == 0);
    const Image picture = small_mask().group(none).value();
    CHECK(std::all_of(picture.data(), picture.data() + 6, [](std::uint8_t pixel) { return pixel == 0; }));
  }
}

TEST_CASE("sizes and data sets that cannot be leave a mask as it was") {
  Mask mask = small_mask();
  constexpr Index kHuge = std::numeric_limits<Index>::max();
  CHECK(mask.resize(Dataset::celeb, 0, 5).code() == Errc::invalid_argument);
  CHECK(mask.resize(Dataset::celeb, 5, -1).code() == Errc::invalid_argument);
  CHECK(mask.resize(static_cast<Dataset>(3), 5, 5).code() == Errc::invalid_argument);
  CHECK(mask.resize(Dataset::celeb, kHuge, kHuge).code() == Errc::overflow);
  CHECK(mask.resize(Dataset::celeb, kHuge / 2, 3).code() == Errc::overflow);
  CHECK(mask.width() == 3);
  CHECK(mask.count(14) == 2);
}

TEST_CASE("a mask that was moved from is empty") {
  Mask first = small_mask(), second = small_mask();
  Mask third(std::move(first));
  CHECK(third.count(14) == 2);
  CHECK(first.empty());
  CHECK(first.height() == 0);
  CHECK(first.count(14) == 0);
  CHECK(first.labels().empty());
  CHECK(first.group(LabelGroup::hair).error().code() == Errc::invalid_argument);

  Mask fourth = small_mask();
  fourth = std::move(second);
  CHECK(fourth.count(14) == 2);
  CHECK(second.empty());
  CHECK(second.labels().empty());
}

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
