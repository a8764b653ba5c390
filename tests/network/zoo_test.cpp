// Every backbone at sizes that no golden has: rounding, odd sides, sides below a window, batches.
#include <cmath>
#include <map>

#include "network.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// Keeps the output of every stage.
template <class Scalar>
struct Stages final : Observer<Scalar> {
  std::map<std::string, std::vector<double>> outputs;

  bool every_stage() const noexcept override { return true; }
  void stage(const char* name, const Map<const Scalar>& output, const Cost&) noexcept override {
    std::vector<double>& values = outputs[name];
    for (Index r = 0; r < output.rows(); ++r) {
      for (Index c = 0; c < output.channels; ++c) values.push_back(static_cast<double>(output.row(r)[c]));
    }
  }
};

template <class B>
SegFace<B> network(const B& backend, Backbone backbone) {
  return test::network(backend, test::synthetic(backbone, Dataset::celeb, 7), backbone, Dataset::celeb);
}

template <class B>
std::map<std::string, std::vector<double>> stages(const SegFace<B>& network, Index batch, Index height, Index width,
                                                  Index first_image = 0) {
  SerialExecutor executor;
  const auto plan = Plan<SegFace, B>::make(network, batch, height, width, executor).value();
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(batch * height * width * 3));
  const std::size_t skipped = static_cast<std::size_t>(first_image * height * width * 3);
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const auto at = static_cast<double>(i + skipped);
    rgb[i] = static_cast<std::uint8_t>(128 + 100 * std::sin(at * 0.01) * std::cos(at * 0.00037));
  }
  Stages<typename B::Scalar> observer;
  test::forward(network, plan, rgb.data(), executor, &observer);
  return observer.outputs;
}

double deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / static_cast<double>(values.size());
  for (const double v : values) squares += (v - mean) * (v - mean);
  return std::sqrt(squares / static_cast<double>(values.size()));
}

void check_close(const std::map<std::string, std::vector<double>>& got,
                 const std::map<std::string, std::vector<double>>& expected, double bound) {
  REQUIRE(got.size() == expected.size());
  for (const auto& stage : expected) {
    const std::string& name = stage.first;
    const std::vector<double>& values = stage.second;
    CAPTURE(name);
    const std::vector<double>& other = got.at(name);
    REQUIRE(other.size() == values.size());
    double largest = 0;
    for (std::size_t i = 0; i < values.size(); ++i) largest = std::max(largest, std::abs(values[i] - other[i]));
    CHECK(largest <= bound * deviation(values));
  }
}

}  // namespace

#if !defined(__SANITIZE_ADDRESS__)
TEST_CASE("reference in float agrees with double, every backbone at 128") {
  for (const BackboneRow& row : kBackbones) {
    CAPTURE(row.name);
    check_close(stages(network(reference::Backend<float>(), row.backbone), 1, 128, 128),
                stages(network(reference::Backend<double>(), row.backbone), 1, 128, 128), 1e-4);
  }
}
#endif

TEST_CASE("cpu agrees with the reference at odd sides, below a window, and at the least size") {
  struct Size {
    Index height, width;
  };
  for (const BackboneRow& row : kBackbones) {
    CAPTURE(row.name);
    const auto fast = network(networks::cpu_backend(cpu::best_isa()), row.backbone);
    const auto exact = network(reference::Backend<double>(), row.backbone);
    for (const Size s : {Size{32, 32}, Size{75, 122}}) {
      CAPTURE(s.height);
      check_close(stages(fast, 1, s.height, s.width), stages(exact, 1, s.height, s.width), 2e-4);
    }
  }
}

TEST_CASE("cpu gives an image of a batch the same bits as the image alone, every backbone") {
  for (const BackboneRow& row : kBackbones) {
    CAPTURE(row.name);
    const auto fast = network(networks::cpu_backend(cpu::best_isa()), row.backbone);
    const auto batch = stages(fast, 3, 40, 57), second = stages(fast, 1, 40, 57, /*first_image=*/1);
    for (const char* name : {"feature3", "logits"}) {
      const std::vector<double>&all = batch.at(name), &alone = second.at(name);
      REQUIRE(all.size() == 3 * alone.size());
      CHECK(std::equal(alone.begin(), alone.end(), all.begin() + static_cast<std::ptrdiff_t>(alone.size())));
    }
  }
}
