// Every compound that the cuda backend overrides, against the reference in double, which has the defaults; see
// device_bench.hpp for what is checked besides.
#include "segface/networks/segface/fold_fusion.hpp"

#include "device_bench.hpp"

using namespace segface;
using namespace segface::core;
using test::Comparison;
using test::random_numbers;

namespace {

using B = cuda::Backend;
using Own = SegFaceWords<B>;

// ops::name calls the backend's function where this compiles with exactly these types, and the default elsewhere.
static_assert(std::is_same_v<ops::MlpFusion<B>, Own::MlpFusion>, "the override must be the one that is used");
static_assert(std::is_same_v<ops::PositionTerm<B>, Own::PositionTerm>, "the override must be the one that is used");
template <class T>
const T& some();
template <class T = B>
Run<T>& some_run();
static_assert(
    std::is_same_v<decltype(some<Own>().fuse(some_run(), some<Own::MlpFusion>(), some<std::array<ViewOf<B>, 4>>())),
                   Pyramid<B>>);
template <class W, class Image>
constexpr bool kTakesImage = std::is_same_v<
    decltype(some<Own>().image_linear_at(some_run(), some<W>(), some<Own::PositionTerm>(), some<Image>())), MapOf<B>>&&
    std::is_same_v<decltype(some<Own>().position_term(some_run(), some<W>(), some<ops::Position<B>>())),
                   Own::PositionTerm>;
static_assert(kTakesImage<B::Linear, ViewOf<B>> && kTakesImage<ops::PyramidLinear<B>, Pyramid<B>>);
static_assert(std::is_void_v<decltype(some<B>().squeeze_excitation(some_run(), some<compound::SqueezeExcitation<B>>(),
                                                                   some<MapOf<B>>()))>);
static_assert(std::is_same_v<decltype(some<Own>().upscale_and_classify(some_run(), some<compound::Upscaling<B>>(),
                                                                       some<MapOf<B>>(), some<MapOf<B>>())),
                             MapOf<B>>);

// In parts of the largest value.
template <class T>
constexpr double kBound = std::is_same_v<T, float> ? 5e-6 : 5e-3;

template <class Bench>
using BackendOf = std::decay_t<decltype(std::declval<Bench&>().backend())>;

std::vector<float> small_numbers(const std::string& name, Index count, Index in) {
  std::vector<float> numbers = random_numbers(name, count);
  for (float& number : numbers) number /= std::sqrt(static_cast<float>(in));
  return numbers;
}
template <class Any>
typename Any::Linear linear(const Any& backend, const std::string& name, Index in, Index out) {
  const auto weight = small_numbers(name + "weight", in * out, in), bias = random_numbers(name + "bias", out);
  return backend.prepare_linear({in, out, weight.data(), bias.data()}).value();
}
template <class Any>
typename Any::LayerNorm norm(const Any& backend, Index channels) {
  const auto gain = random_numbers("gain", channels), bias = random_numbers("shift", channels);
  return backend.prepare_layer_norm({channels, gain.data(), bias.data(), 1e-5f}).value();
}

// A fusion of levels with these channels.
struct Fusion {
  Index width;
  std::array<std::vector<float>, 4> weights, biases;
  std::vector<float> fuse;
  MlpFusionParameters parameters;
  FoldedFusion folded;

  Fusion(const std::array<Index, 4>& channels, Index out)
      : width(out), fuse(small_numbers("fuse", 4 * out * out, 4 * out)) {
    for (std::size_t i = 0; i < 4; ++i) {
      weights[i] = small_numbers("level" + std::to_string(i), channels[i] * width, channels[i]);
      biases[i] = random_numbers("level bias" + std::to_string(i), width);
      parameters.linear_c[i] = {channels[i], width, weights[i].data(), biases[i].data()};
    }
    parameters.linear_fuse = {4 * width, width, fuse.data(), nullptr};
    folded = FoldedFusion::make(parameters).value();
  }
};
constexpr std::array<Index, 4> kChannels = {5, 8, 13, 40};

template <class Bench>
Pyramid<BackendOf<Bench>> fused(Bench& bench, const Fusion& fusion, Index height, Index width) {
  using Any = BackendOf<Bench>;
  std::array<ViewOf<Any>, 4> levels;
  for (std::size_t i = 0; i < 4; ++i) {
    const Index scale = Index{1} << i;
    levels[i] = bench.map("level", 2, (height + scale - 1) / scale, (width + scale - 1) / scale, kChannels[i]);
  }
  const auto operand = ops::MlpFusion<Any>::prepare(bench.backend(), fusion.parameters).value();
  return ops::fuse<Any>(bench.run(), operand, levels);
}

struct Size {
  Index height, width;
};

}  // namespace

TEST_CASE_TEMPLATE("fuse: folded levels, added in one kernel", T, float, __half) {
  Comparison<T> agree;
  const Fusion fusion(kChannels, 32);
  for (const Size s : {Size{1, 1}, Size{8, 8}, Size{11, 7}, Size{17, 23}}) {
    CAPTURE(s.height);
    CHECK(agree([&](auto& bench) { return fused(bench, fusion, s.height, s.width).fused; }) < kBound<T>);
  }
}

