// The aligned square: where it lies, and that labels come back to where they were.
#include "segface/image/align.hpp"

#include <doctest/doctest.h>

using namespace segface;

namespace {

// Of the astronaut, tests/data/images/astronaut.png.
constexpr Landmarks kAstronaut = {{205, 101}, {248, 102}, {226, 122}, {206, 143}, {242, 144}};

}  // namespace

TEST_CASE("the astronaut's square has a side of 172 around the face") {
  const AlignedSquare square(kAstronaut);
  CHECK(square.side() == 172);
  for (const Point& p : square.from_photo(kAstronaut).in_order()) {
    CHECK(p.x > 40);
    CHECK(p.x < 132);
    CHECK(p.y > 60);
    CHECK(p.y < 140);
  }
  // By hand: e = (43, 1), m = (-2.5, 42), e - rot90(m) = (85, 3.5), centre = (226.25, 105.7).
  const Point middle = square.to_photo({85.5, 85.5}), right = square.to_photo({86.5, 85.5});
  CHECK(middle.x == doctest::Approx(226.25));
  CHECK(middle.y == doctest::Approx(105.7));
  CHECK((right.y - middle.y) / (right.x - middle.x) == doctest::Approx(3.5 / 85));
}

TEST_CASE("there and back: every pixel of a checkerboard within half a pixel") {
  // Turned by 20 degrees, reaching outside at the left and at the top.
  const Landmarks tilted = {{30, 22}, {63, 34}, {42, 44}, {24, 53}, {52, 63}};
  const AlignedSquare square(tilted);
  for (Index y = 0; y < 90; ++y) {
    for (Index x = 0; x < 120; ++x) {
      const Point p = square.from_photo(Point{static_cast<double>(x), static_cast<double>(y)});
      const Point nearest = square.to_photo({std::round(p.x), std::round(p.y)});
      CHECK(std::hypot(nearest.x - static_cast<double>(x), nearest.y - static_cast<double>(y)) < 0.75);
    }
  }
  // Fields of 8 x 8, cut and pasted: right wherever no edge is nearer than a pixel and a half.
  Image board = Image::make(120, 90, PixelOrder::gray).value_or_throw();
  for (Index y = 0; y < 90; ++y) {
    for (Index x = 0; x < 120; ++x) board.row(y)[x] = (x / 8 + y / 8) % 2 == 0 ? 200 : 100;
  }
  const Image cut = square.cut(board.view()).value_or_throw();
  const Image back = square.paste_labels(cut.view(), 120, 90).value_or_throw();
  int compared = 0, wrong = 0;
  for (Index y = 2; y < 88; ++y) {
    for (Index x = 2; x < 118; ++x) {
      const bool inner = x % 8 >= 2 && x % 8 <= 5 && y % 8 >= 2 && y % 8 <= 5;
      if (!inner || back.row(y)[x] == 0) continue;
      ++compared;
      wrong += back.row(y)[x] != board.row(y)[x];
    }
  }
  CHECK(compared > 1000);
  CHECK(wrong == 0);
}

TEST_CASE("outside the photo the cut is black, and labels of another size are refused") {
  Image white = Image::make(40, 40, PixelOrder::rgb).value_or_throw();
  std::fill_n(white.data(), white.size_bytes(), std::uint8_t{255});
  const AlignedSquare square({{12, 15}, {28, 15}, {20, 22}, {14, 30}, {26, 30}});  // 64 wide
  const Image cut = square.cut(white.view()).value_or_throw();
  CHECK(cut.row(0)[0] == 0);
  CHECK(cut.row(32)[32 * 3] == 255);
  CHECK(square.paste_labels(white.view(), 40, 40).status().code() == Errc::invalid_argument);
}
