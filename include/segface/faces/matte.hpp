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

// The mattes of one part of a photo, in the box around it; those of the next go on in its memory.
class PartMattes {
 public:
  static constexpr float kSure = 0.98f, kFade = 0.03f;  // of the largest p
  static constexpr double kEpsilon = 0.02 * 0.02;       // an edge that counts differs by some 5 levels of 255
  static constexpr double kRadius = 6;                  // of the filter, in pixels of the logits
  static constexpr Index kLeastRadius = 6;              // of the filter, in pixels of what it sees

  Index width() const noexcept { return part_->right - part_->left; }
  Index height() const noexcept { return part_->bottom - part_->top; }

  // The logits become shares of sets of labels, bit i for label i, at their own size. What is given, but for the logits,
  // must stay. Errors: out_of_memory.
  Status take(const ImageView& photo, const PlacedPart& part, Span<const std::uint32_t> sets,
              const LogitsView<float>& logits, Executor& executor) noexcept {
    photo_ = photo, part_ = &part, sets_ = sets;
    logits_width_ = logits.width, logits_height_ = logits.height;
    const auto pixels = static_cast<std::size_t>(logits.width * logits.height);
    SEGFACE_RETURN_IF_ERROR(reserve(labels_, pixels));
    SEGFACE_RETURN_IF_ERROR(reserve(largest_, pixels));
    SEGFACE_RETURN_IF_ERROR(reserve(shares_, pixels * sets_.size()));
    executor.for_each(logits.height, [this, &logits](Index y, Index) {
      for (Index x = 0; x < logits.width; ++x) take_pixel(logits.pixel(x, y), logits, y * logits.width + x);
    });
    return make_guide(executor);
  }

  // The matte of a set, of which write(x, y, value) is called for the pixels of the part, counted in the photo, by any
  // thread. Errors: out_of_memory.
  template <class Write>
  Status draw(std::size_t set, Executor& executor, const Write& write) noexcept {
    const float* const shares = shares_.data() + static_cast<Index>(set) * logits_width_ * logits_height_;
    executor.for_each(guide_.height(), [this, shares](Index y, Index) {
      float* const plane = plane_.data() + y * guide_.width();
      for (Index x = 0; x < guide_.width(); ++x) plane[x] = mixed(shares, Taps(guide_map_, x, y, *this));
    });
    const auto pixels = static_cast<std::size_t>(guide_.width() * guide_.height());
    SEGFACE_RETURN_IF_ERROR(GuidedFilter(radius() / shrink_, kEpsilon)
                                .fit(guide_.view(), {plane_.data(), pixels}, {certainty_.data(), pixels}, executor,
                                     {models_.data(), pixels}, filter_room_));
    executor.for_each(height(), [this, shares, &write](Index row, Index) {
      const Index y = row + part_->top;
      const PixelRun run = part_->run_in_row(y);
      for (Index x = run.first; x < run.last; ++x) {
        const Taps taps(part_->map, x - part_->left, row, *this);
        const float share = mixed(shares, taps);
        const float weight = std::clamp((kSure - largest_share(taps)) / kFade, 0.0f, 1.0f);
        if (weight == 0) {
          write(x, y, share);
          continue;
        }
        write(x, y, share + weight * (model_at(x - part_->left, row).at(photo_.rgb(x, y)) - share));
      }
    });
    return {};
  }

  // Whether a label has the largest share anywhere.
  bool leads(Index label) const noexcept {
    const std::uint8_t* const end = labels_.data() + logits_width_ * logits_height_;
    return std::find(labels_.data(), end, static_cast<std::uint8_t>(label)) != end;
  }

  // Of the filter, in pixels of the photo.
  Index radius() const noexcept {
    const AffineMap<double>& m = part_->part.from_photo;
    const double side = 1 / std::sqrt(std::max(std::fabs(m.xx * m.yy - m.xy * m.yx), 1e-12));
    return std::clamp<Index>(static_cast<Index>(std::lround(kRadius * std::min(side, 1e6))), 2,
                             GuidedFilter::kMostRadius);
  }

 private:
  // Where a pixel looks among the logits.
  struct Taps {
    BilinearTap<float> across, down;
    Taps(const AffineMap<float>& map, Index x, Index y, const PartMattes& m) noexcept
        : across(map.across(x, y, m.logits_width_)), down(map.down(x, y, m.logits_height_)) {}
  };

  void take_pixel(const float* logit, const LogitsView<float>& logits, Index at) noexcept {
    constexpr float kNothing = 12;  // below the largest logit: a share of less than 1 / 160000
    const Index best = largest_of(logit, logits.classes, logits.class_stride);
    const float most = logit[best * logits.class_stride];
    float share[kMaxClasses], sum = 0;
    for (Index c = 0; c < logits.classes; ++c) {
      const float below = most - logit[c * logits.class_stride];
      share[c] = below < kNothing ? std::exp(-below) : 0;
      sum += share[c];
    }
    if (!(sum > 0)) share[best] = sum = 1;  // of logits that are no numbers
    labels_.data()[at] = static_cast<std::uint8_t>(best);
    largest_.data()[at] = 1 / sum;
    for (std::size_t set = 0; set < sets_.size(); ++set) {
      float of_set = 0;
      for (Index c = 0; c < logits.classes; ++c) of_set += (sets_[set] >> c & 1) != 0 ? share[c] : 0;
      shares_.data()[static_cast<Index>(set) * logits_width_ * logits_height_ + at] = of_set / sum;
    }
  }

