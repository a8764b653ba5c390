// The cuda backend against the official code, stage by stage, on an emulated GPU.
#include "segface/backends/cuda.cuh"

#include "emulation.hpp"
#include "network/network.hpp"

using namespace segface;
using Cuda = cuda::Backend;

// Every backbone family, every data set, sides that are no multiple of anything. Under sanitizers, the small ones.
constexpr const char* kGoldens[] = {
    "mobilenet_celeb_256", "mobilenet_lapa_256",       "mobilenet_celeb_333x500",
#if !defined(__SANITIZE_ADDRESS__)
    "swin_base_lapa_224",  "swinv2_tiny_celeb_256",    "efficientnet_celeb_250",
    "resnet_celeb_250",    "convnext_small_celeb_250",
#endif
};

TEST_CASE("cuda: networks agree with the official code at every stage") {
  SerialExecutor executor;
  const Cuda backend = Cuda::from_environment().value_or_throw();
  const std::size_t live = emulation::live_objects();
  for (const char* name : kGoldens) test::check_golden(backend, name, executor);
  CHECK(emulation::live_objects() == live);
}

TEST_CASE("cuda: each picture of a batch agrees") {
  SerialExecutor executor;
  const Cuda backend = Cuda::from_environment().value_or_throw();
  for (const char* batch : test::kBatches) test::check_goldens(backend, test::pictures_of(batch), executor);
}
