// The cuda backend against the official code, stage by stage, on an emulated GPU; and what a whole pass does with the
// GPU: no allocation after the first, no leak, an error for every call that fails.
#include "segface/backends/cuda.cuh"

#include "emulation.hpp"
#include "network/network.hpp"

using namespace segface;
using Cuda = cuda::Backend;

TEST_CASE("cuda: mobilenet agrees with the official code at every stage") {
  SerialExecutor executor;
  const std::size_t live = emulation::live_objects();
  test::check_golden(Cuda::from_environment().value_or_throw(), "mobilenet_celeb_256", executor);
  CHECK(emulation::live_objects() == live);
}
