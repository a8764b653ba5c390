// Logits to labels: bilinear to any size, then the class with the largest logit at each pixel.
//
// logits [h, w, K] -> labels [height, width]. Bilinear as PyTorch's align_corners = false, never antialiased:
//   source = max(0, (i + 0.5) * in / out - 0.5), between floor(source) and the next index, clamped to in - 1.
// To R x R this is the official result; to the size of a photo it is one interpolation straight from the network's
// logits. Logits are interpolated, never labels: between label 1 and label 3 there is no label 2.
// Only two columns of logits exist at the new size at a time, on the stack; rows are independent of each other.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/threads/executor.hpp"
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

// Where the labels go. Only `labels` is required.
struct LabelTarget {
  std::uint8_t* labels;              // [height, width]
  Index width, height;               //
  float* confidence = nullptr;       // [height, width]: the winner's probability (softmax over the classes)
  double* row_confidence = nullptr;  // [height]: sum of the row's probabilities; adding them in order gives the same
                                     // mean on any number of threads
};

// Rows [first_row, last_row) of the target. The first of equal maxima wins; whatever the logits hold, NaN too, a label
// is one of the K.
template <class Scalar>
void label_rows(const LogitsView<Scalar>& logits, const LabelTarget& target, Index first_row, Index last_row) noexcept {
  const Index classes = logits.classes;
  Scalar left[kMaxClasses], right[kMaxClasses], mixed[kMaxClasses];
  for (Index y = first_row; y < last_row; ++y) {
    const BilinearTap<Scalar> down(y, logits.height, target.height);
    const auto column = [&](Index x, Scalar* out) {
      const Scalar* upper = logits.pixel(x, down.first);
      const Scalar* lower = logits.pixel(x, down.second);
      for (Index c = 0; c < classes; ++c) {
        const Index at = c * logits.class_stride;
        out[c] = (Scalar(1) - down.fraction) * upper[at] + down.fraction * lower[at];
      }
    };
    Index held = -1;  // the column in `left`
    double sum = 0;
    for (Index x = 0; x < target.width; ++x) {
      const BilinearTap<Scalar> across(x, logits.width, target.width);
      if (across.first != held) {
        held = across.first;
        column(across.first, left);
        column(across.second, right);
      }
      Index best = 0;
      for (Index c = 0; c < classes; ++c) {
        mixed[c] = (Scalar(1) - across.fraction) * left[c] + across.fraction * right[c];
        if (mixed[c] > mixed[best]) best = c;
      }
      target.labels[y * target.width + x] = static_cast<std::uint8_t>(best);
      if (target.confidence == nullptr && target.row_confidence == nullptr) continue;
      Scalar total = 0;
      for (Index c = 0; c < classes; ++c) total += std::exp(mixed[c] - mixed[best]);
      const Scalar probability = Scalar(1) / total;
      if (target.confidence != nullptr) target.confidence[y * target.width + x] = static_cast<float>(probability);
      sum += static_cast<double>(probability);
    }
    if (target.row_confidence != nullptr) target.row_confidence[y] = sum;
  }
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
// All rows: rows(first, last) does some of them.
template <class Rows>
void for_label_rows(Index height, Executor& executor, const Rows& rows) noexcept {
  executor.for_each(label_tasks(height), [&](Index task, Index) {
    const LabelRows part(task, height);
    rows(part.first, part.last);
  });
}
template <class Scalar>
void label_pixels(const LogitsView<Scalar>& logits, const LabelTarget& target, Executor& executor) noexcept {
  for_label_rows(target.height, executor, [&](Index first, Index last) { label_rows(logits, target, first, last); });
}

SEGFACE_END_NAMESPACE
