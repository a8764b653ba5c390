#include "segface/image/postprocess.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "segface/base/threads/pool.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// Bilinear of one class at one pixel, written the long way.
double sample(const std::vector<float>& planes, Index c, Index w, Index h, Index x, Index y, Index width,
              Index height) {
  const double sx =
      std::max(0.0, (static_cast<double>(x) + 0.5) * static_cast<double>(w) / static_cast<double>(width) - 0.5);
  const double sy =
      std::max(0.0, (static_cast<double>(y) + 0.5) * static_cast<double>(h) / static_cast<double>(height) - 0.5);
  const Index x0 = static_cast<Index>(sx), y0 = static_cast<Index>(sy);
  const Index x1 = std::min(x0 + 1, w - 1), y1 = std::min(y0 + 1, h - 1);
  const double u = sx - static_cast<double>(x0), v = sy - static_cast<double>(y0);
  const auto at = [&](Index i, Index j) {
    return static_cast<double>(planes[static_cast<std::size_t>((c * h + j) * w + i)]);
  };
  return (1 - v) * ((1 - u) * at(x0, y0) + u * at(x1, y0)) + v * ((1 - u) * at(x0, y1) + u * at(x1, y1));
}

std::vector<float> random_planes(Index count) {
  std::vector<float> values;
  std::uint32_t state = 1;
  for (Index i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    values.push_back(static_cast<float>(state >> 8) / 1e6f);
  }
  return values;
}

}  // namespace

TEST_CASE("postprocess: labels and confidence of enlarged and reduced logits") {
  const Index classes = 19, w = 7, h = 5;
  const std::vector<float> planes = random_planes(classes * w * h);
  for (const auto& size : {std::pair<Index, Index>{7, 5}, {31, 18}, {3, 2}, {7, 40}, {1, 1}}) {
    const Index width = size.first, height = size.second;
    CAPTURE(width);
    const auto pixels = static_cast<std::size_t>(width * height);
    std::vector<std::uint8_t> labels(pixels, 255);
    std::vector<float> confidence(pixels);
    std::vector<double> rows(static_cast<std::size_t>(h));
    SerialExecutor executor;
    label_pixels(LogitsView<float>::planes(planes.data(), classes, w, h),
                 {labels.data(), width, height, confidence.data(), rows.data()}, executor);
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        double best = -1e30, total = 0;
        Index label = 0;
        std::vector<double> values;
        for (Index c = 0; c < classes; ++c) {
          values.push_back(sample(planes, c, w, h, x, y, width, height));
          if (values.back() > best) best = values.back(), label = c;
        }
        for (const double value : values) total += std::exp(value - best);
        const auto at = static_cast<std::size_t>(y * width + x);
        CHECK(labels[at] == label);
        CHECK(static_cast<double>(confidence[at]) == doctest::Approx(1 / total).epsilon(1e-4));
      }
    }
    for (Index y = 0; y < h; ++y) {  // whatever the target
      double sum = 0;
      for (Index x = 0; x < w; ++x) {
        double best = -1e30, total = 0;
        for (Index c = 0; c < classes; ++c) best = std::max(best, sample(planes, c, w, h, x, y, w, h));
        for (Index c = 0; c < classes; ++c) total += std::exp(sample(planes, c, w, h, x, y, w, h) - best);
        sum += 1 / total;
      }
      CHECK(rows[static_cast<std::size_t>(y)] == doctest::Approx(sum));
    }
  }
}

TEST_CASE("postprocess: the edge is clamped, between two columns it is mixed by distance") {
  // Source columns of 2 -> 8: 0, 0, .125, .375, .625, .875, 1, 1. Class 1 passes class 0 at 0.6.
  const float planes[] = {0.6f, 0.6f, 0.0f, 1.0f};
  std::uint8_t labels[8];
  label_rows(LogitsView<float>::planes(planes, 2, 2, 1), {labels, 8, 1}, 0, 1);
  const std::uint8_t expected[] = {0, 0, 0, 0, 1, 1, 1, 1};
  for (int x = 0; x < 8; ++x) CHECK(labels[x] == expected[x]);
}

TEST_CASE("postprocess: layouts, threads and row ranges agree bit for bit") {
  const Index classes = 11, w = 9, h = 6, stride = 16, width = 50, height = 37;
  const std::vector<float> planes = random_planes(classes * w * h);
  std::vector<float> rows(static_cast<std::size_t>(w * h * stride), 1e9f);
  for (Index p = 0; p < w * h; ++p) {
    for (Index c = 0; c < classes; ++c) {
      rows[static_cast<std::size_t>(p * stride + c)] = planes[static_cast<std::size_t>(c * w * h + p)];
    }
  }
  std::vector<std::uint8_t> a(static_cast<std::size_t>(width * height)), b = a, c = a;
  SerialExecutor serial;
  auto pool = ThreadPool::make(3);
  REQUIRE(pool.ok());
  label_pixels(LogitsView<float>::planes(planes.data(), classes, w, h), {a.data(), width, height}, serial);
  label_pixels(LogitsView<float>::interleaved(rows.data(), classes, w, h, stride), {b.data(), width, height}, **pool);
  for (Index y = 0; y < height; ++y) {
    label_rows(LogitsView<float>::planes(planes.data(), classes, w, h), {c.data(), width, height}, y, y + 1);
  }
  CHECK(a == b);
  CHECK(a == c);
}

TEST_CASE("postprocess: the first of equal maxima wins, NaN gives a label too") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto label = [](double a, double b, double c) {
    const double planes[] = {a, b, c};
    std::uint8_t labels[1] = {99};
    label_rows(LogitsView<double>::planes(planes, 3, 1, 1), {labels, 1, 1}, 0, 1);
    return int{labels[0]};
  };
  CHECK(label(1, 2, 2) == 1);
  CHECK(label(1, nan, 2) == 2);
  CHECK(label(nan, nan, nan) == 0);
}
