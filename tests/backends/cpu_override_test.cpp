// Every compound that the cpu backend overrides, against its default.
#include "segface/backends/reference.hpp"
#include "segface/networks/segface/cpu.hpp"
#include "segface/networks/segface/fold_fusion.hpp"

#include "image/label_cases.hpp"
#include "random_maps.hpp"

using namespace segface;
using namespace segface::core;
using B = cpu::Backend;
using Own = SegFaceWords<B>;
using test::difference;
using test::random_numbers;

static_assert(std::is_same_v<ops::MlpFusion<B>, Own::MlpFusion>, "the override must be the one that is used");
static_assert(std::is_same_v<ops::Position<B>, Own::Position>, "the override must be the one that is used");
static_assert(std::is_same_v<ops::PositionTerm<B>, Own::PositionTerm>, "the override must be the one that is used");

// ops::name calls the backend's function where this compiles with exactly these types, and the default elsewhere.
template <class Result, class... Operands>
constexpr bool kTakesFuse = std::is_same_v<
    decltype(std::declval<const Own&>().fuse(std::declval<Run<B>&>(), std::declval<const Operands&>()...)), Result>;
template <class W>
constexpr bool kTakesPositionTerm =
    std::is_same_v<decltype(std::declval<const Own&>().position_term(std::declval<Run<B>&>(), std::declval<const W&>(),
                                                                     std::declval<const Own::Position&>())),
                   Own::PositionTerm>;
static_assert(kTakesFuse<Pyramid<B>, Own::MlpFusion, std::array<ViewOf<B>, 4>>, "fuse");
static_assert(
    std::is_same_v<decltype(std::declval<const Own&>().position(
                       std::declval<Run<B>&>(), std::declval<const B::PositionEncoding&>(), Index(), Index())),
                   Own::Position>,
    "position");
static_assert(kTakesPositionTerm<B::Linear>, "position_term");
static_assert(kTakesPositionTerm<ops::PyramidLinear<B>>, "position_term in the first block");

// The streamed passes: a type of image and of its linear layers, as the first block and the second have them.
template <class W, class Image>
constexpr bool kTakesTokensFromImage =
    std::is_same_v<decltype(std::declval<const Own&>().tokens_from_image(
                       std::declval<Run<B>&>(), std::declval<const compound::TokensFromImage<B, W>&>(),
                       std::declval<const Own::PositionTerm&>(), std::declval<const MapOf<B>&>(),
                       std::declval<const Image&>())),
                   MapOf<B>>;
template <class W, class Image>
constexpr bool kTakesImagePass =
    std::is_same_v<decltype(std::declval<const Own&>().image_from_tokens_and_back(
                       std::declval<Run<B>&>(), std::declval<const compound::ImageFromTokens<B, W>&>(),
                       std::declval<const B::LayerNorm&>(), std::declval<const Own::PositionTerm&>(),
                       std::declval<const Image&>(), std::declval<const MapOf<B>&>(), std::declval<const MapOf<B>&>(),
                       std::declval<const compound::TokensFromImage<B, B::Linear>&>(),
                       std::declval<const Own::PositionTerm&>(), std::declval<const MapOf<B>&>(),
                       std::declval<const MapOf<B>&>())),
                   MapOf<B>>;
static_assert(kTakesTokensFromImage<ops::PyramidLinear<B>, Pyramid<B>>, "tokens_from_image in the first block");
static_assert(kTakesTokensFromImage<B::Linear, ViewOf<B>>, "tokens_from_image");
static_assert(kTakesImagePass<ops::PyramidLinear<B>, Pyramid<B>>, "image_from_tokens_and_back in the first block");
static_assert(kTakesImagePass<B::Linear, ViewOf<B>>, "image_from_tokens_and_back");
static_assert(std::is_same_v<decltype(std::declval<const Own&>().upscale_and_classify(
                                 std::declval<Run<B>&>(), std::declval<const compound::Upscaling<B>&>(),
                                 std::declval<const MapOf<B>&>(), std::declval<const MapOf<B>&>())),
                             MapOf<B>>,
              "upscale_and_classify");
