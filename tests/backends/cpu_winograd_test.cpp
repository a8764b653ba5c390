// The Winograd convolution of the cpu backend against the reference in double: sides that are no multiple of a tile,
// more tiles than a block holds, odd channels, residuals, every activation and instruction set.
#include "each_isa.hpp"

using namespace segface;
using namespace segface::core;
using test::Bench;
using test::difference;
using test::on_each_isa;
using test::random_numbers;
using test::Size;
using test::Widths;
using Reference = reference::Backend<double>;

namespace {

// 3 x 3 weights and a bias.
struct Numbers {
  Index in, out;
  std::vector<float> weight = random_numbers("weight", in*out * 9), bias = random_numbers("bias", out);

  ConvolutionParameters parameters() const { return {in, out, 3, 1, weight.data(), {}, bias.data()}; }
};

// Largest difference of the two with an epilogue made by epilogue(bench): [activation] + residual, [last].
template <class MakeEpilogue>
double error(const cpu::Kernels& kernels, Bench<cpu::Backend>& fast, Bench<Reference>& exact, const Numbers& numbers,
             const Size& s, const MakeEpilogue& epilogue) {
  const auto fast_scope = fast.run().scope();
  const auto exact_scope = exact.run().scope();
  const LinearNumbers folded = fold_batch_norm(numbers.parameters()).value();
  cpu::WeightBlocks blocks;
  const cpu::Linear w = cpu::pack_winograd(kernels, blocks, numbers.in, numbers.out, folded).value();
  // y is wider than it must be: what lies between its rows has to stay.
  const auto y = fast.map("untouched", s.batch, s.height, s.width, numbers.out);
  const auto beyond = y.slice(y.channels, 5);
  for (Index r = 0; r < y.rows(); ++r) std::fill_n(beyond.row(r), 5, 7.0f);
  const auto x = fast.map("x", s.batch, s.height, s.width, numbers.in);
  cpu::convolve_winograd(fast.run(), kernels, w, /*padding=*/1, x, epilogue(fast), y);
  for (Index r = 0; r < y.rows(); ++r) {
    for (Index i = 0; i < 5; ++i) REQUIRE(beyond.row(r)[i] == 7.0f);
  }
  REQUIRE(fast.run().status().ok());

  const auto v = exact.backend().prepare_convolution(numbers.parameters()).value();
  const auto z = exact.map("untouched", s.batch, s.height, s.width, numbers.out);
  ops::convolution<Reference>(exact.run(), v, exact.map("x", s.batch, s.height, s.width, numbers.in), epilogue(exact),
                              z);
  return difference(y, z);
}

// Of the largest value; the plain sum has 1e-6 at 100 channels.
constexpr double kBound = 4e-6;

}  // namespace

TEST_CASE("Winograd: sizes, channels, batches") {
  on_each_isa([](const cpu::Kernels& kernels, auto& fast, auto& exact) {
    for (const Widths& widths : {Widths{1, 1}, Widths{5, 3}, Widths{24, 24}, Widths{64, 33}, Widths{100, 72}}) {
      const Numbers numbers = {widths.in, widths.out};
      for (const Size& s : {Size{1, 1, 1}, Size{2, 3, 5}, Size{2, 4, 4}, Size{1, 7, 13}, Size{2, 29, 31}}) {
        CAPTURE(widths.in);
        CAPTURE(s.height);
        const auto plain = [](auto& bench) {
          return Epilogue<std::decay_t<decltype(bench.backend())>>{Activation::none};
        };
        CHECK(error(kernels, fast, exact, numbers, s, plain) < kBound);
      }
    }
  });
}

TEST_CASE("Winograd: activations, residuals of each image and of one for all, activations after them") {
  on_each_isa([](const cpu::Kernels& kernels, auto& fast, auto& exact) {
    const Numbers numbers = {24, 40};
    const Size s = {2, 6, 9};
    for (const Activation a : {Activation::none, Activation::relu, Activation::hard_swish, Activation::hard_sigmoid,
                               Activation::gelu, Activation::silu, Activation::sigmoid}) {
      for (const Index residuals : {0, 1, 2}) {
        const auto made = [&](auto& bench) {
          using B = std::decay_t<decltype(bench.backend())>;
          Epilogue<B> epilogue;
          if (residuals > 0) {
            epilogue = Epilogue<B>::plus(bench.map("r", residuals, s.height, s.width, numbers.out), Activation::relu);
          }
          epilogue.activation = a;
          return epilogue;
        };
        CHECK(error(kernels, fast, exact, numbers, s, made) < kBound);
      }
    }
  });
}

TEST_CASE("Winograd: the residual may be the output itself") {
  on_each_isa([](const cpu::Kernels&, auto& fast, auto& exact) {
    const Numbers numbers = {32, 32};
    const auto on = [&](auto& bench) {
      using B = std::decay_t<decltype(bench.backend())>;
      const auto w = bench.backend().prepare_convolution(numbers.parameters()).value();
      const auto y = bench.map("y", 2, 9, 6, 32);
      ops::convolution<B>(bench.run(), w, bench.map("x", 2, 9, 6, 32), Epilogue<B>::plus(y, Activation::silu), y);
      return y;
    };
    CHECK(difference(on(fast), on(exact)) < kBound);
  });
}

TEST_CASE("Winograd is for kernel 3, stride 1, channels from 24 to 256") {
  const cpu::Backend backend;
  const std::vector<float> weight(std::size_t{264} * 264 * 9, 1.0f);
  const auto chosen = [&](Index in, Index out, Index kernel, Index stride) {
    return backend.prepare_convolution({in, out, kernel, stride, weight.data(), {}, nullptr}).value().winograd;
  };
  CHECK(chosen(24, 24, 3, 1));
  CHECK(chosen(256, 260, 3, 1));
  CHECK(!chosen(23, 24, 3, 1));
  CHECK(!chosen(24, 23, 3, 1));
  CHECK(!chosen(257, 24, 3, 1));
  CHECK(!chosen(24, 24, 3, 2));
  CHECK(!chosen(24, 24, 1, 1));
  CHECK(!chosen(24, 24, 5, 1));
}
