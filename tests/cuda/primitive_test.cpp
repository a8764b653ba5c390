// Every primitive of the cuda backend against the reference in double, over awkward shapes; see device_bench.hpp for
// what is checked besides.
#include "backends/window_cases.hpp"
#include "device_bench.hpp"

using namespace segface;
using namespace segface::core;
using test::Comparison;
using test::random_numbers;

namespace {

// In parts of the largest value: what is asked of floats, and of what is rounded to float16 in the end, as its weights
// were before.
template <class T>
constexpr double bound(double of_floats) {
  return std::is_same_v<T, float> ? of_floats : 1.5e-3;
}

struct Size {
  Index batch, height, width;
};

// Random numbers that T holds.
template <class T>
std::vector<float> random_weights(const std::string& name, Index count) {
  std::vector<float> numbers = random_numbers(name, count);
  for (float& number : numbers) number = static_cast<float>(static_cast<T>(number));
  return numbers;
}

template <class Bench>
using BackendOf = std::decay_t<decltype(std::declval<Bench&>().backend())>;

ConvolutionParameters random_convolution(Index in, Index out, Index kernel, Index stride, std::vector<float>* numbers) {
  numbers[0] = random_numbers("weight", in * out * kernel * kernel);
  numbers[1] = random_numbers("gain", out);
  numbers[2] = random_numbers("bias", out);
  numbers[3] = random_numbers("mean", out);
  numbers[4] = random_numbers("variance", out);
  for (float& value : numbers[4]) value = value * value + 0.1f;
  return {in,
          out,
          kernel,
          stride,
          numbers[0].data(),
          {numbers[1].data(), numbers[2].data(), numbers[3].data(), numbers[4].data(), 1e-3f},
          nullptr};
}

}  // namespace

TEST_CASE_TEMPLATE("linear: every activation, scales, residuals of each image, of one for all, in place", T, float,
                   __half) {
  Comparison<T> agree;
  for (const Size s : {Size{1, 1, 1}, Size{3, 1, 19}, Size{2, 11, 13}}) {
    struct Widths {
      Index in, out;
    };
    // Three outputs at least: what one output alone cancels to is no measure for an error of its addends.
    for (const Widths& widths : {Widths{1, 3}, Widths{7, 5}, Widths{24, 40}, Widths{33, 97}, Widths{256, 128}}) {
      CAPTURE(s.height * s.width);
      CAPTURE(widths.in);
      CAPTURE(widths.out);
      const auto weight = random_weights<T>("weight", widths.in * widths.out),
                 bias = random_weights<T>("bias", widths.out), scale = random_numbers("scale", widths.out);
      const auto operand = [&](auto& bench, const float* scales) {
        return bench.backend().prepare_linear({widths.in, widths.out, weight.data(), bias.data(), scales}).value();
      };
      const auto input = [&](auto& bench) { return bench.map("x", s.batch, s.height, s.width, widths.in); };
      for (const Activation a : {Activation::none, Activation::relu, Activation::hard_swish, Activation::hard_sigmoid,
                                 Activation::gelu, Activation::silu, Activation::sigmoid}) {
        CHECK(agree([&](auto& bench) {
                return ops::linear<BackendOf<decltype(bench)>>(bench.run(), operand(bench, nullptr), input(bench), a);
              }) < bound<T>(3e-6));
        for (const Index batch : {Index{1}, s.batch}) {
          CHECK(agree([&](auto& bench) {
                  using B = BackendOf<decltype(bench)>;
                  const auto residual = bench.map("r", batch, s.height, s.width, widths.out);
                  return ops::linear<B>(bench.run(), operand(bench, scale.data()), input(bench),
                                        Epilogue<B>::plus(residual, a));
                }) < bound<T>(3e-6));
        }
        CHECK(agree([&](auto& bench) {
                using B = BackendOf<decltype(bench)>;
                const auto y = bench.map("y", s.batch, s.height, s.width, widths.out);
                ops::linear<B>(bench.run(), operand(bench, nullptr), input(bench), Epilogue<B>::plus(y, a), y);
                return y;
              }) < bound<T>(3e-6));
        CHECK(agree([&](auto& bench) {
                using B = BackendOf<decltype(bench)>;
                const auto y = bench.map("y", s.batch, s.height, s.width, widths.out);
                Epilogue<B> epilogue = Epilogue<B>::plus(y, Activation::relu);
                epilogue.activation = a;
                ops::linear<B>(bench.run(), operand(bench, nullptr), input(bench), epilogue, y);
                return y;
              }) < bound<T>(3e-6));
      }
    }
  }
}

