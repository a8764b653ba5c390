#include "segface/image/resize.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "segface/base/threads/pool.hpp"
#include "segface/image/png_read.hpp"

#include "image/pictures.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// As formula() in tools/make_image_values.py.
std::vector<std::uint8_t> formula(Index width, Index height, Index channels) {
  std::vector<std::uint8_t> pixels;
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      for (Index c = 0; c < channels; ++c) {
        const auto value = static_cast<std::uint64_t>(x * 2654435761 + y * 40503 + c * 97 + x * y * 31);
        pixels.push_back(static_cast<std::uint8_t>(value >> 7));
      }
    }
  }
  return pixels;
}

Image photo(const std::string& name) {
  const pictures::File file = pictures::read(name);
  auto png = PngFile::open(pictures::bytes(file), {});
  REQUIRE(png.ok());
  auto image = png->photo();
  REQUIRE(image.ok());
  return std::move(*image);
}

}  // namespace

TEST_CASE("resize: photos equal Pillow's, bit for bit") {
  for (const char* name : {"portrait", "astronaut"}) {
    const Image original = photo(name + std::string(".png"));
    for (const Index side : {224, 250, 256, 333, 448, 512}) {
      const std::string expected_name = name + ("_" + std::to_string(side) + "x" + std::to_string(side)) + ".png";
      if (pictures::read(expected_name).empty()) continue;
      INFO(expected_name);
      const Image expected = photo(expected_name);
      auto resized = resize_bicubic(original.view(), side, side);
      REQUIRE(resized.ok());
      CHECK(pictures::fnv1a(resized->data(), resized->size_bytes()) ==
            pictures::fnv1a(expected.data(), expected.size_bytes()));
    }
  }
}

TEST_CASE("resize: the size it has already is a copy") {
  const Image original = photo("astronaut.png");
  auto same = resize_bicubic(original.view(), original.width(), original.height());
  REQUIRE(same.ok());
  CHECK(std::equal(original.data(), original.data() + original.size_bytes(), same->data()));
}

TEST_CASE("resize: one, three and four channels of every shape equal Pillow's") {
  std::istringstream lines([] {
    const pictures::File file = pictures::read("resize.txt");
    return std::string(file.begin(), file.end());
  }());
  int cases = 0;
  Index from_width, from_height, to_width, to_height, channels;
  std::string expected;
  while (lines >> from_width >> from_height >> to_width >> to_height >> channels >> expected) {
    ++cases;
    CAPTURE(from_width);
    CAPTURE(from_height);
    CAPTURE(to_width);
    CAPTURE(to_height);
    CAPTURE(channels);
    const std::vector<std::uint8_t> pixels = formula(from_width, from_height, channels);
    const PixelOrder order = channels == 1 ? PixelOrder::gray : channels == 3 ? PixelOrder::rgb : PixelOrder::rgba;
    auto resize = BicubicResize::make(from_width, from_height, to_width, to_height);
    REQUIRE(resize.ok());
    std::vector<std::uint8_t> scratch(resize->scratch_bytes());
    std::vector<std::uint8_t> out(static_cast<std::size_t>(to_width * to_height * channels));
    SerialExecutor executor;
    resize->channels({pixels.data(), from_width, from_height, order}, out.data(), scratch.data(), executor);
    CHECK(pictures::fnv1a(out.data(), out.size()) == std::stoull(expected, nullptr, 16));
  }
  CHECK(cases == 48);
}

TEST_CASE("resize: every order and stride gives the same RGB, on any number of threads") {
  const Index width = 23, height = 31;
  const std::vector<std::uint8_t> rgb = formula(width, height, 3);
  for (const Index side : {9, 40}) {
    auto expected = resize_bicubic({rgb.data(), width, height, PixelOrder::rgb}, side, side + 1);
    REQUIRE(expected.ok());
    for (const PixelOrder order : {PixelOrder::bgr, PixelOrder::rgba, PixelOrder::bgra}) {
      const Index channels = channels_of(order), stride = width * channels + 5;
      const RgbOffsets offset = rgb_offsets(order);
      std::vector<std::uint8_t> other(static_cast<std::size_t>(stride * height), 99);
      for (Index i = 0; i < width * height; ++i) {
        std::uint8_t* to = other.data() + i / width * stride + i % width * channels;
        to[offset.r] = rgb.data()[3 * i], to[offset.g] = rgb.data()[3 * i + 1], to[offset.b] = rgb.data()[3 * i + 2];
      }
      auto resize = BicubicResize::make(width, height, side, side + 1);
      auto pool = ThreadPool::make(3);
      REQUIRE(pool.ok());
      std::vector<std::uint8_t> scratch(resize->scratch_bytes()), out(expected->size_bytes());
      resize->rgb({other.data(), width, height, stride, order}, out.data(), scratch.data(), **pool);
      CHECK(std::equal(out.begin(), out.end(), expected->data()));
    }
  }
}

TEST_CASE("resize: gray becomes three equal channels") {
  const std::vector<std::uint8_t> gray = formula(10, 12, 1);
  auto out = resize_bicubic({gray.data(), 10, 12, PixelOrder::gray}, 5, 7);
  REQUIRE(out.ok());
  for (Index i = 0; i < 35; ++i) {
    CHECK(out->data()[3 * i] == out->data()[3 * i + 1]);
    CHECK(out->data()[3 * i] == out->data()[3 * i + 2]);
  }
}

TEST_CASE("resize: sides out of range are refused") {
  CHECK(BicubicResize::make(0, 1, 1, 1).error().code() == Errc::invalid_argument);
  CHECK(BicubicResize::make(1, 1, 1, -1).error().code() == Errc::invalid_argument);
  CHECK(BicubicResize::make(1, (Index{1} << 24) + 1, 1, 1).error().code() == Errc::invalid_argument);
}

TEST_CASE("resize: runs of pixels give what pixels give one by one, up to the end of a row") {
  struct Size {
    Index width, height, to_width, to_height;
  };
  for (const Size& size :
       {Size{400, 30, 25, 40}, {33, 20, 9, 9}, {16, 16, 4, 33}, {701, 50, 64, 48}, {4000, 3, 3, 2}}) {
    CAPTURE(size.width);
    const auto pixels = formula(size.width, size.height, 4);
    const ImageView rgba(pixels.data(), size.width, size.height, PixelOrder::rgba);
    const Image expected = resize_bicubic(rgba, size.to_width, size.to_height).value();
    for (const PixelOrder order : {PixelOrder::rgb, PixelOrder::bgr}) {
      Image photo = Image::make(size.width, size.height, order).value();  // the last row ends where the memory does
      for (Index y = 0; y < size.height; ++y) {
        for (Index x = 0; x < size.width; ++x) {
          const Rgb color = rgba.rgb(x, y);
          const RgbOffsets at = rgb_offsets(order);
          std::uint8_t* const pixel = photo.row(y) + 3 * x;
          pixel[at.r] = color.r, pixel[at.g] = color.g, pixel[at.b] = color.b;
        }
      }
      const Image resized = resize_bicubic(photo.view(), size.to_width, size.to_height).value();
      CHECK(std::equal(expected.data(), expected.data() + expected.size_bytes(), resized.data()));
    }
  }
}
