// Every primitive of the cpu backend against the reference in double, over awkward shapes and every instruction set.
#include "each_isa.hpp"
#include "window_cases.hpp"

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

constexpr double kBound = 3e-6;  // of the largest value

struct Rows {
  Index queries, keys;
};
struct Heads {
  Index channels, count;
};

template <class B>
typename B::Linear random_linear(const Bench<B>& bench, const Widths& widths) {
  const auto weight = random_numbers("weight", widths.in * widths.out), bias = random_numbers("bias", widths.out);
  return bench.backend().prepare_linear({widths.in, widths.out, weight.data(), bias.data(), nullptr}).value();
}

// A linear layer with each of the activations, with a residual of each image and of one for all, and with one in place.
template <class Fast, class Exact>
void check_linear(Fast& fast, Exact& exact, const Size& s, const Widths& widths,
                  const std::vector<Activation>& activations) {
  const Index in = widths.in, out = widths.out;
  CAPTURE(s.height * s.width);
  CAPTURE(in);
  CAPTURE(out);
  const cpu::Linear w = random_linear(fast, widths);
  const Reference::Linear v = random_linear(exact, widths);
  const auto fast_scope = fast.run().scope();
  const auto exact_scope = exact.run().scope();
  const auto x = fast.map("x", s.batch, s.height, s.width, in);
  const auto z = exact.map("x", s.batch, s.height, s.width, in);
  for (const Activation a : activations) {
    const double got =
        difference(ops::linear<cpu::Backend>(fast.run(), w, x, a), ops::linear<Reference>(exact.run(), v, z, a));
    CHECK(got < kBound);
  }
  for (const Index batch : {Index{1}, s.batch}) {  // a residual of one image is for all
    const auto r = fast.map("r", batch, s.height, s.width, out);
    const auto t = exact.map("r", batch, s.height, s.width, out);
    CHECK(difference(ops::linear<cpu::Backend>(fast.run(), w, x, Epilogue<cpu::Backend>::plus(r)),
                     ops::linear<Reference>(exact.run(), v, z, Epilogue<Reference>::plus(t))) < kBound);
    if (batch != s.batch) continue;
    ops::linear<cpu::Backend>(fast.run(), w, x, Epilogue<cpu::Backend>::plus(r), r);
    ops::linear<Reference>(exact.run(), v, z, Epilogue<Reference>::plus(t), t);
    CHECK(difference(r, t) < kBound);
  }
}

}  // namespace

TEST_CASE("linear: every activation, residuals, few and many rows, odd widths") {
  const std::vector<Activation> all = {Activation::none,         Activation::relu, Activation::hard_swish,
                                       Activation::hard_sigmoid, Activation::gelu, Activation::silu,
                                       Activation::sigmoid};
  on_each_isa([&](const cpu::Kernels&, auto& fast, auto& exact) {
    for (const Size s : {Size{1, 1, 1}, Size{3, 1, 19}, Size{2, 11, 13}, Size{1, 15, 15}}) {
      for (const Widths& widths : {Widths{1, 1}, Widths{7, 5}, Widths{24, 40}, Widths{33, 97}, Widths{256, 128}}) {
        check_linear(fast, exact, s, widths, all);
      }
    }
  });
}

TEST_CASE("linear: Strassen's product of many rows, in odd blocks") {
  // Not sigmoid: it is 1 at most, and would hold the error of sums of some 30 against that.
  const std::vector<Activation> some = {Activation::none,         Activation::relu, Activation::hard_swish,
                                        Activation::hard_sigmoid, Activation::gelu, Activation::silu};
  on_each_isa([&](const cpu::Kernels&, auto& fast, auto& exact) {
    for (const Size s : {Size{1, 1, 449}, Size{2, 21, 23}, Size{1, 24, 28}}) {
      for (const Widths& widths : {Widths{64, 128}, Widths{66, 127}, Widths{130, 64}, Widths{576, 65}}) {
        check_linear(fast, exact, s, widths, some);
      }
    }
  });
}

