// The tanh warp of LaPa: input [R, R, 3] -> warped input [R, R, 3]; warped logits [s, s, K] -> logits [R, R, K].
//
// A similarity M brings five points of the face to standard places; then each axis is squeezed so that the face keeps
// its scale in the middle and everything around it, however far, fits at the border. With u = 2 p / R - 1 on each axis:
//   squeeze(u) = tanh((|u| - 0.2) / 0.8) 0.8 + 0.2 where |u| > 0.2, with the sign of u; else u.
//   warped(p) = input(M^-1 stretch(p)),  logits(p) = warped logits(squeeze(M p)),  stretch the inverse of squeeze.
// Mirrors the official code's roi_tanh_warp (Lin et al., Face Parsing with RoI Tanh-Warping, CVPR 2019). Traps: p is a
// whole number of pixels, but bilinear sampling puts p at index p - 0.5; stretch clamps the argument of atanh to
// 0.999, which acts in row 0 and column 0 alone while R < 2500; M is of the input's pixels, also for the logits.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/landmarks.hpp"

SEGFACE_BEGIN_NAMESPACE

class TanhWarp {
 public:
  // No face, no meaning: stands in where only shapes count.
  constexpr TanhWarp() noexcept = default;

  // For an input of side x side pixels with the face at these points, in the input's pixels. Positions are finite,
  // and far below the largest Index. Errors: invalid_argument (points that are not finite, in one place, or that no
  // similarity brings near the standard places).
  static Result<TanhWarp> make(const Landmarks& landmarks, Index side) noexcept {
    const std::array<Point, 5> from = landmarks.in_order(), to = standard(side);
    for (const Point& p : from) {
      constexpr double kMost = 1e6;
      if (!(std::abs(p.x) <= kMost && std::abs(p.y) <= kMost)) {
        return error(Errc::invalid_argument, "a landmark is not finite, or beyond a million pixels");
      }
    }
    const Point from_mean = mean(from), to_mean = mean(to);
    double dot = 0, cross = 0, squares = 0;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const Point f = {from[i].x - from_mean.x, from[i].y - from_mean.y};
      const Point t = {to[i].x - to_mean.x, to[i].y - to_mean.y};
      dot += t.x * f.x + t.y * f.y;
      cross += t.x * f.y - t.y * f.x;
      squares += f.x * f.x + f.y * f.y;
    }
    TanhWarp warp;
    warp.side_ = static_cast<double>(side);
    warp.a_ = dot / squares;
    warp.b_ = cross / squares;
    warp.dx_ = to_mean.x - warp.a_ * from_mean.x - warp.b_ * from_mean.y;
    warp.dy_ = to_mean.y + warp.b_ * from_mean.x - warp.a_ * from_mean.y;
    constexpr double kLeastSpread = 1e-6, kLeastScale = 1e-6;
    if (side < 1 || !(squares > kLeastSpread) || !(std::hypot(warp.a_, warp.b_) > kLeastScale)) {
      return error(Errc::invalid_argument, "the landmarks are in one place, or far from the shape of a face");
    }
    return warp;
  }

  // Where pixel (x, y) of the warped input lies in the input. Positions are indices: i is exactly pixel i, a fraction
  // weighs the next one.
  Point warped_source(Index x, Index y) const noexcept {
    return index_of(from_standard({stretch(static_cast<double>(x)), stretch(static_cast<double>(y))}), 1);
  }

  // Where pixel (x, y) of the R x R logits lies in the warped logits of logits_side x logits_side (R, or the nearest
  // size that the network makes).
  Point unwarped_source(Index x, Index y, Index logits_side) const noexcept {
    const Point p = to_standard({static_cast<double>(x), static_cast<double>(y)});
    return index_of({squeeze(p.x), squeeze(p.y)}, static_cast<double>(logits_side) / side_);
  }

 private:
  static constexpr double kFactor = 0.8, kLinear = 1 - kFactor;  // the half width of the part that keeps its scale

  // The standard places of the five points, in pixels: corner pixels' middles are at -1 and 1.
  static std::array<Point, 5> standard(Index side) noexcept {
    std::array<Point, 5> points = {Point{196, 226}, {316, 226}, {256, 286}, {220, 360.4}, {292, 360.4}};
    for (Point& p : points) {
      p = {p.x / 256 * static_cast<double>(side - 1) / 2, p.y / 256 * static_cast<double>(side - 1) / 2};
    }
    return points;
  }

  static Point mean(const std::array<Point, 5>& points) noexcept {
    Point sum;
    for (const Point& p : points) sum = {sum.x + p.x, sum.y + p.y};
    return {sum.x / 5, sum.y / 5};
  }

  // M = (a, b, dx; -b, a, dy), and its inverse.
  Point to_standard(Point p) const noexcept { return {a_ * p.x + b_ * p.y + dx_, a_ * p.y - b_ * p.x + dy_}; }
  Point from_standard(Point p) const noexcept {
    const double x = p.x - dx_, y = p.y - dy_, determinant = a_ * a_ + b_ * b_;
    return {(a_ * x - b_ * y) / determinant, (b_ * x + a_ * y) / determinant};
  }

  // One axis, in pixels.
  template <class Function>
  double on_border(double p, const Function& function) const noexcept {
    const double u = 2 * p / side_ - 1, beyond = std::abs(u) - kLinear;
    if (!(beyond > 0)) return p;
    return (std::copysign(function(beyond / kFactor) * kFactor + kLinear, u) + 1) / 2 * side_;
  }
  double squeeze(double p) const noexcept {
    return on_border(p, [](double t) { return std::tanh(t); });
  }
  double stretch(double p) const noexcept {
    return on_border(p, [](double t) { return std::atanh(std::min(t, 1 - 0.001)); });
  }

  static Point index_of(Point p, double scale) noexcept { return {p.x * scale - 0.5, p.y * scale - 0.5}; }

  double side_ = 1, a_ = 1, b_ = 0, dx_ = 0, dy_ = 0;
};

SEGFACE_END_NAMESPACE
