// The finder: known faces in group pictures, photos without any, odd photos, options, order, broken files.
#include "segface/finder.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "segface/base/uniform_sequence.hpp"
#include "segface/engine/weight_file.hpp"

#include "allocations.hpp"
#include "group_picture.hpp"

using namespace segface;
using namespace segface::core;
using test::Dice;
using test::GroupPicture;
using test::HeadSource;
using test::PlacedFace;

namespace {

const char* const kFile = SEGFACE_TEST_DATA "/../../weights/finder.safetensors";

const Finder& finder() {
  static const Finder loaded = Finder::load(kFile, {2, /*self_test=*/true}).value();
  return loaded;
}
Image astronaut() {
  return load_image(SEGFACE_TEST_DATA "/images/astronaut.png").value();
}

// The mean distance of the points, in eye distances of the first.
double distance(const Landmarks& expected, const Landmarks& got) {
  double sum = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const Point a = expected.in_order()[i], b = got.in_order()[i];
    sum += std::hypot(a.x - b.x, a.y - b.y) / 5;
  }
  return sum / std::hypot(expected.left_eye.x - expected.right_eye.x, expected.left_eye.y - expected.right_eye.y);
}
Point middle(const FaceRectangle& box) {
  return {box.x + box.width / 2 - 0.5, box.y + box.height / 2 - 0.5};
}

// How a finder did with all faces so far.
struct Score {
  int faces = 0, missed = 0, more_than_once = 0, invented = 0, far = 0, turned = 0, beyond = 0;

  void add(const GroupPicture& picture, const Faces& got, const Face& truth) {
    std::vector<bool> known(got.found.size());
    for (const PlacedFace& face : picture.faces()) {
      ++faces;
      const Face* best = nullptr;
      for (std::size_t i = 0; i < got.found.size(); ++i) {
        const Point m = middle(got.found[i].box);
        if (std::hypot(m.x - face.middle.x, m.y - face.middle.y) > face.size / 2) continue;
        known[i] = true;
        more_than_once += best != nullptr;
        if (best == nullptr) best = &got.found[i];
      }
      if (best == nullptr) {
        ++missed;
        continue;
      }
      const Point& m = face.middle;
      const double room = std::min({m.x, m.y, static_cast<double>(picture.image().width()) - m.x,
                                    static_cast<double>(picture.image().height()) - m.y});
      const bool over_border = room < face.size / 2;
      const double off = distance(GroupPicture::to_picture(face, truth.landmarks), best->landmarks);
      const double turn = std::fabs(normal_angle(best->roll - truth.roll - face.degrees));
      far += off > (over_border || face.size < 80 ? 0.2 : 0.12);
      turned += turn > 3;
      beyond += off > 0.3 || turn > 8;
    }
    invented += static_cast<int>(std::count(known.begin(), known.end(), false));
  }
};

// One of many group pictures: every second has heads of any turn, every fourth two over its borders.
GroupPicture group_picture(std::uint64_t seed) {
  Dice dice(seed * 77);
  const auto width = static_cast<Index>(dice.uniform(500, 1800)), height = static_cast<Index>(dice.uniform(400, 1500));
  const auto longer = static_cast<double>(std::max(width, height));
  const bool any_turn = seed % 2 == 1;
  GroupPicture picture(width, height, seed);
  const double largest = seed % 3 != 0 ? longer / 6 : 0.5 * static_cast<double>(std::min(width, height));
  picture.add_many(static_cast<int>(dice.uniform(2, 12.99)), any_turn ? longer / 14 : longer / 32, largest, any_turn,
                   seed % 4 == 0 ? 2 : 0, seed);
  return picture;
}

}  // namespace

