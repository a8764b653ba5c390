// segface info: what a weight file says of itself and, where wanted, what its network costs.
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "segface/engine/finder_file.hpp"
#include "segface/engine/weight_file.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace tool {
namespace {

void print_network(const std::string& path, std::uint64_t bytes, const WeightFile& file) {
  const NetworkInfo& info = file.info();
  SegFaceWeights weights(info.backbone, info.dataset);
  std::printf("%s\n", shown(path).c_str());
  std::printf("  backbone:    %s\n", backbone_name(info.backbone));
  std::printf("  data set:    %s\n", std::string(dataset_name(info.dataset)).c_str());
  std::printf("  resolution:  %td x %td\n", info.resolution, info.resolution);
  std::printf("  classes:     %td\n", info.classes());
  std::printf("  parameters:  %zu\n", count_parameters(weights));
  std::printf("  bytes:       %llu, %s\n", static_cast<unsigned long long>(bytes), dtype_name(info.dtype));
  std::printf("  digest:      %s\n", shown(info.source_digest).c_str());
  const RecipeProof* const proof = file.recipe_proof();
  if (proof == nullptr) return;
  const PrecisionRecipe& recipe = file.weights().recipe;
  std::printf("  precision:   %zu layers may be of int8, %zu of bf16; ", recipe.count(Precision::int8),
              recipe.count(Precision::bf16));
  if (proof->photos == 0) {
    std::printf("unproven\n");
  } else {
    std::printf("%s %% of the labels of %llu photos stay\n", proof->agreement.c_str(),
                static_cast<unsigned long long>(proof->photos));
  }
}

void print_classes(Dataset dataset) {
  const bool colors = shows_colors(stdout);
  std::printf("\n  label  %-16s  %-11s  %-21s  colour\n", "name", "official", "of the person");
  Index label = 0;
  for (const ClassInfo& info : classes(dataset)) {
    const Rgb c = info.color;
    std::printf("  %5td  %-16s  %-11s  %-21s  ", label++, std::string(info.name).c_str(),
                std::string(info.official).c_str(), std::string(info.subject).c_str());
    if (colors) std::printf("\x1b[48;2;%d;%d;%dm    \x1b[0m ", c.r, c.g, c.b);
    std::printf("#%02x%02x%02x\n", c.r, c.g, c.b);
  }
}

// A text of several lines, each below the other.
std::string shown_lines(std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines += (lines.empty() ? "" : "\n               ") + shown(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

void print_finder(const std::string& path, std::uint64_t bytes, const FinderFile& file) {
  FinderWeights weights;
  std::printf("%s\n", shown(path).c_str());
  std::printf("  networks:    YuNet-s and O-Net, which find faces\n");
  std::printf("  parameters:  %zu\n", count_parameters(weights));
  std::printf("  bytes:       %llu, F32\n", static_cast<unsigned long long>(bytes));
  std::printf("  digest:      %s\n", shown(file.info().source_digest).c_str());
  std::printf("  origin:      %s\n", shown_lines(file.info().origin).c_str());
  std::printf("  terms:       %s\n", shown_lines(file.info().terms).c_str());
}

// What a photo costs, for which the network is loaded.
Status print_stages(const std::string& path) {
  SEGFACE_ASSIGN(parser, Parser::load(path, {}, cpu_backend()));
  const auto& plan = parser.plan();
  std::printf("\n  workspace: %s with %td threads, and %s shared; %.2f GFLOP an image\n",
              megabytes(plan.labelling_bytes()).c_str(), plan.threads(), megabytes(plan.bytes()).c_str(),
              plan.cost().flops / 1e9);
  std::printf("  %-10s  %-18s  %8s  %8s\n", "stage", "height x width x C", "GFLOP", "MB moved");
  for (const StageCost& stage : plan.stages()) {
    const std::string shape =
        std::to_string(stage.height) + " x " + std::to_string(stage.width) + " x " + std::to_string(stage.channels);
    std::printf("  %-10s  %-18s  %8.3f  %8.1f\n", stage.name.c_str(), shape.c_str(), stage.cost.flops / 1e9,
                stage.cost.bytes / 1e6);
  }
  return {};
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"--stages", false}});
  if (!arguments.ok()) return misuse(kInfo, arguments.error());
  if (arguments->operands().size() != 1) {
    return misuse(kInfo, error(Errc::invalid_argument, "expected one weight file, got ", arguments->operands().size()));
  }
  const std::string& path = arguments->operands()[0];
  const auto file = InputFile::open(path);
  const auto weights = WeightFile::open(path);
  if (!weights.ok()) {
    const auto finder = FinderFile::open(path);
    if (!file.ok() || !finder.ok()) return fail(explain_weights(weights.error(), path), kWeights);
    print_finder(path, file->size(), *finder);
    return kDone;
  }
  if (!file.ok()) return fail(file.error(), kWeights);
  print_network(path, file->size(), *weights);
  print_classes(weights->info().dataset);
  if (!arguments->has("--stages")) return kDone;
  const Status stages = print_stages(path);
  return stages.ok() ? kDone : fail(stages, kWeights);
}

}  // namespace

const Command kInfo = {
    "info", "what a weight file holds, and its classes",
    "usage: segface info WEIGHTS [--stages]\n"
    "\n"
    "Shows what a weight file says of its network: backbone, data set, resolution, size, the precision that\n"
    "`segface quantize` found for its layers, classes with their sides and colours; of a finder's, who trained its "
    "networks on what, and on which terms they may be used.\n"
    "Only the file's header is read.\n"
    "\n"
    "  --stages    loads the network too, and shows memory, and what each stage of a photo costs\n",
    nullptr, run};

}  // namespace tool
