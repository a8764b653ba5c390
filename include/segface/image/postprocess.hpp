// Logits to labels: bilinear to any size, then the class with the largest logit at each pixel.
//
// logits [h, w, K] -> labels [height, width]. Bilinear as PyTorch's align_corners = false, never antialiased:
//   source = max(0, (i + 0.5) * in / out - 0.5), between floor(source) and the next index, clamped to in - 1.
// To R x R this is the official result; to the size of a photo it is one interpolation straight from the network's
// logits. Logits are interpolated, never labels: between label 1 and label 3 there is no label 2.
// The target's pixels reach the logits by an affine map, of which two scales are a case. Only two columns of logits exist
// at the new size at a time, on the stack; rows are independent of each other. This is what labels are; settled_labels.hpp
// says which of them can be told sooner.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/image/affine.hpp"
#include "segface/image/limits.hpp"

SEGFACE_BEGIN_NAMESPACE

// Logits of one picture; any layout that strides can express.
template <class Scalar>
struct LogitsView {
  const Scalar* data;
  Index classes;  // K, 1 .. kMaxClasses
  Index width, height;
  Index pixel_stride;  // elements from a pixel to the next; rows follow each other without a gap
  Index class_stride;  // elements from a class to the next

  // [h w, K], rows `stride` elements apart: as the decoder leaves them.
  static LogitsView interleaved(const Scalar* data, Index classes, Index width, Index height, Index stride) noexcept {
    return {data, classes, width, height, stride, 1};
  }
  // [K, h, w]: as PyTorch and .npy files hold them.
  static LogitsView planes(const Scalar* data, Index classes, Index width, Index height) noexcept {
    return {data, classes, width, height, 1, width * height};
  }
  const Scalar* pixel(Index x, Index y) const noexcept { return data + (y * width + x) * pixel_stride; }
};

