// Cutting out by a matte: whose the colours are, and how they look on another background.
#include "segface/image/cutout.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "segface/base/uniform_sequence.hpp"

using namespace segface;
using namespace segface::core;

namespace {

constexpr Index kWidth = 180, kHeight = 120;

// A shape with an edge ten pixels wide and strands of two, whose colours and those behind it vary.
struct Scene {
  std::vector<float> alpha;
  Image front, back;

  Scene() : front(rgb()), back(rgb()) {
    const UniformSequence grain("grain", 1);
    for (Index y = 0; y < kHeight; ++y) {
      for (Index x = 0; x < kWidth; ++x) {
        const auto u = static_cast<double>(x), v = static_cast<double>(y);
        const double disc = (50 - std::hypot(u - 70, v - 55)) / 10 + 0.5;
        const double strand = v > 50 && v < 115 ? 1.5 - std::fabs(std::fmod(u + v / 7, 12.0) - 6) : 0;
        alpha.push_back(static_cast<float>(std::clamp(std::max(disc, strand), 0.0, 1.0)));
        for (Index c = 0; c < 3; ++c) {
          const double noise = 8 * grain[static_cast<std::size_t>(3 * (y * kWidth + x) + c)];
          front.row(y)[3 * x + c] = byte(60 + 20 * std::sin(u / 17 + static_cast<double>(c)) + noise);
          back.row(y)[3 * x + c] = byte(190 + 30 * std::sin(v / 13 + static_cast<double>(c)) + noise);
        }
      }
    }
  }
  // Before a background, by an alpha of 8 bits.
  Image before(const ImageView& background) const {
    Image out = rgb();
    for (Index y = 0; y < kHeight; ++y) {
      for (Index i = 0; i < 3 * kWidth; ++i) {
        const double a = std::round(255 * alpha_at(i / 3, y)) / 255;
        out.row(y)[i] = byte(a * front.view().row(y)[i] + (1 - a) * background.row(y)[i]);
      }
    }
    return out;
  }
  double alpha_at(Index x, Index y) const {
    return static_cast<double>(alpha[static_cast<std::size_t>(y * kWidth + x)]);
  }
  Span<const float> matte() const { return {alpha.data(), alpha.size()}; }

  static Image rgb() { return Image::make(kWidth, kHeight, PixelOrder::rgb).value(); }
  static std::uint8_t byte(double value) { return static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0)); }
};

double mean_error(const ImageView& a, const ImageView& b) {
  double sum = 0;
  for (Index y = 0; y < kHeight; ++y) {
    for (Index i = 0; i < 3 * kWidth; ++i) sum += std::abs(int{a.row(y)[i]} - int{b.row(y)[i]});
  }
  return sum / static_cast<double>(3 * kWidth * kHeight);
}

}  // namespace

TEST_CASE("a cutout on another background: a quarter of the error that the photo's own colours have, or less") {
  const Scene scene;
  const Image photo = scene.before(scene.back.view());
  const Image cut = cutout(photo.view(), scene.matte()).value();
  Image own = Image::make(kWidth, kHeight, PixelOrder::rgba).value();
  for (const int level : {0, 120, 255}) {
    CAPTURE(level);
    Image plain = Scene::rgb();
    for (Index y = 0; y < kHeight; ++y) {
      for (Index x = 0; x < kWidth; ++x) {
        const std::uint8_t* const color = photo.view().pixel(x, y);
        std::uint8_t* const to = own.row(y) + 4 * x;
        to[0] = color[0], to[1] = color[1], to[2] = color[2], to[3] = cut.view().pixel(x, y)[3];
        for (Index c = 0; c < 3; ++c) plain.row(y)[3 * x + c] = static_cast<std::uint8_t>(c == 1 ? 200 : level);
      }
    }
    const Image truth = scene.before(plain.view());
    const double estimated = mean_error(compose(cut.view(), plain.view()).value().view(), truth.view());
    const double with_own = mean_error(compose(own.view(), plain.view()).value().view(), truth.view());
    CHECK(with_own > 2);
    CHECK(estimated < 0.25 * with_own);
  }
}