TEST_CASE_TEMPLATE("image_linear_at: in image_from_tokens, on a map and on the pyramid", T, float, __half) {
  Comparison<T> agree;
  struct Case {
    Index width, inner, heads, tokens;
  };
  for (const Case& c : {Case{48, 32, 2, 19}, Case{256, 128, 8, 11}, Case{33, 15, 5, 1}, Case{100, 24, 3, 37},
                        Case{48, 40, 2, 7}, Case{264, 32, 2, 7}}) {
    for (const Size s : {Size{1, 1}, Size{9, 13}, Size{8, 8}}) {
      CAPTURE(c.width);
      CAPTURE(c.inner);
      CAPTURE(s.height);
      const Fusion fusion(kChannels, c.width);
      const auto query = small_numbers("q", c.width * c.inner, c.width), query_bias = random_numbers("qb", c.inner);
      const LinearParameters projection = {c.width, c.inner, query.data(), query_bias.data()};
      // read(bench, prepare, make_image, in_place): inputs first, where no scratch was before.
      const auto read = [&](auto& bench, const auto& prepare, const auto& make_image, bool in_place) {
        using Any = BackendOf<decltype(bench)>;
        const auto& backend = bench.backend();
        const ops::Position<Any> position = {bench.map("position", 1, s.height, s.width, c.width)};
        const MapOf<Any> keys = bench.map("keys", 2, 1, c.tokens, c.width),
                         values = bench.map("values", 2, 1, c.tokens, c.width),
                         map = bench.map("image", 2, s.height, s.width, c.width);
        const auto image = make_image(bench, map);
        const MapOf<Any> y = in_place ? map : bench.run().map(2, s.height, s.width, c.width);
        auto q_proj = prepare(backend).value();
        const auto term = ops::position_term<Any>(bench.run(), q_proj, position);
        const compound::ImageFromTokens<Any, decltype(q_proj)> operand = {
            std::move(q_proj), linear(backend, "k", c.width, c.inner), linear(backend, "v", c.width, c.inner),
            linear(backend, "o", c.inner, c.width), c.heads};
        ops::image_from_tokens<Any>(bench.run(), operand, norm(backend, c.width), term, image, keys, values, y);
        return y;
      };
      CHECK(agree([&](auto& bench) {
              using Any = BackendOf<decltype(bench)>;
              return read(
                  bench, [&](const Any& backend) { return backend.prepare_linear(projection); },
                  [](auto&, const MapOf<Any>& map) { return ViewOf<Any>(map); }, /*in_place=*/true);
            }) < kBound<T>);
      CHECK(agree([&](auto& bench) {
              using Any = BackendOf<decltype(bench)>;
              return read(
                  bench,
                  [&](const Any& backend) {
                    return ops::PyramidLinear<Any>::prepare(backend, fusion.parameters, projection);
                  },
                  [&](auto& b, const MapOf<Any>&) { return fused(b, fusion, s.height, s.width); }, /*in_place=*/false);
            }) < kBound<T>);
    }
  }
}

TEST_CASE_TEMPLATE("squeeze_excitation: few pixels and several strips of them", T, float, __half) {
  Comparison<T> agree;
  for (const Size s : {Size{1, 1}, Size{5, 7}, Size{33, 41}}) {
    for (const Index channels : {1, 37, 72, 130}) {
      for (const Activation gate : {Activation::hard_sigmoid, Activation::sigmoid}) {
        CAPTURE(s.height);
        CAPTURE(channels);
        CHECK(agree([&](auto& bench) {
                using Any = BackendOf<decltype(bench)>;
                const Index squeezed = channels / 4 + 1;
                const compound::SqueezeExcitation<Any> w = {linear(bench.backend(), "fc1", channels, squeezed),
                                                            linear(bench.backend(), "fc2", squeezed, channels),
                                                            Activation::silu, gate};
                const MapOf<Any> x = bench.map("x", 2, s.height, s.width, channels);
                ops::squeeze_excitation<Any>(bench.run(), w, x);
                return x;
              }) < kBound<T>);
      }
    }
  }
}

TEST_CASE_TEMPLATE("upscale_and_classify: two kernels; and channels and classes that they do not take", T, float,
                   __half) {
  Comparison<T> agree;
  struct Case {
    Index in, middle, out, classes;
  };
  for (const Case& c : {Case{48, 24, 12, 19}, Case{256, 64, 32, 11}, Case{7, 1, 1, 1}, Case{16, 256, 31, 32},
                        Case{16, 128, 16, 32}, Case{16, 8, 8, 1}, Case{16, 16, 24, 19}, Case{16, 64, 16, 33}}) {
    for (const Size s : {Size{1, 1}, Size{5, 7}, Size{2, 19}}) {
      CAPTURE(c.in);
      CAPTURE(s.width);
      CHECK(agree([&](auto& bench) {
              using Any = BackendOf<decltype(bench)>;
              const auto transposed = [&](const std::string& name, Index in, Index out) {
                const auto weight = small_numbers(name, in * out * 4, in), bias = random_numbers(name + "bias", out);
                return bench.backend().prepare_transposed_convolution({in, out, weight.data(), bias.data()}).value();
              };
              const compound::Upscaling<Any> w = {transposed("first", c.in, c.middle), norm(bench.backend(), c.middle),
                                                  transposed("second", c.middle, c.out)};
              return ops::upscale_and_classify<Any>(bench.run(), w, bench.map("image", 2, s.height, s.width, c.in),
                                                    bench.map("hyper", 2, 1, c.classes, c.out));
            }) < kBound<T>);
    }
  }
}
