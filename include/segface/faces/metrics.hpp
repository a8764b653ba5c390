// How well labels agree with the truth: one confusion matrix over any number of pictures, and the official scores of
// it.
//
// matrix [K, K], row: the truth, column: what was predicted. With tp its diagonal, truth the sums of its rows,
// predicted those of its columns:
//   F1 = 2 tp / (truth + predicted); mean F1: over all classes but background,
//   IoU = tp / max(1, truth + predicted - tp), accuracy = tp / max(1, truth); their means: over all classes,
//   pixel accuracy = sum tp / sum truth.
// Pixels whose truth is 255 are ignored. Mirrors validation() of the official inference.py. Traps: all pictures share
// one matrix, scores are never averaged over pictures; labels are compared at the network's resolution, the truth
// brought there by resize_labels(); a class that is nowhere has no F1 (the official code gets NaN) and is left out of
// the mean of F1, but counts as 0 in the means of IoU and accuracy.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/labels.hpp"
#include "segface/faces/render.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_NAMESPACE

// A pixel of the truth that nobody has labelled.
inline constexpr std::uint8_t kIgnoredLabel = 255;

class ConfusionMatrix {
 public:
  explicit ConfusionMatrix(Dataset dataset) noexcept : dataset_(dataset) {}

  Dataset dataset() const noexcept { return dataset_; }
  Index classes() const noexcept { return class_count(dataset_); }
  // Pixels of class `truth` that were labelled `predicted`.
  std::uint64_t count(Index truth, Index predicted) const noexcept { return counts_[at(truth, predicted)]; }
  // Pixels whose truth is 255.
  std::uint64_t ignored() const noexcept { return ignored_; }

  // Counts the pixels of a picture. Both are gray and of one size. Errors: invalid_argument (sizes differ, a value that
  // is no label); then nothing was counted.
  Status add(const ImageView& truth, const ImageView& predicted) noexcept {
    SEGFACE_RETURN_IF_ERROR(in_context(core::validate_labels(truth), "the truth"));
    SEGFACE_RETURN_IF_ERROR(in_context(core::validate_labels(predicted), "the prediction"));
    if (truth.width != predicted.width || truth.height != predicted.height) {
      return error(Errc::invalid_argument, "the truth has ", truth.width, " x ", truth.height,
                   " pixels, the prediction ", predicted.width, " x ", predicted.height, "; expected the same");
    }
    SEGFACE_RETURN_IF_ERROR(check_values(truth, "the truth", true));
    SEGFACE_RETURN_IF_ERROR(check_values(predicted, "the prediction", false));
    for (Index y = 0; y < truth.height; ++y) {
      const std::uint8_t *t = truth.row(y), *p = predicted.row(y);
      for (Index x = 0; x < truth.width; ++x) ++(t[x] == kIgnoredLabel ? ignored_ : counts_[at(t[x], p[x])]);
    }
    return {};
  }
  // Adds the counts of other pictures, of the same data set.
  void merge(const ConfusionMatrix& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    ignored_ += other.ignored_;
  }

  // Pixels of the classes whose bits are set: truth, prediction, and both among them (confusion inside is correct).
  std::uint64_t truth(std::uint32_t members) const noexcept { return sum(members, ~0u); }
  std::uint64_t predicted(std::uint32_t members) const noexcept { return sum(~0u, members); }
  std::uint64_t agreed(std::uint32_t members) const noexcept { return sum(members, members); }

  // Scores of the classes whose bits are set, taken as one; 0 to 1. F1 is empty where they are nowhere.
  std::optional<double> f1(std::uint32_t members) const noexcept {
    const std::uint64_t all = truth(members) + predicted(members);
    if (all == 0) return {};
    return 2 * static_cast<double>(agreed(members)) / static_cast<double>(all);
  }
  double iou(std::uint32_t members) const noexcept {
    const std::uint64_t both = agreed(members);
    return share(both, truth(members) + predicted(members) - both);
  }
  double accuracy(std::uint32_t members) const noexcept { return share(agreed(members), truth(members)); }

