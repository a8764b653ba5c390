// segface::BasicParser on an emulated GPU: photos, logits, warps, failures of every call.
#include <cstring>
#include <set>

#include "segface/backends/cuda.cuh"
#include "segface/facade/definitions.hpp"

#include "emulation.hpp"
#include "network/small_weight_file.hpp"

using namespace segface;
using CudaParser = BasicParser<cuda::Backend>;
using HostParser = BasicParser<reference::Backend<float>>;
using CudaWorkspace = BasicWorkspace<cuda::Backend>;

namespace {

template <class P>
P load(Dataset dataset = Dataset::celeb) {
  Options options;
  options.threads = 1;
  return P::from_memory(test::small_weight_file(dataset), options);
}

Image portrait() {
  return load_image(test::data("images/portrait.png")).value_or_throw();
}
constexpr Landmarks kFace = {{100, 120}, {170, 121}, {136, 160}, {110, 200}, {163, 201}};

std::vector<std::uint8_t> labels_of(const Mask& mask) {
  return {mask.labels().begin(), mask.labels().end()};
}

// Labels that are not the same, in parts of all.
double disagreement(const Mask& a, const Mask& b) {
  const std::vector<std::uint8_t> x = labels_of(a), y = labels_of(b);
  REQUIRE(x.size() == y.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < x.size(); ++i) different += x[i] != y[i];
  return static_cast<double>(different) / static_cast<double>(x.size());
}

}  // namespace

TEST_CASE("cuda: a photo's mask is the reference's, whatever the order of threads") {
  const Image photo = portrait();
  const Mask expected = load<HostParser>().parse(photo.view());
  const CudaParser parser = load<CudaParser>();
  std::set<std::vector<std::uint8_t>> masks;
  for (const emulation::Order order : emulation::kOrders) {
    emulation::set_order(order);
    const Mask mask = parser.parse(photo.view());
    CHECK(disagreement(mask, expected) < 1e-3);
    masks.insert(labels_of(mask));
  }
  emulation::set_order(emulation::Order::ascending);
  CHECK(masks.size() == 1);
}

TEST_CASE("cuda: a warped photo's mask is the reference's") {
  const Image photo = portrait();
  const Mask mask = load<CudaParser>(Dataset::lapa).parse(photo.view(), kFace);
  CHECK(disagreement(mask, load<HostParser>(Dataset::lapa).parse(photo.view(), kFace)) < 1e-3);
}

TEST_CASE("cuda: logits of a batch; nothing is allocated after the first call, nothing is left at the end") {
  const std::size_t live = emulation::live_objects();
  {
    const CudaParser parser = load<CudaParser>();
    CudaWorkspace workspace = parser.workspace();
    const Image photo = portrait();
    Mask mask;
    throw_if_error(workspace.parse(photo.view(), mask));
    const std::size_t held = emulation::live_objects(), bytes = emulation::device_bytes(),
                      allocations = emulation::allocations();
    const double confidence = mask.mean_confidence();
    throw_if_error(workspace.parse(photo.view(), mask));
    CHECK(mask.mean_confidence() == confidence);
    CHECK(emulation::live_objects() == held);
    CHECK(emulation::device_bytes() == bytes);
    CHECK(emulation::allocations() == allocations);

    const UniformSequence sequence("input", 1);
    std::vector<float> input(2 * 3 * 64 * 96);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(2 * sequence[i]);
    const auto run = [&](auto&& space) {
      const LogitsShape shape = space.logits_shape(2, 64, 96).value_or_throw();
      std::vector<float> logits(shape.count());
      throw_if_error(space.logits({input.data(), 2, 64, 96}, {logits.data(), logits.size()}));
      return logits;
    };
    const std::vector<float> got = run(workspace), expected = run(load<HostParser>().workspace());
    double largest = 0, squares = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      largest = std::fmax(largest, std::fabs(static_cast<double>(got[i]) - static_cast<double>(expected[i])));
      squares += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
    }
    CHECK(largest < 1e-3 * std::sqrt(squares / static_cast<double>(got.size())));
  }
  CHECK(emulation::live_objects() == live);
}

TEST_CASE("cuda: without a GPU, loading says so") {
  emulation::set_devices(0);
  CHECK(CudaParser::try_from_memory(test::small_weight_file()).status().code() == Errc::no_device);
  emulation::set_devices(1);
}

TEST_CASE("cuda: a cancelled call says so, and the next one works") {
  const CudaParser parser = load<CudaParser>();
  CudaWorkspace workspace = parser.workspace();
  const Image photo = portrait();
  Mask first, second;
  throw_if_error(workspace.parse(photo.view(), first));
  workspace.on_progress([](double share) { return share < 0.5; });
  CHECK(workspace.parse(photo.view(), second).code() == Errc::cancelled);
  workspace.on_progress({});
  throw_if_error(workspace.parse(photo.view(), second));
  CHECK(labels_of(first) == labels_of(second));
}

TEST_CASE("cuda: whichever call fails while loading, an error comes back and nothing leaks") {
  const Bytes file = test::small_weight_file();
  const std::size_t live = emulation::live_objects(), before = emulation::calls();
  static_cast<void>(load<CudaParser>());
  const std::size_t calls = emulation::calls() - before;
  CHECK(calls > 300);
  for (std::size_t k = 0; k < calls; k += k < calls - 20 ? 7 : 1) {
    emulation::fail_after(k);
    const auto failed = CudaParser::try_from_memory(file);
    CHECK_FALSE(failed.ok());
    CHECK(std::strlen(failed.status().message()) > 20);
    CHECK(emulation::live_objects() == live);
  }
}

TEST_CASE("cuda: whichever call fails while parsing, an error comes back and the next call works") {
  const CudaParser parser = load<CudaParser>();
  const Image photo = portrait();
  const std::size_t live = emulation::live_objects();
  Mask expected;
  std::size_t calls = 0;
  {
    CudaWorkspace workspace = parser.workspace();
    const std::size_t before = emulation::calls();
    throw_if_error(workspace.parse(photo.view(), expected));
    calls = emulation::calls() - before;
  }
  CHECK(calls > 100);
  CHECK(emulation::live_objects() == live);
  for (std::size_t k = 0; k < calls; ++k) {
    CudaWorkspace workspace = parser.workspace();
    Mask mask;
    emulation::fail_after(k);
    const Status status = workspace.parse(photo.view(), mask);
    CAPTURE(k);
    CHECK_FALSE(status.ok());
    if (k % 16 == 0) {
      throw_if_error(workspace.parse(photo.view(), mask));
      CHECK(labels_of(mask) == labels_of(expected));
    }
  }
  CHECK(emulation::live_objects() == live);
}
