// segface verify: does this build compute what it should with this weight file?
//
// Three kinds of checks, each a line, of one backend and of the reference: the file's self-test on both, both against
// each other at the network's own size, and goldens, which hold what the official code computed at each stage. All of
// these are of float32; of products of less, each layer's alone.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <type_traits>
#include <vector>

#include "segface/engine/golden.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "commands.hpp"
#include "networks/replay.hpp"
#include "output.hpp"
#include "product_checks.hpp"

namespace tool {
namespace {

// Counts the checks and prints their lines.
class Checks {
 public:
  void add(bool agrees, const std::string& what, const std::string& found) {
    std::printf("%s  %s: %s\n", agrees ? "OK    " : "FAILED", shown(what).c_str(), found.c_str());
    std::fflush(stdout);
    ++count_;
    failed_ += agrees ? 0 : 1;
  }
  // What may be so or otherwise.
  static void note(const std::string& what, const std::string& found) {
    std::printf("note    %s: %s\n", shown(what).c_str(), found.c_str());
  }
  // A check that could not be made.
  void add(const std::string& what, const Status& status) {
    if (!interrupted()) add(false, what, status.message());
  }

  int finish() const {
    if (interrupted()) return 128 + caught_signal;
    if (failed_ == 0) {
      std::printf("%d checks, all agree\n", count_);
      return kDone;
    }
    std::printf("%d of %d checks FAILED\n", failed_, count_);
    return kWeights;
  }

 private:
  int count_ = 0, failed_ = 0;
};

// "difference 1.2e-05, bound 1.0e-03"
std::string difference_text(double difference, double bound) {
  char text[80];
  std::snprintf(text, sizeof text, "largest difference %.1e, bound %.1e", difference, bound);
  return text;
}

// How much further from the exact numbers a backend may be than one of float32: twenty times, where it rounds to 16
// bits.
template <class Backend>
constexpr double kLeeway = kHalf<Backend> ? 20 : 1;

template <class Backend>
void check_self_test(Checks& checks, const std::string& backend, const BasicParser<Backend>& parser) {
  const std::string what = "self-test, " + backend;
  const Result<double> difference = parser.self_test();
  if (!difference.ok()) return checks.add(what, difference.error());
  const double bound = kLeeway<Backend> * SelfTest::kTolerance;
  checks.add(*difference <= bound, what, difference_text(*difference, bound));
}

// The logits of a seeded input at the network's size.
template <class Backend>
Result<std::vector<float>> seeded_logits(const BasicParser<Backend>& parser, const std::string& title) {
  const Index side = parser.info().resolution;
  const UniformSequence sequence("verify", 1);
  std::vector<float> input(static_cast<std::size_t>(3 * side * side));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(2 * sequence[i]);
  SEGFACE_ASSIGN(workspace, parser.workspace());
  SEGFACE_ASSIGN(shape, workspace.logits_shape(1, side, side));
  std::vector<float> logits(shape.count());
  Progress progress(title);
  workspace.on_progress([&](double share) { return progress(share); });
  const Landmarks landmarks = standard_landmarks(side);
  SEGFACE_RETURN_IF_ERROR(
      workspace.logits({input.data(), 1, side, side}, {logits.data(), logits.size()}, {&landmarks, 1}));
  return Result<std::vector<float>>(std::move(logits));
}

// Within the goldens' bound for logits: 1e-3 of their standard deviation, and the backend's leeway.
template <class Backend>
void check_agreement(Checks& checks, const std::string& name, const BasicParser<Backend>& parser,
                     const BasicParser<reference::Backend<float>>& reference) {
  const std::string side = std::to_string(parser.info().resolution);
  const std::string what = name + " against reference at " + side + " x " + side;
  const auto expected = seeded_logits(reference, "reference");
  if (!expected.ok()) return checks.add(what, expected.error());
  const auto got = seeded_logits(parser, name);
  if (!got.ok()) return checks.add(what, got.error());
  double sum = 0, squares = 0, largest = 0;
  for (std::size_t i = 0; i < expected->size(); ++i) {
    const auto value = static_cast<double>((*expected)[i]);
    sum += value;
    squares += value * value;
    const double difference = std::fabs(value - static_cast<double>((*got)[i]));
    if (!(difference <= largest)) largest = difference;
  }
  const auto count = static_cast<double>(expected->size());
  const double bound =
      kLeeway<Backend> * 1e-3 * std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count)));
  checks.add(largest <= bound, what, difference_text(largest, bound));
}