TEST_CASE("convolutions: kernels, strides, borders, images smaller than the kernel") {
  on_each_isa([](const cpu::Kernels&, auto& fast, auto& exact) {
    for (const Size s : {Size{1, 1, 1}, Size{2, 3, 2}, Size{3, 9, 14}, Size{1, 17, 31}}) {
      for (const Index kernel : {1, 3, 5, 7}) {
        for (const Index stride : {1, 2}) {
          CAPTURE(kernel);
          CAPTURE(stride);
          const Index in = 13, out = 22;
          const std::vector<float> weight = random_numbers("weight", in * out * kernel * kernel);
          const std::vector<float> gain = random_numbers("gain", out), bias = random_numbers("bias", out),
                                   mean = random_numbers("mean", out);
          std::vector<float> variance = random_numbers("variance", out);
          for (float& value : variance) value = value * value + 0.1f;
          ConvolutionParameters p = {
              in,     out,           kernel,
              stride, weight.data(), {gain.data(), bias.data(), mean.data(), variance.data(), 1e-3f},
              nullptr};
          const auto fast_scope = fast.run().scope();
          const auto exact_scope = exact.run().scope();
          const auto w = fast.backend().prepare_convolution(p).value();
          const auto v = exact.backend().prepare_convolution(p).value();
          CHECK(difference(ops::convolution<cpu::Backend>(fast.run(), w, fast.map("x", s.batch, s.height, s.width, in),
                                                          Activation::hard_swish),
                           ops::convolution<Reference>(exact.run(), v, exact.map("x", s.batch, s.height, s.width, in),
                                                       Activation::hard_swish)) < kBound);
          p.in = 1;
          const auto dw = fast.backend().prepare_depthwise_convolution(p).value();
          const auto dv = exact.backend().prepare_depthwise_convolution(p).value();
          for (const Activation activation : {Activation::none, Activation::relu, Activation::hard_swish}) {
            CHECK(difference(ops::depthwise_convolution<cpu::Backend>(
                                 fast.run(), dw, fast.map("x", s.batch, s.height, s.width, out), activation),
                             ops::depthwise_convolution<Reference>(
                                 exact.run(), dv, exact.map("x", s.batch, s.height, s.width, out), activation)) <
                  kBound);
          }
        }
      }
    }
  });
}

TEST_CASE("convolutions with any padding, of few channels and of Winograd's") {
  on_each_isa([](const cpu::Kernels&, auto& fast, auto& exact) {
    struct Case {
      Index in, out, kernel, stride, padding;
    };
    for (const Case& c : {Case{3, 32, 3, 1, 0}, Case{32, 64, 3, 1, 0}, Case{24, 40, 3, 1, 2}, Case{64, 40, 2, 1, 0},
                          Case{5, 7, 5, 2, 1}, Case{9, 33, 2, 2, 1}}) {
      CAPTURE(c.in);
      CAPTURE(c.padding);
      const std::vector<float> weight = random_numbers("weight", c.in * c.out * c.kernel * c.kernel),
                               bias = random_numbers("bias", c.out);
      const auto agree = [&](const auto& on) {
        const auto fast_scope = fast.run().scope();
        const auto exact_scope = exact.run().scope();
        const auto got = on(fast, cpu::Backend());
        CHECK(got.height == (11 + 2 * c.padding - c.kernel) / c.stride + 1);
        CHECK(difference(got, on(exact, Reference())) < 4e-6);
      };
      agree([&](auto& bench, auto b) {
        const auto w =
            bench.backend()
                .prepare_convolution({c.in, c.out, c.kernel, c.stride, weight.data(), {}, bias.data(), c.padding})
                .value();
        return ops::convolution<decltype(b)>(bench.run(), w, bench.map("x", 2, 11, 17, c.in), Activation::relu);
      });
      agree([&](auto& bench, auto b) {
        const auto w = bench.backend()
                           .prepare_depthwise_convolution(
                               {1, c.out, c.kernel, c.stride, weight.data(), {}, bias.data(), c.padding})
                           .value();
        return ops::depthwise_convolution<decltype(b)>(bench.run(), w, bench.map("x", 2, 11, 17, c.out),
                                                       Activation::none);
      });
    }
  });
}

