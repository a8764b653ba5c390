// Mattes: how much of each pixel of a photo belongs to some classes, along the photo's own edges.
//
// A network knows probabilities four of its pixels apart, often some ten of the photo. They are interpolated to the
// photo's size, and where no class is sure, they are redrawn by a guided filter with the photo as guide, within the box
// around the part that the network was shown. Where one is sure nothing is: a texture in hair does not thin its matte.
//   matte = p + w (filter(p) - p),  w = clamp((0.98 - largest p) / 0.03) in 0 .. 1
// The filter goes by the pixels that are sure, (2 largest p - 1)^8: a third of the error that it has when all count alike,
// on strands of hair, since a blurred p says little of what the colours mean.
// w is that of the pixel, whatever the classes: before they are cut off at 0 and 1, mattes of all classes sum to 1.
// A pixel has the matte of the part that its label is of (see photo_maps.hpp); where nobody looked it is 0.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "segface/backends/memory.hpp"
#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/faces/photo_part.hpp"
#include "segface/image/guided_filter.hpp"
#include "segface/image/image.hpp"
#include "segface/image/limits.hpp"
#include "segface/image/postprocess.hpp"

SEGFACE_BEGIN_CORE

// The mattes of one part of a photo, in the box around it.
class PartMattes {
 public:
  static constexpr float kSure = 0.98f, kFade = 0.03f;  // of the largest p
  static constexpr double kEpsilon = 0.02 * 0.02;       // an edge that counts differs by some 5 levels of 255
  static constexpr double kRadius = 6;                  // of the filter, in pixels of the logits

  // Of sets of labels, bit i for label i. What is given must stay.
  PartMattes(const ImageView& photo, const PlacedPart& part, Span<const std::uint32_t> sets) noexcept
      : photo_(photo), part_(part), sets_(sets) {}

  Index width() const noexcept { return part_.right - part_.left; }
  Index height() const noexcept { return part_.bottom - part_.top; }

  // The logits become shares of the sets at their own size. Errors: out_of_memory.
  Status take(const LogitsView<float>& logits, Executor& executor) noexcept {
    logits_width_ = logits.width, logits_height_ = logits.height, classes_ = logits.classes;
    const auto pixels = static_cast<std::size_t>(logits.width * logits.height);
    SEGFACE_RETURN_IF_ERROR(reserve(shares_, pixels * static_cast<std::size_t>(classes_)));
    SEGFACE_RETURN_IF_ERROR(reserve(sure_, pixels));
    executor.for_each(logits.height, [&](Index y, Index) {
      for (Index x = 0; x < logits.width; ++x) {
        const float* const logit = logits.pixel(x, y);
        const Index best = largest_of(logit, classes_, logits.class_stride), at = y * logits.width + x;
        float* const share = shares_.data() + at * classes_;
        float sum = 0;
        for (Index c = 0; c < classes_; ++c) {
          share[c] = std::exp(logit[c * logits.class_stride] - logit[best * logits.class_stride]);
          sum += share[c];
        }
        for (Index c = 0; c < classes_; ++c) share[c] /= sum;
        sure_.data()[at] = share[best] > kSure ? static_cast<std::uint8_t>(best) : kUnsure;
      }
    });
    SEGFACE_RETURN_IF_ERROR(reserve(weights_, box_pixels()));
    SEGFACE_RETURN_IF_ERROR(reserve(certainty_, box_pixels()));
    SEGFACE_RETURN_IF_ERROR(reserve(plane_, box_pixels()));
    SEGFACE_RETURN_IF_ERROR(reserve(filtered_, box_pixels()));
    executor.for_each(height(), [&](Index y, Index) { weigh_row(y); });
    return {};
  }

