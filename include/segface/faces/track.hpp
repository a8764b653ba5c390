// Track: one face from frame to frame, and which of the faces found in a frame is whose.
#pragma once

#include <cmath>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/faces/align.hpp"
#include "segface/faces/face.hpp"
#include "segface/faces/smoothed_logits.hpp"
#include "segface/faces/smoothed_points.hpp"
#include "segface/faces/turned_window.hpp"

SEGFACE_BEGIN_CORE

class Track {
 public:
  static constexpr double kSameFace = 0.3;  // overlap of boxes from which on a face is that of a track
  static constexpr double kJump = 0.5;      // eye distances, in one frame, beyond which nothing goes on

  Track(Index number, const Face& found) : number_(number) { begin(found); }

  Index number() const noexcept { return number_; }
  // As it is told: with smoothed points.
  const Face& face() const noexcept { return face_; }
  double stillness() const noexcept { return points_.stillness(); }
  // What is remembered of its part and of its surroundings.
  SmoothedLogits& logits(bool surroundings) noexcept { return logits_[surroundings ? 1 : 0]; }

  // Where O-Net is asked for it next: first around the box that was found, then closer, then as always.
  TurnedWindow window() const noexcept {
    const AlignedSquare square(points_.points());
    const double side = static_cast<double>(square.side());
    const Point centre = square.to_photo({middle_.x * side - 0.5, middle_.y * side - 0.5});
    return {centre, size_ * side, roll_of(points_.points())};
  }
  // What O-Net says in the frame that it was found in, of a face that is new: windows of later frames lie around its points
  // as that which it asks for, and, with smoothing, points begin with those of such a window.
  void settle(const Landmarks& landmarks, const TurnedWindow& better, bool sure, double smooth) noexcept {
    if (!sure || is_jump(landmarks)) return;
    remember_window(landmarks, better.centre, better.side);
    if (smooth == 0) return;
    points_.reset(landmarks);
    place(landmarks);
  }
  // It was found again. Its points go on as they are followed, unless these are elsewhere.
  void find(const Face& found, double smooth) noexcept {
    missed_ = 0;
    face_.score = found.score;
    if (smooth == 0 || distance(found.landmarks) > kAstray * eye_distance(found.landmarks)) begin(found);
  }
  // What O-Net answered in a later frame. Where it is in doubt, a face that something covers, points stay where they are.
  void follow(const Landmarks& landmarks, double probability, bool plausible, double seconds, double smooth) noexcept {
    constexpr double kDoubt = 0.5;
    face_.probability = probability;
    if (probability < kDoubt || !plausible) return;
    const Landmarks before = points_.points();
    const bool jumps = is_jump(landmarks);
    if (jumps) forget();
    if (jumps || smooth == 0) {
      points_.reset(landmarks);
    } else {
      points_.add(landmarks, seconds, smooth);
    }
    move_box(before);
    place(points_.points());
  }
  // It was not found where the whole frame was looked at. Whether it goes on all the same: O-Net still sees it, or only
  // upright heads were looked for, which it is not.
  bool miss(bool upright) noexcept {
    constexpr double kSure = 0.7, kUpright = 40;
    constexpr int kMost = 3;
    if (upright && std::fabs(face_.roll) > kUpright) return true;
    return face_.probability >= kSure && ++missed_ < kMost;
  }

 private:
  static constexpr double kAstray = 0.3;  // eye distances between what was followed and what was found

  void begin(const Face& found) noexcept {
    face_ = found;
    points_.reset(found.landmarks);
    const FaceRectangle& box = found.box;
    remember_window(found.landmarks, {box.x + box.width / 2 - 0.5, box.y + box.height / 2 - 0.5}, box.size());
    forget();
  }
  void forget() noexcept {
    for (SmoothedLogits& logits : logits_) logits.forget();
  }
  double distance(const Landmarks& landmarks) const noexcept {
    const Point now = middle_of(landmarks), before = middle_of(points_.points());
    return std::hypot(now.x - before.x, now.y - before.y);
  }
  bool is_jump(const Landmarks& landmarks) const noexcept {
    return !(distance(landmarks) <= kJump * eye_distance(points_.points()));
  }

  // A window in parts of the square of the points.
  void remember_window(const Landmarks& landmarks, const Point& centre, double side) noexcept {
    const AlignedSquare square(landmarks);
    const double whole = static_cast<double>(square.side());
    const Point middle = square.from_photo(centre);
    middle_ = {(middle.x + 0.5) / whole, (middle.y + 0.5) / whole};
    size_ = side / whole;
  }
  void move_box(const Landmarks& before) noexcept {
    const Point from = middle_of(before), to = middle_of(points_.points());
    const double scale = eye_distance(points_.points()) / eye_distance(before);
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
  SmoothedPoints points_;
  Point middle_;     // of the window, and
  double size_ = 1;  // its side, in parts of the square of the points
  int missed_ = 0;
  SmoothedLogits logits_[2];
};

SEGFACE_END_CORE
