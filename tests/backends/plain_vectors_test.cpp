// The kernels of compilers without vectors: the same numbers as the baseline kernels give, to the last bit where both
// multiply and add in two steps.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "segface/backends/cpu/isa.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {
#define SEGFACE_SET plain
#define SEGFACE_VECTORS "segface/backends/cpu/vector_plain.ipp"
#define SEGFACE_DOTS "segface/backends/cpu/dot_plain.ipp"
#include "segface/backends/cpu/instruction_set.ipp"
}  // namespace cpu
SEGFACE_END_CORE

using namespace segface;
using namespace segface::core;

namespace {

constexpr Index kRows = 13, kChannels = 37;

std::vector<float> numbers(Index count, float scale) {
  std::vector<float> values(static_cast<std::size_t>(count));
  std::uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = scale * (static_cast<float>(state >> 8) / 8388608.0f - 1.0f);
  }
  return values;
}

// What both sets make of the same arguments: use(kernels, output of kRows x kChannels).
template <class Use>
void compare(const Use& use) {
  std::vector<float> plain(static_cast<std::size_t>(kRows * kChannels), 7.0f), baseline = plain;
  use(cpu::plain::kKernels, plain.data());
  use(cpu::baseline::kKernels, baseline.data());
  double worst = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    REQUIRE(std::isfinite(plain[i]));
    worst = std::max(worst, static_cast<double>(std::fabs(plain[i] - baseline[i])));
  }
#if defined(__x86_64__)
  CHECK(worst == 0);
#else
  CHECK(worst < 1e-5);
#endif
}

}  // namespace

TEST_CASE("each instruction set has kernels of its own") {
  for (const cpu::IsaRow& a : cpu::kIsas) {
    for (const cpu::IsaRow& b : cpu::kIsas) CHECK((&cpu::kernels(a.isa) == &cpu::kernels(b.isa)) == (a.isa == b.isa));
  }
}

TEST_CASE("plain vectors: products with every activation") {
  const std::vector<float> a = numbers(kRows * 20, 2), residual = numbers(kRows * kChannels, 1), bias = numbers(40, 1);
  const std::vector<float> panels = numbers(40 * 20, 1);
  for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu, Activation::silu,
                                      Activation::hard_swish, Activation::sigmoid, Activation::hard_sigmoid}) {
    compare([&](const cpu::Kernels& kernels, float* y) {
      REQUIRE(kernels.panel == 8);
      cpu::GemmArguments g;
      g.rows = kRows;
      g.columns = g.ldc = g.ldr = kChannels;
      g.depth = g.lda = 20;
      g.last_panel = 5;
      g.a = a.data();
      g.panels = panels.data();
      g.bias = bias.data();
      g.activation = activation;
      g.residual = residual.data();
      g.last = Activation::relu;
      g.c = y;
      kernels.gemm(g);
    });
  }
}

TEST_CASE("plain vectors: normalisation, sums, largest and interpolated rows") {
  const std::vector<float> x = numbers(kRows * kChannels, 3), gain = numbers(kChannels, 1),
                           bias = numbers(kChannels, 1);
  compare([&](const cpu::Kernels& kernels, float* y) {
    cpu::LayerNormArguments n;
    n.rows = kRows;
    n.channels = n.ldx = n.ldy = kChannels;
    n.x = x.data();
    n.gain = gain.data();
    n.bias = bias.data();
    n.eps = 1e-5f;
    n.activation = Activation::gelu;
    n.y = y;
    kernels.layer_norm(n);
  });
  compare([&](const cpu::Kernels& kernels, float* y) {
    const float* const rows[] = {x.data(), x.data() + kChannels, x.data() + 2 * kChannels};
    kernels.largest_rows(rows, 3, kChannels, y);
    kernels.sum_rows(x.data(), kChannels, kRows, kChannels, y + kChannels);
    kernels.mix_pixel(rows[0], rows[1], rows[2], rows[0], 0.25f, 0.75f, kChannels, false, y + 2 * kChannels);
  });
}

TEST_CASE("plain vectors: attention with few keys, and windows, whose kernels exchange rows and columns") {
  constexpr Index kTokens = 12, kWidth = 16;
  const std::vector<float> q = numbers(kRows * kWidth, 2), k = numbers(kWidth * kTokens, 1),
                           v = numbers(kTokens * kWidth, 1);
  compare([&](const cpu::Kernels& kernels, float* y) {
    std::vector<float> scratch(4096);
    cpu::FewKeysArguments few = {k.data(), kTokens, v.data(), kWidth, kWidth, kWidth, kChannels};
    kernels.attend_few_keys(few, q.data(), kRows, scratch.data(), y);
  });
  const std::vector<float> qkv = numbers(kTokens * 3 * kWidth, 1), bias = numbers(kTokens * 16, 1);
  compare([&](const cpu::Kernels& kernels, float* y) {
    cpu::WindowArguments w = {kTokens, kWidth, 16, 0, kWidth, true, 0.25f, bias.data(), nullptr};
    std::vector<float> scratch(static_cast<std::size_t>(kernels.window_scratch(kTokens, kWidth)));
    const float* rows[kTokens];
    float* out[kTokens];
    for (Index i = 0; i < kTokens; ++i) {
      rows[i] = qkv.data() + i * 3 * kWidth;
      out[i] = y + i * kChannels;
    }
    kernels.attend_window(w, rows, out, scratch.data());
  });
}
