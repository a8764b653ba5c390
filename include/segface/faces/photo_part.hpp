// The part of a photo that a network is shown of a face: where it lies, and what in it is the face's for certain.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/image/affine.hpp"

SEGFACE_BEGIN_CORE

// What is the face's for certain: an ellipse along the way from the eyes to the mouth. Empty unless made from points.
class FaceInterior {
 public:
  FaceInterior() noexcept = default;
  explicit FaceInterior(const Landmarks& l) noexcept {
    const Point eyes = l.middle_of_eyes(), mouth = l.middle_of_mouth();
    const Point down = {mouth.x - eyes.x, mouth.y - eyes.y};
    const double length = std::hypot(down.x, down.y);
    const double apart = std::hypot(l.right_eye.x - l.left_eye.x, l.right_eye.y - l.left_eye.y);
    const double half = kDown * length, half_across = kAcross * std::max(apart, length / 2);
    centre_ = {(eyes.x + mouth.x) / 2, (eyes.y + mouth.y) / 2};
    down_ = {down.x / (length * half), down.y / (length * half)};
    across_ = {down.y / (length * half_across), -down.x / (length * half_across)};
  }

  // A place of the photo, counted from pixel centres.
  bool holds(double x, double y) const noexcept {
    const double dx = x - centre_.x, dy = y - centre_.y;
    const double a = dx * down_.x + dy * down_.y, b = dx * across_.x + dy * across_.y;
    return a * a + b * b < 1 && (down_.x != 0 || down_.y != 0);
  }

 private:
  // Half its height, in ways from the eyes to the mouth, and half its width, in distances of the eyes: the five points
  // lie well inside, chin, ears and hair outside.
  static constexpr double kDown = 0.75, kAcross = 0.9;

  Point centre_, down_, across_;  // the axes, in parts of their lengths
};

// A part of a photo that a network is shown, and whose logits become labels there.
struct PhotoPart {
  AffineMap<double> from_photo;  // pixels of the photo to those of the logits
  Index width, height;           // of the logits
  FaceInterior interior = {};    // of a face's own cut
  std::uint8_t number = 1;       // the face's, 1 to 255
  bool surroundings = false;     // a larger cut, beside the face's own
};

// Pixels [first, last) of a row.
struct PixelRun {
  Index first, last;
  bool holds(Index x) const noexcept { return first <= x && x < last; }
};

// A part, with its place in the photo.
struct PlacedPart {
  PhotoPart part;
  // The corner of the box around it, inside the photo; `map` counts from there, where its numbers are small and, for
  // upright boxes, those of the box alone.
  Index left, top, right, bottom;
  AffineMap<float> map;

  PlacedPart(const PhotoPart& face, Index width, Index height) noexcept : part(face) {
    const AffineMap<double>& m = part.from_photo;
    const double w = static_cast<double>(part.width), h = static_cast<double>(part.height);
    const double area = m.xx * m.yy - m.xy * m.yx;
    double bounds[4] = {1e18, 1e18, -1e18, -1e18};
    for (int corner = 0; corner < 4; ++corner) {
      const double u = (corner % 2 == 0 ? 0 : w) - m.x0, v = (corner / 2 == 0 ? 0 : h) - m.y0;
      const double x = (u * m.yy - v * m.xy) / area, y = (v * m.xx - u * m.yx) / area;
      bounds[0] = std::min(bounds[0], x), bounds[1] = std::min(bounds[1], y);
      bounds[2] = std::max(bounds[2], x), bounds[3] = std::max(bounds[3], y);
    }
    // Half a pixel more is cut off by run_in_row().
    const auto clamped = [](double at, Index most) {
      return static_cast<Index>(std::clamp(std::round(at), 0.0, static_cast<double>(most)));
    };
    left = clamped(bounds[0], width), top = clamped(bounds[1], height);
    right = clamped(bounds[2], width), bottom = clamped(bounds[3], height);
    const double x = static_cast<double>(left), y = static_cast<double>(top);
    map = {static_cast<float>(m.xx), static_cast<float>(m.xy), static_cast<float>(m.x0 + m.xx * x + m.xy * y),
           static_cast<float>(m.yx), static_cast<float>(m.yy), static_cast<float>(m.y0 + m.yx * x + m.yy * y)};
  }

  bool meets(const PlacedPart& other) const noexcept {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }

  // The pixels of row y whose middles lie in the part.
  PixelRun run_in_row(Index y) const noexcept {
    if (y < top || y >= bottom) return {0, 0};
    const AffineMap<double>& m = part.from_photo;
    const double middle = static_cast<double>(y) + 0.5;
    double first = static_cast<double>(left), last = static_cast<double>(right);
    const auto narrow = [&](double slope, double at, Index size) {  // 0 <= slope (x + 1/2) + at < size
      const double end = static_cast<double>(size);
      if (slope == 0) {
        if (at < 0 || at >= end) last = first;
        return;
      }
      const double a = -at / slope - 0.5, b = (end - at) / slope - 0.5;
      first = std::max(first, std::ceil(std::min(a, b)));
      last = std::min(last, std::ceil(std::max(a, b)));
    };
    narrow(m.xx, m.xy * middle + m.x0, part.width);
    narrow(m.yx, m.yy * middle + m.y0, part.height);
    return first < last ? PixelRun{static_cast<Index>(first), static_cast<Index>(last)} : PixelRun{0, 0};
  }
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
