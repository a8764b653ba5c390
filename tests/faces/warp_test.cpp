// The tanh warp: its matrix, its curve, the clamp, and that the way back is the way back.
#include "segface/faces/warp.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace segface;
using namespace segface::core;

TEST_CASE("an exact similarity of the standard face is found exactly") {
  const Index side = 224;
  // The standard face turned by 30 degrees, half as large, moved.
  const double c = 0.5 * std::cos(0.5236), s = 0.5 * std::sin(0.5236);
  Landmarks landmarks = standard_landmarks(side);
  for (Point* p :
       {&landmarks.left_eye, &landmarks.right_eye, &landmarks.nose, &landmarks.left_mouth, &landmarks.right_mouth}) {
    *p = {c * p->x - s * p->y + 70, s * p->x + c * p->y + 11};
  }
  const TanhWarp warp = make_tanh_warp(landmarks, side).value();
  CHECK(warp.a * c - warp.b * -s == doctest::Approx(1));  // M undoes it: (a, b) is the inverse of (c, -s)
  CHECK(warp.a * -s + warp.b * c == doctest::Approx(0).epsilon(1e-9));
  const Point nose = landmarks.nose, standard = standard_landmarks(side).nose;
  CHECK(warp.a * nose.x + warp.b * nose.y + warp.dx == doctest::Approx(standard.x));
  CHECK(warp.a * nose.y - warp.b * nose.x + warp.dy == doctest::Approx(standard.y));
}

TEST_CASE("the curve: straight inside, tanh outside, the clamp in row and column 0 only") {
  TanhWarp warp;  // M is the identity
  warp.side = 512;
  CHECK(warp.warped_source(256, 300).x == 255.5);
  CHECK(warp.warped_source(256, 300).y == 299.5);
  // c = 448 / 256 - 1 = 0.75: 0.2 + 0.8 atanh(0.6875) = 0.2 + 0.8 x 0.8434...
  CHECK(warp.warped_source(448, 256).x == doctest::Approx((0.2 + 0.8 * std::atanh(0.6875) + 1) * 256 - 0.5));
  CHECK(warp.warped_source(64, 256).x == doctest::Approx((-0.2 - 0.8 * std::atanh(0.6875) + 1) * 256 - 0.5));
  CHECK(warp.unwarped_source(448, 256, 512).x == doctest::Approx((0.2 + 0.8 * std::tanh(0.6875) + 1) * 256 - 0.5));
  // c = -1: the argument of atanh is 1, and clamped to 0.999.
  const double clamped = (-0.2 - 0.8 * std::atanh(0.999) + 1) * 256 - 0.5;
  CHECK(warp.warped_source(0, 0).x == doctest::Approx(clamped));
  CHECK(warp.warped_source(0, 0).y == doctest::Approx(clamped));
  // c = 1 / 256 - 1: not clamped any more.
  const double near = (-0.2 - 0.8 * std::atanh((1 - 1.0 / 256 - 0.2) / 0.8) + 1) * 256 - 0.5;
  CHECK(warp.warped_source(1, 1).x == doctest::Approx(near));
}

TEST_CASE("logits of another size than the input are sampled at the same share of their side") {
  TanhWarp warp;
  warp.side = 250;
  // Index ((g + 1) S - 1) / 2 of the grid's value g = 2 x 125 / 250 - 1, S = 252.
  CHECK(warp.unwarped_source(125, 125, 252).x == 125.5);
  CHECK(warp.unwarped_source(125, 125, 250).y == 124.5);
}

TEST_CASE("points that are like no face have no warp, those of a turned head have") {
  // What passes check_landmarks and whose best fit is none: everything would be seen at one place.
  const Landmarks spike = {{63.5, 12}, {64.5, 12}, {64, 46.25}, {64, 13}, {64, 13}};
  REQUIRE(check_landmarks(spike, 256, 256).ok());
  const auto none = make_tanh_warp(spike, 256);
  REQUIRE_FALSE(none.ok());
  CHECK(none.error().code() == Errc::invalid_argument);
  CHECK(std::string(none.error().message()).find("as those of a face") != std::string::npos);
  CHECK_FALSE(make_tanh_warp(spike.scaled(2, 2).moved(0.1, 0.2), 512).ok());
  CHECK_FALSE(make_tanh_warp({{5, 5}, {5, 5}, {5, 5}, {5, 5}, {5, 5}}, 256).ok());

  const Landmarks profile = {{100, 70}, {102, 70}, {130, 105}, {108, 130}, {110, 130}};
  CHECK(make_tanh_warp(profile, 256).ok());
  CHECK(make_tanh_warp(standard_landmarks(512).scaled(1.0 / 8, 1), 512).ok());         // a photo of 8 : 1
  CHECK(make_tanh_warp({{0, 100}, {0, 20}, {30, 60}, {60, 90}, {60, 30}}, 224).ok());  // lying on its side
}

TEST_CASE("the pixel before an index, whatever the index") {
  CHECK(floor_index(3.9) == 3);
  CHECK(floor_index(-0.5) == -1);
  CHECK(floor_index(-1e300) == -2);
  CHECK(floor_index(1e300) == 1000000000);
  CHECK(floor_index(std::numeric_limits<double>::quiet_NaN()) == -2);
}

TEST_CASE("the way back is the inverse") {
  const TanhWarp warp = make_tanh_warp({{60, 90}, {130, 80}, {100, 120}, {75, 150}, {130, 145}}, 224).value();
  for (Index y = 1; y < 224; y += 13) {
    for (Index x = 1; x < 224; x += 13) {
      // Where pixel (x, y) of the warped picture comes from, and where that place goes: pixels there are half a pixel
      // on.
      const TanhWarp::Position from = warp.warped_source(x, y);
      const double u = from.x + 0.5, v = from.y + 0.5;
      TanhWarp moved = warp;  // so that an integer pixel is this place
      moved.dx += warp.a * u + warp.b * v;
      moved.dy += warp.a * v - warp.b * u;
      const TanhWarp::Position back = moved.unwarped_source(0, 0, 224);
      CHECK(back.x + 0.5 == doctest::Approx(static_cast<double>(x)).epsilon(1e-9));
      CHECK(back.y + 0.5 == doctest::Approx(static_cast<double>(y)).epsilon(1e-9));
    }
  }
}
