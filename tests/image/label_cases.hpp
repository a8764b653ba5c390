// Logits that are hard on whoever takes labels without interpolating: for the tests of settled labels.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "segface/base/memory.hpp"

namespace test {

using segface::Index;

// [height, width, classes], pixels `classes` apart.
struct LogitsCase {
  std::string name;
  Index classes, height, width;
  std::vector<float> numbers;
};

class Numbers {
 public:
  explicit Numbers(std::uint32_t seed) : state_(seed) {}
  std::uint32_t below(std::uint32_t count) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % count;
  }
  float uniform() { return static_cast<float>(below(1u << 24)) / static_cast<float>(1u << 23) - 1; }  // -1 to 1

 private:
  std::uint32_t state_;
};

inline std::vector<LogitsCase> logits_cases(Index classes) {
  constexpr Index kHeight = 23, kWidth = 37;
  std::vector<LogitsCase> cases;
  // number(x, y, class)
  const auto add = [&](const std::string& name, const auto& number) {
    LogitsCase made = {name, classes, kHeight, kWidth, {}};
    for (Index y = 0; y < kHeight; ++y) {
      for (Index x = 0; x < kWidth; ++x) {
        for (Index c = 0; c < classes; ++c) made.numbers.push_back(number(x, y, c));
      }
    }
    cases.push_back(made);
  };
  Numbers numbers(static_cast<std::uint32_t>(classes));
  add("random", [&](Index, Index, Index) { return 10 * numbers.uniform(); });
  add("regions", [&](Index x, Index y, Index c) {
    const auto dx = static_cast<float>(x - c % 5 * 9), dy = static_cast<float>(y - c / 5 * 7);
    return 5 - std::sqrt(dx * dx + dy * dy) + 0.2f * numbers.uniform();
  });
  // Classes apart by a few units of the last place, the best one everywhere the same or changing in large regions.
  for (const float size : {1.0f, 1000.0f, 3e-20f, 1e30f}) {
    for (const Index region : {kWidth, Index{8}}) {
      add("ties of " + std::to_string(size) + " in " + std::to_string(region), [&](Index x, Index y, Index c) {
        const bool best = c == (x / region + y / region) % classes;
        const float unit = size * std::numeric_limits<float>::epsilon();
        return size + static_cast<float>(numbers.below(12) + (best ? 12 : 0)) * unit;
      });
    }
  }
  // A best class whose numbers differ much from corner to corner, and another closely behind it.
  add("steep", [&](Index x, Index y, Index c) {
    const float base = (x + y) % 2 == 0 ? 1e4f : -3e3f;
    return c < 2 ? base * (1 + static_cast<float>(numbers.below(30) + (c == 1 ? 30u : 0u)) * 6e-8f) : -1e5f;
  });
  // Half of it is no number any more.
  add("smallest", [&](Index, Index, Index c) { return c == 1 ? 1.5f * std::numeric_limits<float>::min() : 0.0f; });
  const float limits[] = {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity(), std::numeric_limits<float>::max(),
                          -std::numeric_limits<float>::max()};
  for (const float limit : limits) {
    add("limit " + std::to_string(limit), [&](Index x, Index y, Index c) {
      if (numbers.below(200) == 0) return limit;
      return c == (x / 9 + y / 9) % classes ? 4.0f : numbers.uniform();
    });
  }
  add("all at the limit", [&](Index, Index, Index c) { return c == 1 ? std::numeric_limits<float>::max() : 0.0f; });
  return cases;
}

}  // namespace test
