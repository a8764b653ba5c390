// Maps and operands of random numbers, for the tests that compare backends.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "segface/backends/compound.hpp"
#include "segface/tensors/synthetic.hpp"

namespace test {

using namespace segface;
using namespace segface::core;

// Uniform numbers in [-1, 1), another sequence for each name.
inline std::vector<float> random_numbers(const std::string& name, Index count) {
  const UniformSequence sequence(name, 3);
  std::vector<float> numbers(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(sequence[i]);
  return numbers;
}

// A backend with an arena and an executor, to call operations on.
template <class B>
class Bench {
 public:
  using Scalar = typename B::Scalar;

  explicit Bench(const B& backend, Executor& executor) : backend_(backend), run_(backend_, arena_, executor) {}
  Bench(const Bench&) = delete;

  const B& backend() const { return backend_; }
  Run<B>& run() { return run_; }
  // A map of random numbers whose rows lie further apart than they must.
  MapOf<B> map(const std::string& name, Index batch, Index height, Index width, Index channels) {
    const MapOf<B> map = run_.map(batch, height, width, channels + 5).slice(0, channels);
    const std::vector<float> numbers = random_numbers(name, map.rows() * channels);
    for (Index r = 0; r < map.rows(); ++r) {
      for (Index c = 0; c < channels; ++c) {
        map.row(r)[c] = static_cast<Scalar>(numbers[static_cast<std::size_t>(r * channels + c)]);
      }
    }
    return map;
  }

 private:
  B backend_;
  Buffer<std::uint8_t> block_ = Buffer<std::uint8_t>::make(std::size_t{64} << 20).value();  // pages come when touched
  Arena arena_{block_.span()};
  Run<B> run_;
};

// Largest difference, in parts of the largest expected value.
template <class A, class E>
double difference(const Map<A>& got, const Map<E>& expected) {
  REQUIRE(got.rows() == expected.rows());
  REQUIRE(got.channels == expected.channels);
  double largest = 0, scale = 1e-30;
  for (Index r = 0; r < got.rows(); ++r) {
    for (Index c = 0; c < got.channels; ++c) {
      const double difference = static_cast<double>(got.row(r)[c]) - static_cast<double>(expected.row(r)[c]);
      if (!(std::abs(difference) <= largest)) largest = std::abs(difference);
      scale = std::max(scale, std::abs(static_cast<double>(expected.row(r)[c])));
    }
  }
  return largest / scale;
}

}  // namespace test
