// The guided filter against its definition, and what it promises.
#include "segface/image/guided_filter.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "segface/base/threads/make_executor.hpp"
#include "segface/base/uniform_sequence.hpp"

using namespace segface;
using namespace segface::core;

namespace {

constexpr double kEpsilon = 0.03 * 0.03;

struct Scene {
  Index width, height;
  std::vector<std::uint8_t> bytes, weights;

  Scene(Index w, Index h, const std::function<int(Index x, Index y, int channel)>& colour)
      : width(w), height(h), bytes(static_cast<std::size_t>(w * h * 3)) {
    const UniformSequence sequence("weights", 9);
    for (std::size_t i = 0; i < bytes.size() / 3; ++i) {
      weights.push_back(static_cast<std::uint8_t>(32.5 + 31 * sequence[i]));
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const auto at = static_cast<Index>(i / 3);
      bytes[i] = static_cast<std::uint8_t>(colour(at % w, at / w, static_cast<int>(i % 3)));
    }
  }
  ImageView view() const { return {bytes.data(), width, height, PixelOrder::rgb}; }
  double colour(Index x, Index y, int channel) const {
    return bytes[static_cast<std::size_t>(3 * (y * width + x) + channel)] / 255.0;
  }
  std::size_t pixels() const { return bytes.size() / 3; }
};

Scene noise(Index width, Index height) {
  const UniformSequence sequence("colours", 5);
  return {width, height, [&](Index x, Index y, int c) {
            return static_cast<int>(127.5 + 127 * sequence[static_cast<std::size_t>(3 * (y * width + x) + c)]);
          }};
}
std::vector<float> plane(const Scene& scene, std::uint64_t seed) {
  const UniformSequence sequence("plane", seed);
  std::vector<float> values(scene.pixels());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(0.5 + 0.49 * sequence[i]);
  return values;
}
std::vector<float> filtered(const Scene& scene, const std::vector<float>& p, Index radius, double epsilon = kEpsilon,
                            Index threads = 1) {
  const auto executor = make_executor(threads).value();
  std::vector<GuidedModel> models(p.size());
  GuidedFilter::Room room;
  REQUIRE(GuidedFilter(radius, epsilon)
              .fit(scene.view(), {p.data(), p.size()}, {scene.weights.data(), scene.weights.size()}, *executor,
                   {models.data(), models.size()}, room)
              .ok());
  std::vector<float> out;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto at = static_cast<Index>(i);
    out.push_back(models[i].at(scene.view().rgb(at % scene.width, at / scene.width)));
  }
  return out;
}
double furthest(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::fabs(static_cast<double>(a[i] - b[i])));
  return most;
}

