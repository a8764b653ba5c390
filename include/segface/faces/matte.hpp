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
  static constexpr Index kLeastRadius = 12;             // of the filter, in pixels of what it sees

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
    return make_guide(executor);
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
    executor.for_each(guide_.height(), [&](Index y, Index) {
      for (Index x = 0; x < guide_.width(); ++x) {
        plane_[static_cast<std::size_t>(y * guide_.width() + x)] =
            mixed(set_shares_.data(), 1, 0, Taps(guide_map_, x, y, *this));
      }
    });
    SEGFACE_RETURN_IF_ERROR(GuidedFilter(radius() / shrink_, kEpsilon)
                                .fit(guide_.view(), plane_.span(), certainty_.span(), executor, models_.span()));
    executor.for_each(height(), [&](Index y, Index) {
      const PixelRun run = part_.run_in_row(y + part_.top);
      for (Index u = run.first; u < run.last; ++u) {
        const Index x = u - part_.left;
        const Taps taps(part_.map, x, y, *this);
        const float share = mixed(set_shares_.data(), 1, 0, taps);
        const float weight = std::clamp((kSure - largest_share(taps)) / kFade, 0.0f, 1.0f);
        const float drawn = weight > 0 ? model_at(x, y).at(photo_.rgb(u, y + part_.top)) : share;
        write(u, y + part_.top, share + weight * (drawn - share));
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

  // Where a pixel looks among the logits.
  struct Taps {
    BilinearTap<float> across, down;
    Taps(const AffineMap<float>& map, Index x, Index y, const PartMattes& m) noexcept
        : across(map.across(x, y, m.logits_width_)), down(map.down(x, y, m.logits_height_)) {}
  };

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

  // 1 where all four are sure of the same.
  float largest_share(const Taps& taps) const noexcept {
    const auto sure = [&](Index column, Index row) { return sure_.data()[row * logits_width_ + column]; };
    const std::uint8_t first = sure(taps.across.first, taps.down.first);
    if (first != kUnsure && first == sure(taps.across.second, taps.down.first) &&
        first == sure(taps.across.first, taps.down.second) && first == sure(taps.across.second, taps.down.second)) {
      return 1;
    }
    float largest = 0;
    for (Index c = 0; c < classes_; ++c) largest = std::max(largest, mixed(shares_.data(), classes_, c, taps));
    return largest;
  }

  // What the filter sees: the box, as much smaller as its windows allow, since models change slowly.
  Status make_guide(Executor& executor) noexcept {
    shrink_ = std::max<Index>(1, radius() / kLeastRadius);
    const Index columns = (width() + shrink_ - 1) / shrink_, rows = (height() + shrink_ - 1) / shrink_;
    SEGFACE_ASSIGN(guide, Image::make(columns, rows, PixelOrder::rgb));
    guide_ = std::move(guide);
    const auto pixels = static_cast<std::size_t>(columns * rows);
    const auto sides = static_cast<float>(shrink_);
    SEGFACE_RETURN_IF_ERROR(reserve(plane_, pixels));
    SEGFACE_RETURN_IF_ERROR(reserve(certainty_, pixels));
    SEGFACE_RETURN_IF_ERROR(reserve(models_, pixels));
    const AffineMap<float>& m = part_.map;
    guide_map_ = {sides * m.xx, sides * m.xy, m.x0, sides * m.yx, sides * m.yy, m.y0};
    executor.for_each(rows, [&](Index y, Index) {
      for (Index x = 0; x < columns; ++x) {
        average(x * shrink_, y * shrink_, guide_.row(y) + 3 * x);
        const float known = std::max(2 * largest_share(Taps(guide_map_, x, y, *this)) - 1, 0.0f);
        const float of_most = std::pow(known, 8.0f);
        certainty_[static_cast<std::size_t>(y * columns + x)] =
            static_cast<std::uint8_t>(1 + (GuidedFilter::kMostWeight - 1) * of_most);
      }
    });
    return {};
  }

  // The mean colour of a square of the box.
  void average(Index left, Index top, std::uint8_t* out) const noexcept {
    const Index right = std::min(width(), left + shrink_), bottom = std::min(height(), top + shrink_);
    Index r = 0, g = 0, b = 0;
    for (Index y = top; y < bottom; ++y) {
      for (Index x = left; x < right; ++x) {
        const Rgb c = photo_.rgb(part_.left + x, part_.top + y);
        r += c.r, g += c.g, b += c.b;
      }
    }
    const Index count = (right - left) * (bottom - top);
    const auto mean = [&](Index sum) { return static_cast<std::uint8_t>((sum + count / 2) / count); };
    out[0] = mean(r), out[1] = mean(g), out[2] = mean(b);
  }

  // Of a pixel of the box, between those of the guide.
  GuidedModel model_at(Index x, Index y) const noexcept {
    const float step = 1 / static_cast<float>(shrink_);
    const AffineMap<float> map = {step, 0, 0, 0, step, 0};
    const BilinearTap<float> across = map.across(x, y, guide_.width()), down = map.down(x, y, guide_.height());
    const auto at = [&](Index u, Index v) -> const GuidedModel& {
      return models_[static_cast<std::size_t>(v * guide_.width() + u)];
    };
    const GuidedModel &a = at(across.first, down.first), &b = at(across.second, down.first),
                      &c = at(across.first, down.second), &d = at(across.second, down.second);
    const auto mix = [&](float p, float q, float r, float s) {
      const float upper = p + across.fraction * (q - p), lower = r + across.fraction * (s - r);
      return upper + down.fraction * (lower - upper);
    };
    return {
        {mix(a.a[0], b.a[0], c.a[0], d.a[0]), mix(a.a[1], b.a[1], c.a[1], d.a[1]), mix(a.a[2], b.a[2], c.a[2], d.a[2])},
        mix(a.b, b.b, c.b, d.b)};
  }

  ImageView photo_;
  const PlacedPart& part_;
  Span<const std::uint32_t> sets_;
  Index logits_width_ = 0, logits_height_ = 0, classes_ = 0;
  Buffer<float> shares_, set_shares_;  // [logits' height, width, classes], and of a set
  Buffer<std::uint8_t> sure_;          // of the logits' pixels: the label, or kUnsure
  Index shrink_ = 1;                   // pixels of the box along a side of one of the guide
  Image guide_;
  AffineMap<float> guide_map_ = {};  // its pixels to the logits
  Buffer<float> plane_;              // of its pixels: the share of a set
  Buffer<std::uint8_t> certainty_;   // their weight
  Buffer<GuidedModel> models_;
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
