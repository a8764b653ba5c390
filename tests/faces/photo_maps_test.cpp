#include "segface/faces/photo_maps.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "segface/base/threads/pool.hpp"
#include "segface/faces/align.hpp"
#include "segface/image/crop.hpp"

using namespace segface;
using namespace segface::core;

namespace {

constexpr Index kWidth = 90, kHeight = 70, kClasses = 5, kSide = 16;

// Logits of kSide x kSide, planes.
struct Part {
  std::vector<float> numbers;
  LogitsView<float> view() const { return LogitsView<float>::planes(numbers.data(), kClasses, kSide, kSide); }
};

// Regions with soft edges, other ones for each seed.
Part part(unsigned seed) {
  Part made;
  for (Index c = 0; c < kClasses; ++c) {
    for (Index y = 0; y < kSide; ++y) {
      for (Index x = 0; x < kSide; ++x) {
        const double phase = 1.7 * static_cast<double>(c) + static_cast<double>(seed);
        const double u = static_cast<double>(x) / 3, v = static_cast<double>(y) / 4;
        made.numbers.push_back(
            static_cast<float>(4 * std::sin(u + phase) * std::cos(v - 2 * phase) + (c == 0 ? 1 : 0)));
      }
    }
  }
  return made;
}
// One class everywhere, with a certainty.
Part plain(Index label, float logit) {
  Part made;
  for (Index i = 0; i < kClasses * kSide * kSide; ++i) made.numbers.push_back(i / (kSide * kSide) == label ? logit : 0);
  return made;
}

// A part with its logits.
struct FaceLogits {
  LogitsView<float> logits;
  AffineMap<double> from_photo;
  FaceInterior interior = {};
  std::uint8_t number = 1;
  bool surroundings = false;
};

// With confidence, or labels alone; of these, by what the mapper finds settled or by what it is told.
enum class By { confidence, labels, settled };

struct Maps {
  std::vector<std::uint8_t> labels, faces, coverage;
  std::vector<float> confidence;

  explicit Maps(const std::vector<FaceLogits>& parts, Executor& executor, By by = By::confidence) {
    const auto pixels = static_cast<std::size_t>(kWidth * kHeight);
    labels.assign(pixels, 99), faces = coverage = labels;
    confidence.assign(by == By::confidence ? pixels : 0, 99);
    std::vector<PhotoPart> places;
    for (const FaceLogits& p : parts) {
      places.push_back({p.from_photo, p.logits.width, p.logits.height, p.interior, p.number, p.surroundings});
    }
    PhotoMapper mapper;
    REQUIRE(mapper
                .begin({places.data(), places.size()}, {labels.data(), kWidth, kHeight, faces.data(), coverage.data(),
                                                        by == By::confidence ? confidence.data() : nullptr})
                .ok());
    for (const bool surroundings : {false, true}) {
      for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].surroundings != surroundings) continue;
        const LogitsView<float>& logits = parts[i].logits;
        std::vector<std::uint8_t> settled;
        for (Index p = 0; by == By::settled && p < logits.width * logits.height; ++p) {
          const float* const pixel = logits.pixel(p % logits.width, p / logits.width);
          settled.push_back(settled_label(pixel, logits.classes, logits.class_stride));
        }
        REQUIRE(mapper.add(i, logits, settled.empty() ? nullptr : settled.data(), executor).ok());
      }
    }
    mapper.finish(executor);
  }
  explicit Maps(const std::vector<FaceLogits>& parts) {
    SerialExecutor serial;
    *this = Maps(parts, serial);
  }
};
std::size_t at(Index x, Index y) {
  return static_cast<std::size_t>(y * kWidth + x);
}

// A face that looks to the right of the picture by some degrees, `size` pixels from eye to eye.
Landmarks face(double x, double y, double size, double degrees) {
  const double a = degrees * std::acos(-1.0) / 180;
  const auto place = [&](double u, double v) {
    return Point{x + size * (u * std::cos(a) - v * std::sin(a)), y + size * (u * std::sin(a) + v * std::cos(a))};
  };
  return {place(-0.5, -0.5), place(0.5, -0.5), place(0, 0), place(-0.4, 0.5), place(0.4, 0.5)};
}

}  // namespace

