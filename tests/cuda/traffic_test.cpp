// What the kernels ask of a GPU's memory in whole networks, counted on an emulated one: see traffic.hpp. This file is
// compiled with -fsanitize=thread, so that its kernels' accesses are seen.
#include "traffic.hpp"

#include <iostream>
#include <vector>

#include "segface/cuda.cuh"

#include "emulation.hpp"
#include "network/network.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// Of a network's sectors or bytes: what asks for more is hot, and must use 80 % of what it asks for, conflict at most 2
// ways, and move at most 1.25 times what the model of the cost says.
constexpr double kHot = 0.02, kLeastUsed = 0.8, kMostOfModel = 1.25;
constexpr unsigned kMostWays = 2;

// Tells the counts where each operation of a run ends.
class Operations final : public Observer<float> {
 public:
  explicit Operations(emulation::Traffic& traffic) : traffic_(traffic) {}
  bool proceed(const Cost& so_far) noexcept override {
    traffic_.end_operation(so_far.bytes - bytes_);
    bytes_ = so_far.bytes;
    return true;
  }

 private:
  emulation::Traffic& traffic_;
  double bytes_ = 0;
};

// Prints all that a network moves, and checks what is hot.
template <class Cuda>
void count_network(Backbone backbone, Index side) {
  SerialExecutor executor;
  const Cuda backend = Cuda::from_environment().value();
  const SegFace<Cuda> network =
      test::network(backend, test::synthetic(backbone, Dataset::celeb, 7), backbone, Dataset::celeb);
  const auto plan = Plan<SegFace, Cuda>::make(network, 1, side, side, executor).value();
  const std::vector<std::uint8_t> rgb(static_cast<std::size_t>(side * side * 3), 77);
  emulation::Traffic traffic;
  Operations operations(traffic);
  test::forward(network, plan, rgb.data(), executor, &operations);
  CHECK_MESSAGE(emulation::fault().empty(), emulation::fault());
  std::cout << backbone_name(backbone) << " at " << side << " x " << side << '\n' << traffic.table() << std::endl;

  double sectors = 0, bytes = 0;
  for (const emulation::KernelTraffic& kernel : traffic.kernels()) {
    sectors += static_cast<double>(kernel.sectors);
    bytes += static_cast<double>(kernel.bytes);
  }
  CHECK(traffic.kernels().size() > 8);
  CHECK(sectors > 1e5);
  for (const emulation::KernelTraffic& kernel : traffic.kernels()) {
    const bool hot =
        static_cast<double>(kernel.sectors) > kHot * sectors || static_cast<double>(kernel.bytes) > kHot * bytes;
    if (!hot) continue;
    CAPTURE(kernel.name);
    CHECK(kernel.efficiency() >= kLeastUsed);
    CHECK(kernel.most_ways <= kMostWays);
  }
  for (const emulation::OperationTraffic& operation : traffic.operations()) {
    if (operation.bytes <= kHot * bytes) continue;
    CAPTURE(operation.kernels);
    CHECK(operation.bytes <= kMostOfModel * operation.model_bytes);
  }
}

}  // namespace

TEST_CASE("cuda: hot kernels use what they ask of memory") {
  for (const Backbone backbone :
       {Backbone::mobilenet, Backbone::swinv2_tiny, Backbone::convnext_small, Backbone::resnet}) {
    count_network<cuda::Backend>(backbone, 128);
  }
}

TEST_CASE("cuda: hot kernels use what they ask of memory in float16") {
  count_network<cuda::HalfBackend>(Backbone::mobilenet, 128);
  count_network<cuda::HalfBackend>(Backbone::swinv2_tiny, 128);
}
