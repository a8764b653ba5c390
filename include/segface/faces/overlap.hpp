// What two boxes share: how far they are boxes of one face.
#pragma once

#include <algorithm>

#include "segface/base/config.hpp"
#include "segface/faces/face.hpp"
#include "segface/networks/detector/cells.hpp"

SEGFACE_BEGIN_CORE

// A box by its edges.
struct BoxEdges {
  double left, top, right, bottom, area;

  explicit BoxEdges(const FaceRectangle& box) noexcept
      : left(box.x), top(box.y), right(box.x + box.width), bottom(box.y + box.height), area(box.width * box.height) {}
  explicit BoxEdges(const FaceBox& box) noexcept
      : left(box.x - box.width / 2),
        top(box.y - box.height / 2),
        right(box.x + box.width / 2),
        bottom(box.y + box.height / 2),
        area(box.area()) {}
};

// The area of both boxes, and that of either.
struct BoxOverlap {
  double both = 0, either;

  BoxOverlap(const BoxEdges& a, const BoxEdges& b) noexcept : either(a.area + b.area) {
    const double across = std::min(a.right, b.right) - std::max(a.left, b.left);
    const double down = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
    if (across <= 0 || down <= 0) return;
    both = across * down;
    either -= both;
  }
  // Intersection over union, 0 to 1.
  double share() const noexcept { return both > 0 ? both / either : 0; }
};

SEGFACE_END_CORE
