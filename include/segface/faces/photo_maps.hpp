// Maps of a whole photo from the logits of its faces, each of which was cut out and parsed on its own.
//
// A pixel's logits are those of the faces whose cuts hold it, interpolated straight to the photo's size. Where cuts overlap:
//   - inside a face, the ellipse around its eyes and mouth, that face has the word;
//   - else the face that is most certain of not seeing background there: 1 - p(background) is largest. So background
//     erases no face's hair, and neighbours meet where both are as certain;
//   - of two that are equally certain, the first.
// Surroundings, larger cuts of the same faces, only have a word where no cut of a face has one. Where nobody looked,
// coverage is 0 and the label says nothing.
// Rows are independent of each other: the same on any number of threads.
// Memory: one part's logits at a time, and four bytes a pixel of the photo where cuts overlap.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "segface/backends/memory.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/image/affine.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/runs.hpp"
#include "segface/image/settled_labels.hpp"

SEGFACE_BEGIN_CORE

// What is the face's for certain: an ellipse along the way from the eyes to the mouth. Empty unless made from points.
class FaceInterior {
 public:
  FaceInterior() noexcept = default;
  explicit FaceInterior(const Landmarks& l) noexcept {
    const Point eyes = l.middle_of_eyes(), mouth = l.middle_of_mouth();
    const Point down = {mouth.x - eyes.x, mouth.y - eyes.y};
    const double length = std::hypot(down.x, down.y);
    const double apart = std::hypot(l.right_eye.x - l.left_eye.x, l.right_eye.y - l.left_eye.y);
    const double half = kDown * length, half_across = kAcross * std::max(apart, length / 2);
    centre_ = {(eyes.x + mouth.x) / 2, (eyes.y + mouth.y) / 2};
    down_ = {down.x / (length * half), down.y / (length * half)};
    across_ = {down.y / (length * half_across), -down.x / (length * half_across)};
  }

  // A place of the photo, counted from pixel centres.
  bool holds(double x, double y) const noexcept {
    const double dx = x - centre_.x, dy = y - centre_.y;
    const double a = dx * down_.x + dy * down_.y, b = dx * across_.x + dy * across_.y;
    return a * a + b * b < 1 && (down_.x != 0 || down_.y != 0);
  }

 private:
  // Half its height, in ways from the eyes to the mouth, and half its width, in distances of the eyes: the five points
  // lie well inside, chin, ears and hair outside.
  static constexpr double kDown = 0.75, kAcross = 0.9;

  Point centre_, down_, across_;  // the axes, in parts of their lengths
};

// A part of a photo that a network is shown, and whose logits become labels there.
struct PhotoPart {
  AffineMap<double> from_photo;  // pixels of the photo to those of the logits
  Index width, height;           // of the logits
  FaceInterior interior = {};    // of a face's own cut
  std::uint8_t number = 1;       // the face's, 1 to 255
  bool surroundings = false;     // a larger cut, beside the face's own
};

// Where the maps of a photo of width x height go, row by row without padding.
struct PhotoMaps {
  static constexpr std::uint8_t kFace = 255, kSurroundings = 128;

  std::uint8_t* labels;
  Index width, height;
  std::uint8_t* numbers;        // of the face that a label belongs to; 0 where the label is 0
  std::uint8_t* coverage;       // kFace in a face's own cut, kSurroundings in surroundings; 0 where nobody looked
  float* confidence = nullptr;  // the label's probability; 0 where nobody looked; null where it is not wanted
};

// Puts the logits of parts into the maps, one part after the other, so that those of one are in memory at a time: make(),
// add() for each part, own cuts before surroundings, finish().
class PhotoMapper {
 public:
  // Most parts of a photo: the faces that a byte can number, with surroundings.
  static constexpr Index kMostParts = 2 * 255;