// Each rounded layer's products, and for information what rounding does to logits and labels of a seeded input.
Status check_rounded(Checks& checks, const std::string& path, const WeightFile& file, Precision precision) {
  Options options;
  SEGFACE_ASSIGN(exact, (load<BasicParser, cpu::Backend>(path, options)));
  options.precision = precision;
  SEGFACE_ASSIGN(parser, (load<BasicParser, cpu::Backend>(path, options)));
  const PrecisionRecipe& rounded = parser.rounded();
  const std::string what = "products, " + std::to_string(rounded.count(Precision::int8)) + " layers of int8, " +
                           std::to_string(rounded.count(Precision::bf16)) + " of bf16";
  const auto wrong = wrong_products(file, rounded);
  if (!wrong.ok()) return checks.add(what, wrong.error()), Status();
  checks.add(wrong->empty(), what,
             wrong->empty() ? std::string("as the plain kernels compute them")
                            : std::to_string(wrong->size()) + " differ from the plain kernels', the first is " +
                                  shown(wrong->front()));
  SEGFACE_ASSIGN(expected, seeded_logits(exact, "f32"));
  SEGFACE_ASSIGN(got, seeded_logits(parser, precision_name(precision)));
  const auto classes = static_cast<std::size_t>(file.info().classes()), pixels = expected.size() / classes;
  const auto label = [&](const std::vector<float>& logits, std::size_t pixel) {
    std::size_t best = 0;
    for (std::size_t k = 1; k < classes; ++k) {
      if (logits[k * pixels + pixel] > logits[best * pixels + pixel]) best = k;
    }
    return best;
  };
  std::size_t equal = 0, finite = 0;
  for (std::size_t i = 0; i < pixels; ++i) equal += label(expected, i) == label(got, i);
  for (const float logit : got) finite += is_finite(logit);
  char text[80];
  std::snprintf(text, sizeof text, "%.2f %% of the labels of noise are those of f32",
                100 * static_cast<double>(equal) / static_cast<double>(pixels));
  if (finite != got.size()) return checks.add(false, what, "logits that are no numbers"), Status();
  Checks::note(precision_name(precision), text);
  return {};
}

// A golden's stages, computed by a backend.
template <class Backend>
Result<std::vector<StageComparison>> replay(const Golden& golden, const Image& picture, const WeightFile& file) {
  if constexpr (std::is_same_v<Backend, cpu::Backend>) {
    return networks::replay(golden, picture, file, cpu_backend());
  } else if constexpr (std::is_same_v<Backend, reference::Backend<float>>) {
    return networks::replay(golden, picture, file, Backend());
  } else {
#if defined(SEGFACE_WITH_CUDA)
    return networks::replay_on_cuda<Backend>(golden, picture, file);
#endif
  }
}

// The first stage that disagrees; where all agree, the one nearest its bound.
void check_stages(Checks& checks, const std::string& what, const std::vector<StageComparison>& stages) {
  const StageComparison* worst = nullptr;
  for (const StageComparison& stage : stages) {
    if (stage.compared == 0) return checks.add(false, what, "the network has no stage " + stage.stage);
    if (!stage.agrees()) {
      char count[64];
      std::snprintf(count, sizeof count, "; %zu of %zu values beyond", stage.beyond, stage.compared);
      const std::string place = stage.first_beyond.empty() ? "" : ", the first at " + stage.first_beyond;
      return checks.add(
          false, what,
          "first disagrees at " + stage.stage + ": " + difference_text(stage.largest, stage.bound) + count + place);
    }
    if (worst == nullptr || stage.largest * worst->bound > worst->largest * stage.bound) worst = &stage;
  }
  if (worst == nullptr) return checks.add(false, what, "holds none of the network's stages");
  checks.add(true, what,
             std::to_string(stages.size()) + " stages; worst is " + worst->stage + ": " +
                 difference_text(worst->largest, worst->bound));
}

// Of a backend that rounds to 16 bits: logits and labels at the end, not what is rounded on the way. Labels are the
// golden's on 98 % of the pixels: its networks are of synthetic weights, with many as good as equal logits.
void check_ends(Checks& checks, const std::string& what, const std::vector<StageComparison>& stages, double bound) {
  for (const StageComparison& stage : stages) {
    if (stage.stage != "logits" && stage.stage != "mask") continue;
    const bool agrees = stage.compared > 0 && stage.largest <= bound && stage.different * 50 <= stage.compared;
    checks.add(agrees, what + ", " + stage.stage, difference_text(stage.largest, bound));
  }
}

