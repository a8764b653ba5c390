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

// Rows [first_row, last_row) of the target; the classes of a pixel lie side by side.
inline void label_interleaved(const Kernels& kernels, const LogitsView<float>& logits, const LabelTarget& target,
                              Index first_row, Index last_row) noexcept {
  const float down = static_cast<float>(logits.height) / static_cast<float>(target.height);
  LabelArguments l;
  l.ld = logits.pixel_stride;
  l.classes = logits.classes;
  float confidence[InterpolatedPixels::kMost];
  for (Index y = first_row; y < last_row; ++y) {
    const BilinearTap<float> v(y, logits.height, down);
    l.upper = logits.pixel(0, v.first);
    l.lower = v.fraction > 0 ? logits.pixel(0, v.second) : l.upper;  // a row that counts nothing is not fetched
    l.fraction = v.fraction;
    double sum = 0;
    for (Index first = 0; first < target.width; first += l.pixels) {
      look_across(first, target.width, logits.width, target.width, l);
      const Index at = y * target.width + first;
      l.labels = target.labels + at;
      l.confidence = target.confidence == nullptr ? confidence : target.confidence + at;
      kernels.label_pixels(l);
      for (Index p = 0; p < l.pixels; ++p) sum += static_cast<double>(l.confidence[p]);
    }
    if (target.row_confidence != nullptr) target.row_confidence[y] = sum;
  }
}

}  // namespace cpu
SEGFACE_END_NAMESPACE