TEST_CASE_TEMPLATE("convolutions: kernels, strides, borders, images smaller than the kernel", T, float, __half) {
  Comparison<T> agree;
  struct Channels {
    Index in, out;
  };
  for (const Size s : {Size{1, 1, 1}, Size{2, 3, 2}, Size{3, 9, 14}, Size{3, 17, 31}}) {
    for (const Index kernel : {1, 3, 5, 7}) {
      for (const Index stride : {1, 2}) {
        CAPTURE(s.height);
        CAPTURE(kernel);
        CAPTURE(stride);
        for (const auto& [in, out] : {Channels{13, 70}, Channels{16, 24}, Channels{3, 22}, Channels{3, 40}}) {
          CAPTURE(in);
          std::vector<float> numbers[5];
          ConvolutionParameters p = random_convolution(in, out, kernel, stride, numbers);
          CHECK(agree([&](auto& bench) {
                  const auto w = bench.backend().prepare_convolution(p).value();
                  return ops::convolution<BackendOf<decltype(bench)>>(
                      bench.run(), w, bench.map("x", s.batch, s.height, s.width, in), Activation::hard_swish);
                }) < bound<T>(3e-6));
          for (const Index batch : {Index{1}, s.batch}) {
            CHECK(agree([&](auto& bench) {
                    using B = BackendOf<decltype(bench)>;
                    const auto w = bench.backend().prepare_convolution(p).value();
                    const auto residual =
                        bench.map("r", batch, ops::convolved(s.height, w), ops::convolved(s.width, w), out);
                    return ops::convolution<B>(bench.run(), w, bench.map("x", s.batch, s.height, s.width, in),
                                               Epilogue<B>::plus(residual, Activation::relu));
                  }) < bound<T>(3e-6));
          }
          p.in = 1;
          CHECK(agree([&](auto& bench) {
                  const auto w = bench.backend().prepare_depthwise_convolution(p).value();
                  return ops::depthwise_convolution<BackendOf<decltype(bench)>>(
                      bench.run(), w, bench.map("x", s.batch, s.height, s.width, out), Activation::relu);
                }) < bound<T>(3e-6));
          p.norm = {};
          p.bias = numbers[2].data();
          CHECK(agree([&](auto& bench) {
                  const auto w = bench.backend().prepare_depthwise_convolution(p).value();
                  return ops::depthwise_convolution<BackendOf<decltype(bench)>>(
                      bench.run(), w, bench.map("x", s.batch, s.height, s.width, out), Activation::none);
                }) < bound<T>(3e-6));
        }
      }
    }
    for (const auto& [channels, out] : {Channels{1, 9}, Channels{16, 16}, Channels{37, 9}}) {
      const auto weight = random_numbers("weight", channels * out * 4), bias = random_numbers("bias", out);
      CHECK(agree([&](auto& bench) {
              const auto w =
                  bench.backend().prepare_transposed_convolution({channels, out, weight.data(), bias.data()}).value();
              return ops::transposed_convolution<BackendOf<decltype(bench)>>(
                  bench.run(), w, bench.map("x", s.batch, s.height, s.width, channels), Activation::gelu);
            }) < bound<T>(3e-6));
    }
  }
}

