#include "segface/faces/sheet.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "segface/image/canvas.hpp"

using namespace segface;
using namespace segface::core;

namespace {

constexpr Rgb kRed = {200, 10, 20}, kBlue = {1, 2, 240};

Canvas canvas_of(Index width, Index height) {
  return Canvas::make(width, height, kBlue).value();
}

// The rows of a canvas: '#' where it is red.
std::string drawn(const Canvas& canvas) {
  std::string rows;
  for (Index y = 0; y < canvas.height(); ++y) {
    for (Index x = 0; x < canvas.width(); ++x) rows += canvas.view().rgb(x, y) == kRed ? '#' : '.';
    rows += '\n';
  }
  return rows;
}

}  // namespace

TEST_CASE("canvas: text in its font, hanging letters lower, boxes for what it does not know") {
  Canvas canvas = canvas_of(23, 9);
  canvas.text("Fg\xc3\xa4!", 0, 0, kRed, 1);
  CHECK(drawn(canvas) ==
        "#####.......#####...#..\n"
        "#...........#...#...#..\n"
        "#......####.#...#...#..\n"
        "####..#...#.#...#...#..\n"
        "#.....#...#.#...#...#..\n"
        "#.....#...#.#...#......\n"
        "#......####.#####...#..\n"
        "..........#............\n"
        ".......###.............\n");
  CHECK(text_width("Fg\xc3\xa4!", 1) == 23);
  CHECK(text_width("ab", 3) == 33);
  CHECK(text_width("", 2) == 0);
  CHECK(fitting("abcd", 17, 1) == "abc");
  CHECK(fitting("abcd", 16, 1) == "ab");
  Canvas twice = canvas_of(10, 14);
  twice.text("-", 0, 0, kRed, 2);
  CHECK(drawn(twice) ==
        "..........\n..........\n..........\n..........\n..........\n..........\n##########\n##########\n"
        "..........\n..........\n..........\n..........\n..........\n..........\n");
}

TEST_CASE("canvas: every printable character differs from every other") {
  for (char a = ' '; a <= '~'; ++a) {
    for (char b = ' '; b < a; ++b) CHECK(font::glyph(a) != font::glyph(b));
    for (const char digit : font::glyph(a)) CHECK(((digit >= '0' && digit <= '9') || (digit >= 'a' && digit <= 'v')));
  }
}

TEST_CASE("canvas: what reaches over the borders is cut off") {
  Canvas canvas = canvas_of(3, 3);
  canvas.fill({-5, 2, 6, 9}, kRed);
  canvas.text("T", 2, -3, kRed, 1);
  CHECK(drawn(canvas) == "...\n...\n#..\n");
  const std::uint8_t red[] = {200, 10, 20, 200, 10, 20, 200, 10, 20, 200, 10, 20};
  REQUIRE(canvas.draw({red, 2, 2, PixelOrder::rgb}, 2, -1).ok());
  REQUIRE(canvas.draw({red, 2, 2, PixelOrder::rgb}, 7, 7).ok());
  CHECK(drawn(canvas) == "..#\n...\n#..\n");
  CHECK(canvas.draw({red, 0, 2, PixelOrder::rgb}, 0, 0).code() == Errc::invalid_argument);
  CHECK(Canvas::make(0, 1, kRed).error().code() == Errc::invalid_argument);
}

TEST_CASE("sheet: a legend has a line for each class that is there") {
  std::vector<std::uint8_t> labels(200, 0);
  labels[3] = 14;
  labels[4] = 200;  // no label of the data set
  const Image two = legend({labels.data(), 20, 10, PixelOrder::gray}, Dataset::celeb).value();
  CHECK(two.height() == 22);
  CHECK(two.rgb(4, 4) == color_of(Dataset::celeb, 0));
  CHECK(two.rgb(4, 15) == color_of(Dataset::celeb, 14));
  CHECK(two.rgb(0, 11) == kInk);
  // The share at the right: 0.50 %.
  Canvas share = Canvas::make(29, 9, kPaper).value();
  share.text("0.50%", 0, 0, kInk, 1);
  bool same = true;
  for (Index y = 0; y < 9; ++y) {
    for (Index x = 0; x < 29; ++x) same = same && two.rgb(two.width() - 29 + x, 12 + y) == share.view().rgb(x, y);
  }
  CHECK(same);
  CHECK(legend({labels.data(), 20, 10, PixelOrder::gray}, Dataset::celeb, 3)->height() == 66);
  CHECK(legend({labels.data(), 20, 10, PixelOrder::gray}, Dataset::celeb, 0).error().code() == Errc::invalid_argument);
  CHECK(legend({labels.data(), 5, 10, PixelOrder::rgb}, Dataset::celeb).error().code() == Errc::invalid_argument);
}

