// Five points of a face, in pixels of the photo, and whether they can be those of a face.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <array>
#include <cmath>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

// A place in a photo: x to the right, y down.
struct Point {
  double x = 0, y = 0;
};

// Left and right are the picture's once the face is upright: left_eye is the subject's right one, which is further left in
// the picture unless the head is turned by more than a quarter.
struct Landmarks {
  Point left_eye, right_eye, nose, left_mouth, right_mouth;

  // From x and y of each, in this order.
  static Landmarks from_numbers(const std::array<double, 10>& xy) noexcept {
    return {{xy[0], xy[1]}, {xy[2], xy[3]}, {xy[4], xy[5]}, {xy[6], xy[7]}, {xy[8], xy[9]}};
  }
  std::array<Point, 5> in_order() const noexcept { return {left_eye, right_eye, nose, left_mouth, right_mouth}; }
  // Halfway between the eyes, and between the corners of the mouth.
  Point middle_of_eyes() const noexcept { return {(left_eye.x + right_eye.x) / 2, (left_eye.y + right_eye.y) / 2}; }
  Point middle_of_mouth() const noexcept {
    return {(left_mouth.x + right_mouth.x) / 2, (left_mouth.y + right_mouth.y) / 2};
  }
  // The same points counted from another corner, and in a picture that is stretched.
  Landmarks moved(double x, double y) const noexcept {
    const auto at = [&](const Point& p) { return Point{p.x + x, p.y + y}; };
    return {at(left_eye), at(right_eye), at(nose), at(left_mouth), at(right_mouth)};
  }
  Landmarks scaled(double x, double y) const noexcept {
    const auto at = [&](const Point& p) { return Point{p.x * x, p.y * y}; };
    return {at(left_eye), at(right_eye), at(nose), at(left_mouth), at(right_mouth)};
  }
};

inline constexpr const char* kLandmarkOrder =
    "the eye at the left of the picture, the eye at its right, the tip of the nose, the mouth corner at the left, the "
    "mouth corner at the right";

// Refuses points that cannot be a face's in a photo of width x height: not finite, the same, on one line, mirrored, far
// outside the photo. Heads may be turned by any angle. A face that the photo's edge cuts has points outside: single ones
// may be as far away as the photo's longer side, their middle half as far as the face is large.
// Errors: invalid_argument, with the reason.
inline Status check_landmarks(const Landmarks& landmarks, Index width, Index height) noexcept {
  constexpr const char* kNames[] = {"left eye", "right eye", "nose", "left mouth corner", "right mouth corner"};
  const auto refuse = [](const auto&... reason) {
    return error(Errc::invalid_argument, "landmarks: ", reason..., "; expected ", kLandmarkOrder,
                 ", in pixels of the photo");
  };
  const auto w = static_cast<double>(width), h = static_cast<double>(height);
  const auto is_outside = [&](const Point& p, double beyond) {
    return p.x < -beyond || p.y < -beyond || p.x > w + beyond || p.y > h + beyond;
  };
  const std::array<Point, 5> points = landmarks.in_order();
  Point middle;
  for (std::size_t i = 0; i < 5; ++i) {
    const Point& p = points[i];
    if (!std::isfinite(p.x) || !std::isfinite(p.y)) return refuse("the ", kNames[i], " is not a finite number");
    if (is_outside(p, std::fmax(w, h))) {
      return refuse("the ", kNames[i], " lies far outside the photo of ", width, " x ", height, " pixels");
    }
    middle = {middle.x + p.x / 5, middle.y + p.y / 5};
  }
  const Point eyes = {landmarks.right_eye.x - landmarks.left_eye.x, landmarks.right_eye.y - landmarks.left_eye.y};
  const Point mouth = {landmarks.right_mouth.x - landmarks.left_mouth.x,
                       landmarks.right_mouth.y - landmarks.left_mouth.y};
  // From the middle of the eyes to the middle of the mouth.
  const Point down = {
      (landmarks.left_mouth.x + landmarks.right_mouth.x - landmarks.left_eye.x - landmarks.right_eye.x) / 2,
      (landmarks.left_mouth.y + landmarks.right_mouth.y - landmarks.left_eye.y - landmarks.right_eye.y) / 2};
  const double span = std::hypot(eyes.x, eyes.y), length = std::hypot(down.x, down.y);
  if (span < 1) return refuse("the eyes are less than a pixel apart");
  if (length < 1) return refuse("eyes and mouth are less than a pixel apart");
  if (is_outside(middle, std::fmax(span, length) / 2)) {
    return refuse("the middle of the face lies outside the photo of ", width, " x ", height, " pixels");
  }
  // The sine of the angle from the line of the eyes to the way down: 1 for a face that looks straight ahead.
  const double turn = (eyes.x * down.y - eyes.y * down.x) / (span * length);
  if (std::fabs(turn) < 0.1) return refuse("eyes and mouth lie on one line");
  if (turn < 0) {
    return refuse("the eyes are mirrored: left and right are the picture's once the face is upright, ",
                  "the subject's right eye comes first");
  }
  if (mouth.x * eyes.x + mouth.y * eyes.y < 0) return refuse("the mouth corners are mirrored against the eyes");
  return {};
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