TEST_CASE("a cutout has the photo's colours where alpha is 1, none where it is 0, in any order of colours") {
  const Scene scene;
  const Image photo = scene.before(scene.back.view());
  Image bgra = Image::make(kWidth, kHeight, PixelOrder::bgra).value();
  for (Index y = 0; y < kHeight; ++y) {
    for (Index x = 0; x < kWidth; ++x) {
      const Rgb color = photo.rgb(x, y);
      std::uint8_t* const to = bgra.row(y) + 4 * x;
      to[0] = color.b, to[1] = color.g, to[2] = color.r, to[3] = 7;
    }
  }
  const Image cut = cutout(photo.view(), scene.matte()).value(), other = cutout(bgra.view(), scene.matte()).value();
  Index wrong = 0, solid = 0, clear = 0;
  for (Index y = 0; y < kHeight; ++y) {
    for (Index x = 0; x < kWidth; ++x) {
      const std::uint8_t* const pixel = cut.view().pixel(x, y);
      wrong += std::fabs(pixel[3] - 255 * scene.alpha_at(x, y)) > 0.501;
      wrong += !std::equal(pixel, pixel + 4, other.view().pixel(x, y));
      solid += pixel[3] == 255;
      clear += pixel[3] == 0;
      if (pixel[3] == 255) wrong += cut.rgb(x, y) != photo.rgb(x, y);
      if (pixel[3] == 0) wrong += cut.rgb(x, y) != Rgb{0, 0, 0};
    }
  }
  CHECK(wrong == 0);
  CHECK(solid > 1000);
  CHECK(clear > 1000);
}

TEST_CASE("colours are what their definition gives, at every border, also where the window is the larger") {
  const UniformSequence noise("pixels", 2);
  for (const Index width : {1, 7, 60}) {
    constexpr Index kRows = 30, kRadius = 8;
    CHECK(ForegroundColors::radius(width, kRows) == kRadius);
    Image photo = Image::make(width, kRows, PixelOrder::rgb).value();
    std::vector<float> matte;
    for (Index i = 0; i < width * kRows; ++i) {
      const auto at = static_cast<std::size_t>(4 * i);
      matte.push_back(static_cast<float>(std::clamp(0.5 + 0.8 * noise[at], 0.0, 1.0)));
      for (std::size_t c = 0; c < 3; ++c) {
        photo.data()[static_cast<std::size_t>(3 * i) + c] = Scene::byte(127 + 127 * noise[at + 1 + c]);
      }
    }
    const Image cut = cutout(photo.view(), {matte.data(), matte.size()}).value();
    double furthest = 0;
    for (Index y = 0; y < kRows; ++y) {
      for (Index x = 0; x < width; ++x) {
        const std::uint8_t* const pixel = cut.view().pixel(x, y);
        if (pixel[3] == 0) continue;
        for (Index c = 0; c < 3; ++c) {
          double front[2] = {}, back[2] = {};
          for (Index v = std::max<Index>(0, y - kRadius); v <= std::min(kRows - 1, y + kRadius); ++v) {
            for (Index u = std::max<Index>(0, x - kRadius); u <= std::min(width - 1, x + kRadius); ++u) {
              const int alpha = cut.view().pixel(u, v)[3];
              const double weights[2] = {std::floor(std::pow(alpha, 4) / 65536),
                                         std::floor(std::pow(255 - alpha, 4) / 65536)};
              front[0] += weights[0] * photo.view().pixel(u, v)[c], front[1] += weights[0];
              back[0] += weights[1] * photo.view().pixel(u, v)[c], back[1] += weights[1];
            }
          }
          const double own = photo.view().pixel(x, y)[c], alpha = pixel[3] / 255.0;
          const double f = front[1] == 0 ? own : front[0] / front[1], b = back[1] == 0 ? own : back[0] / back[1];
          const double expected = std::clamp(f + alpha * (own - alpha * f - (1 - alpha) * b), 0.0, 255.0);
          furthest = std::max(furthest, std::fabs(pixel[c] - expected));
        }
      }
    }
    CHECK(furthest < 0.501);
  }
}

TEST_CASE("mattes and backgrounds of other sizes are refused, and what has no alpha") {
  const Scene scene;
  const Image small = Image::make(4, 4, PixelOrder::rgb).value();
  CHECK(cutout(small.view(), scene.matte()).error().code() == Errc::invalid_argument);
  CHECK(cutout({nullptr, 4, 4, PixelOrder::rgb}, {scene.alpha.data(), 16}).error().code() == Errc::invalid_argument);
  const Image cut = cutout(scene.front.view(), scene.matte()).value();
  CHECK(compose(cut.view(), small.view()).error().code() == Errc::invalid_argument);
  CHECK(compose(scene.front.view(), scene.back.view()).error().code() == Errc::invalid_argument);
  const float odd[] = {-1, 2, NAN, 0.5f};
  const Image pixels = cutout(ImageView(small.data(), 2, 2, PixelOrder::rgb), {odd, 4}).value();
  CHECK(pixels.data()[3] == 0);
  CHECK(pixels.data()[7] == 255);
  CHECK(pixels.data()[11] == 0);
  CHECK(pixels.data()[15] == 128);
}