TEST_CASE("the astronaut: box, points, turn") {
  const Faces faces = finder().find(astronaut().view()).value();
  REQUIRE(faces.found.size() == 1);
  const Face& face = faces.found[0];
  CHECK(std::fabs(face.box.x - 180) < 3);
  CHECK(std::fabs(face.box.y - 64) < 3);
  CHECK(face.size() == doctest::Approx(111).epsilon(0.03));
  CHECK(face.score > 0.9);
  CHECK(face.probability > 0.99);
  CHECK(distance({{205, 101}, {248, 102}, {226, 122}, {206, 143}, {242, 144}}, face.landmarks) < 0.12);
  CHECK(std::fabs(face.roll - 2.5) < 2);
  // The same wherever in the picture it is, in other orders of channels, and from several threads.
  const Faces portrait = finder().find(load_image(SEGFACE_TEST_DATA "/images/portrait.png").value().view()).value();
  REQUIRE(portrait.found.size() == 1);
  CHECK(distance(face.landmarks.moved(-90, 0), portrait.found[0].landmarks) < 0.05);
}

TEST_CASE("the reference of the whole finder, in Python, gives the same faces") {
  std::ifstream file(SEGFACE_TEST_DATA "/finder/faces.json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  for (const char* name :
       {"../images/astronaut.png", "../images/portrait.png", "group_1.jpg", "group_2.jpg", "group_3.jpg"}) {
    CAPTURE(name);
    const std::size_t begin = text.find('"' + std::string(name) + '"');
    REQUIRE(begin != std::string::npos);
    const std::string part =
        text.substr(begin, std::min(text.find(".jpg\"", begin + 30), text.find(".png\"", begin + 30)) - begin);
    const Image photo = load_image(std::string(SEGFACE_TEST_DATA "/finder/") + name).value();
    const std::vector<Face> found = finder().find(photo.view()).value().found;
    std::size_t expected = 0;
    for (std::size_t at = part.find("\"points\""); at != std::string::npos; at = part.find("\"points\"", at + 1)) {
      std::array<double, 10> numbers = {};
      const char* next = part.c_str() + at + 8;
      for (double& number : numbers) {
        next += std::strcspn(next, "-0123456789");
        char* end = nullptr;
        number = std::strtod(next, &end);
        next = end;
      }
      const Landmarks points = Landmarks::from_numbers(numbers);
      CHECK(std::count_if(found.begin(), found.end(),
                          [&](const Face& face) { return distance(points, face.landmarks) < 0.05; }) == 1);
      ++expected;
    }
    CHECK(found.size() == expected);
    CHECK(expected > 0);
  }
}

TEST_CASE("group pictures: every face once, none invented, points where they are, at every size and turn") {
  const Face truth = finder().find(astronaut().view()).value().found.at(0);
  Score score;
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    CAPTURE(seed);
    const GroupPicture picture = group_picture(seed);
    score.add(picture, finder().find(picture.image().view()).value(), truth);
  }
  CAPTURE(score.missed);
  CAPTURE(score.far);
  CAPTURE(score.turned);
  CHECK(score.faces > 120);
  CHECK(score.missed * 100 <= score.faces);
  CHECK(score.more_than_once == 0);
  CHECK(score.invented == 0);
  CHECK(score.far * 20 <= score.faces);
  CHECK(score.turned * 20 <= score.faces);
  CHECK(score.beyond == 0);
}

TEST_CASE("faces that the border cuts keep their turn") {
  const Face truth = finder().find(astronaut().view()).value().found.at(0);
  Score score;
  for (const std::uint64_t seed : std::vector<std::uint64_t>{252, 844, 872, 980}) {
    const GroupPicture picture = group_picture(seed);
    score.add(picture, finder().find(picture.image().view()).value(), truth);
  }
  CHECK(score.faces > 15);
  CHECK(score.beyond == 0);
}