static_assert(
    std::is_void_v<decltype(std::declval<const Own&>().upscale_and_label(
        std::declval<Run<B>&>(), std::declval<const compound::Upscaling<B>&>(), std::declval<const MapOf<B>&>(),
        std::declval<const MapOf<B>&>(), std::declval<const LabelTarget&>()))>,
    "upscale_and_label");
static_assert(std::is_void_v<decltype(std::declval<const B&>().label_map(
                  std::declval<Run<B>&>(), std::declval<const MapOf<B>&>(), std::declval<const LabelTarget&>()))>,
              "label_map");

namespace {

// Calls body(bench) for each instruction set of this processor.
template <class Body>
void on_each_isa(const Body& body) {
  SerialExecutor executor;
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    test::Bench<B> bench(B(row.isa), executor);
    CAPTURE(bench.backend().isa_name());
    body(bench);
  }
}

}  // namespace

TEST_CASE("fuse: folded levels equal the official order of operations") {
  on_each_isa([](test::Bench<B>& bench) {
    const Index width = 32;
    const std::array<Index, 4> channels = {5, 8, 13, 40};
    std::array<std::vector<float>, 4> weights, biases;
    MlpFusionParameters p;
    for (std::size_t i = 0; i < 4; ++i) {
      weights[i] = random_numbers("weight" + std::to_string(i), channels[i] * width);
      biases[i] = random_numbers("bias" + std::to_string(i), width);
      p.linear_c[i] = {channels[i], width, weights[i].data(), biases[i].data()};
    }
    const std::vector<float> fuse = random_numbers("fuse", 4 * width * width);
    p.linear_fuse = {4 * width, width, fuse.data(), nullptr};
    const FoldedFusion fold = FoldedFusion::make(p).value();
    for (const auto& [height, columns] : std::vector<std::pair<Index, Index>>{{8, 8}, {11, 7}}) {
      std::array<ViewOf<B>, 4> levels;
      for (std::size_t i = 0; i < 4; ++i) {
        const Index scale = Index{1} << i;
        levels[i] = bench.map("level", 3, (height + scale - 1) / scale, (columns + scale - 1) / scale, channels[i]);
      }
      const auto folded = ops::MlpFusion<B>::prepare(bench.backend(), p).value();
      const auto plain = compound::MlpFusion<B>::prepare(bench.backend(), p).value();
      CHECK(difference(ops::fuse<B>(bench.run(), folded, levels).fused,
                       compound::fuse<B>(bench.run(), plain, levels).fused) < 3e-6);
    }
  });
}

namespace {

constexpr Index kWidth = 48, kInner = 32, kHeads = 2;

template <class Any>
typename Any::Linear linear(const Any& backend, const std::string& name, Index in, Index out) {
  const std::vector<float> weight = random_numbers(name + "weight", in * out),
                           bias = random_numbers(name + "bias", out);
  std::vector<float> scaled = weight;
  for (float& w : scaled) w /= std::sqrt(static_cast<float>(in));
  return backend.prepare_linear({in, out, scaled.data(), bias.data()}).value();
}

// The numbers of a fusion of levels with these channels.
struct Fusion {
  std::array<std::vector<float>, 4> weights, biases;
  std::vector<float> fuse;
  MlpFusionParameters parameters;
  FoldedFusion folded;

