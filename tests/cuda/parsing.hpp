// What tests of segface::BasicParser on a GPU share: small networks, a photo, room for what a call gives.
#pragma once

#include <string>
#include <vector>

#include "segface/cuda.cuh"
#include "segface/parser_definitions.hpp"
#include "segface/segface.hpp"

#include "emulation.hpp"
#include "network/small_weight_file.hpp"

namespace test {

using CudaParser = BasicParser<cuda::Backend>;
using HostParser = BasicParser<reference::Backend<float>>;
using CudaWorkspace = BasicWorkspace<cuda::Backend>;

// Resolution 32, because an emulated pass takes its time.
inline constexpr Index kSide = 32;
inline constexpr std::size_t kLogits = 19 * kSide * kSide;
inline Bytes weight_file(Dataset dataset = Dataset::celeb) {
  static const std::string celeb = test::make_small_weight_file(Dataset::celeb, kSide),
                           lapa = test::make_small_weight_file(Dataset::lapa, kSide);
  const std::string& bytes = dataset == Dataset::lapa ? lapa : celeb;
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

template <class P>
P load(Dataset dataset = Dataset::celeb) {
  Options options;
  options.threads = 1;
  return P::from_memory(weight_file(dataset), options).value();
}

inline Image portrait() {
  return load_image(test::data("images/portrait.png")).value();
}
inline constexpr Landmarks kFace = {{100, 120}, {170, 121}, {136, 160}, {110, 200}, {163, 201}};

inline std::vector<std::uint8_t> labels_of(const Mask& mask) {
  return {mask.labels().begin(), mask.labels().end()};
}

// What a call gives, in memory of the host.
struct Answer {
  std::vector<std::uint8_t> labels;
  std::vector<float> confidence, logits;

  Answer(const Image& photo, std::size_t logit_count)
      : labels(static_cast<std::size_t>(photo.width() * photo.height())),
        confidence(labels.size()),
        logits(logit_count) {}
  Results results() { return {labels.data(), confidence.data(), {logits.data(), logits.size()}}; }
};

}  // namespace test