TEST_CASE("upside down, and on both sides: the same faces, the subject's right eye first") {
  const Image photo = astronaut();
  const Face truth = finder().find(photo.view()).value().found.at(0);
  for (int quarter = 1; quarter < 4; ++quarter) {
    CAPTURE(quarter);
    Image turned = Image::make(512, 512, PixelOrder::rgb).value();  // clockwise
    const auto place = [&](double x, double y) {
      if (quarter == 1) return Point{511 - y, x};
      if (quarter == 2) return Point{511 - x, 511 - y};
      return Point{y, 511 - x};
    };
    for (Index y = 0; y < 512; ++y) {
      for (Index x = 0; x < 512; ++x) {
        const Point p = place(static_cast<double>(x), static_cast<double>(y));
        std::copy_n(photo.row(y) + 3 * x, 3, turned.row(static_cast<Index>(p.y)) + 3 * static_cast<Index>(p.x));
      }
    }
    const Faces faces = finder().find(turned.view()).value();
    REQUIRE(faces.found.size() == 1);
    const auto moved = [&](const Point& p) { return place(p.x, p.y); };
    const Landmarks& l = truth.landmarks;
    const Landmarks expected = {moved(l.left_eye), moved(l.right_eye), moved(l.nose), moved(l.left_mouth),
                                moved(l.right_mouth)};
    CHECK(distance(expected, faces.found[0].landmarks) < 0.06);
    CHECK(std::fabs(normal_angle(faces.found[0].roll - truth.roll - 90 * quarter)) < 2);
    CHECK(check_landmarks(faces.found[0].landmarks, 512, 512).ok());
    FindOptions upright;
    upright.turns = 1;
    for (const Face& face : finder().find(turned.view(), upright).value().found) CHECK(face.score < 0.9);
  }
}

TEST_CASE("photos without a face, and odd ones: an answer, and no face") {
  struct Odd {
    Index width, height;
    PixelOrder order;
    int value;  // of every byte; below 0: a ramp
  };
  for (const Odd& odd :
       {Odd{1, 1, PixelOrder::gray, 90}, Odd{1, 3000, PixelOrder::rgb, -1}, Odd{12000, 100, PixelOrder::rgb, -1},
        Odd{640, 480, PixelOrder::rgba, 255}, Odd{31, 33, PixelOrder::bgra, -1}, Odd{320, 321, PixelOrder::gray, 0},
        Odd{1200, 900, PixelOrder::bgr, -1}}) {
    CAPTURE(odd.width);
    Image photo = Image::make(odd.width, odd.height, odd.order).value();
    for (std::size_t i = 0; i < photo.size_bytes(); ++i) {
      photo.data()[i] = static_cast<std::uint8_t>(odd.value >= 0 ? odd.value : static_cast<int>(i / 7 % 256));
    }
    FindOptions options;
    options.small_faces = true;
    const Faces faces = finder().find(photo.view(), options).value();
    CHECK(faces.found.empty());
  }
}

TEST_CASE("pictures without a face: a sky, bricks, lines of text, discs, noise: none is found, at any turn") {
  constexpr Index kWidth = 640, kHeight = 480;
  const auto level = [](double value) { return static_cast<std::uint8_t>(std::clamp(value, 0.0, 255.0)); };
  const UniformSequence noise("no face", 1);
  const auto random = [&](Index x, Index y) { return noise[static_cast<std::size_t>(y * kWidth + x)]; };
  using Picture = std::function<std::array<double, 3>(Index, Index)>;
  const auto smooth = [&](double x, double y, double scale) {  // noise between whole multiples of the scale
    const double u = x / scale, v = y / scale;
    const auto i = static_cast<Index>(u), j = static_cast<Index>(v);
    const double fx = u - static_cast<double>(i), fy = v - static_cast<double>(j);
    const double above = random(i, j) * (1 - fx) + random(i + 1, j) * fx;
    const double below = random(i, j + 1) * (1 - fx) + random(i + 1, j + 1) * fx;
    return above * (1 - fy) + below * fy;
  };
  const std::vector<std::pair<const char*, Picture>> pictures = {
      {"sky",
       [&](Index x, Index y) -> std::array<double, 3> {
         const auto px = static_cast<double>(x), py = static_cast<double>(y);
         const double cloud = std::max(0.0, smooth(px, py, 90) + 0.5 * smooth(px, py, 31) + 0.25 * smooth(px, py, 9));
         return {90 + 0.2 * py + 120 * cloud, 140 + 0.15 * py + 90 * cloud, 210 + 40 * cloud};
       }},
      {"bricks",
       [&](Index x, Index y) -> std::array<double, 3> {
         const Index row = y / 24, column = (x + row % 2 * 30) / 60;
         const bool mortar = y % 24 < 3 || (x + row % 2 * 30) % 60 < 3;
         const double shade = 25 * random(column, row) + 10 * random(x, y);
         return mortar ? std::array<double, 3>{190 + shade, 185 + shade, 175 + shade}
                       : std::array<double, 3>{150 + shade, 70 + shade, 50 + shade};
       }},
      {"text",
       [&](Index x, Index y) -> std::array<double, 3> {
         const bool ink = y % 18 < 11 && random(x / 3, y / 18 * 8 + y % 18 / 3) > 0.1 && random(x / 40, y / 18) > -0.7;
         return ink ? std::array<double, 3>{20, 20, 25} : std::array<double, 3>{240, 238, 230};
       }},
      {"discs",
       [&](Index x, Index y) -> std::array<double, 3> {
         const double dx = static_cast<double>(x % 80 - 40), dy = static_cast<double>(y % 80 - 40);
         const bool inside = dx * dx + dy * dy < 30 * 30;
         return inside ? std::array<double, 3>{210, 160, 130} : std::array<double, 3>{70, 60, 90};
       }},
      {"noise",
       [&](Index x, Index y) -> std::array<double, 3> {
         return {128 + 100 * random(x, y), 128 + 100 * random(x, y + 1), 128 + 100 * random(x + 1, y)};
       }},
  };
  for (const auto& picture : pictures) {
    CAPTURE(picture.first);
    Image photo = Image::make(kWidth, kHeight, PixelOrder::rgb).value();
    for (Index y = 0; y < kHeight; ++y) {
      for (Index x = 0; x < kWidth; ++x) {
        const std::array<double, 3> rgb = picture.second(x, y);
        std::transform(rgb.begin(), rgb.end(), photo.row(y) + 3 * x, level);
      }
    }
    FindOptions options;
    options.small_faces = true;
    CHECK(finder().find(photo.view(), options)->found.empty());
  }
}

