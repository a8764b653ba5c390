// What the kernels ask of a GPU's memory, counted on an emulated one: see traffic.hpp. This file is compiled with
// -fsanitize=thread, so that its kernels' accesses are seen.
#include "traffic.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <iostream>

#include "segface/backends/cuda.cuh"

#include "emulation.hpp"
#include "network/network.hpp"

using namespace segface;
using Cuda = cuda::Backend;

namespace {

struct Operations final : Observer<float> {
  emulation::Traffic& traffic;
  double bytes = 0;
  explicit Operations(emulation::Traffic& counted) : traffic(counted) {}
  bool proceed(const Cost& so_far) noexcept override {
    static_cast<void>(cudaDeviceSynchronize());
    traffic.end_operation(so_far.bytes - bytes);
    bytes = so_far.bytes;
    return true;
  }
};

}  // namespace

TEST_CASE("traffic of networks") {
  SerialExecutor executor;
  const Cuda backend = Cuda::from_environment().value_or_throw();
  for (const Backbone backbone : {Backbone::mobilenet, Backbone::swinv2_tiny, Backbone::convnext_small,
                                  Backbone::efficientnet, Backbone::resnet}) {
    const SegFace<Cuda> network = test::network(backend, test::synthetic(backbone, 19, 7), backbone, 19);
    const Plan<Cuda> plan = Plan<Cuda>::make(network, 1, 128, 128, executor).value_or_throw();
    const std::vector<std::uint8_t> rgb(128 * 128 * 3, 77);
    emulation::Traffic traffic;
    Operations operations(traffic);
    test::forward(network, plan, rgb.data(), executor, &operations);
    CHECK_MESSAGE(emulation::fault().empty(), emulation::fault());
    std::cout << backbone_name(backbone) << " 128\n" << traffic.table() << std::endl;
  }
}