TEST_CASE("sizes of pools") {
  // torch.nn.MaxPool2d: O-Net's maps, ResNet's, and a last neighbourhood that would begin in the padding.
  CHECK(Pool{3, 2, 0, true}.pooled(46) == 23);
  CHECK(Pool{3, 2, 0, true}.pooled(21) == 10);
  CHECK(Pool{2, 2, 0, true}.pooled(8) == 4);
  CHECK(Pool{3, 2, 1}.pooled(33) == 17);
  CHECK(Pool{2, 2}.pooled(5) == 2);
  CHECK(Pool{2, 2, 0, true}.pooled(5) == 3);
  CHECK(Pool{2, 2, 1, true}.pooled(3) == 2);
  CHECK(Pool{2, 3, 1, true}.pooled(5) == 2);
}

TEST_CASE("transposed convolution, norm, means, scales, sums") {
  on_each_isa([](const cpu::Kernels&, auto& fast, auto& exact) {
    for (const Size s : {Size{1, 1, 1}, Size{3, 5, 7}, Size{2, 16, 13}}) {
      for (const Index channels : {1, 3, 16, 37, 64}) {
        CAPTURE(channels);
        const auto fast_scope = fast.run().scope();
        const auto exact_scope = exact.run().scope();
        const auto x = fast.map("x", s.batch, s.height, s.width, channels);
        const auto z = exact.map("x", s.batch, s.height, s.width, channels);
        const Index out = 9;
        const std::vector<float> weight = random_numbers("weight", channels * out * 4),
                                 bias = random_numbers("bias", 64), gain = random_numbers("gain", 64);
        const TransposedConvolutionParameters t = {channels, out, weight.data(), bias.data()};
        CHECK(difference(ops::transposed_convolution<cpu::Backend>(
                             fast.run(), fast.backend().prepare_transposed_convolution(t).value(), x, Activation::gelu),
                         ops::transposed_convolution<Reference>(
                             exact.run(), exact.backend().prepare_transposed_convolution(t).value(), z,
                             Activation::gelu)) < kBound);
        const LayerNormParameters n = {channels, gain.data(), bias.data(), 1e-5f};
        CHECK(difference(ops::layer_norm<cpu::Backend>(fast.run(), fast.backend().prepare_layer_norm(n).value(), x),
                         ops::layer_norm<Reference>(exact.run(), exact.backend().prepare_layer_norm(n).value(), z)) <
              1e-5);
        const auto mean = ops::spatial_mean<cpu::Backend>(fast.run(), x);
        const auto exact_mean = ops::spatial_mean<Reference>(exact.run(), z);
        CHECK(difference(mean, exact_mean) < 1e-5);
        ops::scale_channels<cpu::Backend>(fast.run(), mean, x);
        ops::scale_channels<Reference>(exact.run(), exact_mean, z);
        CHECK(difference(x, z) < 1e-5);
        const auto y = fast.map("y", 1, s.height, s.width, channels);
        const auto w = exact.map("y", 1, s.height, s.width, channels);
        CHECK(difference(ops::add<cpu::Backend>(fast.run(), x, y), ops::add<Reference>(exact.run(), z, w)) < kBound);
      }
    }
  });
}