  explicit Fusion(const std::array<Index, 4>& channels) : fuse(random_numbers("fuse", 4 * kWidth * kWidth)) {
    for (float& w : fuse) w /= 10;
    for (std::size_t i = 0; i < 4; ++i) {
      weights[i] = random_numbers("level" + std::to_string(i), channels[i] * kWidth);
      for (float& w : weights[i]) w /= std::sqrt(static_cast<float>(channels[i]));
      biases[i] = random_numbers("level bias" + std::to_string(i), kWidth);
      parameters.linear_c[i] = {channels[i], kWidth, weights[i].data(), biases[i].data()};
    }
    parameters.linear_fuse = {4 * kWidth, kWidth, fuse.data(), nullptr};
    folded = FoldedFusion::make(parameters).value();
  }
};

template <class Any>
ops::PyramidLinear<Any> pyramid_linear(const Any& backend, const Fusion& fusion, const std::string& name) {
  std::vector<float> weight = random_numbers(name + "weight", kWidth * kInner);
  for (float& w : weight) w /= std::sqrt(static_cast<float>(kWidth));
  const std::vector<float> bias = random_numbers(name + "bias", kInner);
  return ops::PyramidLinear<Any>::prepare(backend, fusion.parameters, {kWidth, kInner, weight.data(), bias.data()})
      .value();
}

template <class Any>
typename Any::LayerNorm norm(const Any& backend, Index channels) {
  const std::vector<float> gain = random_numbers("gain", channels), bias = random_numbers("norm bias", channels);
  return backend.prepare_layer_norm({channels, gain.data(), bias.data(), 1e-5f}).value();
}

// What a transformer of two passes gives, on a pyramid and then on a map, which is overwritten: image and tokens.
template <class Any>
std::array<MapOf<Any>, 3> two_passes(test::Bench<Any>& bench, const std::array<Index, 4>& channels, Index height,
                                     Index width, Index tokens) {
  const Any& backend = bench.backend();
  Run<Any>& run = bench.run();
  const Fusion fusion(channels);
  std::array<ViewOf<Any>, 4> levels;
  Index h = height, w = width;
  for (std::size_t i = 0; i < 4; ++i, h = (h + 1) / 2, w = (w + 1) / 2) {
    levels[i] = bench.map("map" + std::to_string(i), 2, h, w, channels[i]);
  }
  const auto fuse = ops::MlpFusion<Any>::prepare(backend, fusion.parameters).value();
  const Pyramid<Any> pyramid = ops::fuse<Any>(run, fuse, levels);
  const std::vector<float> gaussian = random_numbers("gaussian", kWidth);  // [2, kWidth / 2]
  const auto encoding = backend.prepare_position_encoding(gaussian.data(), kWidth / 2).value();
  const ops::Position<Any> position = ops::position<Any>(run, encoding, height, width);
  const MapOf<Any> queries = bench.map("queries", 2, 1, tokens, kWidth), keys = bench.map("keys", 2, 1, tokens, kWidth),
                   values = bench.map("values", 2, 1, tokens, kWidth);

  using OnPyramid = ops::PyramidLinear<Any>;
  const compound::TokensFromImage<Any, OnPyramid> read0 = {
      linear(backend, "q0", kWidth, kInner), pyramid_linear(backend, fusion, "k0"),
      pyramid_linear(backend, fusion, "v0"), linear(backend, "o0", kInner, kWidth), kHeads};
  const compound::ImageFromTokens<Any, OnPyramid> image0 = {
      pyramid_linear(backend, fusion, "iq0"), linear(backend, "ik0", kWidth, kInner),
      linear(backend, "iv0", kWidth, kInner), linear(backend, "io0", kInner, kWidth), kHeads};
  const compound::TokensFromImage<Any, typename Any::Linear> read1 = {
      linear(backend, "q1", kWidth, kInner), linear(backend, "k1", kWidth, kInner),
      linear(backend, "v1", kWidth, kInner), linear(backend, "o1", kInner, kWidth), kHeads};
  const compound::ImageFromTokens<Any, typename Any::Linear> image1 = {
      linear(backend, "iq1", kWidth, kInner), linear(backend, "ik1", kWidth, kInner),
      linear(backend, "iv1", kWidth, kInner), linear(backend, "io1", kInner, kWidth), kHeads};
  const typename Any::LayerNorm layer_norm = norm(backend, kWidth);

  const MapOf<Any> first =
      ops::tokens_from_image<Any>(run, read0, ops::position_term<Any>(run, read0.k_proj, position), queries, pyramid);
  const MapOf<Any> image = run.map(2, height, width, kWidth);
  ops::image_from_tokens_and_back<Any>(run, image0, layer_norm, ops::position_term<Any>(run, image0.q_proj, position),
                                       pyramid, keys, values, read1,
                                       ops::position_term<Any>(run, read1.k_proj, position), queries, image);
  const MapOf<Any> second = ops::image_from_tokens_and_back<Any>(
      run, image1, layer_norm, ops::position_term<Any>(run, image1.q_proj, position), ViewOf<Any>(image), keys, values,
      read1, ops::position_term<Any>(run, read1.k_proj, position), queries, image);
  return {first, image, second};
}

template <class Any>
compound::Upscaling<Any> upscaling(test::Bench<Any>& bench) {
  const auto transposed = [&](const std::string& name, Index in, Index out) {
    std::vector<float> weight = random_numbers(name, in * out * 4), bias = random_numbers(name + "bias", out);
    for (float& w : weight) w /= std::sqrt(static_cast<float>(in));
    return bench.backend().prepare_transposed_convolution({in, out, weight.data(), bias.data()}).value();
  };
  return {transposed("first", kWidth, 24), norm(bench.backend(), 24), transposed("second", 24, 12)};
}
template <class Any>
MapOf<Any> logits(test::Bench<Any>& bench, Index height, Index width, Index tokens) {
  return ops::upscale_and_classify<Any>(bench.run(), upscaling(bench), bench.map("image", 2, height, width, kWidth),
                                        bench.map("hyper", 2, 1, tokens, 12));
}

}  // namespace

