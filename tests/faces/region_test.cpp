// Region: each kind cuts and pastes as what it stands for, and points go in and come back.
#include "segface/faces/region.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

using namespace segface;
using namespace segface::core;

namespace {

constexpr Landmarks kFace = {{20, 22}, {36, 18}, {30, 28}, {24, 37}, {37, 34}};

Image picture(Index width, Index height, PixelOrder order) {
  Image image = Image::make(width, height, order).value();
  for (std::size_t i = 0; i < image.size_bytes(); ++i) image.data()[i] = static_cast<std::uint8_t>(i * 37 + i / 251);
  return image;
}

bool same(const ImageView& a, const ImageView& b) {
  bool equal = a.width == b.width && a.height == b.height && a.order == b.order;
  for (Index y = 0; equal && y < a.height; ++y) {
    equal = std::equal(a.row(y), a.row(y) + a.width * channels_of(a.order), b.row(y));
  }
  return equal;
}

// What a region cuts, and pastes of labels and planes, against `cut`, `labels` and `plane` of the same kind.
template <class PastePlane>
void check(const Region& region, const Image& photo, const Image& cut, const Image& labels, const Image& pasted,
           const PastePlane& paste_plane) {
  Image room, back;
  CHECK(same(region.cut(photo.view(), room).value(), cut.view()));
  CHECK(region.width() == cut.width());
  CHECK(region.height() == cut.height());
  CHECK(same(region.paste_labels(labels.view(), back).value(), pasted.view()));
  const float numbers[] = {0, 1, 2, 3, 5, 8};
  std::vector<float> got(static_cast<std::size_t>(photo.width() * photo.height())), expected(got.size());
  const Span<float> out = {got.data(), got.size()};
  region.paste_plane({numbers, 3, 2}, -1, out).or_throw();
  paste_plane(PlaneView{numbers, 3, 2}, Span<float>(expected.data(), expected.size())).or_throw();
  CHECK(got == expected);
  const Landmarks there = region.from_photo(kFace), again = region.to_photo(there);
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(again.in_order()[i].x == doctest::Approx(kFace.in_order()[i].x));
    CHECK(again.in_order()[i].y == doctest::Approx(kFace.in_order()[i].y));
  }
  CHECK(region.paste_labels(photo.view(), back).error().code() == Errc::invalid_argument);
  CHECK(region.cut(picture(photo.width(), 1, photo.order()).view(), room).error().code() == Errc::invalid_argument);
}

}  // namespace

TEST_CASE("all of a photo is the photo itself") {
  const Image photo = picture(64, 48, PixelOrder::rgb), labels = picture(64, 48, PixelOrder::gray);
  const Region region = Region::whole(64, 48);
  CHECK(region.is_whole());
  Image room;
  CHECK(region.cut(photo.view(), room).value().pixels == photo.data());
  CHECK(region.paste_labels(labels.view(), room).value().pixels == labels.data());
  CHECK(room.empty());
  check(region, photo, photo, labels, labels, [](const PlaneView& plane, Span<float> out) {
    return paste_plane(plane, {0, 0, 64, 48}, -1, 64, 48, out);
  });
  CHECK(region.from_photo(Point{3, 4}).x == 3);
}

TEST_CASE("a box is cut and pasted as by crop, and points move with it") {
  const Image photo = picture(64, 48, PixelOrder::rgb), labels = picture(50, 60, PixelOrder::gray);
  const Box box = {-7, 5, 50, 60};
  const Region region = Region::box(box, 64, 48).value();
  CHECK_FALSE(region.is_whole());
  check(region, photo, crop(photo.view(), box).value(), labels, paste_labels(labels.view(), box, 64, 48).value(),
        [&](const PlaneView& plane, Span<float> out) { return paste_plane(plane, box, -1, 64, 48, out); });
  CHECK(region.from_photo(Point{0, 0}).x == 7);
  CHECK(region.from_photo(Point{0, 0}).y == -5);
}

TEST_CASE("an aligned region is the square of its landmarks") {
  const Image photo = picture(64, 48, PixelOrder::rgb);
  const AlignedSquare square(kFace);
  const Image labels = picture(square.side(), square.side(), PixelOrder::gray);
  check(Region::aligned(kFace, 64, 48).value(), photo, square.cut(photo.view()).value(), labels,
        square.paste_labels(labels.view(), 64, 48).value(),
        [&](const PlaneView& plane, Span<float> out) { return square.paste_plane(plane, -1, 64, 48, out); });
}

TEST_CASE("Helen's region is the box of its points") {
  HelenPoints points = {};
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = {20.0 + static_cast<double>(i % 10), 15.0 + static_cast<double>(i / 5)};
  }
  const Box box = helen_box(points, 64, 48);
  const Region region = Region::helen(points, 64, 48).value();
  CHECK(region.width() == box.width);
  CHECK(region.height() == box.height);
  CHECK(region.from_photo(Point{0, 0}).x == static_cast<double>(-box.x));
}

TEST_CASE("regions that are none are refused; no message names an option of the command line") {
  const auto refused = [](const Result<Region>& region, Errc code, const char* text) {
    REQUIRE_FALSE(region.ok());
    CHECK(region.error().code() == code);
    const std::string message(region.error().message());
    CHECK_MESSAGE(message.find(text) != std::string::npos, message);
    CHECK_MESSAGE(message.find("--") == std::string::npos, message);
  };
  refused(Region::box({64, 0, 10, 10}, 64, 48), Errc::invalid_argument, "outside the photo of 64 x 48");
  refused(Region::box({0, 0, 0, 10}, 64, 48), Errc::invalid_argument, "at least 1");
  refused(Region::box({0, 0, 100000, 10}, 64, 48), Errc::limit_exceeded, "the box: 100000 x 10");
  refused(Region::aligned(kFace.moved(100, 0), 64, 48), Errc::invalid_argument, "outside the photo");
  refused(Region::aligned(kFace.scaled(900, 900), 50000, 50000), Errc::limit_exceeded, "the square of the landmarks");
  HelenPoints far = {};
  for (Point& point : far) point = {1000, 1000};
  refused(Region::helen(far, 64, 48), Errc::invalid_argument, "at least 1");
  for (const double wrong : {1e30, std::numeric_limits<double>::quiet_NaN()}) {
    HelenPoints points = {};
    points[67] = {3, wrong};
    refused(Region::helen(points, 64, 48), Errc::invalid_argument, "point 68 of Helen's 68");
  }
}
