#include "segface/image/settled_labels.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "segface/base/floating_point.hpp"
#include "segface/image/postprocess.hpp"

#include "image/label_cases.hpp"

using namespace segface;
using namespace segface::core;
using test::LogitsCase;

namespace {

// Labels by runs, and how many of the pixels were interpolated.
template <class Scalar>
struct Runs {
  std::vector<std::uint8_t> labels, expected;
  Index mixed = 0;

  Runs(const LogitsCase& c, const AffineMap<Scalar>& map, Index width, Index height)
      : labels(static_cast<std::size_t>(width * height), 77), expected(labels) {
    const std::vector<Scalar> numbers(c.numbers.begin(), c.numbers.end());
    const auto view = LogitsView<Scalar>::interleaved(numbers.data(), c.classes, c.width, c.height, c.classes);
    std::vector<std::uint8_t> settled;
    for (Index i = 0; i < c.width * c.height; ++i) {
      settled.push_back(settled_label(numbers.data() + i * c.classes, c.classes, 1));
    }
    const SettledLabels cells = {settled.data(), c.width, c.height};
    const LabelTarget target = {labels.data(), width, height}, plain = {expected.data(), width, height};
    for (Index y = 0; y < height; ++y) {
      label_run(view, map, plain, y, 0, width);
      Index done = 0;
      const auto follows = [&](Index first, Index last) {
        CHECK(first == done);
        CHECK(first < last);
        done = last;
      };
      cells.each_run(
          map, 0, width, y,
          [&](Index first, Index last, std::uint8_t label) {
            follows(first, last);
            std::fill(labels.begin() + y * width + first, labels.begin() + y * width + last, label);
          },
          [&](Index first, Index last) {
            follows(first, last);
            mixed += last - first;
            label_run(view, map, target, y, first, last);
          });
      CHECK(done == width);
    }
  }
};

// Turned by an angle about the middle of both pictures, `scale` pixels of logits for one of the photo.
AffineMap<float> turned(double degrees, double scale, const LogitsCase& c, Index width, Index height) {
  const double angle = degrees * std::acos(-1.0) / 180, a = scale * std::cos(angle), b = scale * std::sin(angle);
  const double x = static_cast<double>(width) / 2, y = static_cast<double>(height) / 2;
  const auto f = [](double v) { return static_cast<float>(v); };
  return {f(a), f(-b), f(static_cast<double>(c.width) / 2 - a * x + b * y),
          f(b), f(a),  f(static_cast<double>(c.height) / 2 - b * x - a * y)};
}

}  // namespace

TEST_CASE("settled labels: what is filled is what would be interpolated, at any size") {
  const FloatingPointGuard guard;  // denormals are zero
  for (const Index classes : {2, 19}) {
    for (const LogitsCase& c : test::logits_cases(classes)) {
      CAPTURE(c.name);
      for (const auto& size :
           {std::pair<Index, Index>{200, 170}, {111, 161}, {37, 23}, {38, 400}, {601, 24}, {5, 3}, {1, 1}}) {
        const Index width = size.first, height = size.second;
        CAPTURE(width);
        const Runs<float> runs(c, AffineMap<float>::scaled(width, height, c.width, c.height), width, height);
        CHECK(runs.labels == runs.expected);
      }
      const Runs<double> runs(c, AffineMap<double>::scaled(90, 80, c.width, c.height), 90, 80);
      CHECK(runs.labels == runs.expected);
    }
  }
}

TEST_CASE("settled labels: the same where the photo is turned, mirrored, or reaches beyond the logits") {
  for (const LogitsCase& c : test::logits_cases(11)) {
    CAPTURE(c.name);
    for (const double degrees : {0.0, 1.0, 30.0, 90.0, 137.0, 180.0, 271.0}) {
      CAPTURE(degrees);
      const Runs<float> runs(c, turned(degrees, 0.31, c, 120, 90), 120, 90);
      CHECK(runs.labels == runs.expected);
    }
    const Runs<float> mirrored(c, {-0.2f, 0, 37, 0, 0.2f, 0}, 185, 115);
    CHECK(mirrored.labels == mirrored.expected);
  }
}

TEST_CASE("settled labels: inside of regions nothing is interpolated") {
  const LogitsCase c = test::logits_cases(19)[1];
  REQUIRE(c.name == "regions");
  const Runs<float> runs(c, AffineMap<float>::scaled(370, 230, 37, 23), 370, 230);
  CHECK(runs.mixed < 370 * 230 / 2);
  CHECK(runs.mixed > 0);
  const Runs<float> turned_runs(c, turned(20, 0.1, c, 370, 230), 370, 230);
  CHECK(turned_runs.mixed < 370 * 230 / 2);
}

TEST_CASE("settled labels: a map that only scales has the taps of each axis, bit for bit") {
  for (const auto& [in, out] : {std::pair<Index, Index>{512, 4000}, {256, 3000}, {7, 3}, {5, 5}, {1, 100}, {100, 1}}) {
    const auto map = AffineMap<float>::scaled(out, out, in, in);
    CHECK(map.keeps_rows());
    for (Index i = 0; i < out; ++i) {
      const BilinearTap<float> expected(i, in, out), across = map.across(i, out / 2, in), down = map.down(3, i, in);
      CHECK(across.first == expected.first);
      CHECK(across.second == expected.second);
      CHECK(across.fraction == expected.fraction);
      CHECK(down.first == expected.first);
      CHECK(down.second == expected.second);
      CHECK(down.fraction == expected.fraction);
    }
  }
}
