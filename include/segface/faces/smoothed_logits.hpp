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
#include <type_traits>

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
      const auto mix_row = [this, &seen, part, doubt, y, &to](auto stride) {
        for (Index x = 0; x < width_; ++x, to += classes_) mix(seen.pixel(x, y), stride, part, doubt, to);
      };
      seen.class_stride == 1 ? mix_row(std::integral_constant<Index, 1>()) : mix_row(seen.class_stride);
    });
    return LogitsView<float>::interleaved(logits_.data(), classes_, width_, height_, classes_);
  }

 private:
  // The two largest.
  struct Leaders {
    float first = -HUGE_VALF, second = -HUGE_VALF;
    void take(float logit) noexcept {
      second = std::max(second, std::min(first, logit));
      first = std::max(first, logit);
    }
    void take(const Leaders& others) noexcept {
      take(others.first);
      second = std::max(second, others.second);
    }
  };

  template <class Stride>
  void mix(const float* seen, Stride stride, float keep, float certain, float* to) const noexcept {
    // Four of them side by side wait less for one another.
    Leaders of[4];
    Index rest = 0;
    for (; rest + 4 <= classes_; rest += 4) {
      for (Index i = 0; i < 4; ++i) of[i].take(seen[(rest + i) * stride]);
    }
    for (; rest < classes_; ++rest) of[0].take(seen[rest * stride]);
    for (Index i = 1; i < 4; ++i) of[0].take(of[i]);
    const auto [first, second] = of[0];
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