TEST_CASE("in an upright box, labels are those of the box alone, and nothing is said outside") {
  const Part logits = part(1);
  const Box boxes[] = {{20, 10, 40, 50}, {-7, -9, 60, 33}, {50, 40, 70, 61}};
  for (const Box& box : boxes) {
    CAPTURE(box.x);
    std::vector<std::uint8_t> alone(static_cast<std::size_t>(box.width * box.height));
    std::vector<float> sure(alone.size());
    SerialExecutor serial;
    label_pixels(logits.view(), {alone.data(), box.width, box.height, sure.data()}, serial);
    FaceLogits in_box = {logits.view(), box_map(box, kSide, kSide)};
    in_box.number = 7;
    const Maps maps({in_box});
    const Maps settled({in_box}, serial, By::labels);
    CHECK(settled.labels == maps.labels);
    CHECK(settled.faces == maps.faces);
    Index different = 0;
    for (Index y = 0; y < kHeight; ++y) {
      for (Index x = 0; x < kWidth; ++x) {
        const bool inside = x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height;
        const std::size_t i = at(x, y), j = inside ? static_cast<std::size_t>((y - box.y) * box.width + x - box.x) : 0;
        const std::uint8_t label = inside ? alone[j] : std::uint8_t{0};
        // Boxes that begin inside the photo count from there: bit for bit.
        if (box.x >= 0 ? maps.labels[i] != label || maps.confidence[i] != (inside ? sure[j] : 0)
                       : maps.labels[i] != label) {
          ++different;
        }
        REQUIRE(maps.coverage[i] == (inside ? PhotoMaps::kFace : 0));
        REQUIRE(maps.faces[i] == (maps.labels[i] == 0 ? 0 : 7));
      }
    }
    CHECK(different == 0);
  }
}

TEST_CASE("in a turned square, each pixel has the largest of the logits at its place") {
  const Part logits = part(2);
  for (const double degrees : {0.0, 20.0, 90.0, 133.0, 180.0, 271.0}) {
    CAPTURE(degrees);
    const AlignedSquare square(face(47, 33, 11, degrees));
    const AffineMap<double> map = square.map_to(kSide, kSide);
    const Maps maps({{logits.view(), map}});
    SerialExecutor serial;
    CHECK(Maps({{logits.view(), map}}, serial, By::settled).labels == maps.labels);
    Index looked_at = 0, wrong = 0;
    for (Index y = 0; y < kHeight; ++y) {
      for (Index x = 0; x < kWidth; ++x) {
        // The square's own way, in pixels of its cut, to that of the logits.
        const double side = static_cast<double>(square.side()), scale = static_cast<double>(kSide) / side;
        const Point p = square.from_photo(Point{static_cast<double>(x), static_cast<double>(y)});
        const double u = (p.x + 0.5) * scale, v = (p.y + 0.5) * scale, edge = 1e-6;
        if (std::fabs(u) < edge || std::fabs(v) < edge || std::fabs(u - kSide) < edge || std::fabs(v - kSide) < edge) {
          continue;
        }
        const bool inside = u > 0 && v > 0 && u < kSide && v < kSide;
        REQUIRE(maps.coverage[at(x, y)] == (inside ? PhotoMaps::kFace : 0));
        if (!inside) continue;
        ++looked_at;
        const BilinearTap<double> across(u - 0.5, kSide), down(v - 0.5, kSide);
        double best = -1e9, chosen = 0;
        for (Index c = 0; c < kClasses; ++c) {
          const auto number = [&](Index i, Index j) {
            return static_cast<double>(logits.numbers[static_cast<std::size_t>((c * kSide + j) * kSide + i)]);
          };
          const double value = (1 - down.fraction) * ((1 - across.fraction) * number(across.first, down.first) +
                                                      across.fraction * number(across.second, down.first)) +
                               down.fraction * ((1 - across.fraction) * number(across.first, down.second) +
                                                across.fraction * number(across.second, down.second));
          best = std::max(best, value);
          if (c == maps.labels[at(x, y)]) chosen = value;
        }
        wrong += chosen < best - 1e-4;
      }
    }
    CHECK(looked_at > 500);
    CHECK(wrong == 0);
  }
}

