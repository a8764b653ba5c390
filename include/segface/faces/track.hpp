// Track: one face from frame to frame, and which of the faces found in a frame is whose.
#pragma once

#include <algorithm>
#include <cmath>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/faces/align.hpp"
#include "segface/faces/face.hpp"
#include "segface/faces/smoothed_logits.hpp"
#include "segface/faces/smoothed_points.hpp"
#include "segface/faces/turned_window.hpp"

SEGFACE_BEGIN_CORE

// Where boxes cover the same, as a part of what either covers.
inline double overlap(const FaceRectangle& a, const FaceRectangle& b) noexcept {
  const double across = std::min(a.x + a.width, b.x + b.width) - std::max(a.x, b.x);
  const double down = std::min(a.y + a.height, b.y + b.height) - std::max(a.y, b.y);
  if (across <= 0 || down <= 0) return 0;
  const double both = across * down;
  return both / (a.width * a.height + b.width * b.height - both);
}

class Track {
 public:
  static constexpr double kSameFace = 0.3;  // overlap of boxes from which on a face is that of a track
  static constexpr double kJump = 0.5;      // eye distances, in one frame, beyond which nothing goes on

  Track(Index number, const Face& found) : number_(number) { begin(found); }

  Index number() const noexcept { return number_; }
  // As it is told: with smoothed points.
  const Face& face() const noexcept { return face_; }
  // What is remembered of its part and of its surroundings.
  SmoothedLogits& logits(bool surroundings) noexcept { return logits_[surroundings ? 1 : 0]; }

  // It was found in this frame.
  void find(const Face& found, double seconds, double smooth) noexcept {
    missed_ = 0;
    if (smooth == 0 || is_jump(found.landmarks)) return begin(found);
    const Landmarks smoothed = points_.add(found.landmarks, seconds, smooth);
    seen_ = found.landmarks;
    remember_window(found);
    face_ = found;
    place(smoothed);
  }

  // Where O-Net is asked for it in the next frame.
  TurnedWindow window() const noexcept {
    const AlignedSquare square(seen_);
    const double side = static_cast<double>(square.side());
    const Point centre = square.to_photo({middle_.x * side - 0.5, middle_.y * side - 0.5});
    return {centre, size_ * side, roll_of(seen_)};
  }
  // What it answered. Where it is in doubt, a face that something covers, points stay where they are.
  void follow(const Landmarks& landmarks, double probability, bool plausible, double seconds, double smooth) noexcept {
    constexpr double kDoubt = 0.5;
    face_.probability = probability;
    if (probability < kDoubt || !plausible) return;
    const bool jumps = is_jump(landmarks);
    if (jumps) forget();
    if (jumps || smooth == 0) {
      points_.reset(landmarks);
    } else {
      points_.add(landmarks, seconds, smooth);
    }
    const Landmarks before = seen_;
    seen_ = landmarks;
    move_box(before);
    place(points_.points());
  }
  // It was not found where the whole frame was looked at. Whether it goes on all the same: O-Net still sees it.
  bool miss() noexcept {
    constexpr double kSure = 0.7;
    constexpr int kMost = 3;
    return face_.probability >= kSure && ++missed_ < kMost;
  }

 private:
  void begin(const Face& found) noexcept {
    face_ = found;
    seen_ = found.landmarks;
    points_.reset(seen_);
    remember_window(found);
    forget();
  }
  void forget() noexcept {
    for (SmoothedLogits& logits : logits_) logits.forget();
  }
  bool is_jump(const Landmarks& landmarks) const noexcept {
    const Point now = middle_of(landmarks), before = middle_of(seen_);
    return !(std::hypot(now.x - before.x, now.y - before.y) <= kJump * eye_distance(seen_));
  }

  // The box in parts of the square of the points, in which windows stay.
  void remember_window(const Face& found) noexcept {
    const AlignedSquare square(found.landmarks);
    const double side = static_cast<double>(square.side());
    const Point centre =
        square.from_photo(Point{found.box.x + found.box.width / 2 - 0.5, found.box.y + found.box.height / 2 - 0.5});
    middle_ = {(centre.x + 0.5) / side, (centre.y + 0.5) / side};
    size_ = found.box.size() / side;
  }
  void move_box(const Landmarks& before) noexcept {
    const Point from = middle_of(before), to = middle_of(seen_);
    const double scale = eye_distance(seen_) / eye_distance(before);
    FaceRectangle& box = face_.box;
    const double x = to.x + scale * (box.x + box.width / 2 - from.x),
                 y = to.y + scale * (box.y + box.height / 2 - from.y);
    box = {x - scale * box.width / 2, y - scale * box.height / 2, scale * box.width, scale * box.height};
  }
  void place(const Landmarks& points) noexcept {
    face_.landmarks = points;
    face_.roll = roll_of(points);
  }

  Index number_;
  Face face_;
  Landmarks seen_ = {};  // of the last frame, as a network gave them
  SmoothedPoints points_;
  Point middle_;     // of the window, and
  double size_ = 1;  // its side, in parts of the square of the points
  int missed_ = 0;
  SmoothedLogits logits_[2];
};

SEGFACE_END_CORE
