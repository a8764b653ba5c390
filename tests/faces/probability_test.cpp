#include "segface/faces/probability.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "segface/base/threads/executor.hpp"

using namespace segface;

TEST_CASE("probability: maps are the softmax of the interpolated logits, and the winner's is the confidence") {
  constexpr Index kClasses = 5, kWidth = 4, kHeight = 3, kOut = 11, kOutHeight = 7;
  std::vector<float> logits(kClasses * kWidth * kHeight);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 37 % 23) * 8.0f - 90.0f;
  const auto view = LogitsView<float>::planes(logits.data(), kClasses, kWidth, kHeight);
  std::vector<std::uint8_t> labels(kOut * kOutHeight);
  std::vector<float> confidence(labels.size()), winner(labels.size()), map(labels.size());
  LabelTarget target = {labels.data(), kOut, kOutHeight};
  target.confidence = confidence.data();
  SerialExecutor executor;
  label_pixels(view, target, executor);

  const ProbabilityMaps maps = ProbabilityMaps::make(view, kOut, kOutHeight).value();
  const Span<float> out = {map.data(), map.size()};
  REQUIRE(maps.of_winner({winner.data(), winner.size()}).ok());
  std::vector<double> sums(labels.size());
  for (Index label = 0; label < kClasses; ++label) {
    REQUIRE(maps.of(label, out).ok());
    for (std::size_t i = 0; i < map.size(); ++i) {
      sums[i] += static_cast<double>(map[i]);
      if (labels[i] == label) CHECK(map[i] == doctest::Approx(confidence[i]).epsilon(1e-5));
    }
  }
  for (std::size_t i = 0; i < map.size(); ++i) {
    CHECK(sums[i] == doctest::Approx(1).epsilon(1e-5));
    CHECK(winner[i] == doctest::Approx(confidence[i]).epsilon(1e-5));
  }

  CHECK(maps.of(kClasses, out).code() == Errc::invalid_argument);
  CHECK(maps.of(-1, out).code() == Errc::invalid_argument);
  CHECK(maps.of(0, {map.data(), 3}).code() == Errc::invalid_argument);
  CHECK(maps.of_winner({map.data(), 3}).code() == Errc::invalid_argument);
  CHECK(ProbabilityMaps::make(view, 0, 3).error().code() == Errc::invalid_argument);
}
