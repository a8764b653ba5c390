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

// The least that a network may be: without tensors, tables or labels, but with two outputs.
template <class B>
class Sums {
 public:
  struct Weights {};
  using Given = Nothing;
  using Tables = Nothing;
  using Target = Nothing;
  struct Output {
    MapOf<B> doubled, mean;
  };

  static Result<Sums> prepare(const B& backend, const Weights&) noexcept { return Sums(backend); }
  const B& backend() const noexcept { return backend_; }
  static Status check_input(Index batch, Index height, Index width, Nothing) noexcept {
    if (batch > 0 && height > 0 && width > 0 && height % 32 == 0 && width % 32 == 0) return {};
    return error(Errc::invalid_argument, "sides are multiples of 32");
  }
  Output operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    const Output output = {ops::add<B>(run, image, image), ops::spatial_mean<B>(run, image)};
    run.stage("doubled", output.doubled);
    run.stage("mean", output.mean);
    return output;
  }

 private:
  explicit Sums(const B& backend) : backend_(backend) {}
  B backend_;
};

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

TEST_CASE("an engine runs any network: several outputs, no tables, no labels, sizes of its own choice") {
  using B = reference::Backend<float>;
  const std::shared_ptr<Engine<Sums, B>> sums = Engine<Sums, B>::make(B(), {}, make_executor(1).value()).value();
  EngineWorkspace<Sums, B> workspace(sums);
  double doubled = 0, mean = 0;
  const Status status = workspace.exclusively([&]() -> Status {
    SEGFACE_RETURN_IF_ERROR(workspace.plan_for(2, 32, 64));
    SEGFACE_RETURN_IF_ERROR(workspace.memory().reserve(workspace.plan().workspace_bytes()));
    const auto give = [](Run<B>& run, const Map<float>& images) {
      run.write(images, [](const Map<float>& map) {
        for (Index r = 0; r < map.rows(); ++r) std::fill_n(map.row(r), 3, r < map.pixels() ? 1.0f : 4.0f);
      });
    };
    return workspace.finished(workspace.forward(give, [&](Run<B>& run, const Map<float>& images) {
      const Sums<B>::Output output = workspace.compute(run, images);
      run.read(output.doubled, [&](const Map<float>& map) { doubled = static_cast<double>(map.pixel(1, 31, 63)[2]); });
      run.read(output.mean, [&](const Map<float>& map) { mean = static_cast<double>(map.pixel(1, 0, 0)[0]); });
    }));
  });
  CHECK_MESSAGE(status.ok(), status.message());
  CHECK(doubled == 8);
  CHECK(mean == 4);
  CHECK(workspace.plan().stages().size() == 2);
  CHECK(workspace.plan().labelling_bytes() == 0);
  CHECK(workspace.times().size() == 3);
  CHECK(workspace.exclusively([&] { return workspace.plan_for(1, 32, 33); }).code() == Errc::invalid_argument);
  CHECK(workspace.exclusively([&] { return workspace.plan_for(Index{1} << 20, 32, 32); }).code() ==
        Errc::limit_exceeded);
}
