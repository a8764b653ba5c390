// Probability maps: how much of a pixel's certainty each class gets, at any size.
//
// logits [h, w, K] -> p[label] = exp(logit[label]) / sum over classes of exp(logit), from logits interpolated as in
// postprocess.hpp: what is largest here is the label there. The sum is computed once for all classes.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>

#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/postprocess.hpp"

SEGFACE_BEGIN_NAMESPACE

class ProbabilityMaps {
 public:
  // Maps of width x height. `logits` must outlive it. Errors: invalid_argument (sides below 1, no class), overflow,
  // out_of_memory.
  static Result<ProbabilityMaps> make(const LogitsView<float>& logits, Index width, Index height) noexcept {
    if (width < 1 || height < 1 || logits.width < 1 || logits.height < 1 || logits.classes < 1) {
      return error(Errc::invalid_argument, "probabilities: ", width, " x ", height, " pixels from logits of ",
                   logits.width, " x ", logits.height, " for ", logits.classes,
                   " classes; expected at least 1 of each");
    }
    std::size_t pixels = 0;
    if (!core::multiply_fits(static_cast<std::size_t>(width), static_cast<std::size_t>(height), pixels)) {
      return error(Errc::overflow, "probabilities: ", width, " x ", height, " pixels do not fit in memory");
    }
    SEGFACE_ASSIGN(largest, Buffer<float>::make(pixels));
    SEGFACE_ASSIGN(sum, Buffer<float>::make(pixels));
    ProbabilityMaps maps(logits, width, height);
    maps.for_each_pixel(0, [&](std::size_t i, float logit) { largest[i] = logit; });
    for (Index label = 1; label < logits.classes; ++label) {
      maps.for_each_pixel(label, [&](std::size_t i, float logit) { largest[i] = std::max(largest[i], logit); });
    }
    std::fill(sum.begin(), sum.end(), 0.0f);
    for (Index label = 0; label < logits.classes; ++label) {
      maps.for_each_pixel(label, [&](std::size_t i, float logit) { sum[i] += std::exp(logit - largest[i]); });
    }
    maps.largest_ = std::move(largest);
    maps.sum_ = std::move(sum);
    return Result<ProbabilityMaps>(std::move(maps));
  }

  Index width() const noexcept { return width_; }
  Index height() const noexcept { return height_; }

  // The map of a class into `out`, [height, width]. Errors: invalid_argument (no such class, `out` of another size).
  Status of(Index label, Span<float> out) const noexcept {
    if (label < 0 || label >= logits_.classes || out.size() != sum_.size()) {
      return error(Errc::invalid_argument, "probabilities: class ", label, " of ", logits_.classes, " into ",
                   out.size(), " floats for ", width_, " x ", height_, " pixels");
    }
    for_each_pixel(label, [&](std::size_t i, float logit) { out[i] = std::exp(logit - largest_[i]) / sum_[i]; });
    return {};
  }
  // That of the class with the largest share: the confidence of the label.
  Status of_winner(Span<float> out) const noexcept {
    if (out.size() != sum_.size()) {
      return error(Errc::invalid_argument, "probabilities: ", out.size(), " floats for ", width_, " x ", height_,
                   " pixels; expected one a pixel");
    }
    std::transform(sum_.begin(), sum_.end(), out.begin(), [](float sum) { return 1.0f / sum; });
    return {};
  }

 private:
  ProbabilityMaps(const LogitsView<float>& logits, Index width, Index height) noexcept
      : logits_(logits), width_(width), height_(height) {}

  // use(pixel, the class's interpolated logit)
  template <class Use>
  void for_each_pixel(Index label, const Use& use) const noexcept {
    const Index at = label * logits_.class_stride;
    std::size_t pixel = 0;
    for (Index y = 0; y < height_; ++y) {
      const core::BilinearTap<float> down(y, logits_.height, height_);
      const auto column = [&](Index x) {
        return (1.0f - down.fraction) * logits_.pixel(x, down.first)[at] +
               down.fraction * logits_.pixel(x, down.second)[at];
      };
      for (Index x = 0; x < width_; ++x) {
        const core::BilinearTap<float> across(x, logits_.width, width_);
        use(pixel++, (1.0f - across.fraction) * column(across.first) + across.fraction * column(across.second));
      }
    }
  }

  LogitsView<float> logits_;
  Index width_, height_;
  Buffer<float> largest_, sum_;  // [height, width]: the largest logit; the sum of exp(logit - largest)
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
