// The vector functions against those of double precision, each over the range of which math.ipp states its error.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "segface/backends/cpu/isa.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// activation(x) of every x: a matrix product with the number 1.
std::vector<float> activate(const cpu::Kernels& kernels, Activation activation, const std::vector<float>& x) {
  std::vector<float> panel(static_cast<std::size_t>(kernels.panel), 1.0f), y(x.size());
  cpu::GemmArguments g;
  g.rows = static_cast<Index>(x.size());
  g.columns = g.depth = g.last_panel = g.lda = g.ldc = 1;
  g.a = x.data();
  g.panels = panel.data();
  g.activation = activation;
  g.c = y.data();
  kernels.gemm(g);
  return y;
}

// Largest of |activation(x) - exact(x)| / scale(x), over numbers spread evenly from `first` to `last`.
template <class Exact, class Scale>
double worst(const cpu::Kernels& kernels, Activation activation, double first, double last, const Exact& exact,
             const Scale& scale) {
  constexpr std::size_t kCount = 300001;
  std::vector<float> x(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    x[i] = static_cast<float>(first + (last - first) * static_cast<double>(i) / static_cast<double>(kCount - 1));
  }
  const std::vector<float> y = activate(kernels, activation, x);
  double most = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto at = static_cast<double>(x[i]);
    const double error = std::fabs(static_cast<double>(y[i]) - exact(at)) / scale(at);
    most = error > most || std::isnan(error) ? error : most;
  }
  return most;
}

double gelu(double x) {
  return x * std::erfc(-x / std::sqrt(2.0)) / 2;
}
double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double absolute(double) {
  return 1;
}

template <class Body>
void on_each_isa(const Body& body) {
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    CAPTURE(row.name);
    body(cpu::kernels(row.isa));
  }
}

}  // namespace

TEST_CASE("GELU is within its error, and straight where the normal distribution is 0 or 1") {
  on_each_isa([](const cpu::Kernels& k) {
    const auto larger = [](double x) { return std::max(1.0, std::fabs(x)); };
    CHECK(worst(k, Activation::gelu, -8, 8, gelu, larger) < 4e-7);
    CHECK(worst(k, Activation::gelu, -0.01, 0.01, gelu, absolute) < 2e-9);
    CHECK(worst(k, Activation::gelu, -1000, 1000, gelu, larger) < 4e-7);
    const std::vector<float> ends = activate(k, Activation::gelu, {0.0f, 1e18f, -1e18f, -3e38f});
    CHECK(ends[0] == 0.0f);
    CHECK(std::fabs(ends[1] / 1e18f - 1) < 1e-6f);
    CHECK(std::fabs(ends[2]) < 2e-6f);
    CHECK(std::fabs(ends[3]) < 2e-6f);
  });
}

TEST_CASE("sigmoid and SiLU are within their relative error: where x is low, so is the exponential function") {
  on_each_isa([](const cpu::Kernels& k) {
    CHECK(worst(k, Activation::sigmoid, -87, 30, sigmoid, sigmoid) < 5e-7);
    CHECK(worst(k, Activation::sigmoid, -1000, 1000, sigmoid, absolute) < 2e-7);
    const auto silu = [](double x) { return x * sigmoid(x); };
    CHECK(worst(k, Activation::silu, -87, 30, silu, [&](double x) { return std::fabs(silu(x)) + 1e-30; }) < 6e-7);
    CHECK(worst(k, Activation::silu, -1000, 1000, silu, [](double x) { return std::max(1.0, std::fabs(x)); }) < 3e-7);
  });
}

TEST_CASE("hard-sigmoid, hard-swish and ReLU are those of the reference up to a rounding") {
  const auto hard_sigmoid = [](double x) { return std::clamp(x + 3, 0.0, 6.0) / 6; };
  const auto larger = [](double x) { return std::max(1.0, std::fabs(x)); };
  on_each_isa([&](const cpu::Kernels& k) {
    CHECK(worst(k, Activation::hard_sigmoid, -10, 10, hard_sigmoid, absolute) < 2e-7);
    CHECK(worst(
              k, Activation::hard_swish, -10, 10, [&](double x) { return x * hard_sigmoid(x); }, larger) < 3e-7);
    CHECK(worst(
              k, Activation::relu, -10, 10, [](double x) { return std::max(x, 0.0); }, absolute) == 0);
  });
}