TEST_CASE("one person is one face wherever the picture is pasted, the suit's folds are none") {
  const Image small = load_image(SEGFACE_TEST_DATA "/images/astronaut_224x224.png").value();
  for (const auto& corner : std::vector<std::pair<Index, Index>>{{60, 9}, {0, 0}, {20, 16}, {40, 0}, {76, 16}}) {
    const Index left = corner.first, top = corner.second;
    CAPTURE(left);
    Image photo = Image::make(300, 240, PixelOrder::rgb).value();
    std::fill_n(photo.data(), photo.size_bytes(), std::uint8_t{90});
    for (Index y = 0; y < small.height(); ++y) {
      std::copy_n(small.row(y), 3 * small.width(), photo.row(top + y) + 3 * left);
    }
    const Faces faces = finder().find(photo.view()).value();
    REQUIRE(faces.found.size() == 1);
    CHECK(faces.found[0].size() == doctest::Approx(48).epsilon(0.1));
  }
}

TEST_CASE("most, smallest, smallest beside the largest: the largest first, and a reason for each that is left out") {
  GroupPicture picture(900, 600, 5);
  picture.add({{150, 150}, 130, 0});
  picture.add({{450, 150}, 90, 10});
  picture.add({{700, 400}, 200, -20});
  picture.add({{250, 450}, 60, 30});
  const auto sizes = [](const auto& faces) {
    std::vector<double> list;
    for (const auto& face : faces) list.push_back(face.box.size());
    return list;
  };
  FindOptions options;
  const Faces all = finder().find(picture.image().view(), options).value();
  REQUIRE(all.found.size() == 4);
  CHECK(std::is_sorted(all.found.rbegin(), all.found.rend(),
                       [](const Face& a, const Face& b) { return a.size() < b.size(); }));

  options.most = 2;
  const Faces two = finder().find(picture.image().view(), options).value();
  CHECK(sizes(two.found) == std::vector<double>{all.found[0].size(), all.found[1].size()});
  REQUIRE(two.skipped.size() >= 2);
  CHECK(std::count_if(two.skipped.begin(), two.skipped.end(),
                      [](const SkippedFace& face) { return face.reason == SkipReason::beyond_most; }) == 2);

  options.most = 0;
  options.smallest = all.found[3].size() + 1;
  const Faces large = finder().find(picture.image().view(), options).value();
  CHECK(large.found.size() == 3);
  CHECK(std::count_if(large.skipped.begin(), large.skipped.end(),
                      [](const SkippedFace& face) { return face.reason == SkipReason::small; }) == 1);

  options.smallest = 0;
  options.smallest_share = all.found[1].size() / all.found[0].size() - 1e-6;
  const Faces beside = finder().find(picture.image().view(), options).value();
  CHECK(beside.found.size() == 2);
  CHECK(std::count_if(beside.skipped.begin(), beside.skipped.end(),
                      [](const SkippedFace& face) { return face.reason == SkipReason::smaller_share; }) == 2);

  // Equal sizes: from the left.
  GroupPicture twins(800, 400, 6);
  twins.add({{600, 200}, 128, 0});
  twins.add({{200, 200}, 128, 0});
  const Faces pair = finder().find(twins.image().view()).value();
  REQUIRE(pair.found.size() == 2);
  if (pair.found[0].size() == pair.found[1].size()) CHECK(pair.found[0].box.x < pair.found[1].box.x);
}

