// The search for a recipe: which layers may be of bytes, so that labels stay float32's.
//
// Each layer alone tells how many labels it changes in int8; what time it saves goes by its share of the operations, which is
// the same on every machine at any hour, as clocks are not. Then all are int8, and those that change most for what they
// save go back, to bf16 where the processor has it, and further to float32, until enough labels stay. How far they must go
// is found by halving.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "segface/engine/weight_file.hpp"
#include "segface/faces/metrics.hpp"
#include "segface/segface.hpp"

#include "crops.hpp"
#include "output.hpp"

namespace tool {

// Labels by a recipe against float32's.
struct Agreement {
  static constexpr std::uint64_t kFewPixels = 1000;  // a point of a class of fewer is a matter of chance

  double share = 0;  // of labels that are equal
  double worst_crop = 1, worst_class = 1;
  std::size_t crop = 0;  // the worst
  Index label = -1;      // the class that keeps least of its labels, as IoU; -1 where all keep all
  bool enough(double wanted) const { return share >= wanted && worst_class >= 0.99; }
};

class RecipeSearch {
 public:
  // Of float32, its labels and times. The file and the crops must outlive it.
  static Result<RecipeSearch> make(WeightFile& file, const std::vector<Crop>& crops, Index threads) {
    RecipeSearch search(file, crops, threads);
    SEGFACE_ASSIGN(parser, search.parser({}));
    SEGFACE_ASSIGN(workspace, parser.workspace());
    Progress progress("labels in float32");
    for (const Crop& crop : crops) {
      Mask mask;
      SEGFACE_RETURN_IF_ERROR(parse(workspace, crop, mask).error());
      search.truth_.push_back(std::move(mask));
      if (!progress(static_cast<double>(search.truth_.size()) / static_cast<double>(crops.size()))) return stopped();
    }
    return Result<RecipeSearch>(std::move(search));
  }

  // A layer whose products may be rounded.
  struct Layer {
    std::string name;
    double changed = 0;  // share of labels, in int8 alone
    double share = 0;    // of the operations of all these layers

    // Labels that are lost for the time that is gained.
    double badness() const { return changed / std::max(share, 1e-9); }
  };

  // The file's layers, those first that cost most for what they give. Errors: those of loading and parsing; cancelled.
  Result<std::vector<Layer>> rank(const PrecisionRecipe& candidates) {
    std::vector<Layer> layers;
    double operations = 0;
    Progress progress("each layer alone");
    for (const PrecisionRecipe::Layer& candidate : candidates.layers()) {
      PrecisionRecipe alone;
      alone.set(candidate.name, Precision::int8);
      SEGFACE_ASSIGN(parser, this->parser(alone));
      SEGFACE_ASSIGN(found, measure(parser, few()));
      const double own = parser.plan().cost().rounded;
      operations += own;
      layers.push_back({candidate.name, 1 - found.share, own});
      if (!progress(static_cast<double>(layers.size()) / static_cast<double>(candidates.layers().size()))) {
        return stopped();
      }
    }
    for (Layer& layer : layers) layer.share /= operations;
    std::stable_sort(layers.begin(), layers.end(),
                     [](const Layer& a, const Layer& b) { return a.badness() > b.badness(); });
    return Result<std::vector<Layer>>(std::move(layers));
  }

  struct Chosen {
    PrecisionRecipe recipe;  // empty where only float32 keeps enough labels
    Agreement agreement;
  };
  // The most int8 that keeps enough labels of all crops, going back in the order of the layers.
  Result<Chosen> choose(const std::vector<Layer>& layers, double wanted) {
    const std::vector<Move> moves = moves_back(layers);
    std::size_t least = 0, tried = 0;
    Chosen chosen;
    Progress progress("all layers together");
    for (std::size_t most = moves.size(); least < most; ++tried) {           // so many moves keep enough
      const std::size_t step = tried == 0 ? 0 : least + (most - least) / 2;  // mostly none is needed
      PrecisionRecipe recipe;
      for (const Layer& layer : layers) recipe.set(layer.name, Precision::int8);
      for (std::size_t i = 0; i < step; ++i) recipe.set(moves[i].layer->name, moves[i].to);
      SEGFACE_ASSIGN(parser, this->parser(recipe));
      SEGFACE_ASSIGN(found, measure(parser, all()));
      if (found.enough(wanted)) {
        most = step;
        chosen = {std::move(recipe), found};
      } else {
        least = step + 1;
      }
      if (!progress(static_cast<double>(tried + 1) / 10)) return stopped();
    }
    return Result<Chosen>(std::move(chosen));
  }