  // Empty where there is no class but background.
  std::optional<double> mean_f1() const noexcept {
    double sum = 0;
    Index present = 0;
    for (Index label = 1; label < classes(); ++label) {
      const std::optional<double> score = f1(1u << label);
      if (!score) continue;
      sum += *score;
      ++present;
    }
    if (present == 0) return {};
    return sum / static_cast<double>(present);
  }
  double mean_iou() const noexcept {
    return mean([&](std::uint32_t label) { return iou(label); });
  }
  double mean_accuracy() const noexcept {
    return mean([&](std::uint32_t label) { return accuracy(label); });
  }
  double pixel_accuracy() const noexcept {
    std::uint64_t right = 0;
    for (Index label = 0; label < classes(); ++label) right += count(label, label);
    return share(right, truth(~0u));
  }

 private:
  static std::size_t at(Index truth, Index predicted) noexcept {
    return static_cast<std::size_t>(truth * kMaxClasses + predicted);
  }
  static double share(std::uint64_t part, std::uint64_t whole) noexcept {
    return static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(1, whole));
  }
  std::uint64_t sum(std::uint32_t rows, std::uint32_t columns) const noexcept {
    std::uint64_t total = 0;
    for (Index t = 0; t < classes(); ++t) {
      for (Index p = 0; p < classes(); ++p) {
        if ((rows >> t & 1u) != 0 && (columns >> p & 1u) != 0) total += count(t, p);
      }
    }
    return total;
  }
  template <class Score>
  double mean(const Score& score) const noexcept {
    double total = 0;
    for (Index label = 0; label < classes(); ++label) total += score(1u << label);
    return total / static_cast<double>(classes());
  }

  Status check_values(const ImageView& labels, const char* what, bool may_be_ignored) const noexcept {
    for (Index y = 0; y < labels.height; ++y) {
      for (Index x = 0; x < labels.width; ++x) {
        const std::uint8_t value = labels.row(y)[x];
        if (value < classes() || (may_be_ignored && value == kIgnoredLabel)) continue;
        return error(Errc::invalid_argument, what, " holds ", value, " in column ", x, ", row ", y,
                     "; expected a label from 0 to ", classes() - 1, may_be_ignored ? ", or 255 for ignored" : "");
      }
    }
    return {};
  }

  Dataset dataset_;
  std::array<std::uint64_t, static_cast<std::size_t>(kMaxClasses* kMaxClasses)> counts_ = {};
  std::uint64_t ignored_ = 0;
};

// Classes that are scored together.
struct MergedClasses {
  std::string_view name;
  std::uint32_t members;  // bit `label` is set where the label belongs to it
};

// Those that Helen's results are reported in; empty for the other data sets.
inline Span<const MergedClasses> merged_classes(Dataset dataset) noexcept {
  static constexpr MergedClasses kHelen[] = {{"brows", 0x00c}, {"eyes", 0x030}, {"mouth", 0x380}, {"overall", 0x3fc}};
  if (dataset != Dataset::helen) return {};
  return kHelen;
}

// Labels at another size, by Pillow's NEAREST: pixel i comes from floor((i + 0.5) from / to), the places summed up as
// Pillow sums them. Errors: invalid_argument, overflow, out_of_memory.
inline Result<Image> resize_labels(const ImageView& labels, Index width, Index height) noexcept {
  SEGFACE_RETURN_IF_ERROR(core::validate_labels(labels));
  SEGFACE_ASSIGN(out, Image::make(width, height, PixelOrder::gray));
  SEGFACE_ASSIGN(columns, Buffer<Index>::make(static_cast<std::size_t>(width)));
  const double across = static_cast<double>(labels.width) / static_cast<double>(width);
  const double down = static_cast<double>(labels.height) / static_cast<double>(height);
  double place = across * 0.5;
  for (Index& column : columns) {
    column = std::min(static_cast<Index>(place), labels.width - 1);
    place += across;
  }
  place = down * 0.5;
  for (Index y = 0; y < height; ++y) {
    const std::uint8_t* from = labels.row(std::min(static_cast<Index>(place), labels.height - 1));
    std::transform(columns.begin(), columns.end(), out.row(y), [&](Index column) { return from[column]; });
    place += down;
  }
  return Result<Image>(std::move(out));
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
