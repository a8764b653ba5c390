// The cpu backend gives the same bits for any number of threads, and for an image alone as in a batch of three.
#include "segface/base/threads/pool.hpp"
#include "segface/networks/segface/cpu.hpp"
#include "segface/networks/segface/fold_fusion.hpp"

#include "random_maps.hpp"

using namespace segface;
using namespace segface::core;
using B = cpu::Backend;
using test::Bench;
using test::random_numbers;

namespace {

constexpr Index kBatch = 3, kHeight = 24, kWidth = 35;  // 840 pixels: 8 blocks of rows, 4 strips of keys
constexpr Index kTokens = 19, kChannels = 80;

bool same_bits(const ViewOf<B>& a, const ViewOf<B>& b) {
  REQUIRE(a.rows() == b.rows());
  REQUIRE(a.channels == b.channels);
  const auto bytes = static_cast<std::size_t>(a.channels) * sizeof(float);
  for (Index r = 0; r < a.rows(); ++r) {
    if (std::memcmp(a.row(r), b.row(r), bytes) != 0) return false;
  }
  return true;
}

// Every primitive that cuts its work into tasks, and the fusion, on images [B, kHeight, kWidth, kChannels] and tokens
// [B, 1, kTokens, kChannels].
std::vector<std::pair<const char*, ViewOf<B>>> outputs(Bench<B>& bench, const ViewOf<B>& image,
                                                       const ViewOf<B>& tokens) {
  Run<B>& run = bench.run();
  const B& backend = bench.backend();
  const Index c = kChannels, out = 72;
  const std::vector<float> weight = random_numbers("weight", c * out * 25), numbers = random_numbers("numbers", 256);
  const std::vector<float> ones(256, 1.0f);
  const BatchNormParameters norm = {ones.data(), numbers.data(), numbers.data() + 64, ones.data(), 1e-5f};

  const auto linear = backend.prepare_linear({c, out, weight.data(), numbers.data()}).value();
  const auto convolution = backend.prepare_convolution({c, out, 3, 2, weight.data(), norm}).value();
  const auto winograd = backend.prepare_convolution({c, out, 3, 1, weight.data(), norm}).value();
  const auto depthwise = backend.prepare_depthwise_convolution({1, c, 5, 1, weight.data(), norm}).value();
  const auto transposed = backend.prepare_transposed_convolution({c, 9, weight.data(), numbers.data()}).value();
  const auto layer_norm = backend.prepare_layer_norm({c, ones.data(), numbers.data(), 1e-5f}).value();
  MlpFusionParameters p;
  for (LinearParameters& level : p.linear_c) level = {c, 40, weight.data(), numbers.data()};
  p.linear_fuse = {160, 40, weight.data(), nullptr};
  const FoldedFusion folded = FoldedFusion::make(p).value();
  const auto fusion = ops::MlpFusion<B>::prepare(backend, p).value();

  const MapOf<B> twice = run.map(image.batch, 2 * kHeight - 1, 2 * kWidth + 1, c);
  const MapOf<B> half = run.map(image.batch, kHeight / 2, (kWidth + 1) / 2, c);
  const MapOf<B> products = run.map(image.batch, kHeight, kWidth, kTokens);
  const MapOf<B> scaled = ops::add<B>(run, image, image);
  const MapOf<B> mean = ops::spatial_mean<B>(run, image);
  ops::scale_channels<B>(run, mean, scaled);
  ops::bilinear<B>(run, image, twice);
  ops::bilinear<B>(run, image, half);
  ops::token_products<B>(run, image, tokens, products);
  return {
      {"linear", ops::linear<B>(run, linear, image, Activation::gelu)},
      {"linear of tokens", ops::linear<B>(run, linear, tokens, Activation::relu)},
      {"convolution", ops::convolution<B>(run, convolution, image)},
      {"convolution, Winograd", ops::convolution<B>(run, winograd, image, Activation::silu)},
      {"depthwise_convolution", ops::depthwise_convolution<B>(run, depthwise, image, Activation::hard_swish)},
      {"transposed_convolution", ops::transposed_convolution<B>(run, transposed, image, Activation::gelu)},
      {"layer_norm", ops::layer_norm<B>(run, layer_norm, image)},
      {"spatial_mean", mean},
      {"add, scale_channels", scaled},
      {"bilinear", twice},
      {"token_products", products},
      {"attention, few keys", ops::attention<B>(run, image, tokens, tokens, 5)},
      {"attention, many keys", ops::attention<B>(run, tokens, image, image, 5)},
      {"fuse", ops::fuse<B>(run, fusion, std::array<ViewOf<B>, 4>{image, half, half, half}).fused},
  };
}

void check_identity(const B& backend) {
  CAPTURE(backend.isa_name());
  SerialExecutor serial;
  Bench<B> bench(backend, serial);
  const MapOf<B> image = bench.map("image", kBatch, kHeight, kWidth, kChannels);
  const MapOf<B> tokens = bench.map("tokens", kBatch, 1, kTokens, kChannels);
  const auto expected = outputs(bench, image, tokens);

  for (const Index threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    const std::unique_ptr<Executor> pool = ThreadPool::make(threads).value();
    Bench<B> threaded(backend, *pool);
    const auto got = outputs(threaded, image, tokens);
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK_MESSAGE(same_bits(got[i].second, expected[i].second), got[i].first);
    }
  }
  for (Index b = 0; b < kBatch; ++b) {
    CAPTURE(b);
    Bench<B> single(backend, serial);
    const auto alone = outputs(single, image.image(b), tokens.image(b));
    for (std::size_t i = 0; i < alone.size(); ++i) {
      CHECK_MESSAGE(same_bits(alone[i].second, expected[i].second.image(b)), alone[i].first);
    }
  }
}

}  // namespace

TEST_CASE("the same bits for any number of threads, and alone as in a batch") {
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    for (const Precision precision : {Precision::float32, Precision::bf16, Precision::int8}) {
      CAPTURE(static_cast<int>(precision));
      check_identity(B(row.isa).with(precision).value());
    }
  }
}
