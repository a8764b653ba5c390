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
#include "segface/faces/photo_part.hpp"
#include "segface/image/affine.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/image/runs.hpp"
#include "segface/image/settled_labels.hpp"

SEGFACE_BEGIN_CORE

// Where the maps of a photo of width x height go, row by row without padding.
struct PhotoMaps {
  static constexpr std::uint8_t kFace = 255, kSurroundings = 128;

  std::uint8_t* labels;
  Index width, height;
  std::uint8_t* numbers;        // of the face that a label belongs to; 0 where the label is 0
  std::uint8_t* coverage;       // kFace in a face's own cut, kSurroundings in surroundings; 0 where nobody looked
  float* confidence = nullptr;  // the label's probability; 0 where nobody looked; null where it is not wanted
};

// Puts the logits of parts into the maps, one part after the other, so that those of one are in memory at a time: begin(),
// add() for each part, own cuts before surroundings, finish(). The next photo's go on in its memory.
class PhotoMapper {
 public:
  // Most parts of a photo: the faces that a byte can number, with surroundings.
  static constexpr Index kMostParts = 2 * 255;

  // Of all parts that will be added. The maps must outlive it, and are cleared. Errors: invalid_argument (more than
  // kMostParts), out_of_memory.
  Status begin(Span<const PhotoPart> parts, const PhotoMaps& maps) noexcept {
    if (static_cast<Index>(parts.size()) > kMostParts) {
      return error(Errc::invalid_argument, "a photo of ", parts.size(), " parts, expected at most ", kMostParts);
    }
    maps_ = maps;
    SEGFACE_RETURN_IF_ERROR(reserve(placed_, parts.size()));
    count_ = parts.size();
    for (std::size_t i = 0; i < count_; ++i) placed_.data()[i] = PlacedPart(parts[i], maps.width, maps.height);
    const auto pixels = static_cast<std::size_t>(maps.width * maps.height);
    if (any_overlap()) SEGFACE_RETURN_IF_ERROR(reserve(certainty_, pixels));
    std::fill_n(maps.labels, pixels, std::uint8_t{0});
    std::fill_n(maps.numbers, pixels, std::uint8_t{0});
    std::fill_n(maps.coverage, pixels, std::uint8_t{0});
    if (maps.confidence != nullptr) std::fill_n(maps.confidence, pixels, 0.0f);
    return {};
  }

  const PlacedPart& placed(std::size_t part) const noexcept { return placed_.data()[part]; }
  // Whether a pixel's label is of this part, among those that were added.
  bool shows(std::size_t part, Index at) const noexcept {
    const PhotoPart& shown = placed(part).part;
    return maps_.numbers[at] == shown.number && maps_.coverage[at] == cover_of(shown);
  }

  // The logits of a part; background is class 0. What is settled of them (SettledLabels::labels) may be known, else it is
  // found where that pays. Errors: out_of_memory.
  Status add(std::size_t part, const LogitsView<float>& logits, const std::uint8_t* known,
             Executor& executor) noexcept {
    const PlacedPart& placed = placed_.data()[part];
    const Index pixels = logits.width * logits.height;
    const bool pays =
        maps_.confidence == nullptr &&
        (known != nullptr || SettledLabels::pay_for(pixels, (placed.right - placed.left) * (placed.bottom - placed.top),
                                                    placed.map.keeps_rows()));
    if (pays && known == nullptr) {
      SEGFACE_RETURN_IF_ERROR(reserve(settled_, static_cast<std::size_t>(pixels)));
      executor.for_each(logits.height, [&](Index y, Index) {
        for (Index x = 0; x < logits.width; ++x) {
          settled_.data()[y * logits.width + x] =
              settled_label(logits.pixel(x, y), logits.classes, logits.class_stride);
        }
      });
      known = settled_.data();
    }
    const Shown shown = {placed, logits, pays, {known, logits.width, logits.height}};
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
  // A part that is being added.
  struct Shown {
    const PlacedPart& placed;
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

  bool any_overlap() const noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const PlacedPart &a = placed_.data()[i], &b = placed_.data()[j];
        if (a.part.surroundings == b.part.surroundings && a.meets(b)) return true;
      }
    }
    return false;
  }

  // Pixels of the part in runs that the same other parts hold.
  void add_row(const Shown& shown, Index y) noexcept {
    const PixelRun mine = shown.placed.run_in_row(y);
    PixelRun others[kMostParts];
    bool own_cut[kMostParts];
    Index ends[2 * kMostParts + 2] = {mine.first, mine.last};
    Index count = 0, end_count = 2;
    for (std::size_t i = 0; i < count_; ++i) {
      const PlacedPart& other = placed_.data()[i];
      // A face's own cut does not yield to surroundings, they do to it.
      if (&other == &shown.placed || (other.part.surroundings && !shown.placed.part.surroundings)) continue;
      const PixelRun run = other.run_in_row(y);
      const PixelRun both = {std::max(run.first, mine.first), std::min(run.last, mine.last)};
      if (both.first >= both.last) continue;
      own_cut[count] = !other.part.surroundings;
      others[count++] = both;
      ends[end_count++] = both.first;
      ends[end_count++] = both.last;
    }
    std::sort(ends, ends + end_count);
    for (Index i = 0; i + 1 < end_count; ++i) {
      const PixelRun run = {ends[i], ends[i + 1]};
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

  static std::uint8_t cover_of(const PhotoPart& part) noexcept {
    return part.surroundings ? PhotoMaps::kSurroundings : PhotoMaps::kFace;
  }

  void add_alone(const Shown& shown, const PixelRun& run, Index y) noexcept {
    const PlacedPart& placed = shown.placed;
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
    std::fill_n(maps_.coverage + at, run.last - run.first, cover_of(placed.part));
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
    maps_.coverage[at] = cover_of(part);
    if (maps_.confidence != nullptr) maps_.confidence[at] = 1 / sum;
  }

  const FaceInterior& interior_of(std::uint8_t number, bool surroundings) const noexcept {
    std::size_t i = 0;
    while (placed_.data()[i].part.number != number || placed_.data()[i].part.surroundings != surroundings) ++i;
    return placed_.data()[i].part.interior;
  }

  PhotoMaps maps_ = {};
  Buffer<PlacedPart> placed_;
  std::size_t count_ = 0;         // of them
  Buffer<float> certainty_;       // of each pixel's owner where parts overlap
  Buffer<std::uint8_t> settled_;  // of the part that is being added
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
