// What a GPU took for a network.
#pragma once

#include <cstddef>
#include <string>

namespace networks {

// By the GPU's clock, in milliseconds, each the median of some calls that follow one another.
struct DeviceTimes {
  std::string device;     // the GPU's name
  double network = 0;     // a batch of normalised inputs to their logits, both in the GPU's memory, as a graph
  double photo = 0;       // pixels to labels, both in pinned memory of the host, at the network's size; of a batch of 1
  std::size_t bytes = 0;  // of the GPU's memory in use more than before: weights and activations
};

}  // namespace networks