// Where the labels go.
struct LabelTarget {
  std::uint8_t* labels;              // [height, width]; of no pixels where only row_confidence is wanted
  Index width, height;               //
  float* confidence = nullptr;       // [height, width]: the winner's probability (softmax over the classes)
  double* row_confidence = nullptr;  // [height of the logits]: sums over a row of logits, before they are interpolated,
                                     // of the winner's probability; adding them in order gives the same mean on any
                                     // number of threads
  std::uint8_t* settled = nullptr;   // [height, width of the logits]: their labels where no interpolation changes these
                                     // (image/settled_labels.hpp); of backends whose logits are in the host's memory
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// The probability of the class with the largest logit, which is number `best`.
template <class Scalar>
Scalar probability_of(Index best, const Scalar* logits, Index classes, Index class_stride) noexcept {
  Scalar total = 0;
  for (Index c = 0; c < classes; ++c) total += std::exp(logits[c * class_stride] - logits[best * class_stride]);
  return Scalar(1) / total;
}
// The first of equal maxima; whatever the logits hold, NaN too, one of the K.
template <class Scalar>
Index largest_of(const Scalar* logits, Index classes, Index class_stride) noexcept {
  Index best = 0;
  for (Index c = 1; c < classes; ++c) {
    if (logits[c * class_stride] > logits[best * class_stride]) best = c;
  }
  return best;
}

// Logits [K] of a place between two rows of column x.
template <class Scalar>
void mix_rows(const LogitsView<Scalar>& logits, Index x, const BilinearTap<Scalar>& down, Scalar* out) noexcept {
  const Scalar* const upper = logits.pixel(x, down.first);
  const Scalar* const lower = logits.pixel(x, down.fraction > 0 ? down.second : down.first);
  for (Index c = 0; c < logits.classes; ++c) {
    const Index i = c * logits.class_stride;
    out[c] = (Scalar(1) - down.fraction) * upper[i] + down.fraction * lower[i];
  }
}
// And of one between two columns that mix_rows() made.
template <class Scalar>
void mix_columns(const Scalar* left, const Scalar* right, Scalar fraction, Index classes, Scalar* out) noexcept {
  for (Index c = 0; c < classes; ++c) out[c] = (Scalar(1) - fraction) * left[c] + fraction * right[c];
}

// Labels of the pixels [first, last) of row y of the target, which `map` takes to the logits; beyond their edge these
// go on as they are there.
template <class Scalar>
void label_run(const LogitsView<Scalar>& logits, const AffineMap<Scalar>& map, const LabelTarget& target, Index y,
               Index first, Index last) noexcept {
  const Index classes = logits.classes;
  Scalar left[kMaxClasses], right[kMaxClasses], mixed[kMaxClasses];
  Index held = -1;  // the column in `left`, of rows that are kept
  for (Index x = first; x < last; ++x) {
    const BilinearTap<Scalar> across = map.across(x, y, logits.width);
    if (across.first != held) {
      const BilinearTap<Scalar> down = map.down(x, y, logits.height);
      mix_rows(logits, across.first, down, left);
      mix_rows(logits, across.second, down, right);
      held = map.keeps_rows() ? across.first : -1;
    }
    mix_columns(left, right, across.fraction, classes, mixed);
    const Index best = largest_of(mixed, classes, 1), at = y * target.width + x;
    target.labels[at] = static_cast<std::uint8_t>(best);
    if (target.confidence != nullptr) {
      target.confidence[at] = static_cast<float>(probability_of(best, mixed, classes, 1));
    }
  }
}

// Rows [first, last) of the target, all of which is all of the logits: labels and, where wanted, confidence.
template <class Scalar>
void label_rows(const LogitsView<Scalar>& logits, const LabelTarget& target, Index first, Index last) noexcept {
  const auto map = AffineMap<Scalar>::scaled(target.width, target.height, logits.width, logits.height);
  for (Index y = first; y < last; ++y) label_run(logits, map, target, y, 0, target.width);
}

// Of row y of the logits themselves: an element of LabelTarget::row_confidence. Pixels go side by side, so that no branch
// hangs on which class is ahead; each is 1 / (sum over classes, in order, of exp(logit - largest)).
template <class Scalar>
double row_confidence(const LogitsView<Scalar>& logits, Index y) noexcept {
  constexpr Index kTogether = 64;
  Scalar largest[kTogether], total[kTogether];
  double sum = 0;
  for (Index x = 0; x < logits.width; x += kTogether) {
    const Index count = std::min(kTogether, logits.width - x);
    const Scalar* of_class = logits.pixel(x, y);
    for (Index i = 0; i < count; ++i) largest[i] = of_class[i * logits.pixel_stride], total[i] = 0;
    for (Index c = 1; c < logits.classes; ++c) {
      of_class += logits.class_stride;
      for (Index i = 0; i < count; ++i) largest[i] = std::max(largest[i], of_class[i * logits.pixel_stride]);
    }
    of_class = logits.pixel(x, y);
    for (Index c = 0; c < logits.classes; ++c, of_class += logits.class_stride) {
      for (Index i = 0; i < count; ++i) total[i] += std::exp(of_class[i * logits.pixel_stride] - largest[i]);
    }
    for (Index i = 0; i < count; ++i) sum += static_cast<double>(Scalar(1) / total[i]);
  }
  return sum;
}

// The rows of a task, of all that are spread over threads.
struct LabelRows {
  static constexpr Index kPerTask = 16;
  Index first, last;

  LabelRows(Index task, Index height) noexcept
      : first(task * kPerTask), last(std::min(height, (task + 1) * kPerTask)) {}
};
inline Index label_tasks(Index height) noexcept {
  return (height + LabelRows::kPerTask - 1) / LabelRows::kPerTask;
}
// All of the target.
template <class Scalar>
void label_pixels(const LogitsView<Scalar>& logits, const LabelTarget& target, Executor& executor) noexcept {
  executor.for_each(label_tasks(target.height), [&](Index task, Index) {
    const LabelRows rows(task, target.height);
    label_rows(logits, target, rows.first, rows.last);
  });
  for (Index y = 0; target.row_confidence != nullptr && y < logits.height; ++y) {
    target.row_confidence[y] = row_confidence(logits, y);
  }
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

using core::label_pixels;
using core::label_rows;
using core::label_run;

SEGFACE_END_NAMESPACE
