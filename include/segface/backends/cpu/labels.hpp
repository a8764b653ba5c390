// Logits to labels on the cpu; see image/postprocess.hpp, whose results these are up to rounding.
#pragma once

#include <algorithm>

#include "segface/backends/compound/labels.hpp"
#include "segface/backends/cpu/interpolation.hpp"
#include "segface/backends/cpu/kernels.hpp"
#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/image/affine.hpp"
#include "segface/image/settled_labels.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

static_assert(kMaxClasses <= LabelArguments::kMostClasses, "the kernel must hold the logits of a pixel");

// A row of the target at a time, from the two rows of logits it lies between; the classes of a pixel lie side by side.
// Every row of logits is surveyed before a row of the target looks at it.
class InterpolatedLabels {
 public:
  // Of logits [height, width, classes], pixels `stride` apart; `settled` is room for height x width labels, where the
  // target has none.
  InterpolatedLabels(const Kernels& kernels, const LabelTarget& target, Index classes, Index height, Index width,
                     Index stride, std::uint8_t* settled) noexcept
      : kernels_(kernels),
        target_(target),
        classes_(classes),
        stride_(stride),
        settled_(target.settled != nullptr ? target.settled : settled),
        cells_{settled_, width, height},
        map_(AffineMap<float>::scaled(target.width, target.height, width, height)),
        as_large_(target.width == width && target.height == height),
        pays_(target.confidence == nullptr && SettledLabels::pay_for(width * height, target.width * target.height)) {}

  // Where a row of the target looks in the logits.
  BilinearTap<float> source(Index y) const noexcept { return map_.down(0, y, cells_.height); }
  // Whether a row of the target counts a row of logits from `below` on.
  bool straddles(Index y, Index below) const noexcept {
    const BilinearTap<float> v = source(y);
    return v.second >= below && v.fraction > 0;
  }
  // The first row of the target that looks at this row of logits or a later one.
  Index first_looking_at(Index row) const noexcept {
    Index low = 0, high = target_.height;
    while (low < high) {
      const Index middle = low + (high - low) / 2;
      if (source(middle).first < row) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  // Row y of the logits: what is settled in it, and its confidence, where these are wanted.
  void survey(Index y, const float* row) const noexcept {
    if (pays_ || target_.settled != nullptr) {
      kernels_.settle_pixels(row, stride_, classes_, cells_.width, settled_ + y * cells_.width);
    }
    if (target_.row_confidence == nullptr || as_large_) return;
    std::uint8_t labels[InterpolatedPixels::kMost];
    float confidence[InterpolatedPixels::kMost];
    LabelArguments l = arguments(0, row, row);
    target_.row_confidence[y] = 0;
    for (Index first = 0; first < cells_.width; first += l.pixels) {
      look_across(first, cells_.width, cells_.width, cells_.width, l);
      l.labels = labels;
      l.confidence = confidence;
      target_.row_confidence[y] += label(l);
    }
  }

  // Row y of the target, from rows source(y).first and source(y).second; the second is not touched where it counts
  // nothing.
  void operator()(Index y, const float* upper, const float* lower) const noexcept {
    const float fraction = source(y).fraction;
    const LabelArguments rows = arguments(fraction, upper, fraction > 0 ? lower : upper);
    std::uint8_t* const labels = target_.labels + y * target_.width;
    if (!pays_) return interpolate(rows, y, 0, target_.width);
    cells_.each_run(
        map_, 0, target_.width, y,
        [&](Index first, Index last, std::uint8_t label) { std::fill(labels + first, labels + last, label); },
        [&](Index first, Index last) { interpolate(rows, y, first, last); });
  }

 private:
  LabelArguments arguments(float fraction, const float* upper, const float* lower) const noexcept {
    LabelArguments l;
    l.ld = stride_;
    l.classes = classes_;
    l.fraction = fraction;
    l.upper = upper;
    l.lower = lower;
    return l;
  }

  // Labels the pixels and returns the sum of their confidence, where it is computed.
  double label(const LabelArguments& l) const noexcept {
    kernels_.label_pixels(l);
    double sum = 0;
    for (Index p = 0; l.confidence != nullptr && p < l.pixels; ++p) sum += static_cast<double>(l.confidence[p]);
    return sum;
  }

  // Pixels [begin, end) of row y.
  void interpolate(LabelArguments l, Index y, Index begin, Index end) const noexcept {
    float confidence[InterpolatedPixels::kMost];
    const bool summed = target_.row_confidence != nullptr && as_large_;
    double sum = 0;
    for (Index first = begin; first < end; first += l.pixels) {
      look_across(first, end - first, cells_.width, target_.width, l);
      const Index at = y * target_.width + first;
      l.labels = target_.labels + at;
      l.confidence = target_.confidence != nullptr ? target_.confidence + at : summed ? confidence : nullptr;
      sum += label(l);
    }
    if (summed) target_.row_confidence[y] = sum;
  }

  const Kernels& kernels_;
  const LabelTarget& target_;
  Index classes_, stride_;
  std::uint8_t* settled_;
  SettledLabels cells_;
  AffineMap<float> map_;
  bool as_large_;  // as the logits
  bool pays_;      // to know what is settled
};

// See compound::label_map.
template <class Backend>
void label_map(Run<Backend>& run, const Kernels& kernels, const Out& logits, const LabelTarget& target) noexcept {
  const auto scope = run.scope();
  auto* const settled = run.template scratch<std::uint8_t>(logits.rows());
  const InterpolatedLabels label(kernels, target, logits.channels, logits.height, logits.width, logits.stride, settled);
  run.kernel({}, label_tasks(logits.height), [&](Index task, Index) {
    const LabelRows rows(task, logits.height);
    for (Index y = rows.first; y < rows.last; ++y) label.survey(y, logits.row(y * logits.width));
  });
  run.kernel({}, label_tasks(target.height), [&](Index task, Index) {
    const LabelRows rows(task, target.height);
    for (Index y = rows.first; y < rows.last; ++y) {
      const BilinearTap<float> v = label.source(y);
      label(y, logits.row(v.first * logits.width), logits.row(v.second * logits.width));
    }
  });
}

}  // namespace cpu
SEGFACE_END_CORE
