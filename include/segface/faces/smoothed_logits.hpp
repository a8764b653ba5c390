// SmoothedLogits: what a network says of a part of a face, held still where it is in doubt.
//
// The part is aligned with the face, so that a pixel of it is the same place of the face in every frame. Where one class is
// clearly ahead, that is what counts, whatever was before: so nothing trails behind a face, and nothing remains of one. Where
// two are about as likely, what was before weighs:
//   s += (1 - keep u) (l - s),   u = (1 - (m / 4)^2)^2 for a margin m < 4 between the two largest logits, else 0
// for logits l less the largest of each pixel, which changes no probability. What is remembered counts as -8 at least, so
// that what was certain long ago is no more than that.
#pragma once

#include <algorithm>
#include <cmath>

#include "segface/backends/memory.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/image/postprocess.hpp"

SEGFACE_BEGIN_CORE

class SmoothedLogits {
 public:
  static constexpr float kDoubt = 4;        // the margin from which a pixel is certain
  static constexpr float kRemembered = -8;  // the least that counts of what was before

  void forget() noexcept { known_ = false; }

  // keep: the part of what was before, 0 to 1, where nothing is ahead. The answer stays until the next call. Errors:
  // overflow, out_of_memory.
  Result<LogitsView<float>> add(const LogitsView<float>& seen, float keep, Executor& executor) noexcept {
    const Index pixels = seen.width * seen.height;
    SEGFACE_RETURN_IF_ERROR(reserve(logits_, static_cast<std::size_t>(pixels * seen.classes)));
    const bool same = known_ && width_ == seen.width && height_ == seen.height && classes_ == seen.classes;
    width_ = seen.width, height_ = seen.height, classes_ = seen.classes, known_ = true;
    const float part = same ? keep : 0;
    executor.for_each(height_, [this, &seen, part](Index y, Index) {
      float* to = logits_.data() + y * width_ * classes_;
      for (Index x = 0; x < width_; ++x, to += classes_) mix(seen.pixel(x, y), seen.class_stride, part, to);
    });
    return LogitsView<float>::interleaved(logits_.data(), classes_, width_, height_, classes_);
  }

 private:
  void mix(const float* seen, Index stride, float keep, float* to) const noexcept {
    float first = seen[0], second = -HUGE_VALF;
    for (Index c = 1; c < classes_; ++c) {
      const float logit = seen[c * stride];
      second = std::max(second, std::min(first, logit));
      first = std::max(first, logit);
    }
    const float margin = (first - second) / kDoubt;
    const float doubt = margin < 1 ? 1 - margin * margin : 0;
    const float part = keep * doubt * doubt;
    if (!(part > 0)) {
      for (Index c = 0; c < classes_; ++c) to[c] = seen[c * stride] - first;
      return;
    }
    for (Index c = 0; c < classes_; ++c) {
      const float now = seen[c * stride] - first;
      to[c] = now + part * (std::max(to[c], kRemembered) - now);
    }
  }

  Buffer<float> logits_;  // [height, width, classes]
  Index width_ = 0, height_ = 0, classes_ = 0;
  bool known_ = false;
};

SEGFACE_END_CORE
