// A confusion matrix as a picture: a row for each class of the truth, a column for each that was predicted.
//
// A cell is the share of its row in percent, the brighter the larger; the diagonal is green, what is wrong red. Rows
// without a pixel stay empty.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "segface/faces/metrics.hpp"
#include "segface/faces/sheet.hpp"
#include "segface/image/canvas.hpp"

namespace tool {

using namespace segface;
using namespace segface::core;

inline Result<Image> draw_confusion(const ConfusionMatrix& matrix) {
  constexpr Index kCell = 36, kScale = 2, kText = font::kLine * kScale;
  const Index count = matrix.classes();
  Index longest = 0;
  const auto name = [&](Index label) {
    const std::string_view words = classes(matrix.dataset())[static_cast<std::size_t>(label)].name;
    return std::to_string(label) + " " + std::string(words);
  };
  for (Index label = 0; label < count; ++label) longest = std::max(longest, text_width(name(label), kScale));
  const Index left = longest + 2 * kGap, top = 2 * kText + 3 * kGap;
  SEGFACE_ASSIGN(canvas, Canvas::make(left + count * kCell + kGap, top + count * kCell + kGap, kPaper));
  canvas.text("row: truth", kGap, kGap, kInk, kScale);
  canvas.text("column: label that was predicted; in % of the row", left, kGap, kInk, kScale);
  for (Index label = 0; label < count; ++label) {
    const std::string digits = std::to_string(label);
    const Index middle = left + label * kCell + (kCell - text_width(digits, kScale)) / 2;
    canvas.text(digits, middle, 2 * kGap + kText, kInk, kScale);
    canvas.text(name(label), kGap, top + label * kCell + (kCell - kText) / 2, kInk, kScale);
  }
  for (Index t = 0; t < count; ++t) {
    const std::uint64_t all = matrix.truth(1u << t);
    for (Index p = 0; p < count; ++p) {
      const Index x = left + p * kCell, y = top + t * kCell;
      const double share = all == 0 ? 0 : static_cast<double>(matrix.count(t, p)) / static_cast<double>(all);
      // Small shares must show too.
      const auto glow = static_cast<std::uint8_t>(40 + 170 * std::sqrt(share));
      const Rgb color = share == 0 ? Rgb{40, 40, 44} : t == p ? Rgb{20, glow, 60} : Rgb{glow, 40, 40};
      canvas.fill({x, y, kCell - 1, kCell - 1}, color);
      if (share < 0.005) continue;
      const std::string digits = std::to_string(static_cast<Index>(100 * share + 0.5));
      canvas.text(digits, x + (kCell - text_width(digits, kScale)) / 2, y + (kCell - font::kRows * kScale) / 2, kInk,
                  kScale);
    }
  }
  return canvas.take();
}

}  // namespace tool