TEST_CASE("small faces in a large photo are found where they are asked for, whole, once, also where tiles meet") {
  GroupPicture picture(2400, 1800, 7);
  for (const Point& p : {Point{300, 300}, Point{560, 900}, Point{1088, 576}, Point{2380, 1000}, Point{1700, 1600}}) {
    picture.add({p, 30, 0});
  }
  FindOptions options;
  const auto count = [&] { return finder().find(picture.image().view(), options).value().found.size(); };
  CHECK(count() < 3);
  options.small_faces = true;
  CHECK(count() == 5);
}

TEST_CASE("a face of 12 pixels, and one of 4000 in a photo of 50 megapixels") {
  const Image source = astronaut();
  const Landmarks truth = finder().find(source.view()).value().found.at(0).landmarks;
  // Gray everywhere but where the astronaut's face is, with its middle at `m` and so large.
  const auto photo_of = [&](Index width, Index height, const Point& m, double size) {
    Image photo = Image::make(width, height, PixelOrder::gray).value();
    std::fill_n(photo.data(), photo.size_bytes(), std::uint8_t{120});
    const double scale = size / HeadSource::kSize, reach = 0.9 * size;
    const auto whole = [](double place, Index end) { return std::clamp<Index>(static_cast<Index>(place), 0, end); };
    std::vector<std::uint8_t> gray(512 * 512);
    for (Index i = 0; i < 512 * 512; ++i) {
      gray[static_cast<std::size_t>(i)] = source.row(i / 512)[3 * (i % 512) + 1];
    }
    // Averages where it shrinks, else the mixture of four pixels.
    const int samples = scale < 1 ? static_cast<int>(std::ceil(1 / scale)) : 1;
    for (Index y = whole(m.y - reach, height); y < whole(m.y + reach, height); ++y) {
      for (Index x = whole(m.x - reach, width); x < whole(m.x + reach, width); ++x) {
        double sum = 0;
        for (int i = 0; i < samples * samples; ++i) {
          const double u = (static_cast<double>(x) + (i % samples + 0.5) / samples - 0.5 - m.x) / scale;
          const double v = (static_cast<double>(y) + (i / samples + 0.5) / samples - 0.5 - m.y) / scale;
          const double sx = std::clamp(u + HeadSource::kMiddle.x, 0.0, 510.0),
                       sy = std::clamp(v + HeadSource::kMiddle.y, 0.0, 510.0);
          const auto left = static_cast<std::size_t>(sx), top = static_cast<std::size_t>(sy);
          const std::uint8_t* const p = gray.data() + top * 512 + left;
          const double fx = sx - static_cast<double>(left), fy = sy - static_cast<double>(top);
          sum += (p[0] * (1 - fx) + p[1] * fx) * (1 - fy) + (p[512] * (1 - fx) + p[513] * fx) * fy;
        }
        photo.row(y)[x] = static_cast<std::uint8_t>(sum / (samples * samples));
      }
    }
    return photo;
  };
  const Point m = {3900, 3100};
  const std::vector<Face> large = finder().find(photo_of(8192, 6144, m, 4000).view()).value().found;
  REQUIRE(large.size() == 1);
  CHECK(large[0].size() == doctest::Approx(4000).epsilon(0.15));
  CHECK(distance(GroupPicture::to_picture({m, 4000, 0}, truth), large[0].landmarks) < 0.12);
  // Photos are not enlarged: 12 pixels are too few.
  CHECK(finder().find(photo_of(160, 120, {60, 50}, 12).view()).value().found.empty());
}