// By its definition, window by window.
std::vector<float> by_windows(const Scene& scene, const std::vector<float>& p, Index r) {
  struct Model {
    double a[3], b;
  };
  std::vector<Model> models;
  const auto each = [&](Index x, Index y, const std::function<void(Index, Index)>& act) {
    for (Index v = std::max<Index>(0, y - r); v <= std::min(scene.height - 1, y + r); ++v) {
      for (Index u = std::max<Index>(0, x - r); u <= std::min(scene.width - 1, x + r); ++u) act(u, v);
    }
  };
  const auto at = [&](Index x, Index y) { return static_cast<std::size_t>(y * scene.width + x); };
  for (Index y = 0; y < scene.height; ++y) {
    for (Index x = 0; x < scene.width; ++x) {
      double count = 0, mean[3] = {}, level = 0, s[3][4] = {};
      each(x, y, [&](Index u, Index v) {
        const double weight = scene.weights[at(u, v)];
        count += weight, level += weight * static_cast<double>(p[at(u, v)]);
        for (int c = 0; c < 3; ++c) mean[c] += weight * scene.colour(u, v, c);
      });
      level /= count;
      for (double& m : mean) m /= count;
      each(x, y, [&](Index u, Index v) {
        for (int i = 0; i < 3; ++i) {
          const double d = scene.weights[at(u, v)] * (scene.colour(u, v, i) - mean[i]);
          for (int j = 0; j < 3; ++j) s[i][j] += d * (scene.colour(u, v, j) - mean[j]) / count;
          s[i][3] += d * (static_cast<double>(p[at(u, v)]) - level) / count;
        }
      });
      for (int i = 0; i < 3; ++i) s[i][i] += kEpsilon;
      for (int i = 0; i < 3; ++i) {  // Gauss and Jordan
        for (int k = 0; k < 3; ++k) {
          if (k == i) continue;
          const double factor = s[k][i] / s[i][i];
          for (int j = 0; j < 4; ++j) s[k][j] -= factor * s[i][j];
        }
      }
      Model model = {{s[0][3] / s[0][0], s[1][3] / s[1][1], s[2][3] / s[2][2]}, level};
      for (int c = 0; c < 3; ++c) model.b -= model.a[c] * mean[c];
      models.push_back(model);
    }
  }
  std::vector<float> out(p.size());
  for (Index y = 0; y < scene.height; ++y) {
    for (Index x = 0; x < scene.width; ++x) {
      double sum = 0, count = 0;
      each(x, y, [&](Index u, Index v) {
        const Model& model = models[at(u, v)];
        sum += model.b, ++count;
        for (int c = 0; c < 3; ++c) sum += model.a[c] * scene.colour(x, y, c);
      });
      out[at(x, y)] = static_cast<float>(sum / count);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("guided filter: what its definition gives, at every border, also where the window is the larger") {
  for (const Index side : {1, 2, 7, 23}) {
    const Scene scene = noise(side + 9, side);
    const std::vector<float> p = plane(scene, 3);
    for (const Index radius : {1, 3, 12}) {
      CAPTURE(side);
      CAPTURE(radius);
      CHECK(furthest(filtered(scene, p, radius), by_windows(scene, p, radius)) < 2e-5);
    }
  }
}

TEST_CASE("guided filter: the same bits on any number of threads, whose strips begin elsewhere") {
  const Scene scene = noise(40, 300);
  const std::vector<float> p = plane(scene, 4);
  const std::vector<float> one = filtered(scene, p, 5);
  CHECK(one == filtered(scene, p, 5, kEpsilon, 3));
  // A strip's first row is what it is in the middle of a strip.
  const Index cut = 37;
  Scene lower = scene;
  lower.height -= cut;
  lower.weights.erase(lower.weights.begin(), lower.weights.begin() + 40 * cut);
  lower.bytes.erase(lower.bytes.begin(), lower.bytes.begin() + 3 * 40 * cut);
  const std::vector<float> rest = filtered(lower, {p.begin() + 40 * cut, p.end()}, 5);
  for (std::size_t i = 40 * 11; i < rest.size(); ++i) CHECK(rest[i] == one[i + static_cast<std::size_t>(40 * cut)]);
}

TEST_CASE("guided filter: linear, a constant stays, planes that sum to 1 do so again") {
  const Scene scene = noise(50, 40);
  const std::vector<float> p = plane(scene, 5), q = plane(scene, 6);
  std::vector<float> mixed(p.size()), rest(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) mixed[i] = 0.25f * p[i] + 0.5f * q[i], rest[i] = 1 - mixed[i];
  const std::vector<float> a = filtered(scene, p, 4), b = filtered(scene, q, 4), m = filtered(scene, mixed, 4),
                           r = filtered(scene, rest, 4);
  double off = 0, beyond = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    off = std::max(
        off, std::fabs(0.25 * static_cast<double>(a[i]) + 0.5 * static_cast<double>(b[i]) - static_cast<double>(m[i])));
    beyond = std::max(beyond, std::fabs(static_cast<double>(m[i]) + static_cast<double>(r[i]) - 1));
  }
  CHECK(off < 1e-5);
  CHECK(beyond < 1e-5);
  const std::vector<float> same = filtered(scene, std::vector<float>(p.size(), 0.625f), 4);
  CHECK(std::all_of(same.begin(), same.end(), [](float value) { return value == 0.625f; }));
}

TEST_CASE("guided filter: what is a plane of the colours comes back, and an edge of the picture draws a blurred one") {
  const Scene scene = noise(30, 30);
  std::vector<float> p(scene.pixels());
  for (std::size_t i = 0; i < p.size(); ++i) {
    const auto x = static_cast<Index>(i) % 30, y = static_cast<Index>(i) / 30;
    p[i] = static_cast<float>(0.1 + 0.5 * scene.colour(x, y, 0) + 0.2 * scene.colour(x, y, 1));
  }
  CHECK(furthest(filtered(scene, p, 3, GuidedFilter::kLeastEpsilon), p) < 2e-3);
  // A dark half beside a bright one, told by a ramp of 9 pixels.
  const Scene halves(40, 20, [](Index x, Index, int c) { return (x < 20 ? 40 : 200) + 5 * c; });
  std::vector<float> ramp(halves.pixels());
  for (std::size_t i = 0; i < ramp.size(); ++i) {
    ramp[i] = std::clamp((static_cast<float>(i % 40) - 15) / 9, 0.0f, 1.0f);
  }
  const std::vector<float> sharp = filtered(halves, ramp, 6);
  CHECK(sharp[10 * 40 + 19] < 0.25f);
  CHECK(sharp[10 * 40 + 20] > 0.75f);
}

TEST_CASE("guided filter: black and white at every pixel, the least epsilon: numbers stay exact") {
  const Scene scene(300, 600, [](Index x, Index y, int c) { return (x * 7 + y * 13 + c) % 3 == 0 ? 255 : 0; });
  std::vector<float> p(scene.pixels());
  for (std::size_t i = 0; i < p.size(); ++i) p[i] = i % 2 == 0 ? 1.0f : 0.0f;
  const std::vector<float> one = filtered(scene, p, GuidedFilter::kMostRadius, 0);
  CHECK(one == filtered(scene, p, GuidedFilter::kMostRadius, 0, 2));
  for (const float value : one) CHECK(std::fabs(value - 0.5f) < 1.0f);
}

TEST_CASE("guided filter: sizes that do not fit are refused") {
  const Scene scene = noise(8, 8);
  const std::vector<float> p(64), few(63);
  const std::vector<std::uint8_t> all(64, 1), less(63, 1);
  SerialExecutor executor;
  std::vector<GuidedModel> models(64);
  GuidedFilter::Room room;
  const auto fit = [&](const std::vector<float>& in, const std::vector<std::uint8_t>& w, std::size_t count) {
    return GuidedFilter(2, kEpsilon)
        .fit(scene.view(), {in.data(), in.size()}, {w.data(), w.size()}, executor, {models.data(), count}, room)
        .code();
  };
  CHECK(fit(p, all, 63) == Errc::invalid_argument);
  CHECK(fit(few, all, 64) == Errc::invalid_argument);
  CHECK(fit(p, less, 64) == Errc::invalid_argument);
}
