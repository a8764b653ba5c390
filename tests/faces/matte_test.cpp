// Mattes of a part whose logits are known.
#include "segface/faces/matte.hpp"

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

// Planes of a photo [height, width], row by row.
using Plane = std::vector<float>;

struct Photo {
  Index side;
  std::vector<std::uint8_t> bytes;

  Photo(Index length, const std::function<double(Index x, Index y, int channel)>& colour)
      : side(length), bytes(static_cast<std::size_t>(3 * length * length)) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const auto pixel = static_cast<Index>(i / 3);
      const double level = colour(pixel % side, pixel / side, static_cast<int>(i % 3));
      bytes[i] = static_cast<std::uint8_t>(std::lround(std::clamp(level, 0.0, 255.0)));
    }
  }
  ImageView view() const { return {bytes.data(), side, side, PixelOrder::rgb}; }
};

// Logits of kSide x kSide for a square photo, from shares of the classes there.
constexpr Index kSide = 24, kScale = 8, kPhoto = kSide * kScale;

std::vector<float> logits_of(Index classes, const std::function<double(Index x, Index y, Index c)>& share) {
  std::vector<float> logits;
  for (Index i = 0; i < kSide * kSide; ++i) {
    for (Index c = 0; c < classes; ++c) {
      logits.push_back(static_cast<float>(std::log(std::max(share(i % kSide, i / kSide, c), 1e-4))));
    }
  }
  return logits;
}

// The part that is all of the photo, or turned in its middle and as large.
PlacedPart part(double degrees = 0) {
  const double turn = degrees * 3.14159265358979 / 180, scale = 1.0 / kScale, middle = kPhoto / 2.0;
  const double c = scale * std::cos(turn), s = scale * std::sin(turn);
  const AffineMap<double> map = {c, s, kSide / 2.0 - (c + s) * middle, -s, c, kSide / 2.0 - (c - s) * middle};
  return PlacedPart({map, kSide, kSide}, kPhoto, kPhoto);
}

Plane matte(const Photo& photo, const PlacedPart& placed, const std::vector<float>& logits, Index classes,
            std::uint32_t set, Index threads = 1) {
  const auto executor = make_executor(threads).value();
  PartMattes mattes;
  const auto seen = LogitsView<float>::interleaved(logits.data(), classes, kSide, kSide, classes);
  REQUIRE(mattes.take(photo.view(), placed, {&set, 1}, seen, *executor).ok());
  Plane plane(static_cast<std::size_t>(kPhoto * kPhoto), -1.0f);
  REQUIRE(mattes
              .draw(0, *executor,
                    [&](Index x, Index y, float value) { plane[static_cast<std::size_t>(y * kPhoto + x)] = value; })
              .ok());
  return plane;
}

double mean_error(const Plane& a, const Plane& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += std::fabs(static_cast<double>(a[i] - b[i]));
  return sum / static_cast<double>(a.size());
}
// Of the steps from each pixel to the next, across and down.
double gradient_error(const Plane& a, const Plane& b) {
  double sum = 0;
  const auto width = static_cast<std::size_t>(kPhoto);
  for (std::size_t i = 0; i + width < a.size(); ++i) {
    for (const std::size_t next : {i + 1, i + width}) {
      sum += std::fabs(static_cast<double>((a[next] - a[i]) - (b[next] - b[i])));
    }
  }
  return sum / static_cast<double>(a.size());
}

}  // namespace

TEST_CASE("mattes of all classes sum to 1, in a turned part too, the same on any number of threads") {
  const UniformSequence noise("photo", 1), doubt("logits", 2);
  const Photo photo(kPhoto, [&](Index x, Index y, int c) {
    return 127 + 120 * noise[static_cast<std::size_t>(3 * (y * kPhoto + x) + c)];
  });
  constexpr Index kClasses = 5;
  const std::vector<float> logits = logits_of(kClasses, [&](Index x, Index y, Index c) {
    return std::exp(6 * doubt[static_cast<std::size_t>((y * kSide + x) * kClasses + c)]);
  });
  for (const double degrees : {0.0, 33.0}) {
    const PlacedPart placed = part(degrees);
    Plane sum(static_cast<std::size_t>(kPhoto * kPhoto), 0.0f);
    for (Index c = 0; c < kClasses; ++c) {
      const Plane one = matte(photo, placed, logits, kClasses, 1u << c);
      CHECK(one == matte(photo, placed, logits, kClasses, 1u << c, 3));
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += one[i];
    }
    std::size_t inside = 0;
    double off = 0;
    for (const float value : sum) {
      if (value < 0) continue;  // outside the part: nothing was written
      off = std::max(off, std::fabs(static_cast<double>(value) - 1));
      ++inside;
    }
    CHECK(off < 2e-4);
    CHECK(inside == doctest::Approx(degrees == 0 ? kPhoto * kPhoto : 0.86 * kPhoto * kPhoto).epsilon(0.05));
  }
}

