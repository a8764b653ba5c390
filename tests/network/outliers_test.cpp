// Networks with outliers, one channel in fifty thirty times as large as the others, keep their stages when products are
// rounded: every family of backbones.
#if !defined(__SANITIZE_ADDRESS__)  // takes minutes there
#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "network.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// Synthetic weights in which outputs of every matrix, and gains, are outliers; the sum of squares of each tensor stays, so
// that what comes out of the network stays of the same size.
class WithOutliers final : public TensorSource {
 public:
  explicit WithOutliers(SyntheticCheckpoint source) : source_(std::move(source)) {
    for (std::size_t i = 0; i < source_.size(); ++i) {
      tensors_.emplace_back(source_.info(i).bytes());
      source_.read(i, tensors_[i].data()).or_throw();
      plant(source_.info(i), reinterpret_cast<float*>(tensors_[i].data()));
    }
  }

  const std::string& name() const noexcept override { return source_.name(); }
  std::size_t size() const noexcept override { return source_.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return source_.info(index); }
  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    std::copy(tensors_[index].begin(), tensors_[index].end(), out);
    return {};
  }

 private:
  static void plant(const TensorInfo& tensor, float* values) {
    constexpr Index kEvery = 50;
    constexpr float kTimes = 30;
    if (layer_of(tensor.name) == tensor.name || tensor.dtype != DType::f32) return;
    const Index channels = tensor.shape.dims[0], first = tensor.shape.rank == 1 ? 11 : 5;  // not both of a channel
    if (channels <= first) return;
    const auto each = static_cast<Index>(tensor.shape.count()) / channels;
    const auto all = static_cast<float>(channels), outliers = static_cast<float>((channels - first - 1) / kEvery + 1);
    const float smaller = std::sqrt(all / (all - outliers + outliers * kTimes * kTimes));
    for (Index i = 0; i < channels * each; ++i) values[i] *= i / each % kEvery == first ? kTimes * smaller : smaller;
  }

  SyntheticCheckpoint source_;
  std::vector<std::vector<std::uint8_t>> tensors_;
};

// The outputs of every stage, [rows, channels].
struct Stages final : Observer<float> {
  struct Output {
    Index channels;
    std::vector<float> values;
  };
  std::map<std::string, Output> outputs;

  bool every_stage() const noexcept override { return true; }
  void stage(const char* name, const Map<const float>& output, const Cost&) noexcept override {
    Output& kept = outputs[name];
    kept.channels = output.channels;
    for (Index r = 0; r < output.rows(); ++r) {
      kept.values.insert(kept.values.end(), output.row(r), output.row(r) + output.channels);
    }
  }
};

// The error of a channel in parts of its deviation (of a tenth of its size, where it hardly changes), of the channel in the
// middle: what is right of outliers alone, or of all others alone, is not enough.
double error(const Stages::Output& got, const Stages::Output& expected) {
  REQUIRE(got.values.size() == expected.values.size());
  const auto channels = static_cast<std::size_t>(expected.channels);
  const auto rows = static_cast<double>(expected.values.size() / channels);
  std::vector<double> errors;
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0, squares = 0, wrong = 0;
    for (std::size_t i = c; i < expected.values.size(); i += channels) {
      const auto value = static_cast<double>(expected.values[i]);
      const double difference = static_cast<double>(got.values[i]) - value;
      sum += value;
      squares += value * value;
      wrong += difference * difference;
    }
    const double variance = squares / rows - sum / rows * (sum / rows);
    errors.push_back(std::sqrt(wrong / rows / std::max({variance, squares / rows / 100, 1e-12})));
  }
  std::sort(errors.begin(), errors.end());
  return errors[channels / 2];
}

}  // namespace

TEST_CASE("outliers: each stage of every family stays near float32's in bf16 and in int8") {
  struct Bound {
    const char* stage;
    double bf16, int8;  // somewhat less than twice the largest error of any family
  };
  constexpr Bound kBounds[] = {
      {"feature0", 0.012, 0.09}, {"feature1", 0.025, 0.2},  {"feature2", 0.06, 0.45}, {"feature3", 0.06, 0.6},
      {"fused", 0.04, 0.25},     {"queries", 0.001, 0.002}, {"keys", 0.04, 0.2},      {"tokens", 0.012, 0.07},
      {"hyper", 0.01, 0.05},     {"upscaled", 0.025, 0.11}, {"logits", 0.025, 0.11},
  };
  constexpr Index kHeight = 64, kWidth = 64;
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(kHeight * kWidth * 3));
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const auto at = static_cast<double>(i);
    rgb[i] = static_cast<std::uint8_t>(128 + 100 * std::sin(at * 0.01) * std::cos(at * 0.00037));
  }
  const cpu::Backend floats = networks::cpu_backend(cpu::best_isa());
  for (const Backbone backbone : {Backbone::mobilenet, Backbone::swin_base, Backbone::swinv2_tiny,
                                  Backbone::convnext_small, Backbone::resnet, Backbone::efficientnet}) {
    const std::string network_name = backbone_name(backbone);
    CAPTURE(network_name);
    const WithOutliers source(test::synthetic(backbone, Dataset::celeb, 7));
    const auto stages = [&](const cpu::Backend& backend) {
      SerialExecutor executor;
      const auto network = test::network(backend, source, backbone, Dataset::celeb);
      CHECK((network.rounded().layers().empty() == (backend.precision() == Precision::float32)));
      const auto plan = Plan<SegFace, cpu::Backend>::make(network, 1, kHeight, kWidth, executor).value();
      Stages observer;
      test::forward(network, plan, rgb.data(), executor, &observer);
      return observer.outputs;
    };
    const auto expected = stages(floats);
    for (const Precision precision : {Precision::bf16, Precision::int8}) {
      const cpu::Backend backend = floats.with(precision).value();
      if (backend.precision() != precision) continue;  // what this processor lacks
      const std::string precision_asked = precision_name(precision);
      CAPTURE(precision_asked);
      const auto got = stages(backend);
      CHECK(got.size() == std::size(kBounds));
      CHECK(error(got.at("logits"), expected.at("logits")) > 0);
      for (const Bound& bound : kBounds) {
        const std::string stage = bound.stage;
        CAPTURE(stage);
        const double found = error(got.at(stage), expected.at(stage));
        CHECK(found < (precision == Precision::bf16 ? bound.bf16 : bound.int8));
      }
    }
  }
}
#endif