TEST_CASE("sheet: pictures are made smaller, never larger") {
  const std::vector<std::uint8_t> pixels(3 * 40 * 10, 77);
  const ImageView wide(pixels.data(), 40, 10, PixelOrder::rgb);
  const Image small = shrink(wide, 20).value();
  CHECK(small.width() == 20);
  CHECK(small.height() == 5);
  CHECK(small.rgb(19, 4) == Rgb{77, 77, 77});
  CHECK(shrink(wide, 1)->height() == 1);
  CHECK(shrink(wide, 100)->width() == 40);
}

TEST_CASE("sheet: shares become gray") {
  const float shares[] = {0.0f, 0.5f, 1.0f, 1.5f};
  const Image gray = gray_of_shares(shares, 4, 1).value();
  CHECK(std::vector<int>(gray.data(), gray.data() + 4) == std::vector<int>{0, 128, 255, 255});
  CHECK(gray_of_shares(shares, 3, 1).error().code() == Errc::invalid_argument);
}

TEST_CASE("sheet: photo, labels, overlay and confidence stand side by side, the legend at the right") {
  std::vector<std::uint8_t> photo(3 * 30 * 20, 100), labels(30 * 20, 0);
  std::vector<float> confidence(30 * 20, 0.2f);
  labels[0] = 10;
  const ImageView pixels(photo.data(), 30, 20, PixelOrder::rgb), mask(labels.data(), 30, 20, PixelOrder::gray);
  const Image picture = sheet(pixels, mask, Dataset::lapa, {confidence.data(), confidence.size()}).value();
  const auto corner = [&](Index panel, Index x) { return picture.rgb(kGap + panel * (30 + kGap) + x, kGap + 11); };
  CHECK(corner(0, 0) == Rgb{100, 100, 100});
  CHECK(corner(0, -1) == kPaper);
  CHECK(corner(1, 0) == color_of(Dataset::lapa, 10));
  CHECK(corner(1, 1) == Rgb{0, 0, 0});
  CHECK(corner(2, 0) == overlay(pixels, mask, Dataset::lapa)->rgb(0, 0));
  CHECK(corner(2, 1) == Rgb{100, 100, 100});
  CHECK(corner(3, 29) == Rgb{51, 51, 51});
  const Image names = legend(mask, Dataset::lapa).value();
  CHECK(picture.width() == kGap + 4 * (30 + kGap) + 2 * kGap + names.width());
  CHECK(picture.rgb(kGap + 4 * (30 + kGap) + kGap, kGap) == kInk);
  CHECK(sheet(pixels, mask, Dataset::lapa, {confidence.data(), 5}).error().code() == Errc::invalid_argument);

  const Image beside = overlay_with_legend(pixels, mask, Dataset::lapa).value();
  CHECK(beside.rgb(1, 0) == Rgb{100, 100, 100});
  CHECK(beside.rgb(30 + kGap, kGap) == kInk);
}

TEST_CASE("sheet: a grid has as many rows as it needs, and cuts titles to its cells") {
  Panel panels[] = {{"first title", {}}, {"", {}}, {"c", {}}};
  for (Panel& panel : panels) {
    Canvas canvas = canvas_of(12, 5);
    panel.picture = canvas.take();
  }
  const Image picture = grid(panels, 2).value();
  CHECK(picture.width() == 3 * kGap + 24);
  CHECK(picture.height() == 3 * kGap + 2 * 11 + 10);
  CHECK(picture.rgb(kGap, kGap + 11) == kBlue);
  CHECK(picture.rgb(2 * kGap + 12, kGap + 11) == kBlue);
  CHECK(picture.rgb(kGap, 2 * kGap + 22 + 5) == kBlue);
  CHECK(picture.rgb(2 * kGap + 12, 2 * kGap + 22 + 5) == kPaper);
  for (Index y = 0; y < 11; ++y) CHECK(picture.rgb(kGap + 13, kGap + y) == kPaper);  // two letters fit
  CHECK(grid({}, 2).error().code() == Errc::invalid_argument);
  CHECK(grid(panels, 0).error().code() == Errc::invalid_argument);
}
