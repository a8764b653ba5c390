// Which of the faces that both networks looked at are told, in which order, and why the others are not.
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/faces/face.hpp"
#include "segface/faces/landmarks.hpp"

SEGFACE_BEGIN_CORE

// Both networks must think so. Asked in many windows, O-Net may be sure by chance of what is no face.
inline bool is_certain(const Face& face, double threshold) noexcept {
  constexpr double kLeastProbability = 0.7, kSureProbability = 0.93;
  return face.probability >= (face.score >= threshold ? kLeastProbability : kSureProbability);
}

// Takes away what has the points of a better face, or the eyes. Certain ones are better than others. Throws where memory
// runs out.
inline void remove_doubles(std::vector<Face>& faces, double threshold) {
  struct Place {
    Point points, eyes;  // their middles
    double reach;

    explicit Place(const Landmarks& l) noexcept
        : eyes(l.middle_of_eyes()),
          reach(std::max(std::hypot(l.right_eye.x - l.left_eye.x, l.right_eye.y - l.left_eye.y),
                         std::hypot(l.left_mouth.x - l.left_eye.x, l.left_mouth.y - l.left_eye.y))) {
      for (const Point& p : l.in_order()) points = {points.x + p.x / 5, points.y + p.y / 5};
    }
    bool is_at(const Place& other) const noexcept {
      const double far = std::max(reach, other.reach);
      return std::hypot(points.x - other.points.x, points.y - other.points.y) < 0.9 * far ||
             std::hypot(eyes.x - other.eyes.x, eyes.y - other.eyes.y) < 0.5 * far;
    }
  };
  std::stable_sort(faces.begin(), faces.end(), [&](const Face& a, const Face& b) {
    const bool first = is_certain(a, threshold), second = is_certain(b, threshold);
    return first != second ? first : a.score > b.score;
  });
  std::vector<Face> kept;
  for (const Face& face : faces) {
    const Place place(face.landmarks);
    const bool known =
        std::any_of(kept.begin(), kept.end(), [&](const Face& better) { return place.is_at(Place(better.landmarks)); });
    if (!known) kept.push_back(face);
  }
  faces = std::move(kept);
}

// Those that are wanted of a photo of width x height, see Faces. Throws where memory runs out.
inline Faces chosen(std::vector<Face> found, Index width, Index height, const FindOptions& options) {
  std::stable_sort(found.begin(), found.end(), [](const Face& a, const Face& b) {
    if (a.size() != b.size()) return a.size() > b.size();
    return a.box.x != b.box.x ? a.box.x < b.box.x : a.box.y < b.box.y;
  });
  Faces faces;
  double largest = 0;
  for (const Face& face : found) {
    const auto skip = [&](SkipReason reason) { faces.skipped.push_back({face.box, face.score, reason}); };
    if (!is_certain(face, options.threshold) || !check_landmarks(face.landmarks, width, height).ok()) {
      skip(SkipReason::uncertain);
      continue;
    }
    largest = std::max(largest, face.size());
    if (face.size() < options.smallest) {
      skip(SkipReason::small);
    } else if (face.size() < options.smallest_share * largest) {
      skip(SkipReason::smaller_share);
    } else if (options.most != 0 && static_cast<Index>(faces.found.size()) >= options.most) {
      skip(SkipReason::beyond_most);
    } else {
      faces.found.push_back(face);
    }
  }
  return faces;
}

SEGFACE_END_CORE
