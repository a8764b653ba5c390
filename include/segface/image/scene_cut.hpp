// SceneCut: whether a frame shows another scene than the one before it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

// Both frames are averaged to a few cells, in which noise and most movements vanish. Of a scene that moves or changes its
// light they differ by some levels of 255 from frame to frame.
class SceneCut {
 public:
  // Of frames of one size; not of the first.
  bool is_cut(const ImageView& frame) noexcept {
    std::array<Index, kCells> cells;
    for (Index i = 0; i < kCells; ++i) cells[static_cast<std::size_t>(i)] = mean(frame, i % kAcross, i / kAcross);
    Index difference = 0;
    for (std::size_t i = 0; i < kCells; ++i) difference += std::abs(cells[i] - last_[i]);
    last_ = cells;
    return std::exchange(known_, true) && difference > kMost * kCells;
  }
  void forget() noexcept { known_ = false; }

 private:
  static constexpr Index kAcross = 32, kDown = 18, kCells = kAcross * kDown;
  static constexpr Index kMost = 30;    // levels, in the mean
  static constexpr Index kSamples = 8;  // along a side of a cell

  static Index mean(const ImageView& frame, Index column, Index row) noexcept {
    const auto first = [](Index part, Index parts, Index pixels) { return part * pixels / parts; };
    const Index left = first(column, kAcross, frame.width), top = first(row, kDown, frame.height);
    const Index right = std::max(first(column + 1, kAcross, frame.width), left + 1);
    const Index bottom = std::max(first(row + 1, kDown, frame.height), top + 1);
    const Index across = (right - left + kSamples - 1) / kSamples, down = (bottom - top + kSamples - 1) / kSamples;
    Index sum = 0, count = 0;
    for (Index y = top; y < bottom; y += down) {
      for (Index x = left; x < right; x += across, ++count) {
        const Rgb c = frame.rgb(x, y);
        sum += c.r + 2 * c.g + c.b;
      }
    }
    return sum / (4 * count);
  }

  std::array<Index, kCells> last_ = {};
  bool known_ = false;
};

SEGFACE_END_CORE
