// SmoothedPoints: landmarks that hold still while a face does, and follow it when it moves.
//
// The One-Euro filter (Casiez, Roussel, Vogel 2012): a low-pass filter whose cutoff grows with the speed,
//   f = 0.1 / smooth + 20 motion,   s += a (x - s),   a = 1 / (1 + 1 / (2 pi f dt))
// in Hz. Motion is the median of the points' speeds, in distances of the eyes a second, as far as it is more than noise, and
// of how far they have got away: a mouth that talks moves no face. All points have one cutoff, so that a face moves as a
// whole. The first frames are averaged, a >= 1 / n: the first points are no better than others.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "segface/base/config.hpp"
#include "segface/faces/landmarks.hpp"

SEGFACE_BEGIN_CORE

// How large a face is, by its eyes or, of one that looks aside, by its mouth.
inline double eye_distance(const Landmarks& l) noexcept {
  const Point eyes = l.middle_of_eyes(), mouth = l.middle_of_mouth();
  return std::fmax(std::hypot(l.right_eye.x - l.left_eye.x, l.right_eye.y - l.left_eye.y),
                   0.9 * std::hypot(mouth.x - eyes.x, mouth.y - eyes.y));
}
inline Point middle_of(const Landmarks& l) noexcept {
  Point middle;
  for (const Point& p : l.in_order()) middle = {middle.x + p.x / 5, middle.y + p.y / 5};
  return middle;
}

class SmoothedPoints {
 public:
  void reset(const Landmarks& points) noexcept {
    points_ = points;
    speeds_ = {};
    motion_ = 0, count_ = 1;
  }
  const Landmarks& points() const noexcept { return points_; }

  // 1 for a face that holds still, 0 for one that moves by more than half of its eyes' distance a second.
  double stillness() const noexcept { return std::fmax(0.0, 1 - motion_ / kMoves); }

  // A frame later: `seconds` after the last.
  const Landmarks& add(const Landmarks& seen, double seconds, double smooth) noexcept {
    const std::array<Point, 5> to = seen.in_order(), from = points_.in_order();
    const double size = eye_distance(seen);
    const double of_speed = share(kSpeedCutoff, seconds);
    std::array<double, 5> speed, away;
    for (std::size_t i = 0; i < 5; ++i) {
      const Point now = {(to[i].x - from[i].x) / (size * seconds), (to[i].y - from[i].y) / (size * seconds)};
      speeds_[i] = {speeds_[i].x + of_speed * (now.x - speeds_[i].x), speeds_[i].y + of_speed * (now.y - speeds_[i].y)};
      speed[i] = std::hypot(speeds_[i].x, speeds_[i].y);
      away[i] = std::hypot(to[i].x - from[i].x, to[i].y - from[i].y) / size;
    }
    std::nth_element(speed.begin(), speed.begin() + 2, speed.end());
    std::nth_element(away.begin(), away.begin() + 2, away.end());
    motion_ = std::fmax(0.0, speed[2] - kStill) + kPull * std::fmax(0.0, away[2] - kAway);
    const double cutoff = kLeastCutoff / smooth + kSlope * motion_;
    const double part = std::fmax(share(cutoff, seconds), 1.0 / ++count_);
    std::array<double, 10> mixed;
    for (std::size_t i = 0; i < 5; ++i) {
      mixed[2 * i] = from[i].x + part * (to[i].x - from[i].x);
      mixed[2 * i + 1] = from[i].y + part * (to[i].y - from[i].y);
    }
    return points_ = Landmarks::from_numbers(mixed);
  }

 private:
  static constexpr double kLeastCutoff = 0.1, kSpeedCutoff = 2.5, kSlope = 20;
  static constexpr double kStill = 0.3, kMoves = 0.3, kAway = 0.05, kPull = 10;

  // Of what is new, for a cutoff in Hz.
  static double share(double cutoff, double seconds) noexcept {
    constexpr double kTurn = 6.283185307179586;
    return 1 / (1 + 1 / (kTurn * cutoff * seconds));
  }

  Landmarks points_ = {};
  std::array<Point, 5> speeds_ = {};  // eye distances a second
  double motion_ = 0;                 // eye distances a second, beyond noise
  double count_ = 1;                  // frames since the first
};

SEGFACE_END_CORE