TEST_CASE_TEMPLATE("convolutions with any padding", T, float, __half) {
  Comparison<T> agree;
  for (const Index out : {24, 70}) {
    for (const Index padding : {0, 2}) {
      for (const Index kernel : {2, 3}) {
        CAPTURE(out);
        CAPTURE(padding);
        CAPTURE(kernel);
        const Index in = 13;
        const auto weight = random_weights<T>("weight", in * out * kernel * kernel),
                   bias = random_weights<T>("bias", out);
        ConvolutionParameters p = {in, out, kernel, 1, weight.data(), {}, bias.data(), padding};
        CHECK(agree([&](auto& bench) {
                const auto w = bench.backend().prepare_convolution(p).value();
                return ops::convolution<BackendOf<decltype(bench)>>(bench.run(), w, bench.map("x", 2, 7, 10, in));
              }) < bound<T>(3e-6));
        p.in = 1;
        CHECK(agree([&](auto& bench) {
                const auto w = bench.backend().prepare_depthwise_convolution(p).value();
                return ops::depthwise_convolution<BackendOf<decltype(bench)>>(
                    bench.run(), w, bench.map("x", 2, 7, 10, out), Activation::relu);
              }) < bound<T>(3e-6));
      }
    }
  }
}

TEST_CASE_TEMPLATE("norms, means, scales, sums, patches, pools, slopes", T, float, __half) {
  Comparison<T> agree;
  for (const Size s : {Size{1, 1, 1}, Size{3, 5, 7}, Size{2, 16, 13}, Size{1, 33, 17}}) {
    for (const Index channels : {1, 3, 16, 37, 64, 130}) {
      CAPTURE(s.height);
      CAPTURE(channels);
      const auto gain = random_numbers("gain", channels), bias = random_numbers("bias", channels);
      const auto x = [&](auto& bench) { return bench.map("x", s.batch, s.height, s.width, channels); };
      const auto norm = [&](auto& bench) {
        return bench.backend().prepare_layer_norm({channels, gain.data(), bias.data(), 1e-3f}).value();
      };
      CHECK(agree([&](auto& bench) {
              return ops::layer_norm<BackendOf<decltype(bench)>>(bench.run(), norm(bench), x(bench));
            }) < bound<T>(1e-5));
      for (const Activation last : {Activation::none, Activation::relu, Activation::gelu}) {
        CHECK(agree([&](auto& bench) {
                using B = BackendOf<decltype(bench)>;
                const auto y = bench.map("y", s.batch, s.height, s.width, channels);
                ops::layer_norm<B>(bench.run(), norm(bench), x(bench), Epilogue<B>::plus(y, last), y);
                return y;
              }) < bound<T>(1e-5));
        CHECK(agree([&](auto& bench) {
                const auto y = x(bench);
                ops::layer_norm<BackendOf<decltype(bench)>>(bench.run(), norm(bench), y, last, y);
                return y;
              }) < bound<T>(1e-5));
      }
      CHECK(agree([&](auto& bench) { return ops::spatial_mean<BackendOf<decltype(bench)>>(bench.run(), x(bench)); }) <
            bound<T>(1e-5));
      CHECK(agree([&](auto& bench) {
              const auto y = x(bench);
              ops::scale_channels<BackendOf<decltype(bench)>>(bench.run(), bench.map("s", s.batch, 1, 1, channels), y);
              return y;
            }) < bound<T>(3e-6));
      for (const Index batch : {Index{1}, s.batch}) {
        CHECK(agree([&](auto& bench) {
                return ops::add<BackendOf<decltype(bench)>>(bench.run(), x(bench),
                                                            bench.map("y", batch, s.height, s.width, channels));
              }) < bound<T>(3e-6));
      }
      for (const Index size : {2, 4}) {
        CHECK(agree([&](auto& bench) {
                return ops::patches<BackendOf<decltype(bench)>>(bench.run(), x(bench), size,
                                                                (s.height + size - 1) / size, s.width / size + 1);
              }) == 0);
      }
      for (const Pool& pool : {Pool{3, 2, 1}, Pool{2, 2}, Pool{3, 2, 0, true}}) {
        if (pool.pooled(s.height) < 1 || pool.pooled(s.width) < 1) continue;
        CHECK(agree([&](auto& bench) {
                return ops::max_pool<BackendOf<decltype(bench)>>(bench.run(), pool, x(bench));
              }) == 0);
      }
      CHECK(agree([&](auto& bench) {
              const auto y = x(bench);
              const auto slopes = bench.backend().prepare_slopes(gain.data(), channels).value();
              ops::prelu<BackendOf<decltype(bench)>>(bench.run(), slopes, y);
              return y;
            }) < bound<T>(3e-6));
      CHECK(agree([&](auto& bench) {
              const auto y = x(bench);
              const auto half = bench.map("half", s.batch, (s.height + 1) / 2, (s.width + 1) / 2, channels);
              ops::add_upsampled<BackendOf<decltype(bench)>>(bench.run(), half, y);
              return y;
            }) < bound<T>(3e-6));
      CHECK(agree([&](auto& bench) {
              const auto w = bench.backend().prepare_constant(gain.data(), 1, channels).value();
              return ops::repeat<BackendOf<decltype(bench)>>(bench.run(), w, s.batch);
            }) <= bound<T>(0));
    }
  }
}

