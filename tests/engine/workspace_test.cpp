// EngineWorkspace: the sizes that it goes back to without planning anew.
#include "segface/engine/workspace.hpp"

#include <memory>
#include <vector>

#include "allocations.hpp"
#include "network/network.hpp"

using namespace segface;

namespace {

using TestEngine = Engine<SegFace, cpu::Backend>;
using TestWorkspace = EngineWorkspace<SegFace, cpu::Backend>;

// Of two threads, planned for 1 x 64 x 64.
std::shared_ptr<const TestEngine> engine() {
  const SyntheticCheckpoint source = test::synthetic(Backbone::mobilenet, Dataset::celeb, 1);
  SegFaceWeights weights(Backbone::mobilenet, Dataset::celeb);
  bind(weights, source).or_throw();
  std::shared_ptr<TestEngine> made =
      TestEngine::make(networks::cpu_backend(cpu::best_isa()), weights, make_executor(2).value()).value();
  made->plan_for(1, 64, 64).or_throw();
  return made;
}

// A pass on a gray image; the sum of the logits.
double pass(TestWorkspace& workspace, Index height, Index width) {
  double sum = 0;
  workspace
      .exclusively([&]() -> Status {
        SEGFACE_RETURN_IF_ERROR(workspace.plan_for(1, height, width));
        SEGFACE_RETURN_IF_ERROR(workspace.memory().reserve(workspace.plan().workspace_bytes()));
        const auto give = [](Run<cpu::Backend>& run, const Map<float>& image) {
          run.write(image, [](const Map<float>& map) {
            for (Index r = 0; r < map.rows(); ++r) std::fill_n(map.row(r), 3, 0.25f);
          });
        };
        return workspace.finished(workspace.forward(give, [&](Run<cpu::Backend>& run, const Map<float>& image) {
          run.read(workspace.compute(run, image), [&](const Map<float>& logits) {
            for (Index r = 0; r < logits.rows(); ++r) sum += static_cast<double>(logits.row(r)[1]);
          });
        }));
      })
      .or_throw();
  return sum;
}

}  // namespace

TEST_CASE("sizes that alternate are planned once, and allocate nothing after the first round") {
  TestWorkspace workspace(engine());
  const double square = pass(workspace, 64, 64);
  CHECK(&workspace.plan() == workspace.engine().plan().get());
  const double wide = pass(workspace, 40, 96);
  const auto* const plan = &workspace.plan();
  const long before = test::allocations;
  bool same = true, kept = true;
  for (int round = 0; round < 3; ++round) {
    same = same && pass(workspace, 64, 64) == square;
    same = same && pass(workspace, 40, 96) == wide;
    kept = kept && &workspace.plan() == plan;
  }
  CHECK(test::allocations == before);
  CHECK(same);
  CHECK(kept);
}

TEST_CASE("a fifth size takes the place of that which was not asked for the longest") {
  const auto shared = engine();
  TestWorkspace workspace(shared);
  const Index widths[] = {32, 64, 96, 128, 160};
  const auto plans_anew = [&](Index width) {
    const long before = test::allocations;
    workspace.plan_for(1, 32, width).or_throw();
    CHECK(workspace.plan().width() == width);
    return test::allocations != before;
  };
  for (int i = 0; i < 4; ++i) CHECK(plans_anew(widths[i]));
  for (int i = 0; i < 4; ++i) CHECK_FALSE(plans_anew(widths[i]));
  CHECK_FALSE(plans_anew(widths[0]));
  CHECK(plans_anew(widths[4]));  // in place of 64
  for (const int i : {0, 2, 3, 4}) CHECK_FALSE(plans_anew(widths[i]));
  CHECK(plans_anew(widths[1]));  // in place of 32
  CHECK_FALSE(plans_anew(widths[2]));
  CHECK(plans_anew(widths[0]));
}

TEST_CASE("the bytes of a workspace are its own: activations, and plans that are not the engine's") {
  TestWorkspace workspace(engine());
  workspace.plan_for(1, 64, 64).or_throw();
  CHECK(workspace.bytes() == 0);
  workspace.plan_for(1, 40, 96).or_throw();
  CHECK(workspace.bytes() == workspace.plan().bytes());
}
