// Builds a network of synthetic weights and runs it on a picture, for the tests of the network.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "segface/engine/golden.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/faces/warp.hpp"
#include "segface/image/file.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/networks/segface/model.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/synthetic.hpp"

#include "networks/networks.hpp"

namespace test {

using namespace segface;
using namespace segface::core;

// What the official code computed: every backbone family, every data set, a side that is no multiple of anything. Under
// sanitizers, the small ones: the others would take minutes each.
inline constexpr const char* kOfficialGoldens[] = {
    "mobilenet_celeb_250",   "mobilenet_celeb_256",    "swin_base_lapa_224",
#if !defined(__SANITIZE_ADDRESS__)
    "mobilenet_celeb_512",   "swin_base_celeb_256",    "swin_base_helen_512",      "swinv2_small_celeb_256",
    "resnet_celeb_512",      "efficientnet_celeb_512", "convnext_small_celeb_333",
#endif
    "swinv2_tiny_celeb_256",
};

// What tools/torch computed of the rest, after it had agreed with all of the official code's.
inline constexpr const char* kTwinGoldens[] = {
    "mobilenet_lapa_256",     "mobilenet_celeb_333x500",
#if !defined(__SANITIZE_ADDRESS__)
    "swin_base_celeb_250",    "swin_base_celeb_333x500",    "swinv2_base_celeb_250",     "swinv2_base_celeb_333x500",
    "swinv2_small_celeb_250", "swinv2_small_celeb_333x500", "convnext_base_celeb_250",   "convnext_base_celeb_333x500",
    "resnet_celeb_250",       "resnet_celeb_333x500",       "convnext_small_celeb_250",  "convnext_small_celeb_333x500",
    "efficientnet_celeb_250", "efficientnet_celeb_333x500", "swinv2_tiny_celeb_333x500",
#endif
    "swinv2_tiny_celeb_250",
};
inline constexpr const char* kBatches[] = {"mobilenet_celeb_96_of_3", "swinv2_tiny_celeb_96_of_3"};

inline std::string data(const std::string& name) {
  return std::string(SEGFACE_TEST_DATA "/") + name;
}

// The synthetic checkpoint of a network, by the rule the goldens were made with.
inline SyntheticCheckpoint synthetic(Backbone backbone, Dataset dataset, std::uint64_t seed) {
  SegFaceWeights weights(backbone, dataset);
  return SyntheticCheckpoint::make(list_tensors(weights, /*with_dropped=*/true), seed).value();
}

template <class B>
SegFace<B> network(const B& backend, const TensorSource& source, Backbone backbone, Dataset dataset) {
  SegFaceWeights weights(backbone, dataset);
  bind(weights, source).or_throw();
  return SegFace<B>::prepare(backend, weights).value();
}

// Runs the network on RGB pixels of the plan's size; returns the logits [B, 4h, 4w, K], packed.
template <class B>
std::vector<HostScalarOf<B>> forward(const SegFace<B>& network, const Plan<SegFace, B>& plan, const std::uint8_t* rgb,
                                     Executor& executor, typename Run<B>::Observer* observer = nullptr,
                                     Span<const TanhWarp> warps = {}) {
  std::vector<HostScalarOf<B>> packed;
  const auto fill = [&](const HostMapOf<B>& image) { normalize(rgb, image.rows(), image.data, image.stride); };
  const auto pack = [&](const HostMapOf<B>& logits) {
    for (Index r = 0; r < logits.rows(); ++r) {
      packed.insert(packed.end(), logits.row(r), logits.row(r) + logits.channels);
    }
  };
  pass_once(network, plan, executor, observer, fill, pack, warps).or_throw();
  return packed;
}

// Every stage of the goldens, all of one network and size and computed as one batch; in their order.
template <class B>
std::vector<std::vector<StageComparison>> compare_goldens(const B& backend, const std::vector<std::string>& names,
                                                          Executor& executor) {
  using Scalar = HostScalarOf<B>;
  std::vector<Golden> goldens;
  std::vector<std::uint8_t> pixels;
  std::vector<TanhWarp> warps;
  for (const std::string& name : names) {
    goldens.push_back(Golden::open(data(name + ".safetensors")).value());
    const Golden& golden = goldens.back();
    const Image picture = golden.picture().value();
    pixels.insert(pixels.end(), picture.data(), picture.data() + picture.size_bytes());
    if (golden.dataset() == Dataset::lapa) {
      const Landmarks landmarks = Landmarks::from_numbers(golden.landmarks().value());
      warps.push_back(make_tanh_warp(landmarks, golden.width()).value());
    }
  }
  const Golden& first = goldens.front();
  const Backbone backbone = parse_backbone(first.text("backbone")).value();
  const SegFace<B> net =
      network(backend, synthetic(backbone, first.dataset(), first.seed()), backbone, first.dataset());
  const auto batch = static_cast<Index>(names.size());
  const Span<const TanhWarp> given = {warps.data(), warps.size()};
  const auto plan = Plan<SegFace, B>::make(net, batch, first.height(), first.width(), executor, given).value();

  std::vector<GoldenObserver<Scalar>> observers;
  for (Index image = 0; image < batch; ++image) observers.emplace_back(goldens[static_cast<std::size_t>(image)], image);
  struct All final : Observer<Scalar> {
    std::vector<GoldenObserver<Scalar>>& observers;
    explicit All(std::vector<GoldenObserver<Scalar>>& each) : observers(each) {}
    bool every_stage() const noexcept override { return true; }
    void stage(const char* stage, const Map<const Scalar>& output, const Cost& cost) noexcept override {
      for (GoldenObserver<Scalar>& observer : observers) observer.stage(stage, output, cost);
    }
  } all(observers);
  forward(net, plan, pixels.data(), executor, &all, {warps.data(), warps.size()});
  std::vector<std::vector<StageComparison>> results;
  for (const GoldenObserver<Scalar>& observer : observers) {
    CHECK_MESSAGE(observer.status().ok(), observer.status().message());
    // (warped,) feature0..3, fused, keys, tokens, hyper, upscaled, logits, probability, mask
    CHECK(observer.results().size() == 12 + (warps.empty() ? 0 : 1));
    results.push_back(observer.results());
  }
  return results;
}

// Each stage within its bound; a failure prints stage, first bad place and largest difference.
template <class B>
void check_goldens(const B& backend, const std::vector<std::string>& names, Executor& executor) {
  const auto results = compare_goldens(backend, names, executor);
  for (std::size_t image = 0; image < names.size(); ++image) {
    for ([[maybe_unused]] const StageComparison& stage : results[image]) {  // fuzz targets check nothing
      CHECK_MESSAGE(stage.agrees(), names[image] << ", " << stage.stage << ": largest difference " << stage.largest
                                                 << ", bound " << stage.bound << ", " << stage.beyond << " of "
                                                 << stage.compared << " beyond, the first at " << stage.first_beyond);
    }
  }
}

template <class B>
void check_golden(const B& backend, const std::string& name, Executor& executor) {
  check_goldens(backend, {name}, executor);
}

// The three pictures of kBatches.
inline std::vector<std::string> pictures_of(const std::string& batch) {
  return {batch + "_astronaut", batch + "_portrait", batch + "_jpeg_444"};
}

}  // namespace test
