// The aligned square: where it lies, and that labels come back to where they were.
#include "segface/faces/align.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "segface/base/threads/pool.hpp"
#include "segface/image/file.hpp"

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

TEST_CASE("a profile, whose eyes are seen as one, has an upright square as high as eyes and mouth ask") {
  for (const double apart : {0.0, 1.5, 3.0}) {
    CAPTURE(apart);
    const Landmarks profile = {
        {100, 80}, {100 + apart, 80}, {118, 100}, {104 + apart / 2, 120}, {104 + apart / 2, 120}};
    REQUIRE(check_landmarks(profile, 300, 300).ok() == (apart >= 1));
    const AlignedSquare square(profile);
    CHECK(square.side() == std::lround(3.6 * std::hypot(4, 40)));
    const Point left = square.to_photo({0, 0}), right = square.to_photo({static_cast<double>(square.side() - 1), 0});
    const double turn = std::atan2(right.y - left.y, right.x - left.x) * 180 / 3.14159265358979;
    CHECK(std::fabs(turn) < 6);  // that of the line from eyes to mouth, 5.7 degrees
    for (const Point& p : square.from_photo(profile).in_order()) {
      CHECK(p.x > 0.3 * static_cast<double>(square.side()));
      CHECK(p.x < 0.7 * static_cast<double>(square.side()));
    }
  }
}

TEST_CASE("there and back: the fields of a checkerboard, and every place within half a pixel") {
  // Turned by 20 degrees, reaching outside at the left and at the top.
  const Landmarks tilted = {{30, 22}, {63, 34}, {42, 44}, {24, 53}, {52, 63}};
  const AlignedSquare square(tilted);
  for (Index y = 0; y < 90; ++y) {
    for (Index x = 0; x < 120; ++x) {
      const Point p = square.from_photo(Point{static_cast<double>(x), static_cast<double>(y)});
      const Point again = square.to_photo(p);
      CHECK(std::hypot(again.x - static_cast<double>(x), again.y - static_cast<double>(y)) < 1e-9);
    }
  }
  // A ramp of two levels a pixel tells where every pixel came from: half a pixel is one level.
  for (const bool across : {true, false}) {
    Image ramp = Image::make(120, 90, PixelOrder::gray).value();
    for (Index y = 0; y < 90; ++y) {
      for (Index x = 0; x < 120; ++x) ramp.row(y)[x] = static_cast<std::uint8_t>(2 * (across ? x : y) + 10);
    }
    const Image cut = square.cut(ramp.view()).value();
    int off = 0;  // bilinear is exact on a ramp, but for rounding
    for (Index v = 0; v < square.side(); ++v) {
      for (Index u = 0; u < square.side(); ++u) {
        const Point p = square.to_photo({static_cast<double>(u), static_cast<double>(v)});
        if (p.x < 0 || p.y < 0 || p.x > 119 || p.y > 89) continue;
        off += std::fabs(cut.row(v)[u] - (2 * (across ? p.x : p.y) + 10)) > 0.5 + 1e-6;
      }
    }
    CHECK(off == 0);
    const std::vector<float> plane(cut.data(), cut.data() + cut.size_bytes());
    std::vector<float> back(120 * 90);
    REQUIRE(
        square.paste_plane({plane.data(), square.side(), square.side()}, -1, 120, 90, {back.data(), back.size()}).ok());
    int inside = 0, outside = 0, wrong = 0;
    for (Index y = 2; y < 88; ++y) {  // the photo's border is mixed with black
      for (Index x = 2; x < 118; ++x) {
        const Point p = square.from_photo(Point{static_cast<double>(x), static_cast<double>(y)});
        const double last = static_cast<double>(square.side() - 1);
        const float got = back[static_cast<std::size_t>(y * 120 + x)];
        if (p.x < -0.5 || p.y < -0.5 || p.x > last + 0.5 || p.y > last + 0.5) {
          ++outside;
          wrong += got != -1;
        } else {
          ++inside;
          // Beyond the cut's outermost pixel centres the edge is held: half a pixel of the cut, turned by 20 degrees.
          const bool edge = p.x < 0 || p.y < 0 || p.x > last || p.y > last;
          wrong += std::fabs(got - static_cast<float>(ramp.row(y)[x])) > (edge ? 2.0f : 1.0f);
        }
      }
    }
    CHECK(inside > 4000);
    CHECK(outside > 300);
    CHECK(wrong == 0);
  }
  // Fields of 8 x 8, cut and pasted: right wherever no edge is nearer than a pixel and a half.
  Image board = Image::make(120, 90, PixelOrder::gray).value();
  for (Index y = 0; y < 90; ++y) {
    for (Index x = 0; x < 120; ++x) board.row(y)[x] = (x / 8 + y / 8) % 2 == 0 ? 200 : 100;
  }
  const Image cut = square.cut(board.view()).value();
  const std::unique_ptr<Executor> threads = core::ThreadPool::make(3).value();
  Image by_threads;
  REQUIRE(square.cut(board.view(), by_threads, threads.get()).ok());
  CHECK(std::memcmp(by_threads.data(), cut.data(), cut.size_bytes()) == 0);
  const Image back = square.paste_labels(cut.view(), 120, 90).value();
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
  Image white = Image::make(40, 40, PixelOrder::rgb).value();
  std::fill_n(white.data(), white.size_bytes(), std::uint8_t{255});
  const AlignedSquare square({{12, 15}, {28, 15}, {20, 22}, {14, 30}, {26, 30}});  // 64 wide
  const Image cut = square.cut(white.view()).value();
  CHECK(cut.row(0)[0] == 0);
  CHECK(cut.row(32)[32 * 3] == 255);
  CHECK(square.paste_labels(white.view(), 40, 40).error().code() == Errc::invalid_argument);
}

