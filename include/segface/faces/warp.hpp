// The tanh warp of a face, from its five landmarks.
//
// The similarity M takes the landmarks, in pixels of an R x R input, to the points of a standard face with the least
// sum of squared distances. With centred points f (from) and t (to):
//   a = sum(t . f) / sum(f . f)
//   b = sum(t_x f_y - t_y f_x) / sum(f . f)
// and the means go to each other. Mirrors the official tanh_warp's estimate of its matrix.
//
// Trap: points that are nobody's face may have a fit whose a and b are nearly 0, and then all of the picture would come
// from one place. Their likeness to a face is sqrt(a^2 + b^2) sqrt(sum(f . f) / sum(t . t)): 1 for the standard face
// turned and scaled, 0.77 for one in full profile, 0.45 for most points at random.
#pragma once

#include <array>
#include <cmath>

#include "segface/base/status.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/image/tanh_warp.hpp"

SEGFACE_BEGIN_NAMESPACE

// The standard face of a side x side picture.
inline Landmarks standard_landmarks(Index side) noexcept {
  const double scale = static_cast<double>(side - 1) / 512;
  return Landmarks{{196, 226}, {316, 226}, {256, 286}, {220, 360.4}, {292, 360.4}}.scaled(scale, scale);
}

// Landmarks in pixels of the side x side input. Errors: invalid_argument (no turned, scaled and moved face is like
// them).
inline Result<TanhWarp> make_tanh_warp(const Landmarks& landmarks, Index side) noexcept {
  constexpr double kLeastLikeness = 0.4;
  const std::array<Point, 5> from = landmarks.in_order(), to = standard_landmarks(side).in_order();
  Point from_mean, to_mean;
  for (std::size_t i = 0; i < 5; ++i) {
    from_mean = {from_mean.x + from[i].x / 5, from_mean.y + from[i].y / 5};
    to_mean = {to_mean.x + to[i].x / 5, to_mean.y + to[i].y / 5};
  }
  double a = 0, b = 0, squares = 0, standard_squares = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const double fx = from[i].x - from_mean.x, fy = from[i].y - from_mean.y;
    const double tx = to[i].x - to_mean.x, ty = to[i].y - to_mean.y;
    a += tx * fx + ty * fy;
    b += tx * fy - ty * fx;
    squares += fx * fx + fy * fy;
    standard_squares += tx * tx + ty * ty;
  }
  const double likeness = std::hypot(a, b) / std::sqrt(squares * standard_squares);
  if (!(likeness >= kLeastLikeness)) {
    return error(Errc::invalid_argument,
                 "landmarks: the five points do not lie to each other as those of a face; expected ", kLandmarkOrder);
  }
  TanhWarp warp;
  warp.side = static_cast<double>(side);
  warp.a = a / squares;
  warp.b = b / squares;
  warp.dx = to_mean.x - warp.a * from_mean.x - warp.b * from_mean.y;
  warp.dy = to_mean.y + warp.b * from_mean.x - warp.a * from_mean.y;
  return warp;
}

SEGFACE_END_NAMESPACE