TEST_CASE("attention: few keys, many keys, few queries, many queries") {
  on_each_isa([](const cpu::Kernels&, auto& fast, auto& exact) {
    for (const Rows& rows :
         {Rows{1, 1}, Rows{19, 19}, Rows{300, 19}, Rows{300, 11}, Rows{19, 128}, Rows{19, 129}, Rows{11, 257},
          Rows{19, 1000}, Rows{130, 260}, Rows{7, 300}, Rows{8, 130}, Rows{9, 8}, Rows{17, 16}}) {
      for (const Heads& heads : {Heads{128, 8}, Heads{256, 8}, Heads{15, 5}}) {
        const Index queries = rows.queries, keys = rows.keys, channels = heads.channels;
        CAPTURE(queries);
        CAPTURE(keys);
        CAPTURE(channels);
        const auto fast_scope = fast.run().scope();
        const auto exact_scope = exact.run().scope();
        const auto on = [&](auto& bench) {
          using B = std::decay_t<decltype(bench.backend())>;
          const auto scaled = bench.map("q", 2, 1, queries, channels);
          for (Index r = 0; r < scaled.rows(); ++r) {
            for (Index i = 0; i < channels; ++i) scaled.row(r)[i] *= 8;  // scores far apart
          }
          return ops::attention<B>(bench.run(), scaled, bench.map("k", 2, 1, keys, channels),
                                   bench.map("v", 2, 1, keys, channels), heads.count);
        };
        CHECK(difference(on(fast), on(exact)) < 1e-5);
      }
    }
  });
}

TEST_CASE("windowed attention: sizes, shifts, masks that matter, cosine") {
  on_each_isa([](const cpu::Kernels&, auto& fast, auto& exact) {
    test::on_each_window_case([&](const test::WindowCase& w, const WindowAttentionParameters& p) {
      const auto fast_scope = fast.run().scope();
      const auto exact_scope = exact.run().scope();
      const auto on = [&](auto& bench) {
        using B = std::decay_t<decltype(bench.backend())>;
        const auto operand = bench.backend().prepare_window_attention(p).value();
        return ops::windowed_attention<B>(bench.run(), operand, bench.map("qkv", 2, w.height, w.width, 3 * w.channels),
                                          w.shift);
      };
      CHECK(difference(on(fast), on(exact)) < 3e-5);
    });
  });
}

TEST_CASE("patches, pools, slopes, sums with smaller maps, scaled linear layers, residuals in place") {
  on_each_isa([](const cpu::Kernels&, auto& fast, auto& exact) {
    for (const Size s : {Size{2, 1, 1}, Size{1, 2, 5}, Size{3, 8, 12}, Size{1, 33, 17}}) {
      for (const Index channels : {3, 16, 37, 128}) {
        CAPTURE(s.height);
        CAPTURE(channels);
        const std::vector<float> weight = random_numbers("weight", channels * channels);
        const std::vector<float> bias = random_numbers("bias", channels), scale = random_numbers("scale", channels);
        const auto agree = [&](const auto& on) {
          const auto fast_scope = fast.run().scope();
          const auto exact_scope = exact.run().scope();
          CHECK(difference(on(fast, cpu::Backend()), on(exact, Reference())) < 1e-5);
        };
        const auto x = [&](auto& bench) { return bench.map("x", s.batch, s.height, s.width, channels); };
        for (const Index size : {2, 4}) {
          agree([&](auto& bench, auto b) {
            return ops::patches<decltype(b)>(bench.run(), x(bench), size, (s.height + size - 1) / size,
                                             s.width / size + 1);
          });
        }
        for (const Pool& pool : {Pool{3, 2, 1}, Pool{2, 2}, Pool{2, 2, 0, true}, Pool{3, 2, 0, true}, Pool{3, 1, 1}}) {
          if (pool.pooled(s.height) < 1 || pool.pooled(s.width) < 1) continue;
          agree([&](auto& bench, auto b) { return ops::max_pool<decltype(b)>(bench.run(), pool, x(bench)); });
        }
        agree([&](auto& bench, auto b) {
          const auto y = x(bench);
          const auto slopes = bench.backend().prepare_slopes(scale.data(), channels).value();
          ops::prelu<decltype(b)>(bench.run(), slopes, y);
          return y;
        });
        agree([&](auto& bench, auto b) {
          const auto y = x(bench);
          const auto half = bench.map("half", s.batch, (s.height + 1) / 2, (s.width + 1) / 2, channels);
          ops::add_upsampled<decltype(b)>(bench.run(), half, y);
          return y;
        });
        for (const Activation last : {Activation::none, Activation::relu, Activation::silu, Activation::sigmoid}) {
          agree([&](auto& bench, auto b) {
            using B = decltype(b);
            const auto w =
                bench.backend().prepare_linear({channels, channels, weight.data(), bias.data(), scale.data()}).value();
            const auto y = bench.map("y", s.batch, s.height, s.width, channels);
            ops::linear<B>(bench.run(), w, x(bench), Epilogue<B>::plus(y, last), y);
            return y;
          });
          agree([&](auto& bench, auto b) {
            using B = decltype(b);
            const auto w = bench.backend().prepare_layer_norm({channels, bias.data(), scale.data(), 1e-3f}).value();
            const auto y = bench.map("y", s.batch, s.height, s.width, channels);
            ops::layer_norm<B>(bench.run(), w, x(bench), Epilogue<B>::plus(y, last), y);
            return y;
          });
        }
        agree([&](auto& bench, auto b) {
          const ConvolutionParameters p = {1, channels, 1, 1, bias.data(), {}, scale.data()};
          const auto w = bench.backend().prepare_depthwise_convolution(p).value();
          return ops::depthwise_convolution<decltype(b)>(bench.run(), w, x(bench), Activation::none);
        });
      }
    }
  });
}

