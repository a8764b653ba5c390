// The cuda backend against the official code: in float32 stage by stage, in float16 by its logits
// and labels.
#include "segface/cuda.cuh"

#include "emulation.hpp"
#include "network/network.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// Every backbone family, every data set, sides that are no multiple of anything. Under sanitizers, the small ones.
constexpr const char* kGoldens[] = {
    "mobilenet_celeb_256", "mobilenet_lapa_256",       "mobilenet_celeb_333x500",
#if !defined(__SANITIZE_ADDRESS__)
    "swin_base_lapa_224",  "swinv2_tiny_celeb_256",    "efficientnet_celeb_250",
    "resnet_celeb_250",    "convnext_small_celeb_256",
#endif
};

template <std::size_t kCount>
void check_float(const char* const (&names)[kCount]) {
  SerialExecutor executor;
  const auto backend = cuda::Backend::from_environment().value();
  ON_EMULATOR(const std::size_t live = emulation::live_objects());
  for (const char* name : names) test::check_golden(backend, name, executor);
  ON_EMULATOR(CHECK(emulation::live_objects() == live));
}

// Logits within 2e-2 of their deviation; labels are the golden's wherever our two largest logits differ by more.
// Weights alone, rounded to float16, give other labels to 0.9 % of mobilenet's pixels: those of a synthetic network are
// close.
template <std::size_t kCount>
void check_half(const char* const (&names)[kCount]) {
  SerialExecutor executor;
  const auto backend = cuda::HalfBackend::from_environment().value();
  for (const std::string name : names) {
    CAPTURE(name);
    const Golden golden = Golden::open(test::data(name + ".safetensors")).value();
    const auto stages = test::compare_goldens(backend, {name}, executor).front();
    const auto stage = [&](const char* which) {
      return *std::find_if(stages.begin(), stages.end(), [&](const auto& s) { return s.stage == which; });
    };
    const StageComparison logits = stage("logits"), mask = stage("mask");
    MESSAGE(name << " in float16: logits " << logits.largest / golden.logits_std() << ", labels "
                 << 1 - static_cast<double>(mask.different) / static_cast<double>(mask.compared));
    CHECK(logits.largest < 2e-2 * golden.logits_std());
    CHECK(mask.largest < 2e-2 * golden.logits_std());
    CHECK(mask.different * 50 <= mask.compared);
  }
}

}  // namespace

TEST_CASE("cuda: networks agree with the official code at every stage") {
  check_float(kGoldens);
}

TEST_CASE("cuda: networks in float16 agree with the official code in logits and labels") {
  check_half(kGoldens);
}

TEST_CASE("cuda: each picture of a batch agrees") {
  SerialExecutor executor;
  const auto backend = cuda::Backend::from_environment().value();
  for (const char* batch : test::kBatches) test::check_goldens(backend, test::pictures_of(batch), executor);
}

// Tens of seconds, minutes under sanitizers: skipped unless asked for, by tools/test.sh --full.
TEST_CASE("large: mobilenet_celeb_512 agrees with the official code at every stage" * doctest::skip()) {
  check_float({"mobilenet_celeb_512"});
}
TEST_CASE("large: efficientnet_celeb_512 agrees with the official code at every stage" * doctest::skip()) {
  check_float({"efficientnet_celeb_512"});
}
TEST_CASE("large: resnet_celeb_512 agrees with the official code at every stage" * doctest::skip()) {
  check_float({"resnet_celeb_512"});
}
TEST_CASE("large: networks in float16 agree with the official code in logits and labels" * doctest::skip()) {
  check_half({"mobilenet_celeb_512", "efficientnet_celeb_512", "resnet_celeb_512"});
}