TEST_CASE("a texture changes nothing where the network is sure") {
  const auto share = [](Index x, Index, Index c) { return (x < kSide / 2) == (c == 0) ? 0.995 : 0.005; };
  const std::vector<float> logits = logits_of(2, share);
  const UniformSequence noise("photo", 3);
  const Photo plain(kPhoto, [](Index, Index, int) { return 90; }), rough(kPhoto, [&](Index x, Index y, int c) {
    return 127 + 127 * noise[static_cast<std::size_t>(3 * (y * kPhoto + x) + c)];
  });
  const Plane a = matte(plain, part(), logits, 2, 2), b = matte(rough, part(), logits, 2, 2);
  double sure = 0, doubted = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double off = std::fabs(static_cast<double>(a[i] - b[i]));
    double& most = a[i] > 0.98f || a[i] < 0.02f ? sure : doubted;
    most = std::max(most, off);
  }
  CHECK(sure < 0.01);
  CHECK(doubted > 0.01);  // between the two, colours decide
}

TEST_CASE("strands of 1 to 3 pixels over a texture: less than half the error of shares and labels made larger") {
  // Dark strands that hang from a dark upper half, before a bright texture.
  const UniformSequence grain("grain", 4), places("strands", 5);
  Plane alpha(static_cast<std::size_t>(kPhoto * kPhoto));
  for (Index y = 0; y < kPhoto; ++y) {
    for (Index x = 0; x < kPhoto; ++x) {
      double cover = y < kPhoto / 2 ? 1 : 0;
      for (std::size_t strand = 0; strand < 14; ++strand) {
        const double middle = kPhoto * (0.5 + 0.48 * places[3 * strand]) +
                              0.25 * places[3 * strand + 1] * static_cast<double>(y - kPhoto / 2);
        const double half = 1 + 0.5 * places[3 * strand + 2];
        const double end = kPhoto * 0.62;
        if (static_cast<double>(y) > end) continue;
        cover = std::max(cover, std::clamp(half + 0.5 - std::fabs(static_cast<double>(x) - middle), 0.0, 1.0));
      }
      alpha[static_cast<std::size_t>(y * kPhoto + x)] = static_cast<float>(cover);
    }
  }
  const Photo photo(kPhoto, [&](Index x, Index y, int c) {
    const auto i = static_cast<std::size_t>(y * kPhoto + x);
    const double hair = 40 + 10 * grain[i] + 6 * c, behind = 190 + 15 * grain[3 * i + static_cast<std::size_t>(c)];
    return static_cast<double>(alpha[i]) * hair + (1 - static_cast<double>(alpha[i])) * behind;
  });
  // What a network that is right knows of it: the mean over each of its pixels.
  const std::vector<float> logits = logits_of(2, [&](Index x, Index y, Index c) {
    double sum = 0;
    for (Index v = 0; v < kScale; ++v) {
      for (Index u = 0; u < kScale; ++u)
        sum += static_cast<double>(alpha[static_cast<std::size_t>((y * kScale + v) * kPhoto + x * kScale + u)]);
    }
    const double share = std::clamp(sum / (kScale * kScale), 1e-3, 1 - 1e-3);
    return c == 1 ? share : 1 - share;
  });
  const Plane drawn = matte(photo, part(), logits, 2, 2);
  Plane shares(alpha.size()), labels(alpha.size());
  for (Index y = 0; y < kPhoto; ++y) {
    const BilinearTap<float> down(y, kSide, kPhoto);
    for (Index x = 0; x < kPhoto; ++x) {
      const BilinearTap<float> across(x, kSide, kPhoto);
      const auto at = [&](Index u, Index v) {
        return std::exp(logits[static_cast<std::size_t>(2 * (v * kSide + u) + 1)]);
      };
      const float upper = at(across.first, down.first) +
                          across.fraction * (at(across.second, down.first) - at(across.first, down.first));
      const float lower = at(across.first, down.second) +
                          across.fraction * (at(across.second, down.second) - at(across.first, down.second));
      const auto i = static_cast<std::size_t>(y * kPhoto + x);
      shares[i] = upper + down.fraction * (lower - upper);
      labels[i] = shares[i] > 0.5f ? 1.0f : 0.0f;
    }
  }
  CHECK(mean_error(drawn, alpha) < 0.5 * mean_error(shares, alpha));
  CHECK(mean_error(drawn, alpha) < 0.5 * mean_error(labels, alpha));
  CHECK(gradient_error(drawn, alpha) < 0.5 * gradient_error(shares, alpha));
  CHECK(gradient_error(drawn, alpha) < 0.5 * gradient_error(labels, alpha));
}

TEST_CASE("logits that are no numbers have mattes of the label that they get") {
  std::vector<float> logits(kSide * kSide * 3, NAN);
  for (std::size_t i = 0; i < logits.size() / 2; ++i) logits[i] = i % 3 == 1 ? INFINITY : -INFINITY;
  const Photo photo(kPhoto, [](Index x, Index y, int c) { return (x * 7 + y * 3 + c) % 200; });
  Plane sum(static_cast<std::size_t>(kPhoto * kPhoto));
  for (const std::uint32_t set : {1u, 2u, 4u}) {
    const Plane one = matte(photo, part(), logits, 3, set);
    for (std::size_t i = 0; i < one.size(); ++i) sum[i] += one[i];
    CHECK(one[0] == (set == 2 ? 1.0f : 0.0f));
  }
  CHECK(std::all_of(sum.begin(), sum.end(), [](float value) { return std::fabs(value - 1) < 1e-3f; }));
}