  // Of all parts that will be added. The maps must outlive it, and are cleared. Errors: invalid_argument (more than
  // kMostParts), out_of_memory.
  static Result<PhotoMapper> make(Span<const PhotoPart> parts, const PhotoMaps& maps) noexcept {
    if (static_cast<Index>(parts.size()) > kMostParts) {
      return error(Errc::invalid_argument, "a photo of ", parts.size(), " parts, expected at most ", kMostParts);
    }
    PhotoMapper mapper(maps);
    SEGFACE_ASSIGN(placed, Buffer<Placed>::make(parts.size()));
    mapper.placed_ = std::move(placed);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      mapper.placed_.data()[i] = Placed(parts[i], maps.width, maps.height);
    }
    const auto pixels = static_cast<std::size_t>(maps.width * maps.height);
    if (mapper.any_overlap()) {
      SEGFACE_ASSIGN(certainty, Buffer<float>::make(pixels));
      mapper.certainty_ = std::move(certainty);
    }
    std::fill_n(maps.labels, pixels, std::uint8_t{0});
    std::fill_n(maps.numbers, pixels, std::uint8_t{0});
    std::fill_n(maps.coverage, pixels, std::uint8_t{0});
    if (maps.confidence != nullptr) std::fill_n(maps.confidence, pixels, 0.0f);
    return Result<PhotoMapper>(std::move(mapper));
  }

  // The logits of a part; background is class 0. Errors: out_of_memory.
  Status add(std::size_t part, const LogitsView<float>& logits, Executor& executor) noexcept {
    const Placed& placed = placed_.data()[part];
    const Index pixels = logits.width * logits.height;
    const bool pays = maps_.confidence == nullptr &&
                      SettledLabels::pay_for(pixels, (placed.right - placed.left) * (placed.bottom - placed.top));
    if (pays) {
      SEGFACE_RETURN_IF_ERROR(reserve(settled_, static_cast<std::size_t>(pixels)));
      executor.for_each(logits.height, [&](Index y, Index) {
        for (Index x = 0; x < logits.width; ++x) {
          settled_.data()[y * logits.width + x] =
              settled_label(logits.pixel(x, y), logits.classes, logits.class_stride);
        }
      });
    }
    const Shown shown = {placed, logits, pays, {settled_.data(), logits.width, logits.height}};
    executor.for_each(label_tasks(placed.bottom - placed.top), [&](Index task, Index) {
      const LabelRows rows(task, placed.bottom - placed.top);
      // `this` by name: else nvcc has it before `shown` in the closure, g++ behind, and a program of both mixes them up.
      for (Index y = placed.top + rows.first; y < placed.top + rows.last; ++y) this->add_row(shown, y);
    });
    return {};
  }

  // Background belongs to nobody.
  void finish(Executor& executor) noexcept {
    executor.for_each(maps_.height, [&](Index y, Index) {
      const Index at = y * maps_.width;
      for_each_run(maps_.labels + at, maps_.width, [&](Index first, Index last, std::uint8_t label) {
        if (label == 0) std::fill_n(maps_.numbers + at + first, last - first, std::uint8_t{0});
      });
    });
  }

 private:
  // Pixels [first, last) of a row.
  struct Run {
    Index first, last;
    bool holds(Index x) const noexcept { return first <= x && x < last; }
  };

  // A part, with its place in the photo.
  struct Placed {
    PhotoPart part;
    // The corner of the box around it, inside the photo; `map` counts from there, where its numbers are small and, for
    // upright boxes, those of the box alone.
    Index left, top, right, bottom;
    AffineMap<float> map;

    Placed(const PhotoPart& face, Index width, Index height) noexcept : part(face) {
      const AffineMap<double>& m = part.from_photo;
      const double w = static_cast<double>(part.width), h = static_cast<double>(part.height);
      const double area = m.xx * m.yy - m.xy * m.yx;
      double bounds[4] = {1e18, 1e18, -1e18, -1e18};
      for (int corner = 0; corner < 4; ++corner) {
        const double u = (corner % 2 == 0 ? 0 : w) - m.x0, v = (corner / 2 == 0 ? 0 : h) - m.y0;
        const double x = (u * m.yy - v * m.xy) / area, y = (v * m.xx - u * m.yx) / area;
        bounds[0] = std::min(bounds[0], x), bounds[1] = std::min(bounds[1], y);
        bounds[2] = std::max(bounds[2], x), bounds[3] = std::max(bounds[3], y);
      }
      // Half a pixel more is cut off by run_in_row().
      const auto clamped = [](double at, Index most) {
        return static_cast<Index>(std::clamp(std::round(at), 0.0, static_cast<double>(most)));
      };
      left = clamped(bounds[0], width), top = clamped(bounds[1], height);
      right = clamped(bounds[2], width), bottom = clamped(bounds[3], height);
      const double x = static_cast<double>(left), y = static_cast<double>(top);
      map = {static_cast<float>(m.xx), static_cast<float>(m.xy), static_cast<float>(m.x0 + m.xx * x + m.xy * y),
             static_cast<float>(m.yx), static_cast<float>(m.yy), static_cast<float>(m.y0 + m.yx * x + m.yy * y)};
    }

    bool meets(const Placed& other) const noexcept {
      return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }

    // The pixels of row y whose middles lie in the part.
    Run run_in_row(Index y) const noexcept {
      if (y < top || y >= bottom) return {0, 0};
      const AffineMap<double>& m = part.from_photo;
      const double middle = static_cast<double>(y) + 0.5;
      double first = static_cast<double>(left), last = static_cast<double>(right);
      const auto narrow = [&](double slope, double at, Index size) {  // 0 <= slope (x + 1/2) + at < size
        const double end = static_cast<double>(size);
        if (slope == 0) {
          if (at < 0 || at >= end) last = first;
          return;
        }
        const double a = -at / slope - 0.5, b = (end - at) / slope - 0.5;
        first = std::max(first, std::ceil(std::min(a, b)));
        last = std::min(last, std::ceil(std::max(a, b)));
      };
      narrow(m.xx, m.xy * middle + m.x0, part.width);
      narrow(m.yx, m.yy * middle + m.y0, part.height);
      return first < last ? Run{static_cast<Index>(first), static_cast<Index>(last)} : Run{0, 0};
    }
  };

  // A part that is being added.
  struct Shown {
    const Placed& placed;
    const LogitsView<float>& logits;
    bool pays;  // to look at what is settled
    SettledLabels settled;

    // The logits of a pixel, as label_run() interpolates them.
    void mix(Index x, Index y, float* out) const noexcept {
      const Index column = x - placed.left, row = y - placed.top;
      const BilinearTap<float> across = placed.map.across(column, row, logits.width),
                               down = placed.map.down(column, row, logits.height);
      float left[kMaxClasses], right[kMaxClasses];
      mix_rows(logits, across.first, down, left);
      mix_rows(logits, across.second, down, right);
      mix_columns(left, right, across.fraction, logits.classes, out);
    }
  };

  explicit PhotoMapper(const PhotoMaps& maps) noexcept : maps_(maps) {}

  bool any_overlap() const noexcept {
    for (std::size_t i = 0; i < placed_.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const Placed &a = placed_.data()[i], &b = placed_.data()[j];
        if (a.part.surroundings == b.part.surroundings && a.meets(b)) return true;
      }
    }
    return false;
  }

  // Pixels of the part in runs that the same other parts hold.
  void add_row(const Shown& shown, Index y) noexcept {
    const Run mine = shown.placed.run_in_row(y);
    Run others[kMostParts];
    bool own_cut[kMostParts];
    Index ends[2 * kMostParts + 2] = {mine.first, mine.last};
    Index count = 0, end_count = 2;
    for (std::size_t i = 0; i < placed_.size(); ++i) {
      const Placed& other = placed_.data()[i];
      // A face's own cut does not yield to surroundings, they do to it.
      if (&other == &shown.placed || (other.part.surroundings && !shown.placed.part.surroundings)) continue;
      const Run run = other.run_in_row(y);
      const Run both = {std::max(run.first, mine.first), std::min(run.last, mine.last)};
      if (both.first >= both.last) continue;
      own_cut[count] = !other.part.surroundings;
      others[count++] = both;
      ends[end_count++] = both.first;
      ends[end_count++] = both.last;
    }
    std::sort(ends, ends + end_count);
    for (Index i = 0; i + 1 < end_count; ++i) {
      const Run run = {ends[i], ends[i + 1]};
      if (run.first == run.last) continue;
      bool contested = false, taken = false;
      for (Index k = 0; k < count; ++k) {
        if (!others[k].holds(run.first)) continue;
        contested = true;
        taken = taken || (own_cut[k] && shown.placed.part.surroundings);
      }
      if (taken) continue;
      if (contested) {
        for (Index x = run.first; x < run.last; ++x) add_contested(shown, x, y);
      } else {
        add_alone(shown, run, y);
      }
    }
  }

  std::uint8_t cover_of(const Shown& shown) const noexcept {
    return shown.placed.part.surroundings ? PhotoMaps::kSurroundings : PhotoMaps::kFace;
  }

  void add_alone(const Shown& shown, const Run& run, Index y) noexcept {
    const Placed& placed = shown.placed;
    const Index origin = placed.top * maps_.width + placed.left;
    LabelTarget target = {maps_.labels + origin, maps_.width, maps_.height};
    if (maps_.confidence != nullptr) target.confidence = maps_.confidence + origin;
    const Index first = run.first - placed.left, last = run.last - placed.left, down = y - placed.top;
    const auto mix = [&](Index from, Index to) { label_run(shown.logits, placed.map, target, down, from, to); };
    const auto fill = [&](Index from, Index to, std::uint8_t label) {
      std::fill_n(target.labels + down * maps_.width + from, to - from, label);
    };
    if (shown.pays) {
      shown.settled.each_run(placed.map, first, last, down, fill, mix);
    } else {
      mix(first, last);
    }
    const Index at = y * maps_.width + run.first;
    std::fill_n(maps_.numbers + at, run.last - run.first, placed.part.number);
    std::fill_n(maps_.coverage + at, run.last - run.first, cover_of(shown));
  }

  // A pixel that other parts of this kind hold too, of which some were added and others will be.
  void add_contested(const Shown& shown, Index x, Index y) noexcept {
    const PhotoPart& part = shown.placed.part;
    const Index classes = shown.logits.classes, at = y * maps_.width + x;
    const bool inside = part.interior.holds(static_cast<double>(x), static_cast<double>(y));
    const bool owned = maps_.coverage[at] != 0;
    const bool owner_inside =
        owned &&
        interior_of(maps_.numbers[at], part.surroundings).holds(static_cast<double>(x), static_cast<double>(y));
    if (owner_inside && !inside) return;
    float logits[kMaxClasses] = {};
    shown.mix(x, y, logits);
    const Index best = largest_of(logits, classes, 1);
    float sum = 0;
    for (Index c = 0; c < classes; ++c) sum += std::exp(logits[c] - logits[best]);
    const float certainty = 1 - std::exp(logits[0] - logits[best]) / sum;
    float& most = certainty_.data()[at];
    if (owned && inside == owner_inside && !(certainty > most)) return;
    most = certainty;
    maps_.labels[at] = static_cast<std::uint8_t>(best);
    maps_.numbers[at] = part.number;
    maps_.coverage[at] = cover_of(shown);
    if (maps_.confidence != nullptr) maps_.confidence[at] = 1 / sum;
  }

  const FaceInterior& interior_of(std::uint8_t number, bool surroundings) const noexcept {
    std::size_t i = 0;
    while (placed_.data()[i].part.number != number || placed_.data()[i].part.surroundings != surroundings) ++i;
    return placed_.data()[i].part.interior;
  }

  PhotoMaps maps_;
  Buffer<Placed> placed_;
  Buffer<float> certainty_;       // of each pixel's owner where parts overlap; empty where none do
  Buffer<std::uint8_t> settled_;  // of the part that is being added
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