// On a backend and on the reference.
void check_golden(Checks& checks, const std::string& path, const WeightFile& file, std::size_t backend) {
  const auto golden = Golden::open(path);
  if (!golden.ok()) return checks.add("golden", golden.error());
  const NetworkInfo& info = file.info();
  if (golden->text("backbone") != backbone_name(info.backbone) || golden->dataset() != info.dataset) {
    Message found;
    append_parts(found, "is of ", golden->text("backbone"), " with the classes of ", dataset_name(golden->dataset()),
                 ", the weights are of ", backbone_name(info.backbone), " with those of ", dataset_name(info.dataset));
    return checks.add(false, path, std::string(found.view()));
  }
  const auto picture = golden->picture();
  if (!picture.ok()) return checks.add(path, picture.error());
  const auto check = [&](std::size_t which) {
    const std::string what = path + ", " + backend_names()[which];
    const auto stages = with_backend(
        which, [&](auto type) { return replay<typename decltype(type)::Backend>(*golden, *picture, file); });
    if (!stages.ok()) return checks.add(what, stages.error());
    if (which != kCudaHalf) return check_stages(checks, what, *stages);
    check_ends(checks, what, *stages, 2e-2 * golden->logits_std());
  };
  check(backend);
  if (backend != kReference && !interrupted()) check(kReference);
}

// Self-tests, and the backend against the reference, which it may be itself. Errors: those of loading.
template <class Backend>
Status check_parser(Checks& checks, const std::string& path, const std::string& name) {
  using Reference = reference::Backend<float>;
  const auto parser = load<BasicParser, Backend>(path, {});
  if (!parser.ok()) return parser.error();
  check_self_test(checks, name, *parser);
  if constexpr (!std::is_same_v<Backend, Reference>) {
    const auto reference = load<BasicParser, Reference>(path, {});
    if (!reference.ok()) return reference.error();
    check_self_test(checks, "reference", *reference);
    if (!interrupted()) check_agreement(checks, name, *parser, *reference);
  }
  return {};
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"--backend", true}, {"--precision", true}});
  if (!arguments.ok()) return misuse(kVerify, arguments.error());
  if (arguments->operands().empty()) return misuse(kVerify, error(Errc::invalid_argument, "no weight file is given"));
  const auto backend = arguments->choice("--backend", backend_names());
  if (!backend.ok()) return misuse(kVerify, backend.error());
  const auto precision = read_precision(*arguments, *backend);
  if (!precision.ok()) return misuse(kVerify, precision.error());
  const Status built = check_built(*backend);
  if (!built.ok()) return fail(built, kNoDevice);
  const std::string& path = arguments->operands()[0];
  const auto file = WeightFile::open(path);
  if (!file.ok()) return fail(explain_weights(file.error(), path), kWeights);
  Checks checks;
  const Status loaded = with_backend(*backend, [&](auto type) {
    return check_parser<typename decltype(type)::Backend>(checks, path, backend_names()[*backend]);
  });
  if (!loaded.ok()) return fail(loaded, kWeights);
  if (*precision != Precision::float32 && *backend == kCpu && !interrupted()) {
    const Status rounded = check_rounded(checks, path, *file, *precision);
    if (!rounded.ok()) return fail(rounded, kWeights);
  }
  for (std::size_t i = 1; i < arguments->operands().size() && !interrupted(); ++i) {
    check_golden(checks, arguments->operands()[i], *file, *backend);
  }
  return checks.finish();
}

}  // namespace

const Command kVerify = {
    "verify", "computes a weight file's self-test, and goldens, on a backend and the reference",
    "usage: segface verify WEIGHTS [GOLDEN...] [--backend NAME] [--precision NAME]\n"
    "\n"
    "Checks that this build on this processor computes what it should: the self-test stored in the\n"
    "weight file, a backend against the plain reference backend, and every stage of goldens that the\n"
    "official code computed with the same weights. A golden's picture lies beside it. Exit code 4\n"
    "where anything disagrees.\n"
    "\n"
    "  --backend NAME      cpu, the default; cuda and cuda-f16, an NVIDIA GPU, where built with it (exit code 7:\n"
    "                      no GPU), the latter within twenty times the bounds; reference, alone\n"
    "  --precision NAME    bf16, int8 or auto, with the cpu: besides, each layer's products of that precision by\n"
    "                      themselves; int8 to the last bit\n",
    nullptr, run};

}  // namespace tool
