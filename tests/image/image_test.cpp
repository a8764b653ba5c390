#include "segface/image/image.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <utility>

using namespace segface;

TEST_CASE("image: a view reads colours in every order") {
  const std::uint8_t pixels[] = {1, 2, 3, 4, 5, 6, 7, 8};
  CHECK(ImageView(pixels, 2, 1, PixelOrder::rgb).rgb(1, 0) == Rgb{4, 5, 6});
  CHECK(ImageView(pixels, 2, 1, PixelOrder::bgr).rgb(1, 0) == Rgb{6, 5, 4});
  CHECK(ImageView(pixels, 2, 1, PixelOrder::rgba).rgb(1, 0) == Rgb{5, 6, 7});
  CHECK(ImageView(pixels, 2, 1, PixelOrder::bgra).rgb(1, 0) == Rgb{7, 6, 5});
  CHECK(ImageView(pixels, 2, 1, PixelOrder::gray).rgb(1, 0) == Rgb{2, 2, 2});
  CHECK(ImageView(pixels, 1, 2, 5, PixelOrder::rgb).rgb(0, 1) == Rgb{6, 7, 8});
}

TEST_CASE("image: senseless views are refused with the values") {
  const std::uint8_t pixel[4] = {};
  const auto code = [](const ImageView& view) { return view.validate().code(); };
  CHECK(code({pixel, 1, 1, PixelOrder::rgb}) == Errc::ok);
  CHECK(code({nullptr, 1, 1, PixelOrder::rgb}) == Errc::invalid_argument);
  CHECK(code({pixel, 0, 1, PixelOrder::rgb}) == Errc::invalid_argument);
  CHECK(code({pixel, 1, -1, PixelOrder::rgb}) == Errc::invalid_argument);
  CHECK(code({pixel, 1, 1, static_cast<PixelOrder>(9)}) == Errc::invalid_argument);
  CHECK(code({pixel, 1, 1, -3, PixelOrder::rgb}) == Errc::invalid_argument);
  CHECK(code({pixel, PTRDIFF_MAX / 2, 1, PTRDIFF_MAX, PixelOrder::rgb}) == Errc::invalid_argument);
  CHECK(code({pixel, 1, PTRDIFF_MAX / 2, 3, PixelOrder::rgb}) == Errc::invalid_argument);
  const Status status = ImageView(pixel, 7, 5, 20, PixelOrder::rgb).validate();
  CHECK(status.code() == Errc::invalid_argument);
  CHECK(std::string(status.message()).find("rows of 20 bytes cannot hold 7 pixels of 3 bytes") != std::string::npos);
}

TEST_CASE("image: owned pixels move, and refuse sizes that do not fit") {
  auto made = Image::make(3, 2, PixelOrder::rgba);
  REQUIRE(made.ok());
  CHECK(made->size_bytes() == 24);
  made->row(1)[4] = 77;
  Image moved = std::move(*made);
  CHECK(made->empty());
  CHECK(made->width() == 0);
  CHECK(moved.rgb(1, 1).r == 77);
  CHECK(moved.view().validate().ok());
  Image other = Image::make(5, 5, PixelOrder::gray).value();
  other = std::move(moved);
  CHECK(other.rgb(1, 1).r == 77);
  CHECK(moved.empty());  // NOLINT: and holds nothing of the other's
  CHECK(moved.size_bytes() == 0);
  CHECK(Image::make(0, 2, PixelOrder::rgb).error().code() == Errc::invalid_argument);
  std::uint8_t memory[7] = {};
  const auto in_memory = [&](Index width, Index height) {
    return Image::in(Buffer<std::uint8_t>::over(memory), width, height, PixelOrder::rgb);
  };
  in_memory(1, 2)->row(1)[2] = 9;
  CHECK(memory[5] == 9);
  CHECK(in_memory(1, 2)->size_bytes() == 6);
  CHECK(in_memory(1, 3).error().code() == Errc::buffer_too_small);
  CHECK(in_memory(1, 0).error().code() == Errc::invalid_argument);
  CHECK(Image::make(PTRDIFF_MAX, 3, PixelOrder::rgb).error().code() == Errc::overflow);
}
