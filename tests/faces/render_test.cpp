#include "segface/faces/render.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

using namespace segface;

TEST_CASE("render: labels in the palette's colours") {
  const std::uint8_t labels[] = {0, 14, 200, 2};
  auto image = colorize({labels, 2, 2, PixelOrder::gray}, Dataset::celeb);
  REQUIRE(image.ok());
  CHECK(image->rgb(0, 0) == Rgb{0, 0, 0});
  CHECK(image->rgb(1, 0) == color_of(Dataset::celeb, 14));
  CHECK(image->rgb(0, 1) == Rgb{0, 0, 0});
  CHECK(image->rgb(1, 1) == color_of(Dataset::celeb, 2));
}

TEST_CASE("render: an overlay mixes classes and leaves the background as it is") {
  const std::uint8_t bgr[] = {10, 20, 30, 40, 50, 60, 70, 80, 90}, labels[] = {0, 10, 255};
  const ImageView photo(bgr, 3, 1, PixelOrder::bgr), mask(labels, 3, 1, PixelOrder::gray);
  auto half = overlay(photo, mask, Dataset::lapa);
  REQUIRE(half.ok());
  CHECK(half->rgb(0, 0) == Rgb{30, 20, 10});
  const Rgb hair = color_of(Dataset::lapa, 10);
  CHECK(half->rgb(1, 0) == Rgb{static_cast<std::uint8_t>((60 + hair.r + 1) / 2),
                               static_cast<std::uint8_t>((50 + hair.g + 1) / 2),
                               static_cast<std::uint8_t>((40 + hair.b + 1) / 2)});
  CHECK(half->rgb(2, 0) == Rgb{90, 80, 70});
  CHECK(overlay(photo, mask, Dataset::lapa, 1.0f)->rgb(1, 0) == hair);
  CHECK(overlay(photo, mask, Dataset::lapa, 0.0f)->rgb(1, 0) == Rgb{60, 50, 40});
}

TEST_CASE("render: runs of any length are mixed as pixels are, in every order") {
  constexpr Index kWidth = 211, kHeight = 9;
  std::vector<std::uint8_t> pixels(4 * kWidth * kHeight), labels(kWidth * kHeight);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::uint8_t>(i * i * 31 >> 4);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(i * i / 4000 % 25);
  const ImageView mask(labels.data(), kWidth, kHeight, PixelOrder::gray);
  for (const PixelOrder order :
       {PixelOrder::rgb, PixelOrder::bgr, PixelOrder::rgba, PixelOrder::bgra, PixelOrder::gray}) {
    const ImageView photo(pixels.data(), kWidth, kHeight, order);
    for (const float alpha : {0.0f, 0.3f, 0.5f, 1.0f}) {
      const Image mixed = overlay(photo, mask, Dataset::celeb, alpha).value();
      const int weight = static_cast<int>(alpha * 256 + 0.5f);
      const auto mix = [&](int below, int above) {
        return static_cast<std::uint8_t>((below * (256 - weight) + above * weight + 128) >> 8);
      };
      for (Index y = 0; y < kHeight; ++y) {
        for (Index x = 0; x < kWidth; ++x) {
          const Rgb below = photo.rgb(x, y);
          const std::uint8_t label = mask.row(y)[x];
          const Rgb above = label == 0 || label >= 19 ? below : color_of(Dataset::celeb, label);
          CHECK(mixed.rgb(x, y) == Rgb{mix(below.r, above.r), mix(below.g, above.g), mix(below.b, above.b)});
        }
      }
    }
  }
}

TEST_CASE("render: what does not fit is refused") {
  const std::uint8_t pixels[12] = {};
  const ImageView photo(pixels, 2, 2, PixelOrder::rgb), mask(pixels, 2, 1, PixelOrder::gray);
  CHECK(overlay(photo, mask, Dataset::celeb).error().code() == Errc::invalid_argument);
  CHECK(overlay(photo, photo, Dataset::celeb).error().code() == Errc::invalid_argument);
  CHECK(colorize(photo, Dataset::celeb).error().code() == Errc::invalid_argument);
  const ImageView fits(pixels, 2, 2, PixelOrder::gray);
  for (const float alpha : {-0.1f, 1.1f, std::numeric_limits<float>::quiet_NaN()}) {
    CHECK(overlay(photo, fits, Dataset::celeb, alpha).error().code() == Errc::invalid_argument);
  }
}

TEST_CASE("cutout: the photo where a label is wanted, clear elsewhere") {
  const std::uint8_t bgr[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, labels[] = {0, 14, 2, 200};
  const ImageView photo(bgr, 2, 2, PixelOrder::bgr), map(labels, 2, 2, PixelOrder::gray);
  const auto cut = cutout(photo, map, 1u << 14 | 1u << 2);
  REQUIRE(cut.ok());
  CHECK(cut->view().order == PixelOrder::rgba);
  const std::uint8_t expected[] = {0, 0, 0, 0, 6, 5, 4, 255, 9, 8, 7, 255, 0, 0, 0, 0};
  for (Index i = 0; i < 16; ++i) CHECK(cut->data()[i] == expected[i]);
  CHECK(cutout(photo, {labels, 2, 1, PixelOrder::gray}, 1).error().code() == Errc::invalid_argument);
}
