#include "segface/image/crop.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

using namespace segface;

namespace {

// Pixel (x, y) is (x, y, 1).
Image grid(Index width, Index height) {
  auto image = Image::make(width, height, PixelOrder::rgb);
  REQUIRE(image.ok());
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      std::uint8_t* pixel = image->row(y) + 3 * x;
      pixel[0] = static_cast<std::uint8_t>(x), pixel[1] = static_cast<std::uint8_t>(y), pixel[2] = 1;
    }
  }
  return std::move(*image);
}

}  // namespace

TEST_CASE("crop: inside, across every edge, and around the photo") {
  const Image photo = grid(6, 4);
  for (const Box& box : {Box{1, 1, 3, 2}, Box{-2, -1, 4, 3}, Box{4, 2, 5, 6}, Box{-3, -3, 20, 20}, Box{0, 0, 6, 4}}) {
    CAPTURE(box.x);
    auto part = crop(photo.view(), box);
    REQUIRE(part.ok());
    REQUIRE(part->width() == box.width);
    REQUIRE(part->height() == box.height);
    for (Index y = 0; y < box.height; ++y) {
      for (Index x = 0; x < box.width; ++x) {
        const Index u = x + box.x, v = y + box.y;
        const bool inside = u >= 0 && v >= 0 && u < 6 && v < 4;
        CHECK(part->rgb(x, y) == (inside ? photo.rgb(u, v) : Rgb{0, 0, 0}));
      }
    }
  }
}

TEST_CASE("crop: boxes without a pixel of the photo are refused") {
  const Image photo = grid(6, 4);
  for (const Box& box : {Box{6, 0, 2, 2}, Box{0, 4, 2, 2}, Box{-2, 0, 2, 2}, Box{0, -9, 2, 9}, Box{0, 0, 0, 2},
                         Box{0, 0, 2, -1}, Box{PTRDIFF_MAX, 0, 2, 2}, Box{PTRDIFF_MIN, 0, PTRDIFF_MAX, 2}}) {
    CHECK(crop(photo.view(), box).error().code() == Errc::invalid_argument);
  }
}

TEST_CASE("crop: labels of a box go back to their place") {
  const std::uint8_t labels[] = {1, 2, 3, 4, 5, 6};
  for (const Box& box : {Box{1, 1, 3, 2}, Box{-1, -1, 3, 2}, Box{2, 3, 3, 2}, Box{9, 9, 3, 2}}) {
    auto mask = paste_labels({labels, 3, 2, PixelOrder::gray}, box, 5, 4);
    REQUIRE(mask.ok());
    for (Index y = 0; y < 4; ++y) {
      for (Index x = 0; x < 5; ++x) {
        const Index u = x - box.x, v = y - box.y;
        const bool inside = u >= 0 && v >= 0 && u < 3 && v < 2;
        CHECK(int{mask->row(y)[x]} == (inside ? labels[v * 3 + u] : 0));
      }
    }
  }
  CHECK(paste_labels({labels, 3, 2, PixelOrder::gray}, Box{0, 0, 2, 3}, 5, 4).error().code() == Errc::invalid_argument);
}

TEST_CASE("crop: the square around a detector's box") {
  // A box of 100 x 140 at (30, 20), its middle at (80, 90).
  const Box square = square_box({30, 20, 100, 140}, 1.5).value();
  CHECK(square.x == -25);
  CHECK(square.y == -15);
  CHECK(square.width == 210);
  CHECK(square.height == 210);
  const Box smaller = square_box({-7, 3, 11, 4}, 0.5).value();  // 5.5 pixels, rounded
  CHECK(smaller.width == 6);
  CHECK(std::fabs((double(smaller.x) + 3) - (-7 + 5.5)) <= 0.5);
  CHECK(std::fabs((double(smaller.y) + 3) - (3 + 2)) <= 0.5);
  for (const Box& box : {Box{0, 0, 0, 4}, Box{0, 0, 4, -1}, Box{PTRDIFF_MIN, 0, 4, 4}, Box{0, PTRDIFF_MAX, 4, 4},
                         Box{0, 0, PTRDIFF_MAX, 4}}) {
    CHECK(square_box(box, 1).error().code() == Errc::invalid_argument);
  }
  for (const double scale : {0.0, -1.0, 1e-3, 1e30, std::numeric_limits<double>::quiet_NaN()}) {
    CHECK(square_box({0, 0, 4, 4}, scale).error().code() == Errc::invalid_argument);
  }
}

TEST_CASE("crop: planes of a box go back to their place, stretched where the network's output is smaller") {
  // At the box's size, every float comes back as it is.
  const std::vector<float> plane = {1, 2, 3, 4, 5, 6};
  for (const Box& box : {Box{1, 1, 3, 2}, Box{-1, -1, 3, 2}, Box{2, 3, 3, 2}, Box{9, 9, 3, 2}}) {
    std::vector<float> out(20, 7.0f);
    REQUIRE(paste_plane({plane.data(), 3, 2}, box, -1, 5, 4, {out.data(), out.size()}).ok());
    for (Index y = 0; y < 4; ++y) {
      for (Index x = 0; x < 5; ++x) {
        const Index u = x - box.x, v = y - box.y;
        const bool inside = u >= 0 && v >= 0 && u < 3 && v < 2;
        CHECK(out[std::size_t(y * 5 + x)] == (inside ? plane[std::size_t(v * 3 + u)] : -1.0f));
      }
    }
  }
  // Two columns over four: positions -0.25, 0.25, 0.75, 1.25, the outer two held at the edge.
  const float columns[] = {0, 8};
  float wide[5];
  REQUIRE(paste_plane({columns, 2, 1}, {1, 0, 4, 1}, -1, 5, 1, wide).ok());
  const float expected[] = {-1, 0, 2, 6, 8};
  for (int i = 0; i < 5; ++i) CHECK(wide[i] == expected[i]);

  CHECK(paste_plane({columns, 2, 1}, {1, 0, 4, 1}, -1, 5, 2, wide).code() == Errc::invalid_argument);
  CHECK(paste_plane({nullptr, 2, 1}, {1, 0, 4, 1}, -1, 5, 1, wide).code() == Errc::invalid_argument);
  CHECK(paste_plane({columns, 0, 1}, {1, 0, 4, 1}, -1, 5, 1, wide).code() == Errc::invalid_argument);
  CHECK(paste_plane({columns, 2, 1}, {1, 0, 0, 1}, -1, 5, 1, wide).code() == Errc::invalid_argument);
}
