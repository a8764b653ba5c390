// What the kernels ask of a GPU's memory in whole networks, counted on an emulated one: see traffic.hpp. This file is
// compiled with -fsanitize=thread, so that its kernels' accesses are seen.
#include "traffic.hpp"

#include <algorithm>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "segface/backends/cuda.cuh"

#include "emulation.hpp"
#include "network/network.hpp"

using namespace segface;
using Cuda = cuda::Backend;

namespace {

// Of a network's sectors or bytes: what asks for more is hot, and must use 80 % of what it asks for, conflict at most 2
// ways, and move at most 1.25 times what the model of the cost says.
constexpr double kHot = 0.02, kLeastUsed = 0.8, kMostOfModel = 1.25;
constexpr unsigned kMostWays = 2;

// Hot and beyond a bound, for now: kernels by their name's begin, operations by their kernels.
const std::set<std::string> kKernelsBeyond = {"attend_few_keys", "attend_many_keys", "attend_windows"};
const std::set<std::string> kOperationsBeyond = {
    "cublas + finish_elements<float>",                          // the product is written, read and written again
    "cublas + spread_pixels<float>",                            // so is this
    "gather_patches<float> + cublas + finish_elements<float>",  // and patches are written and read
    "filter_channels<float>",                                   // the model leaves out the weights
};

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

// Adds to `beyond` what is hot and not within its bounds; prints all.
void count_network(Backbone backbone, Index side, std::set<std::string>& beyond) {
  SerialExecutor executor;
  const Cuda backend = Cuda::from_environment().value_or_throw();
  const SegFace<Cuda> network = test::network(backend, test::synthetic(backbone, 19, 7), backbone, 19);
  const Plan<Cuda> plan = Plan<Cuda>::make(network, 1, side, side, executor).value_or_throw();
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
  CHECK(sectors > 1e6);
  for (const emulation::KernelTraffic& kernel : traffic.kernels()) {
    const bool hot =
        static_cast<double>(kernel.sectors) > kHot * sectors || static_cast<double>(kernel.bytes) > kHot * bytes;
    if (!hot || (kernel.efficiency() >= kLeastUsed && kernel.most_ways <= kMostWays)) continue;
    const std::string name = kernel.name.substr(0, kernel.name.find('<'));
    CHECK_MESSAGE(kKernelsBeyond.count(name) == 1, kernel.name);
    beyond.insert(name);
  }
  for (const emulation::OperationTraffic& operation : traffic.operations()) {
    if (operation.bytes <= kHot * bytes || operation.bytes <= kMostOfModel * operation.model_bytes) continue;
    CHECK_MESSAGE(kOperationsBeyond.count(operation.kernels) == 1, operation.kernels);
    beyond.insert(operation.kernels);
  }
}

}  // namespace

TEST_CASE("cuda: hot kernels use what they ask of memory") {
  std::set<std::string> beyond;
  for (const Backbone backbone :
       {Backbone::mobilenet, Backbone::swinv2_tiny, Backbone::convnext_small, Backbone::resnet}) {
    count_network(backbone, 128, beyond);
  }
  std::set<std::string> listed = kKernelsBeyond;
  listed.insert(kOperationsBeyond.begin(), kOperationsBeyond.end());
  for (const std::string& name : listed) {
    CHECK_MESSAGE(beyond.count(name) == 1, name, " keeps its bounds: take it from the list");
  }
}
