// SmoothedLogits: what a network says of a part of a face, held still where it is in doubt.
//
// The part is aligned with the face, so that a pixel of it is the same place of the face in every frame. Where one class is
// clearly ahead, that is what counts, whatever was before: so nothing trails behind a face, and nothing remains of one. Where
// two are about as likely, what was before weighs:
//   s += (1 - keep u v) (l - s),   u = (1 - (m / certain)^2)^2,   v = 1 - b / 4,   0 where negative
// for logits l less the largest of each pixel, which changes no probability, the margin m between the two largest, and b, how
// far behind the class was before that is ahead now: a mouth that opens is no noise. `certain` is smaller where a face moves.
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
  // The margin from which a pixel is certain, of a face that holds still and of one that moves; how far behind the class
  // must have been that is ahead now, to be news.
  static constexpr float kDoubt = 4, kDoubtMoving = 1;
  static constexpr float kNews = 4;

  void forget() noexcept { known_ = false; }

  // keep: how much of what was before remains where no class is ahead, 0 to 1; stillness: of the face, 0 to 1. The answer
  // stays until the next call. Errors: overflow, out_of_memory.
  Result<LogitsView<float>> add(const LogitsView<float>& seen, float keep, float stillness,
                                Executor& executor) noexcept {
    const Index pixels = seen.width * seen.height;
    SEGFACE_RETURN_IF_ERROR(reserve(logits_, static_cast<std::size_t>(pixels * seen.classes)));
    const bool same = known_ && width_ == seen.width && height_ == seen.height && classes_ == seen.classes;
    width_ = seen.width, height_ = seen.height, classes_ = seen.classes, known_ = true;
    const float part = same ? keep : 0, doubt = kDoubtMoving + stillness * (kDoubt - kDoubtMoving);
    executor.for_each(height_, [this, &seen, part, doubt](Index y, Index) {
      float* to = logits_.data() + y * width_ * classes_;
      for (Index x = 0; x < width_; ++x, to += classes_) mix(seen.pixel(x, y), seen.class_stride, part, doubt, to);
    });
    return LogitsView<float>::interleaved(logits_.data(), classes_, width_, height_, classes_);
  }

 private:
  void mix(const float* seen, Index stride, float keep, float certain, float* to) const noexcept {
    float first = seen[0], second = -HUGE_VALF;
    for (Index c = 1; c < classes_; ++c) {
      const float logit = seen[c * stride];
      second = std::max(second, std::min(first, logit));
      first = std::max(first, logit);
    }
    const float margin = (first - second) / certain;
    const float doubt = keep > 0 && margin < 1 ? 1 - margin * margin : 0;
    float part = keep * doubt * doubt;
    if (part > 0) {
      const float before = to[largest_of(seen, classes_, stride)];
      part *= std::max(0.0f, 1 + before / kNews);
    }
    if (!(part > 0)) {
      for (Index c = 0; c < classes_; ++c) to[c] = seen[c * stride] - first;
      return;
    }
    for (Index c = 0; c < classes_; ++c) {
      const float now = seen[c * stride] - first;
      to[c] = now + part * (to[c] - now);
    }
  }

  Buffer<float> logits_;  // [height, width, classes]
  Index width_ = 0, height_ = 0, classes_ = 0;
  bool known_ = false;
};

SEGFACE_END_CORE
