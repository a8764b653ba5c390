// Runs the finder's two networks on their released weights, for the tests of both.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "segface/base/floating_point.hpp"
#include "segface/base/uniform_sequence.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/networks/detector/weights.hpp"
#include "segface/tensors/safetensors.hpp"

namespace test {

using namespace segface;

inline SafetensorsFile finder_file() {
  return SafetensorsFile::open(SEGFACE_TEST_DATA "/../../weights/finder.safetensors").value();
}

// Both networks, prepared from the released file.
template <class B>
struct Detector {
  YuNet<B> yunet;
  ONet<B> onet;

  static Detector make(const B& backend) {
    const SafetensorsFile file = finder_file();
    FinderWeights weights;
    bind(weights, file).or_throw();
    return {YuNet<B>::prepare(backend, weights.yunet).value(), ONet<B>::prepare(backend, weights.onet).value()};
  }
};

// fill(input [batch, height, width, 3]), then network(run, input), then use(its result), all in memory of its own.
template <class B, class Network, class Fill, class Use>
void pass(const Network& network, Index batch, Index height, Index width, Executor& executor,
          typename Run<B>::Watcher* observer, const Fill& fill, const Use& use) {
  const FloatingPointGuard guard;
  Arena counting;
  Run<B> dry(network.backend(), counting, executor, nullptr, observer != nullptr && observer->every_stage());
  network(dry, dry.map(batch, height, width, 3));
  MemoryOf<B> memory;
  memory.reserve(counting.high_water()).or_throw();
  Arena arena(memory.block());
  Run<B> run(network.backend(), memory, arena, executor, observer);
  const MapOf<B> input = run.map(batch, height, width, 3);
  run.write(input, fill);
  use(run, network(run, input));
  run.status().or_throw();
}

}  // namespace test
