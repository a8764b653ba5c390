// Builds a network of synthetic weights and runs it on a picture, for the tests of the network.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "segface/image/file.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/warp.hpp"
#include "segface/model.hpp"
#include "segface/weights/golden.hpp"
#include "segface/weights/load.hpp"
#include "segface/weights/synthetic.hpp"
#include "segface/weights/weight_file.hpp"

namespace test {

using namespace segface;

// Every backbone, every data set, a side that is no multiple of anything. Under sanitizers, the small ones: the others
// would take minutes each.
inline constexpr const char* kGoldens[] = {
    "mobilenet_celeb_250",    "mobilenet_celeb_256",      "swin_base_lapa_224",
#if !defined(__SANITIZE_ADDRESS__)
    "mobilenet_celeb_512",    "swin_base_celeb_256",      "swin_base_lapa_512",      "swin_base_helen_512",
    "swinv2_base_celeb_512",  "swinv2_small_celeb_256",   "convnext_base_celeb_512", "resnet_celeb_512",
    "efficientnet_celeb_512", "convnext_small_celeb_333",
#endif
    "swinv2_tiny_celeb_256",
};

inline std::string data(const std::string& name) {
  return std::string(SEGFACE_TEST_DATA "/") + name;
}

// The synthetic checkpoint of a network, by the rule the goldens were made with.
inline SyntheticCheckpoint synthetic(Backbone backbone, std::size_t classes, std::uint64_t seed) {
  SegFaceWeights weights(backbone, classes);
  return SyntheticCheckpoint::make(list_tensors(weights, /*with_dropped=*/true), seed).value_or_throw();
}

template <class B>
SegFace<B> network(const B& backend, const TensorSource& source, Backbone backbone, std::size_t classes) {
  SegFaceWeights weights(backbone, classes);
  throw_if_error(bind(weights, source));
  return SegFace<B>::prepare(backend, weights).value_or_throw();
}

// Runs the network on RGB pixels of the plan's size; returns the logits [B, 4h, 4w, K], packed.
template <class B>
std::vector<typename B::Scalar> forward(const SegFace<B>& network, const Plan<B>& plan, const std::uint8_t* rgb,
                                        Executor& executor, Observer<typename B::Scalar>* observer = nullptr,
                                        Span<const TanhWarp> warps = {}) {
  std::vector<typename B::Scalar> packed;
  const auto fill = [&](const MapOf<B>& image) { normalize(rgb, image.rows(), image.data, image.stride); };
  const auto pack = [&](const MapOf<B>& logits) {
    for (Index r = 0; r < logits.rows(); ++r) {
      packed.insert(packed.end(), logits.row(r), logits.row(r) + logits.channels);
    }
  };
  throw_if_error(pass_once(network, plan, executor, observer, fill, pack, warps));
  return packed;
}

// Every stage of the golden within its bound; a failure prints stage, first bad place and largest difference.
template <class B>
void check_golden(const B& backend, const std::string& name, Executor& executor) {
  using Scalar = typename B::Scalar;
  const Golden golden = Golden::open(data(name + ".safetensors")).value_or_throw();
  const auto classes = static_cast<std::size_t>(class_count(golden.dataset()));
  const Backbone backbone = parse_backbone(golden.text("backbone")).value_or_throw();
  const SyntheticCheckpoint source = synthetic(backbone, classes, golden.seed());
  const SegFace<B> net = network(backend, source, backbone, classes);
  const Image picture = load_image(data(golden.text("resized"))).value_or_throw();
  std::vector<TanhWarp> warps;
  if (golden.dataset() == Dataset::lapa) {
    warps.push_back(make_tanh_warp(golden.landmarks().value_or_throw(), picture.width()));
  }
  const Plan<B> plan =
      Plan<B>::make(net, 1, picture.height(), picture.width(), executor, !warps.empty()).value_or_throw();

  GoldenObserver<Scalar> observer(golden);
  forward(net, plan, picture.data(), executor, &observer, {warps.data(), warps.size()});
  CHECK_MESSAGE(observer.status().ok(), observer.status().message());
  std::size_t stages = 0;
  for (const StageComparison& stage : observer.results()) {
    CAPTURE(name);
    CHECK_MESSAGE(stage.agrees(), stage.stage << ": largest difference " << stage.largest << ", bound " << stage.bound
                                              << ", " << stage.beyond << " of " << stage.compared
                                              << " beyond, the first at " << stage.first_beyond);
    ++stages;
  }
  CHECK(stages ==
        12 + warps.size());  // (warped,) feature0..3, fused, keys, tokens, hyper, upscaled, logits, probability, mask
}

}  // namespace test