  // Milliseconds of a crop in float32 and by a recipe: medians of runs in turns.
  Result<std::pair<double, double>> compare_times(const PrecisionRecipe& recipe) {
    constexpr std::size_t kRuns = 25;
    SEGFACE_ASSIGN(plain, parser({}));
    SEGFACE_ASSIGN(rounded, parser(recipe));
    SEGFACE_ASSIGN(before, plain.workspace());
    SEGFACE_ASSIGN(after, rounded.workspace());
    std::vector<double> times[2];
    Mask mask;
    for (std::size_t i = 0; i < kRuns && !interrupted(); ++i) {
      const Crop& crop = crops_[i % crops_.size()];
      SEGFACE_ASSIGN(first, parse(before, crop, mask));
      SEGFACE_ASSIGN(second, parse(after, crop, mask));
      times[0].push_back(first);
      times[1].push_back(second);
    }
    if (interrupted()) return stopped();
    return std::pair(median(times[0]), median(times[1]));
  }

 private:
  static constexpr std::size_t kFew = 16;  // crops that each layer is tried on

  RecipeSearch(WeightFile& file, const std::vector<Crop>& crops, Index threads)
      : file_(file), crops_(crops), backend_(cpu_backend()) {
    options_.threads = threads;
    options_.precision = Precision::int8;
  }

  static Status stopped() { return error(Errc::cancelled, "interrupted"); }
  static double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
  }
  static Result<double> parse(Workspace& workspace, const Crop& crop, Mask& mask) {
    Stopwatch watch;
    const ImageView view = crop.picture.view();
    SEGFACE_RETURN_IF_ERROR(in_context(
        crop.landmarks ? workspace.parse(view, *crop.landmarks, mask) : workspace.parse(view, mask), crop.photo));
    return watch.lap();
  }

  Result<Parser> parser(PrecisionRecipe recipe) {
    file_.set_recipe(std::move(recipe));
    return Parser::make(file_, options_, backend_);
  }

  std::vector<std::size_t> all() const { return spread(crops_.size()); }
  std::vector<std::size_t> few() const { return spread(std::min(crops_.size(), kFew)); }
  // So many of the crops, evenly.
  std::vector<std::size_t> spread(std::size_t count) const {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < count; ++i) chosen.push_back(i * crops_.size() / count);
    return chosen;
  }

  // A layer that goes back.
  struct Move {
    const Layer* layer;
    Precision to;
    double badness;
  };
  // All of them, in the order of what they are good for. bf16 changes a quarter of the labels that int8 does and saves two
  // thirds of the time (tools/bench/SPEED.md): the way to bf16 is worth five times the way from there to float32.
  std::vector<Move> moves_back(const std::vector<Layer>& layers) const {
    constexpr double kWorth = 5;
    std::vector<Move> moves;
    for (const Layer& layer : layers) {
      if (backend_.has_instructions(Precision::bf16)) moves.push_back({&layer, Precision::bf16, layer.badness()});
      moves.push_back({&layer, Precision::float32, layer.badness() / kWorth});
    }
    std::stable_sort(moves.begin(), moves.end(), [](const Move& a, const Move& b) { return a.badness > b.badness; });
    return moves;
  }

  Result<Agreement> measure(const Parser& parser, const std::vector<std::size_t>& which) {
    SEGFACE_ASSIGN(workspace, parser.workspace());
    ConfusionMatrix matrix(file_.info().dataset);
    Agreement found;
    Mask mask;
    for (const std::size_t i : which) {
      SEGFACE_RETURN_IF_ERROR(parse(workspace, crops_[i], mask).error());
      SEGFACE_RETURN_IF_ERROR(matrix.add(truth_[i].view(), mask.view()));
      const double share = equal(truth_[i], mask);
      if (share >= found.worst_crop) continue;
      found.worst_crop = share;
      found.crop = i;
    }
    found.share = matrix.pixel_accuracy();
    for (Index label = 0; label < matrix.classes(); ++label) {
      const std::uint32_t members = 1u << label;
      const bool there = matrix.truth(members) + matrix.predicted(members) >= 2 * Agreement::kFewPixels;
      if (!there || matrix.iou(members) >= found.worst_class) continue;
      found.worst_class = matrix.iou(members);
      found.label = label;
    }
    return found;
  }
  static double equal(const Mask& a, const Mask& b) {
    const auto x = a.labels(), y = b.labels();
    std::size_t count = 0;
    for (std::size_t i = 0; i < x.size(); ++i) count += x[i] == y[i];
    return static_cast<double>(count) / static_cast<double>(x.size());
  }

  WeightFile& file_;
  const std::vector<Crop>& crops_;
  cpu::Backend backend_;
  Options options_;
  std::vector<Mask> truth_;  // labels in float32
};

}  // namespace tool
