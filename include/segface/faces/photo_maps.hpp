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
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/image/affine.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/settled_labels.hpp"

SEGFACE_BEGIN_CORE

// What is the face's for certain: an ellipse along the way from the eyes to the mouth. Empty unless made from points.
class FaceInterior {
 public:
  FaceInterior() noexcept = default;
  explicit FaceInterior(const Landmarks& l) noexcept {
    const Point eyes = {(l.left_eye.x + l.right_eye.x) / 2, (l.left_eye.y + l.right_eye.y) / 2};
    const Point mouth = {(l.left_mouth.x + l.right_mouth.x) / 2, (l.left_mouth.y + l.right_mouth.y) / 2};
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

// The logits of a part of a photo.
struct FaceLogits {
  LogitsView<float> logits;      // of the part; background is class 0
  AffineMap<double> from_photo;  // pixels of the photo to those of the logits
  FaceInterior interior = {};    // of a face's own cut
  std::uint8_t number = 1;       // the face's, 1 to 255
  bool surroundings = false;     // a larger cut, beside the face's own
};

// Where the maps of a photo of width x height go, row by row without padding. Only `labels` is required.
struct PhotoMaps {
  static constexpr std::uint8_t kFace = 255, kSurroundings = 128;

  std::uint8_t* labels;
  Index width, height;
  std::uint8_t* faces = nullptr;     // the number of the face that a label belongs to; 0 where the label is 0
  std::uint8_t* coverage = nullptr;  // kFace in a face's own cut, kSurroundings in surroundings; 0 where nobody looked
  float* confidence = nullptr;       // the label's probability; 0 where nobody looked
};

class PhotoMapper {
 public:
  // Most parts of a photo: the faces that a byte can number, with surroundings.
  static constexpr Index kMostParts = 2 * 255;

  // Of parts that outlive it, of one number of classes. Errors: invalid_argument (more than kMostParts), out_of_memory.
  static Result<PhotoMapper> make(Span<const FaceLogits> parts, Index width, Index height) noexcept {
    const auto count = static_cast<Index>(parts.size());
    if (count > kMostParts) {
      return error(Errc::invalid_argument, "a photo of ", count, " parts, expected at most ", kMostParts);
    }
    PhotoMapper mapper;
    SEGFACE_ASSIGN(placed, Buffer<Placed>::make(parts.size()));
    mapper.placed_ = std::move(placed);
    std::size_t pixels = 0;
    for (const FaceLogits& part : parts) pixels += static_cast<std::size_t>(part.logits.width * part.logits.height);
    SEGFACE_ASSIGN(settled, Buffer<std::uint8_t>::make(pixels));
    mapper.settled_ = std::move(settled);
    std::uint8_t* next = mapper.settled_.data();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      mapper.placed_.data()[i] = Placed(parts[i], next, width, height);
      for (Index y = 0; y < parts[i].logits.height; ++y) {
        for (Index x = 0; x < parts[i].logits.width; ++x) {
          *next++ = settled_label(parts[i].logits.pixel(x, y), parts[i].logits.classes, parts[i].logits.class_stride);
        }
      }
    }
    return Result<PhotoMapper>(std::move(mapper));
  }

  void map(const PhotoMaps& maps, Executor& executor) const noexcept {
    executor.for_each(label_tasks(maps.height), [&](Index task, Index) {
      const LabelRows rows(task, maps.height);
      for (Index y = rows.first; y < rows.last; ++y) map_row(maps, y);
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
    const FaceLogits* part;
    SettledLabels settled;
    // The corner of the box around it, inside the photo; `map` counts from there, where its numbers are small and, for
    // upright boxes, those of the box alone.
    Index left, top, right, bottom;
    AffineMap<float> map;

    Placed(const FaceLogits& face, const std::uint8_t* labels, Index width, Index height) noexcept
        : part(&face), settled{labels, face.logits.width, face.logits.height} {
      const AffineMap<double>& m = face.from_photo;
      const double w = static_cast<double>(face.logits.width), h = static_cast<double>(face.logits.height);
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

    // The pixels of row y whose middles lie in the part.
    Run run_in_row(Index y) const noexcept {
      if (y < top || y >= bottom) return {0, 0};
      const AffineMap<double>& m = part->from_photo;
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
      narrow(m.xx, m.xy * middle + m.x0, part->logits.width);
      narrow(m.yx, m.yy * middle + m.y0, part->logits.height);
      return first < last ? Run{static_cast<Index>(first), static_cast<Index>(last)} : Run{0, 0};
    }

    // The logits of a pixel, as label_run() interpolates them.
    void mix(Index x, Index y, float* out) const noexcept {
      const LogitsView<float>& l = part->logits;
      const BilinearTap<float> across = map.across(x - left, y - top, l.width),
                               down = map.down(x - left, y - top, l.height);
      const float* const upper[] = {l.pixel(across.first, down.first), l.pixel(across.second, down.first)};
      const float* const lower[] = {l.pixel(across.first, down.second), l.pixel(across.second, down.second)};
      for (Index c = 0; c < l.classes; ++c) {
        const Index i = c * l.class_stride;
        const float before = (1.0f - down.fraction) * upper[0][i] + down.fraction * lower[0][i];
        const float behind = (1.0f - down.fraction) * upper[1][i] + down.fraction * lower[1][i];
        out[c] = (1.0f - across.fraction) * before + across.fraction * behind;
      }
    }
  };

  // The parts that a row crosses.
  struct Crossed {
    Run run;
    const Placed* placed;
  };
  struct Row {
    Crossed parts[kMostParts];
    Index count = 0;
    Index ends[2 * kMostParts + 2];  // where the parts begin and end
    Index end_count = 0;
  };

  void map_row(const PhotoMaps& maps, Index y) const noexcept {
    const Index at = y * maps.width;
    std::fill_n(maps.labels + at, maps.width, std::uint8_t{0});
    if (maps.faces != nullptr) std::fill_n(maps.faces + at, maps.width, std::uint8_t{0});
    if (maps.coverage != nullptr) std::fill_n(maps.coverage + at, maps.width, std::uint8_t{0});
    if (maps.confidence != nullptr) std::fill_n(maps.confidence + at, maps.width, 0.0f);
    Row row;
    for (std::size_t i = 0; i < placed_.size(); ++i) {
      const Run run = placed_.data()[i].run_in_row(y);
      if (run.first == run.last) continue;
      row.parts[row.count++] = {run, &placed_.data()[i]};
      row.ends[row.end_count++] = run.first;
      row.ends[row.end_count++] = run.last;
    }
    std::sort(row.ends, row.ends + row.end_count);
    for (Index i = 0; i + 1 < row.end_count; ++i) {
      if (row.ends[i] < row.ends[i + 1]) map_run(maps, y, {row.ends[i], row.ends[i + 1]}, row);
    }
  }

  // Pixels that the same parts hold.
  static void map_run(const PhotoMaps& maps, Index y, const Run& run, const Row& row) noexcept {
    const Placed* holding[kMostParts];
    Index count = 0;
    for (const bool surroundings : {false, true}) {
      if (count != 0) break;
      for (Index i = 0; i < row.count; ++i) {
        const Crossed& crossed = row.parts[i];
        if (crossed.placed->part->surroundings == surroundings && crossed.run.holds(run.first)) {
          holding[count++] = crossed.placed;
        }
      }
    }
    if (count == 0) return;
    if (count == 1) {
      label_alone(maps, y, run, *holding[0]);
    } else {
      for (Index x = run.first; x < run.last; ++x) label_contested(maps, x, y, holding, count);
    }
    if (maps.coverage != nullptr) {
      std::fill_n(maps.coverage + y * maps.width + run.first, run.last - run.first,
                  holding[0]->part->surroundings ? PhotoMaps::kSurroundings : PhotoMaps::kFace);
    }
  }

  static void label_alone(const PhotoMaps& maps, Index y, const Run& run, const Placed& placed) noexcept {
    const Index origin = placed.top * maps.width + placed.left;
    LabelTarget target = {maps.labels + origin, maps.width, maps.height};
    if (maps.confidence != nullptr) target.confidence = maps.confidence + origin;
    const Index first = run.first - placed.left, last = run.last - placed.left, down = y - placed.top;
    const auto mix = [&](Index from, Index to) { label_run(placed.part->logits, placed.map, target, down, from, to); };
    const auto fill = [&](Index from, Index to, std::uint8_t label) {
      std::fill_n(target.labels + down * maps.width + from, to - from, label);
    };
    if (maps.confidence != nullptr) {
      mix(first, last);
    } else {
      placed.settled.each_run(placed.map, first, last, down, fill, mix);
    }
    if (maps.faces == nullptr) return;
    const Index at = y * maps.width;
    for (Index i = at + run.first; i < at + run.last; ++i) {
      maps.faces[i] = maps.labels[i] == 0 ? std::uint8_t{0} : placed.part->number;
    }
  }

  static void label_contested(const PhotoMaps& maps, Index x, Index y, const Placed* const* holding,
                              Index count) noexcept {
    bool inside = false;  // of the best
    float most = -1, confidence = 0;
    std::uint8_t label = 0, number = 0;
    for (Index i = 0; i < count; ++i) {
      const FaceLogits& part = *holding[i]->part;
      const bool holds = part.interior.holds(static_cast<double>(x), static_cast<double>(y));
      if (inside && !holds) continue;
      float logits[kMaxClasses];
      holding[i]->mix(x, y, logits);
      const Index best = largest_of(logits, part.logits.classes, 1);
      float sum = 0;
      for (Index c = 0; c < part.logits.classes; ++c) sum += std::exp(logits[c] - logits[best]);
      const float certainty = 1 - std::exp(logits[0] - logits[best]) / sum;
      if (holds == inside && !(certainty > most)) continue;
      inside = holds, most = certainty, confidence = 1 / sum;
      label = static_cast<std::uint8_t>(best), number = part.number;
    }
    const Index at = y * maps.width + x;
    maps.labels[at] = label;
    if (maps.faces != nullptr) maps.faces[at] = label == 0 ? std::uint8_t{0} : number;
    if (maps.confidence != nullptr) maps.confidence[at] = confidence;
  }

  Buffer<Placed> placed_;
  Buffer<std::uint8_t> settled_;  // of all parts, one after the other
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
