#include <doctest/doctest.h>

#if defined(SEGFACE_WITH_LIBJPEG)
#include <cmath>
#include <vector>

#include "segface/image/decode.hpp"
#include "segface/image/jpeg_write.hpp"

using namespace segface;
using namespace segface::core;

TEST_CASE("jpeg: what is written is read back, about") {
  for (const auto& size : {std::pair<Index, Index>{1, 1}, {17, 33}, {640, 65}}) {
    const Index width = size.first, height = size.second;
    Image picture = Image::make(width, height, PixelOrder::bgr).value();
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        const Rgb color = {static_cast<std::uint8_t>(x * 255 / width), static_cast<std::uint8_t>(y * 255 / height), 90};
        picture.row(y)[3 * x] = color.b, picture.row(y)[3 * x + 1] = color.g, picture.row(y)[3 * x + 2] = color.r;
      }
    }
    const auto file = encode_jpeg(picture.view());
    REQUIRE(file.ok());
    const Image again = decode_image(file->span(), "again").value();
    CHECK(again.width() == width);
    CHECK(again.height() == height);
    double sum = 0;
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        const Rgb a = picture.rgb(x, y), b = again.rgb(x, y);
        sum += std::abs(a.r - b.r) + std::abs(a.g - b.g) + std::abs(a.b - b.b);
      }
    }
    CHECK(sum / static_cast<double>(3 * width * height) < 3);
  }
}

TEST_CASE("jpeg: noise at the best quality has room") {
  Image noise = Image::make(160, 96, PixelOrder::rgb).value();
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < noise.size_bytes(); ++i) {
    state = state * 1664525u + 1013904223u;
    noise.data()[i] = (state >> 30 & 1u) != 0 ? 255 : 0;
  }
  const auto file = encode_jpeg(noise.view(), 100);
  REQUIRE(file.ok());
  CHECK(decode_image(file->span(), "noise").ok());
}

TEST_CASE("jpeg: what has no JPEG is refused") {
  const auto row = [](Index, std::uint8_t*) {};
  CHECK(encode_jpeg(0, 5, row).error().code() == Errc::invalid_argument);
  CHECK(encode_jpeg(65501, 1, row).error().code() == Errc::limit_exceeded);
  CHECK(encode_jpeg(ImageView(nullptr, 5, 5, PixelOrder::rgb)).error().code() == Errc::invalid_argument);
}
#endif