TEST_CASE("the streamed passes over the image equal the layers one after the other") {
  SerialExecutor executor;
  struct Case {
    std::array<Index, 4> channels;  // few: the projections are made on the levels; many: on the fused
                                    // map; more than 48 in a coarse level: on the fusion's product
    Index height, width, tokens;
  };
  for (const Case& c :
       {Case{{5, 8, 13, 40}, 23, 11, 19}, Case{{40, 8, 13, 40}, 16, 16, 11}, Case{{5, 8, 13, 40}, 1, 1, 1},
        Case{{5, 8, 13, 90}, 23, 11, 19}, Case{{5, 8, 70, 90}, 9, 8, 11}}) {
    test::Bench<reference::Backend<double>> exact(reference::Backend<double>(), executor);
    const auto expected = two_passes(exact, c.channels, c.height, c.width, c.tokens);
    on_each_isa([&](test::Bench<B>& bench) {
      const auto got = two_passes(bench, c.channels, c.height, c.width, c.tokens);
      for (std::size_t i = 0; i < 3; ++i) {
        CAPTURE(i);
        CHECK(difference(got[i], expected[i]) < 5e-6);
      }
    });
  }
}

TEST_CASE("widening and filtering in bands equals one after the other") {
  SerialExecutor executor;
  struct Case {
    Index kernel, stride, height, width;
  };
  for (const Case& c : {Case{3, 1, 93, 101}, Case{3, 2, 93, 101}, Case{5, 1, 90, 102}, Case{5, 2, 91, 100}}) {
    for (const Activation between : {Activation::hard_swish, Activation::none}) {
      CAPTURE(c.kernel);
      CAPTURE(c.stride);
      constexpr Index kNarrow = 24, kWide = 72;
      const std::vector<float> widen = random_numbers("widen", kNarrow * kWide), bias = random_numbers("bias", kWide),
                               filter = random_numbers("filter", kWide * c.kernel * c.kernel);
      const auto filtered = [&](auto& bench) {
        using Any = std::decay_t<decltype(bench.backend())>;
        const auto expand =
            bench.backend().prepare_convolution({kNarrow, kWide, 1, 1, widen.data(), {}, bias.data()}).value();
        const auto depthwise =
            bench.backend()
                .prepare_depthwise_convolution({1, kWide, c.kernel, c.stride, filter.data(), {}, bias.data()})
                .value();
        const ViewOf<Any> x = bench.map("x", 2, c.height, c.width, kNarrow);
        const auto y =
            bench.run().map(2, ops::convolved(c.height, depthwise), ops::convolved(c.width, depthwise), kWide);
        ops::expand_and_filter<Any>(bench.run(), expand, depthwise, x, between, Activation::hard_swish, y);
        return y;
      };
      test::Bench<reference::Backend<double>> exact(reference::Backend<double>(), executor);
      const auto expected = filtered(exact);
      on_each_isa([&](test::Bench<B>& bench) { CHECK(difference(filtered(bench), expected) < 5e-6); });
    }
  }
}