TEST_CASE_TEMPLATE("attention: few keys, many keys, few queries, many queries", T, float, __half) {
  struct Rows {
    Index queries, keys;
  };
  struct Heads {
    Index channels, count;
  };
  Comparison<T> agree;
  for (const Rows& rows : {Rows{1, 1}, Rows{19, 19}, Rows{300, 19}, Rows{300, 11}, Rows{19, 128}, Rows{19, 129},
                           Rows{11, 257}, Rows{3, 1000}, Rows{7, 300}, Rows{40, 300}, Rows{9, 8}}) {
    for (const Heads& heads : {Heads{128, 8}, Heads{256, 8}, Heads{15, 5}, Heads{24, 1}, Heads{96, 3}}) {
      CAPTURE(rows.queries);
      CAPTURE(rows.keys);
      CAPTURE(heads.channels);
      CHECK(agree([&](auto& bench) {
              using B = BackendOf<decltype(bench)>;
              Map<typename B::Scalar> q = bench.map("q", 2, 1, rows.queries, heads.channels);
              for (int i = 0; i < 3; ++i) q = ops::add<B>(bench.run(), q, q);  // scores far apart
              return ops::attention<B>(bench.run(), q, bench.map("k", 2, 1, rows.keys, heads.channels),
                                       bench.map("v", 2, 1, rows.keys, heads.channels), heads.count);
            }) < bound<T>(1e-5));
    }
  }
}

TEST_CASE_TEMPLATE("windowed attention: sizes, shifts, masks that matter, cosine", T, float, __half) {
  Comparison<T> agree;
  test::on_each_window_case([&](const test::WindowCase& w, const WindowAttentionParameters& p) {
    if (w.channels / w.heads > cuda::kMostHeadWidth) return;
    CHECK(agree([&](auto& bench) {
            const auto operand = bench.backend().prepare_window_attention(p).value();
            return ops::windowed_attention<BackendOf<decltype(bench)>>(
                bench.run(), operand, bench.map("qkv", 2, w.height, w.width, 3 * w.channels), w.shift);
          }) < bound<T>(3e-5));
  });
}

TEST_CASE_TEMPLATE("heads wider than any network's are an error", T, float, __half) {
  test::DeviceBench<T> bench;
  const auto map = [&](const char* name) { return bench.map(name, 1, 1, 5, 40); };
  ops::attention<cuda::BasicBackend<T>>(bench.run(), map("q"), map("k"), map("v"), 1);
  CHECK(bench.run().status().code() == Errc::internal);
  CHECK(std::string(bench.run().status().message()) == "heads have at most 32 channels");
}

