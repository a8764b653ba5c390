// From YuNet's cells to boxes with scores, and from O-Net's answers to probabilities and points.
//
// A cell (column c, row r) of a level with stride s, in pixels of the network's input counted from pixel centres:
//   score = sqrt(sigmoid(class) sigmoid(object)),
//   the box's centre = ((c + b0) s, (r + b1) s), its sides = (exp(b2) s, exp(b3) s).
// Traps: a cell's place is its corner, not its middle; some programs leave the root out, and their 0.25 is this 0.5.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>

#include "segface/base/config.hpp"
#include "segface/base/half.hpp"
#include "segface/base/map.hpp"
#include "segface/networks/detector/onet.hpp"
#include "segface/networks/detector/yunet.hpp"

SEGFACE_BEGIN_CORE

// A box around a face, in pixels from pixel centres.
struct FaceBox {
  double x = 0, y = 0;  // the middle
  double width = 0, height = 0;
  double score = 0;  // 0 to 1

  double area() const noexcept { return width * height; }
  double side() const noexcept { return std::max(width, height); }
};

inline double sigmoid(double x) noexcept {
  return 1 / (1 + std::exp(-x));
}

// Whether a network's answer is one: with weights of any value it may overflow.
template <class T>
bool all_finite(const T* values, Index count) noexcept {
  return std::all_of(values, values + count, [](T value) { return is_finite(static_cast<float>(value)); });
}

// Calls act(FaceBox) for the cells [1, h, w, kCell] of a level whose score is at least `least`, row by row.
template <class T, class Act>
void for_each_box(const Map<const T>& cells, Index stride, double least, const Act& act) {
  const auto at = [](T value) { return static_cast<double>(value); };
  const auto s = static_cast<double>(stride);
  for (Index r = 0; r < cells.height; ++r) {
    for (Index c = 0; c < cells.width; ++c) {
      const T* const cell = cells.pixel(0, r, c);
      const double score = std::sqrt(sigmoid(at(cell[yunet::kClass])) * sigmoid(at(cell[yunet::kObject])));
      if (!(score >= least)) continue;
      const T* const box = cell + yunet::kBox;
      if (!all_finite(box, 4)) continue;
      constexpr double kMostExponent = 10;  // boxes of 700,000 pixels: what is no number of a face stays finite
      const double width = std::exp(std::min(at(box[2]), kMostExponent)) * s;
      const double height = std::exp(std::min(at(box[3]), kMostExponent)) * s;
      act(FaceBox{(static_cast<double>(c) + at(box[0])) * s, (static_cast<double>(r) + at(box[1])) * s, width, height,
                  score});
    }
  }
}

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