TEST_CASE("the astronaut's square, cut and put back, is the photo; a photo moved by a pixel is not") {
  const Image photo = load_image(SEGFACE_TEST_DATA "/images/astronaut.png").value();
  const AlignedSquare square(kAstronaut);
  const Image cut = square.cut(photo.view()).value();
  REQUIRE(cut.width() == 172);
  REQUIRE(cut.height() == 172);
  std::vector<float> red(172 * 172), back(512 * 512);
  for (Index i = 0; i < 172 * 172; ++i) red[static_cast<std::size_t>(i)] = cut.data()[3 * i];
  REQUIRE(square.paste_plane({red.data(), 172, 172}, -1, 512, 512, {back.data(), back.size()}).ok());
  const auto difference = [&](Index dx, Index dy) {
    double sum = 0;
    int pixels = 0;
    for (Index y = 1; y < 511; ++y) {
      for (Index x = 1; x < 511; ++x) {
        const float got = back[static_cast<std::size_t>(y * 512 + x)];
        if (got < 0) continue;
        sum += std::fabs(static_cast<double>(got) - photo.rgb(x + dx, y + dy).r);
        ++pixels;
      }
    }
    CHECK(std::abs(pixels - 172 * 172) < 300);
    return sum / pixels;
  };
  const double in_place = difference(0, 0);
  for (const Index step : {-1, 1}) {
    CHECK(in_place < 0.5 * difference(step, 0));
    CHECK(in_place < 0.5 * difference(0, step));
  }
}

TEST_CASE("a plane of the network's size is stretched over the square") {
  const AlignedSquare square(kAstronaut);
  // 43 x 43 over 172 x 172, rising along the square's upper side: 0.25 a pixel of the cut.
  std::vector<float> plane(43 * 43), back(512 * 512);
  for (std::size_t i = 0; i < plane.size(); ++i) plane[i] = static_cast<float>(i % 43);
  REQUIRE(square.paste_plane({plane.data(), 43, 43}, -1, 512, 512, {back.data(), back.size()}).ok());
  for (const Index y : {90, 105, 140}) {
    for (const Index x : {180, 226, 270}) {
      const Point p = square.from_photo(Point{static_cast<double>(x), static_cast<double>(y)});
      CHECK(double{back[static_cast<std::size_t>(y * 512 + x)]} == doctest::Approx((p.x + 0.5) / 4 - 0.5));
    }
  }
  CHECK(back[0] == -1);
  CHECK(square.paste_plane({plane.data(), 43, 43}, -1, 512, 511, {back.data(), back.size()}).code() ==
        Errc::invalid_argument);
}