TEST_CASE("calls allocate little, as often each time, and answer when memory runs out, at whatever block") {
  const Image photo = load_image(SEGFACE_TEST_DATA "/images/portrait.png").value();
  FindOptions options;
  options.turns = 1;
  const auto allocations = [&] {
    const long before = test::allocations;
    const bool ok = finder().find(photo.view(), options).ok();
    const long after = test::allocations;
    CHECK(ok);
    return after - before;
  };
  allocations();
  test::largest_block = 0;
  const long once = allocations();
  const std::size_t largest = test::largest_block;
  CHECK(allocations() == once);
  CHECK(once < 200);
  CHECK(largest <= sizeof(float) * 3 * photo.size_bytes());  // a picture for YuNet; networks take none
  for (long block = 0; block <= once; ++block) {
    CAPTURE(block);
    test::blocks_until_refusal = block;
    const auto faces = finder().find(photo.view(), options);
    test::blocks_until_refusal = -1;
    if (block == once) {
      CHECK(faces.ok());
    } else if (!faces.ok()) {
      CHECK(faces.error().code() == Errc::out_of_memory);
    }
  }
  CHECK(finder().find(photo.view(), options).value().found.size() == 1);
}

TEST_CASE("results do not depend on the number of threads") {
  GroupPicture picture(700, 500, 8);
  picture.add_many(5, 40, 120, true, 1, 8);
  const auto with = [&](Index threads) {
    return Finder::load(kFile, {threads}).value().find(picture.image().view()).value().found;
  };
  const std::vector<Face> one = with(1), three = with(3);
  REQUIRE(one.size() == three.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].box.x == three[i].box.x);
    CHECK(one[i].roll == three[i].roll);
    CHECK(one[i].landmarks.nose.x == three[i].landmarks.nose.x);
  }
}

TEST_CASE("options and views that make no sense, an empty finder") {
  const Image photo = astronaut();
  const auto message = [&](const FindOptions& options) {
    const auto faces = finder().find(photo.view(), options);
    CHECK(faces.error().code() == Errc::invalid_argument);
    return std::string(faces.error().message());
  };
  FindOptions options;
  options.threshold = 0;
  CHECK(message(options).find("threshold") != std::string::npos);
  options.threshold = 1.1;
  CHECK(message(options).find("threshold") != std::string::npos);
  options = {};
  options.turns = 2;
  CHECK(message(options).find("turns: 2") != std::string::npos);
  options = {};
  options.smallest = std::nan("");
  CHECK(message(options).find("smallest face") != std::string::npos);
  options = {};
  options.smallest_share = 2;
  CHECK(message(options).find("beside the largest") != std::string::npos);
  options = {};
  options.most = -1;
  CHECK(message(options).find("most faces: -1") != std::string::npos);
  CHECK(finder().find({nullptr, 3, 3, PixelOrder::rgb}).error().code() == Errc::invalid_argument);
  CHECK(Finder().find(photo.view()).error().code() == Errc::invalid_argument);
}

TEST_CASE("files of a finder and of a parser exchanged, broken ones, none") {
  const auto message = [](const auto& result) { return std::string(result.error().message()); };
  const auto as_finder = Finder::load(SEGFACE_TEST_DATA "/../../weights/demo.safetensors");
  CHECK(as_finder.error().code() == Errc::bad_format);
  CHECK(message(as_finder).find("weights of a parser") != std::string::npos);
  const auto as_parser = WeightFile::open(kFile);
  CHECK(as_parser.error().code() == Errc::bad_format);
  CHECK(message(as_parser).find("weights of a finder") != std::string::npos);
  CHECK(Finder::load("/nowhere/finder.safetensors").error().code() == Errc::io);
}