TEST_CASE_TEMPLATE("interpolation, warps, products with tokens, position encoding", T, float, __half) {
  Comparison<T> agree;
  for (const Index channels : {1, 19, 32}) {
    CAPTURE(channels);
    for (const Size to : {Size{2, 1, 1}, Size{2, 7, 11}, Size{2, 24, 40}}) {
      for (const Size from : {Size{2, 1, 1}, Size{2, 3, 5}, Size{2, 12, 20}}) {
        CHECK(agree([&](auto& bench) {
                const auto y = bench.run().map(from.batch, to.height, to.width, 2 * channels).slice(channels, channels);
                ops::bilinear<BackendOf<decltype(bench)>>(
                    bench.run(), bench.map("x", from.batch, from.height, from.width, channels), y);
                return y;
              }) < bound<T>(3e-6));
      }
    }
    CHECK(agree([&](auto& bench) {
            const auto y = bench.run().map(3, 5, 9, 19);
            ops::token_products<BackendOf<decltype(bench)>>(bench.run(), bench.map("x", 3, 5, 9, channels),
                                                            bench.map("t", 3, 1, 19, channels), y);
            return y;
          }) < bound<T>(3e-6));
    const TanhWarp warps[] = {{24, 0.9, 0.2, 1.5, -2}, {24, 1.4, -0.3, -4, 3}};
    for (const bool back : {false, true}) {
      CHECK(agree([&](auto& bench) {
              const auto y = bench.run().map(2, 24, 24, channels);
              ops::warp<BackendOf<decltype(bench)>>(bench.run(), warps, back, bench.map("x", 2, 24, 24, channels), y);
              return y;
            }) < bound<T>(3e-6));
    }
  }
  const std::vector<float> gaussian = random_numbers("gaussian", 2 * 128);
  CHECK(agree([&](auto& bench) {
          const auto w = bench.backend().prepare_position_encoding(gaussian.data(), 128).value();
          return ops::position_encoding<BackendOf<decltype(bench)>>(bench.run(), w, 9, 17);
        }) < bound<T>(1e-5));
}

TEST_CASE("products of floats round them to TF32 where that is allowed, and only there") {
  SerialExecutor serial;
  const Index in = 64, out = 32, rows = 40;
  const auto weight = random_numbers("weight", in * out), bias = random_numbers("bias", out);
  const auto product = [&](bool tf32) {
    const auto backend = cuda::Backend::from_environment(tf32).value();
    cuda::Memory memory;
    memory.reserve(1 << 20).or_throw();
    Arena arena(memory.block());
    Run<cuda::Backend> run(backend, memory, arena, serial);
    const Map<float> x = run.map(1, 1, rows, in);
    run.write(x, [&](const Map<float>& host) {
      const auto numbers = random_numbers("x", rows * in);
      std::copy(numbers.begin(), numbers.end(), host.data);
    });
    const auto operand = backend.prepare_linear({in, out, weight.data(), bias.data()}).value();
    std::vector<float> result;
    run.read(ops::linear<cuda::Backend>(run, operand, x),
             [&](const Map<float>& host) { result.assign(host.data, host.data + rows * out); });
    run.status().or_throw();
    return result;
  };
  const std::vector<float> exact = product(false), rounded = product(true);
  float largest = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) largest = std::max(largest, std::abs(exact[i] - rounded[i]));
  CHECK(largest > 1e-4f);
  CHECK(largest < 5e-3f);
}

TEST_CASE("a weight that float16 cannot hold is an error, not an infinity") {
  const auto half = cuda::HalfBackend::from_environment().value();
  const auto full = cuda::Backend::from_environment().value();
  for (const float weight : {65504.0f, -65519.0f, 65520.0f, -1e9f}) {
    const float bias = 0;
    const bool fits = std::abs(weight) < 65520;
    CAPTURE(weight);
    const Errc expected = fits ? Errc::ok : Errc::limit_exceeded;
    CHECK(half.prepare_linear({1, 1, &weight, &bias}).error().code() == expected);
    CHECK(half.prepare_linear({1, 1, &bias, &weight}).error().code() == expected);
    CHECK(half.prepare_convolution({1, 1, 1, 1, &weight, {}, &bias}).error().code() == expected);
    CHECK(full.prepare_linear({1, 1, &weight, &bias}).ok());
  }
}