TEST_CASE("where cuts overlap the more certain face has the word, and background erases nothing") {
  const Part hair = plain(3, 4), doubtful_hair = plain(2, 1), background = plain(0, 6),
             doubtful_background = plain(0, 1);
  const Box left = {5, 5, 50, 50}, right = {35, 15, 50, 50};
  const auto both = [&](const Part& a, const Part& b) {
    FaceLogits first = {a.view(), box_map(left, kSide, kSide)}, second = {b.view(), box_map(right, kSide, kSide)};
    second.number = 2;
    return Maps({first, second});
  };
  const std::size_t only_left = at(10, 30), only_right = at(80, 30), shared = at(45, 30), nobody = at(2, 2);
  const auto said = [](const Maps& m, std::size_t i) { return std::pair<int, int>(m.labels[i], m.faces[i]); };
  using Said = std::pair<int, int>;
  {
    const Maps maps = both(hair, background);
    CHECK(said(maps, only_left) == Said(3, 1));
    CHECK(said(maps, only_right) == Said(0, 0));
    CHECK(said(maps, shared) == Said(3, 1));
    CHECK(said(maps, nobody) == Said(0, 0));
    CHECK(maps.coverage[only_right] == 255);
    CHECK(maps.coverage[nobody] == 0);
  }
  CHECK(said(both(background, hair), shared) == Said(3, 2));
  CHECK(said(both(doubtful_hair, hair), shared) == Said(3, 2));
  CHECK(said(both(hair, doubtful_hair), shared) == Said(3, 1));
  CHECK(said(both(background, doubtful_background), shared) == Said(0, 0));
  CHECK(said(both(hair, hair), shared) == Said(3, 1));
  // exp(4) of exp(4) + 4
  CHECK(both(hair, background).confidence[shared] == doctest::Approx(std::exp(4.0) / (std::exp(4.0) + 4)));
}

TEST_CASE("inside a face, between eyes and mouth, that face has the word") {
  const Part skin = plain(1, 2), hair = plain(3, 9);
  const Landmarks points = face(40, 35, 14, 30);
  FaceLogits first = {skin.view(), box_map({5, 5, 70, 60}, kSide, kSide), FaceInterior(points)};
  FaceLogits second = {hair.view(), box_map({0, 0, 90, 70}, kSide, kSide)};
  second.number = 2;
  for (const bool swapped : {false, true}) {
    const Maps maps(swapped ? std::vector<FaceLogits>{second, first} : std::vector<FaceLogits>{first, second});
    for (const Point& p : points.in_order()) {
      const std::size_t i = at(static_cast<Index>(std::lround(p.x)), static_cast<Index>(std::lround(p.y)));
      CHECK(maps.labels[i] == 1);
      CHECK(maps.faces[i] == 1);
    }
    CHECK(maps.labels[at(40, 8)] == 3);
    CHECK(maps.labels[at(70, 35)] == 3);
  }
}

TEST_CASE("surroundings fill only what no face's cut holds") {
  const Part skin = plain(1, 1), background = plain(0, 1), clothes = plain(4, 9);
  FaceLogits one = {skin.view(), box_map({10, 10, 20, 20}, kSide, kSide)};
  FaceLogits other = {background.view(), box_map({50, 10, 20, 20}, kSide, kSide)};
  FaceLogits around = {clothes.view(), box_map({5, 5, 40, 40}, kSide, kSide)};
  other.number = 2, around.surroundings = true;
  const Maps maps({around, one, other});
  CHECK(maps.labels[at(20, 20)] == 1);
  CHECK(maps.labels[at(60, 20)] == 0);
  CHECK(maps.labels[at(40, 40)] == 4);
  CHECK(maps.faces[at(40, 40)] == 1);
  CHECK(maps.coverage[at(20, 20)] == PhotoMaps::kFace);
  CHECK(maps.coverage[at(40, 40)] == PhotoMaps::kSurroundings);
  CHECK(maps.coverage[at(80, 60)] == 0);
}

TEST_CASE("maps are the same on any number of threads, and with parts of which nothing is in the photo") {
  std::vector<Part> logits;
  std::vector<FaceLogits> parts;
  for (unsigned i = 0; i < 12; ++i) logits.push_back(part(i));
  for (unsigned i = 0; i < 12; ++i) {
    const Landmarks points = face(9.0 * i - 9, 60 - 4.5 * i, 7 + i, 31.0 * i);
    parts.push_back({logits[i].view(), AlignedSquare(points).map_to(kSide, kSide), FaceInterior(points),
                     static_cast<std::uint8_t>(i + 1), i % 5 == 4});
  }
  parts.push_back({logits[0].view(), box_map({500, 500, 30, 30}, kSide, kSide)});
  const Maps serial(parts);
  auto pool = ThreadPool::make(3);
  REQUIRE(pool.ok());
  const Maps spread(parts, **pool);
  CHECK(serial.labels == spread.labels);
  CHECK(serial.faces == spread.faces);
  CHECK(serial.coverage == spread.coverage);
  CHECK(serial.confidence == spread.confidence);
  const Maps settled(parts, **pool, By::settled);
  CHECK(serial.labels == settled.labels);
  CHECK(serial.faces == settled.faces);
  std::uint8_t byte = 0;
  const std::vector<PhotoPart> too_many(511, PhotoPart{box_map({0, 0, 1, 1}, 1, 1), 1, 1});
  CHECK(PhotoMapper().begin({too_many.data(), too_many.size()}, {&byte, 1, 1, &byte, &byte}).code() ==
        Errc::invalid_argument);
}
