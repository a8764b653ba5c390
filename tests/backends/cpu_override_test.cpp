// Every compound that the cpu backend overrides, against its default.
#include "segface/backends/cpu.hpp"

#include "random_maps.hpp"

using namespace segface;
using B = cpu::Backend;
using test::difference;
using test::random_numbers;

static_assert(std::is_same_v<ops::MlpFusion<B>, B::MlpFusion>, "the override must be the one that is used");
static_assert(std::is_same_v<ops::PositionTerm<B>, B::PositionTerm>, "the override must be the one that is used");

// ops::name calls the backend's function where this compiles with exactly these types, and the default elsewhere.
template <class Result, class... Operands>
constexpr bool kTakesFuse =
    std::is_same_v<decltype(std::declval<const B&>().fuse(std::declval<Run<B>&>(), std::declval<const Operands&>()...)),
                   Result>;
template <class W>
constexpr bool kTakesPositionTerm =
    std::is_same_v<decltype(std::declval<const B&>().position_term(std::declval<Run<B>&>(), std::declval<const W&>(),
                                                                   std::declval<const ViewOf<B>&>())),
                   B::PositionTerm>;
template <class W, class Image>
constexpr bool kTakesImageLinearAt =
    std::is_same_v<decltype(std::declval<const B&>().image_linear_at(std::declval<Run<B>&>(), std::declval<const W&>(),
                                                                     std::declval<const B::PositionTerm&>(),
                                                                     std::declval<const Image&>())),
                   MapOf<B>>;
static_assert(kTakesFuse<Pyramid<B>, B::MlpFusion, std::array<ViewOf<B>, 4>>, "fuse");
static_assert(kTakesPositionTerm<B::Linear>, "position_term");
static_assert(kTakesPositionTerm<ops::PyramidLinear<B>>, "position_term in the first block");
static_assert(kTakesImageLinearAt<B::Linear, ViewOf<B>>, "image_linear_at");
static_assert(kTakesImageLinearAt<ops::PyramidLinear<B>, Pyramid<B>>, "image_linear_at in the first block");

namespace {

// Calls body(bench) for each instruction set of this processor.
template <class Body>
void on_each_isa(const Body& body) {
  SerialExecutor executor;
  for (const cpu::Isa isa : {cpu::Isa::baseline, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::supported(isa)) continue;
    test::Bench<B> bench(B(isa), executor);
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
    for (const auto& [height, columns] : std::vector<std::pair<Index, Index>>{{8, 8}, {11, 7}}) {
      std::array<ViewOf<B>, 4> levels;
      for (std::size_t i = 0; i < 4; ++i) {
        const Index scale = Index{1} << i;
        levels[i] = bench.map("level", 3, (height + scale - 1) / scale, (columns + scale - 1) / scale, channels[i]);
      }
      const auto folded = ops::MlpFusion<B>::prepare(bench.backend(), p).value_or_throw();
      const auto plain = compound::MlpFusion<B>::prepare(bench.backend(), p).value_or_throw();
      CHECK(difference(ops::fuse<B>(bench.run(), folded, levels).fused,
                       compound::fuse<B>(bench.run(), plain, levels).fused) < 3e-6);
    }
  });
}

TEST_CASE("image_linear_at: the position's part computed beforehand equals adding the position first") {
  on_each_isa([](test::Bench<B>& bench) {
    const Index in = 24, out = 37;
    const std::vector<float> weight = random_numbers("weight", in * out), bias = random_numbers("bias", out);
    const B::Linear w = bench.backend().prepare_linear({in, out, weight.data(), bias.data()}).value_or_throw();
    const ViewOf<B> position = bench.map("position", 1, 9, 13, in), image = bench.map("image", 3, 9, 13, in);
    const MapOf<B> expected =
        compound::image_linear_at<B>(bench.run(), w, compound::position_term<B>(bench.run(), w, position), image);
    const auto term = ops::position_term<B>(bench.run(), w, position);
    CHECK(difference(ops::image_linear_at<B>(bench.run(), w, term, image), expected) < 3e-6);

    const compound::PyramidLinear<B> on_pyramid =
        compound::PyramidLinear<B>::prepare(bench.backend(), {}, {in, out, weight.data(), bias.data()})
            .value_or_throw();
    const auto pyramid_term = ops::position_term<B>(bench.run(), on_pyramid, position);
    CHECK(difference(ops::image_linear_at<B>(bench.run(), on_pyramid, pyramid_term, Pyramid<B>{{}, image}), expected) <
          3e-6);
  });
}