TEST_CASE("interpolation, products with tokens, position encoding") {
  on_each_isa([](const cpu::Kernels&, auto& fast, auto& exact) {
    for (const Index channels : {1, 19, 32}) {
      const auto on = [&](auto& bench, const Size& from, const Size& to) {
        using B = std::decay_t<decltype(bench.backend())>;
        const auto y = bench.map("y", from.batch, to.height, to.width, channels);
        ops::bilinear<B>(bench.run(), bench.map("x", from.batch, from.height, from.width, channels), y);
        return y;
      };
      for (const Size to : {Size{2, 1, 1}, Size{2, 7, 11}, Size{2, 24, 40}}) {
        for (const Size from : {Size{2, 1, 1}, Size{2, 3, 5}, Size{2, 12, 20}}) {
          const auto fast_scope = fast.run().scope();
          const auto exact_scope = exact.run().scope();
          CHECK(difference(on(fast, from, to), on(exact, from, to)) < kBound);
        }
      }
      const auto products = [&](auto& bench) {
        using B = std::decay_t<decltype(bench.backend())>;
        const auto y = bench.map("y", 3, 5, 9, 19);
        ops::token_products<B>(bench.run(), bench.map("x", 3, 5, 9, channels), bench.map("t", 3, 1, 19, channels), y);
        return y;
      };
      CHECK(difference(products(fast), products(exact)) < kBound);
    }
    const std::vector<float> gaussian = random_numbers("gaussian", 2 * 128);
    const auto position = [&](auto& bench) {
      using B = std::decay_t<decltype(bench.backend())>;
      const auto w = bench.backend().prepare_position_encoding(gaussian.data(), 128).value();
      return ops::position_encoding<B>(bench.run(), w, 9, 17);
    };
    CHECK(difference(position(fast), position(exact)) < 1e-5);
  });
}

TEST_CASE("a dry run counts all that a run takes, of residuals too") {
  SerialExecutor executor;
  const auto check = [&](const auto& backend) {
    using B = std::decay_t<decltype(backend)>;
    const std::vector<float> weight = random_numbers("w", 40 * 40), bias = random_numbers("b", 40);
    const auto w = backend.prepare_linear({40, 40, weight.data(), bias.data(), nullptr}).value();
    const auto take = [&](Arena& arena) {
      Run<B> run(backend, arena, executor);
      const MapOf<B> x = run.map(1, 9, 7, 40);
      for (Index i = 0; !run.dry() && i < x.rows() * x.stride; ++i) x.data[i] = 0;
      ops::linear<B>(run, w, x, Epilogue<B>::plus(x), x);
      return run.status();
    };
    Arena dry;
    CHECK(take(dry).ok());
    auto block = Buffer<std::uint8_t>::make(dry.high_water()).value();
    Arena real(block.span());
    CHECK(take(real).ok());
  };
  check(Reference());
  check(cpu::Backend());
}