TEST_CASE("upscaling and classification in tiles equal the layers one after the other") {
  SerialExecutor executor;
  for (const std::pair<Index, Index>& size : std::vector<std::pair<Index, Index>>{{1, 1}, {5, 37}, {16, 16}}) {
    for (const Index tokens : {1, 11, 19}) {
      test::Bench<reference::Backend<double>> exact(reference::Backend<double>(), executor);
      const auto expected = logits(exact, size.first, size.second, tokens);
      on_each_isa([&](test::Bench<B>& bench) {
        CHECK(difference(logits(bench, size.first, size.second, tokens), expected) < 5e-6);
      });
    }
  }
}

TEST_CASE("labels and their confidence equal the plain loops") {
  SerialExecutor executor;
  for (const Index classes : {2, 11, 19}) {
    const Index w = 13, h = 9, stride = classes + 3;
    std::vector<float> logits = random_numbers("logits", w * h * stride);
    const auto view = LogitsView<float>::interleaved(logits.data(), classes, w, h, stride);
    for (const std::pair<Index, Index>& size :
         std::vector<std::pair<Index, Index>>{{13, 9}, {200, 70}, {5, 4}, {1, 1}}) {
      const auto pixels = static_cast<std::size_t>(size.first * size.second);
      std::vector<std::uint8_t> expected_labels(pixels), labels(pixels);
      std::vector<float> expected_confidence(pixels), confidence(pixels);
      std::vector<double> expected_rows(static_cast<std::size_t>(h)), rows(expected_rows);
      label_pixels(view,
                   LabelTarget{expected_labels.data(), size.first, size.second, expected_confidence.data(),
                               expected_rows.data()},
                   executor);
      on_each_isa([&](test::Bench<B>& bench) {
        const LabelTarget target = {labels.data(), size.first, size.second, confidence.data(), rows.data()};
        ops::label_map<B>(bench.run(), MapOf<B>{logits.data(), 1, h, w, classes, stride}, target);
        CHECK(labels == expected_labels);
        for (std::size_t i = 0; i < pixels; ++i) CHECK(std::abs(confidence[i] - expected_confidence[i]) < 1e-6f);
        for (std::size_t y = 0; y < rows.size(); ++y) CHECK(std::abs(rows[y] - expected_rows[y]) < 1e-4);
      });
    }
  }
}

TEST_CASE("labels of strips of logits equal those of all logits, at any size") {
  SerialExecutor executor;
  struct Case {
    Index height, width, tokens;
  };
  for (const Case& c : {Case{1, 1, 2}, Case{5, 37, 11}, Case{16, 9, 19}}) {
    const Index h = c.height, w = c.width, tokens = c.tokens;
    test::Bench<reference::Backend<float>> plain(reference::Backend<float>(), executor);
    const auto all = logits(plain, h, w, tokens);
    const auto view = LogitsView<float>::interleaved(all.data, tokens, 4 * w, 4 * h, all.stride);
    for (const std::pair<Index, Index>& size : std::vector<std::pair<Index, Index>>{
             {4 * w, 4 * h}, {200, 170}, {4 * w, 4 * h + 1}, {7, 2 * h}, {31, 3}, {1, 1}}) {
      CAPTURE(size.first);
      CAPTURE(size.second);
      const auto pixels = static_cast<std::size_t>(size.first * size.second);
      std::vector<std::uint8_t> expected_labels(pixels), labels(pixels);
      std::vector<float> expected_confidence(pixels), confidence(pixels);
      std::vector<double> rows(static_cast<std::size_t>(4 * h)), expected_rows(rows);
      label_pixels(view,
                   LabelTarget{expected_labels.data(), size.first, size.second, expected_confidence.data(),
                               expected_rows.data()},
                   executor);
      on_each_isa([&](test::Bench<B>& bench) {
        const LabelTarget target = {labels.data(), size.first, size.second, confidence.data(), rows.data()};
        std::fill(labels.begin(), labels.end(), std::uint8_t{77});
        ops::upscale_and_label<B>(bench.run(), upscaling(bench), bench.map("image", 2, h, w, kWidth).image(0),
                                  bench.map("hyper", 2, 1, tokens, 12).image(0), target);
        std::size_t other = 0;
        for (std::size_t i = 0; i < pixels; ++i) {
          other += labels[i] != expected_labels[i];
          CHECK(std::abs(confidence[i] - expected_confidence[i]) < 1e-4f);
        }
        CHECK(other <= pixels / 1000);  // where two classes are equal up to rounding
        for (std::size_t y = 0; y < rows.size(); ++y) CHECK(rows[y] == doctest::Approx(expected_rows[y]).epsilon(1e-4));
        // Without confidence, as large targets are labelled where nothing is settled alone.
        std::vector<std::uint8_t> sooner(pixels, 77);
        const LabelTarget unsure = {sooner.data(), size.first, size.second, nullptr, rows.data()};
        ops::upscale_and_label<B>(bench.run(), upscaling(bench), bench.map("image", 2, h, w, kWidth).image(0),
                                  bench.map("hyper", 2, 1, tokens, 12).image(0), unsure);
        CHECK(sooner == labels);
        for (std::size_t y = 0; y < rows.size(); ++y) CHECK(rows[y] == doctest::Approx(expected_rows[y]).epsilon(1e-4));
      });
    }
  }
}

