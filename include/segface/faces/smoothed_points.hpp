// SmoothedPoints: landmarks that hold still while a face does, and follow it when it moves.
//
// The One-Euro filter (Casiez, Roussel, Vogel 2012): a low-pass filter whose cutoff grows with the speed,
//   f = 1 / smooth + 5 |speed|,   s += a (x - s),   a = 1 / (1 + 1 / (2 pi f dt))
// in Hz, for a speed in distances of the eyes a second, itself filtered at 1 Hz. The five points of a face have one cutoff, so
// that a face moves as a whole.
#pragma once

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
  }
  const Landmarks& points() const noexcept { return points_; }

  // A frame later: `seconds` after the last.
  const Landmarks& add(const Landmarks& seen, double seconds, double smooth) noexcept {
    const std::array<Point, 5> to = seen.in_order(), from = points_.in_order();
    const double size = eye_distance(seen);
    const double of_speed = share(kSpeedCutoff, seconds);
    double speed = 0;
    for (std::size_t i = 0; i < 5; ++i) {
      const Point now = {(to[i].x - from[i].x) / (size * seconds), (to[i].y - from[i].y) / (size * seconds)};
      speeds_[i] = {speeds_[i].x + of_speed * (now.x - speeds_[i].x), speeds_[i].y + of_speed * (now.y - speeds_[i].y)};
      speed += std::hypot(speeds_[i].x, speeds_[i].y) / 5;
    }
    const double part = share(kLeastCutoff / smooth + kSlope * speed, seconds);
    std::array<double, 10> mixed;
    for (std::size_t i = 0; i < 5; ++i) {
      mixed[2 * i] = from[i].x + part * (to[i].x - from[i].x);
      mixed[2 * i + 1] = from[i].y + part * (to[i].y - from[i].y);
    }
    return points_ = Landmarks::from_numbers(mixed);
  }

 private:
  static constexpr double kLeastCutoff = 1, kSpeedCutoff = 1, kSlope = 5;

  // Of what is new, for a cutoff in Hz.
  static double share(double cutoff, double seconds) noexcept {
    constexpr double kTurn = 6.283185307179586;
    return 1 / (1 + 1 / (kTurn * cutoff * seconds));
  }

  Landmarks points_ = {};
  std::array<Point, 5> speeds_ = {};  // eye distances a second
};

SEGFACE_END_CORE
