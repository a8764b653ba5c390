// What the recipes of include/segface/RECIPES.md have added to a copy of this clone; recipes.sh makes the copy.
#include "segface/faces/labels.hpp"
#include "segface/networks/segface/variant.hpp"

#include "network/network.hpp"

using namespace segface;
using namespace segface::core;

TEST_CASE(
    "a backbone: mobilenet_small computes what torchvision's mobilenet_v3_small does, and is told from its tensors") {
  const std::unique_ptr<Executor> executor = make_executor(2).value();
  test::check_golden(reference::Backend<float>(), "mobilenet_small_celeb_333x500", *executor);
  test::check_golden(networks::cpu_backend(cpu::best_isa()), "mobilenet_small_celeb_333x500", *executor);
  const Variant variant = detect_variant(test::synthetic(Backbone::mobilenet_small, Dataset::celeb, 1)).value();
  CHECK(variant.backbone == Backbone::mobilenet_small);
}

namespace {

template <class B>
std::vector<float> products(const B& backend) {
  SerialExecutor executor;
  std::vector<float> values(1 << 16), result;
  Arena arena({reinterpret_cast<std::uint8_t*>(values.data()), values.size() * sizeof(float)});
  Run<B> run(backend, arena, executor);
  const Map<float> a = run.map(2, 3, 5, 7), b = run.map(2, 3, 5, 7);
  for (Index row = 0; row < a.rows(); ++row) {
    for (Index c = 0; c < a.channels; ++c) {
      a.row(row)[c] = static_cast<float>(row - 10);
      b.row(row)[c] = static_cast<float>(c + 1);
    }
  }
  const Map<float> y = ops::multiply<B>(run, a, b);
  for (Index row = 0; row < y.rows(); ++row) result.insert(result.end(), y.row(row), y.row(row) + y.channels);
  return result;
}

}  // namespace

TEST_CASE("an operation: multiply is the same on both backends") {
  const std::vector<float> found = products(reference::Backend<float>());
  CHECK(found == products(networks::cpu_backend(cpu::best_isa())));
  CHECK(found[0] == -10);
  CHECK(found.back() == 19 * 7);
}

TEST_CASE("an instruction set: sse4 has kernels of its own, which compute the network") {
  REQUIRE(cpu::kIsas[1].supported());
  CHECK(&cpu::kernels(cpu::Isa::sse4) != &cpu::kernels(cpu::Isa::baseline));
  const std::unique_ptr<Executor> executor = make_executor(2).value();
  test::check_golden(networks::cpu_backend(cpu::Isa::sse4), "mobilenet_celeb_256", *executor);
}

TEST_CASE("a data set: heads has four classes, and a network of it is told from its tensors") {
  const auto source = test::synthetic(Backbone::mobilenet, Dataset::heads, 1);
  CHECK(detect_variant(source).value().dataset == Dataset::heads);
  CHECK(parse_dataset("heads").value() == Dataset::heads);
  CHECK(classes(Dataset::heads)[3].name == "hat");
  CHECK(label_mask(Dataset::heads, LabelGroup::hair) == 4);
  const auto backend = networks::cpu_backend(cpu::best_isa());
  const auto network = test::network(backend, source, Backbone::mobilenet, Dataset::heads);
  SerialExecutor executor;
  const auto plan = Plan<SegFace, cpu::Backend>::make(network, 1, 64, 64, executor).value();
  CHECK(plan.stages().back().channels == 4);
}