TEST_CASE("labels of what is settled are those of interpolated logits, on every instruction set") {
  const FloatingPointGuard guard;
  for (const Index classes : {2, 11, 19}) {
    for (test::LogitsCase& c : test::logits_cases(classes)) {
      CAPTURE(c.name);
      std::vector<std::uint8_t> settled(static_cast<std::size_t>(c.height * c.width)), told(settled.size());
      for (std::size_t i = 0; i < settled.size(); ++i) {
        settled[i] = settled_label(c.numbers.data() + i * static_cast<std::size_t>(classes), classes, 1);
      }
      on_each_isa([&](test::Bench<B>& bench) {
        std::fill(told.begin(), told.end(), std::uint8_t{99});
        LabelTarget nothing = {nullptr, 0, 0};
        nothing.settled = told.data();
        ops::label_map<B>(bench.run(), MapOf<B>{c.numbers.data(), 1, c.height, c.width, classes, classes}, nothing);
        CHECK(told == settled);
      });
      for (const std::pair<Index, Index>& size :
           std::vector<std::pair<Index, Index>>{{200, 170}, {111, 161}, {37, 400}, {601, 24}}) {
        const auto pixels = static_cast<std::size_t>(size.first * size.second);
        std::vector<std::uint8_t> labels(pixels), interpolated(pixels);
        std::vector<float> confidence(pixels);
        std::vector<double> rows(static_cast<std::size_t>(c.height));
        on_each_isa([&](test::Bench<B>& bench) {
          const MapOf<B> map = {c.numbers.data(), 1, c.height, c.width, classes, classes};
          ops::label_map<B>(bench.run(), map,
                            LabelTarget{labels.data(), size.first, size.second, nullptr, rows.data()});
          ops::label_map<B>(bench.run(), map,
                            LabelTarget{interpolated.data(), size.first, size.second, confidence.data()});
          CHECK(labels == interpolated);
        });
      }
    }
  }
}

TEST_CASE("labels: the first of equal classes wins, and what is no number is label 0") {
  SerialExecutor executor;
  std::vector<float> logits(2 * 19, 1.0f);
  logits[17] = logits[4] = 2.0f;
  logits[19 + 18] = 2.0f;
  std::vector<float> nothing(19, std::nanf(""));
  on_each_isa([&](test::Bench<B>& bench) {
    std::vector<std::uint8_t> labels(3, 77);
    ops::label_map<B>(bench.run(), MapOf<B>{logits.data(), 1, 1, 2, 19, 19}, LabelTarget{labels.data(), 2, 1});
    ops::label_map<B>(bench.run(), MapOf<B>{nothing.data(), 1, 1, 1, 19, 19}, LabelTarget{labels.data() + 2, 1, 1});
    CHECK(labels == std::vector<std::uint8_t>{4, 18, 0});
  });
}