  // A plane of the logits' size, between four of its pixels.
  float mixed(const float* plane, const Taps& taps) const noexcept {
    const float *const upper = plane + taps.down.first * logits_width_, *const lower =
                                                                            plane + taps.down.second * logits_width_;
    const auto across = [&taps](const float* row) {
      return row[taps.across.first] + taps.across.fraction * (row[taps.across.second] - row[taps.across.first]);
    };
    const float above = across(upper), below = across(lower);
    return above + taps.down.fraction * (below - above);
  }

  // The share of the class that has the most, as far as the four pixels that are mixed have it in the first place.
  float largest_share(const Taps& taps) const noexcept {
    const Index upper = taps.down.first * logits_width_, lower = taps.down.second * logits_width_;
    const Index at[4] = {upper + taps.across.first, upper + taps.across.second, lower + taps.across.first,
                         lower + taps.across.second};
    const std::uint8_t* const labels = labels_.data();
    const std::uint8_t first = labels[at[0]];
    if (first == labels[at[1]] && first == labels[at[2]] && first == labels[at[3]]) {
      return mixed(largest_.data(), taps);
    }
    const float right = taps.across.fraction, down = taps.down.fraction;
    const float weights[4] = {(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down};
    float largest = 0;
    for (const Index one : at) {
      float share = 0;
      for (int i = 0; i < 4; ++i) share += labels[at[i]] == labels[one] ? weights[i] * largest_.data()[at[i]] : 0;
      largest = std::max(largest, share);
    }
    return largest;
  }

  // What the filter sees: the box, as much smaller as its windows allow, since models change slowly.
  Status make_guide(Executor& executor) noexcept {
    shrink_ = std::max<Index>(1, radius() / kLeastRadius);
    const Index columns = (width() + shrink_ - 1) / shrink_, rows = (height() + shrink_ - 1) / shrink_;
    SEGFACE_RETURN_IF_ERROR(guide_.resize(columns, rows, PixelOrder::rgb));
    const auto pixels = static_cast<std::size_t>(columns * rows);
    const auto sides = static_cast<float>(shrink_);
    SEGFACE_RETURN_IF_ERROR(reserve_amply(plane_, pixels));
    SEGFACE_RETURN_IF_ERROR(reserve_amply(certainty_, pixels));
    SEGFACE_RETURN_IF_ERROR(reserve_amply(models_, pixels));
    const AffineMap<float>& m = part_->map;
    guide_map_ = {sides * m.xx, sides * m.xy, m.x0, sides * m.yx, sides * m.yy, m.y0};
    executor.for_each(rows, [this](Index y, Index) {
      std::uint8_t* const certainty = certainty_.data() + y * guide_.width();
      for (Index x = 0; x < guide_.width(); ++x) {
        average(x * shrink_, y * shrink_, guide_.row(y) + 3 * x);
        const float known = std::max(2 * largest_share(Taps(guide_map_, x, y, *this)) - 1, 0.0f);
        const float square = known * known, of_most = square * square * square * square;
        certainty[x] = static_cast<std::uint8_t>(1 + (GuidedFilter::kMostWeight - 1) * of_most);
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
        const Rgb c = photo_.rgb(part_->left + x, part_->top + y);
        r += c.r, g += c.g, b += c.b;
      }
    }
    const Index count = (right - left) * (bottom - top);
    const auto mean = [count](Index sum) { return static_cast<std::uint8_t>((sum + count / 2) / count); };
    out[0] = mean(r), out[1] = mean(g), out[2] = mean(b);
  }

  // Of a pixel of the box, between those of the guide.
  GuidedModel model_at(Index x, Index y) const noexcept {
    const float step = 1 / static_cast<float>(shrink_);
    const BilinearTap<float> across(x, guide_.width(), step), down(y, guide_.height(), step);
    const GuidedModel *const upper = models_.data() + down.first * guide_.width(), *const lower =
                                                                                       models_.data() +
                                                                                       down.second * guide_.width();
    const GuidedModel &a = upper[across.first], &b = upper[across.second], &c = lower[across.first],
                      &d = lower[across.second];
    const auto mix = [&across, &down](float p, float q, float r, float s) {
      const float above = p + across.fraction * (q - p), below = r + across.fraction * (s - r);
      return above + down.fraction * (below - above);
    };
    return {
        {mix(a.a[0], b.a[0], c.a[0], d.a[0]), mix(a.a[1], b.a[1], c.a[1], d.a[1]), mix(a.a[2], b.a[2], c.a[2], d.a[2])},
        mix(a.b, b.b, c.b, d.b)};
  }

  ImageView photo_ = {nullptr, 0, 0, PixelOrder::rgb};
  const PlacedPart* part_ = nullptr;
  Span<const std::uint32_t> sets_;
  Index logits_width_ = 0, logits_height_ = 0;
  Buffer<std::uint8_t> labels_;  // of the logits' pixels
  Buffer<float> largest_;        // the labels' shares
  Buffer<float> shares_;         // [sets, logits' height, width]
  Index shrink_ = 1;             // pixels of the box along a side of one of the guide
  Image guide_;
  AffineMap<float> guide_map_ = {};  // its pixels to the logits
  Buffer<float> plane_;              // of its pixels: the share of a set
  Buffer<std::uint8_t> certainty_;   // their weight
  Buffer<GuidedModel> models_;
  GuidedFilter::Room filter_room_;
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