  // The matte of a set, of which write(x, y, value) is called for the pixels of the box, counted in the photo, by any
  // thread. Errors: out_of_memory.
  template <class Write>
  Status draw(std::size_t set, Executor& executor, const Write& write) noexcept {
    const std::uint32_t labels = sets_[set];
    const auto pixels = static_cast<std::size_t>(logits_width_ * logits_height_);
    SEGFACE_RETURN_IF_ERROR(reserve(set_shares_, pixels));
    for (std::size_t i = 0; i < pixels; ++i) {
      set_shares_[i] = share_of(labels, shares_.data() + i * static_cast<std::size_t>(classes_));
    }
    executor.for_each(height(), [&](Index y, Index) {
      for (Index x = 0; x < width(); ++x) plane_[at(x, y)] = mixed(set_shares_.data(), 1, 0, Taps(*this, x, y));
    });
    const ImageView guide(photo_.pixel(part_.left, part_.top), width(), height(), photo_.stride_bytes, photo_.order);
    SEGFACE_RETURN_IF_ERROR(GuidedFilter(radius(), kEpsilon)
                                .apply(guide, {plane_.data(), box_pixels()}, {certainty_.data(), box_pixels()},
                                       executor, {filtered_.data(), box_pixels()}));
    executor.for_each(height(), [&](Index y, Index) {
      const PixelRun run = part_.run_in_row(y + part_.top);
      for (Index x = run.first; x < run.last; ++x) {
        const std::size_t i = at(x - part_.left, y);
        write(x, y + part_.top, plane_[i] + weights_[i] * (filtered_[i] - plane_[i]));
      }
    });
    return {};
  }

  // Of the filter, in pixels of the photo.
  Index radius() const noexcept {
    const AffineMap<double>& m = part_.part.from_photo;
    const double side = 1 / std::sqrt(std::max(std::fabs(m.xx * m.yy - m.xy * m.yx), 1e-12));
    return std::clamp<Index>(static_cast<Index>(std::lround(kRadius * std::min(side, 1e6))), 2,
                             GuidedFilter::kMostRadius);
  }

 private:
  static constexpr std::uint8_t kUnsure = 255;

  // Where a pixel of the box looks among the logits.
  struct Taps {
    BilinearTap<float> across, down;
    Taps(const PartMattes& m, Index x, Index y) noexcept
        : across(m.part_.map.across(x, y, m.logits_width_)), down(m.part_.map.down(x, y, m.logits_height_)) {}
  };

  std::size_t box_pixels() const noexcept { return static_cast<std::size_t>(width() * height()); }
  std::size_t at(Index x, Index y) const noexcept { return static_cast<std::size_t>(y * width() + x); }

  float share_of(std::uint32_t labels, const float* shares) const noexcept {
    float sum = 0;
    for (Index c = 0; c < classes_; ++c) sum += (labels >> c & 1) != 0 ? shares[c] : 0;
    return sum;
  }

  // Element c of pixels of `stride` elements, between four of them.
  float mixed(const float* shares, Index stride, Index c, const Taps& taps) const noexcept {
    const auto row = [&](Index y) {
      const float left = shares[(y * logits_width_ + taps.across.first) * stride + c];
      const float right = shares[(y * logits_width_ + taps.across.second) * stride + c];
      return left + taps.across.fraction * (right - left);
    };
    const float upper = row(taps.down.first), lower = row(taps.down.second);
    return upper + taps.down.fraction * (lower - upper);
  }

  void weigh_row(Index y) noexcept {
    for (Index x = 0; x < width(); ++x) {
      const Taps taps(*this, x, y);
      const auto sure = [&](Index column, Index row) { return sure_.data()[row * logits_width_ + column]; };
      const std::uint8_t first = sure(taps.across.first, taps.down.first);
      const std::size_t i = at(x, y);
      weights_[i] = 0, certainty_[i] = GuidedFilter::kMostWeight;
      if (first != kUnsure && first == sure(taps.across.second, taps.down.first) &&
          first == sure(taps.across.first, taps.down.second) && first == sure(taps.across.second, taps.down.second)) {
        continue;
      }
      float largest = 0;
      for (Index c = 0; c < classes_; ++c) largest = std::max(largest, mixed(shares_.data(), classes_, c, taps));
      weights_[i] = std::clamp((kSure - largest) / kFade, 0.0f, 1.0f);
      const float known = std::max(2 * largest - 1, 0.0f), squared = known * known,
                  known8 = squared * squared * squared * squared;
      certainty_[i] = static_cast<std::uint8_t>(1 + (GuidedFilter::kMostWeight - 1) * known8);
    }
  }

  ImageView photo_;
  const PlacedPart& part_;
  Span<const std::uint32_t> sets_;
  Index logits_width_ = 0, logits_height_ = 0, classes_ = 0;
  Buffer<float> shares_, set_shares_;  // [logits' height, width, classes], and of a set
  Buffer<std::uint8_t> sure_;          // of the logits' pixels: the label, or kUnsure
  Buffer<float> weights_, plane_, filtered_;
  Buffer<std::uint8_t> certainty_;  // of the box's pixels: their weight for the filter
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
