// Logits to labels on the cpu; see label_rows in image/postprocess.hpp, whose results these are up to rounding.
#pragma once

#include <algorithm>

#include "segface/backends/compound/labels.hpp"
#include "segface/backends/cpu/interpolation.hpp"
#include "segface/backends/cpu/kernels.hpp"
#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cpu {

static_assert(kMaxClasses <= LabelArguments::kMostClasses, "the kernel must hold the logits of a pixel");

// A row of the target at a time, from the two rows of logits it lies between; the classes of a pixel lie side by side.
class InterpolatedLabels {
 public:
  // Of logits [height, width, classes], pixels `stride` apart.
  InterpolatedLabels(const Kernels& kernels, const LabelTarget& target, Index classes, Index height, Index width,
                     Index stride) noexcept
      : kernels_(kernels),
        target_(target),
        classes_(classes),
        height_(height),
        width_(width),
        stride_(stride),
        down_(static_cast<float>(height) / static_cast<float>(std::max<Index>(target.height, 1))) {}

  // Where a row of the target looks in the logits.
  BilinearTap<float> source(Index y) const noexcept { return {y, height_, down_}; }
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

  // Row y, from rows source(y).first and source(y).second; the second is not touched where it counts nothing.
  void operator()(Index y, const float* upper, const float* lower) const noexcept {
    LabelArguments l;
    l.ld = stride_;
    l.classes = classes_;
    l.fraction = source(y).fraction;
    l.upper = upper;
    l.lower = l.fraction > 0 ? lower : upper;
    float confidence[InterpolatedPixels::kMost];
    double sum = 0;
    for (Index first = 0; first < target_.width; first += l.pixels) {
      look_across(first, target_.width, width_, target_.width, l);
      const Index at = y * target_.width + first;
      l.labels = target_.labels + at;
      l.confidence = target_.confidence == nullptr ? confidence : target_.confidence + at;
      kernels_.label_pixels(l);
      for (Index p = 0; p < l.pixels; ++p) sum += static_cast<double>(l.confidence[p]);
    }
    if (target_.row_confidence != nullptr) target_.row_confidence[y] = sum;
  }

 private:
  const Kernels& kernels_;
  const LabelTarget& target_;
  Index classes_, height_, width_, stride_;
  float down_;
};

}  // namespace cpu
SEGFACE_END_NAMESPACE
