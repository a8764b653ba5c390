// Where labels need no interpolation: cells of logits in which one class is ahead whatever the weights.
//
// A pixel of the photo mixes four pixels of logits, the corners of a cell, with weights w_i >= 0 that all classes share.
// Let class a be ahead of class b by d_i > 0 at each corner, and s_i be the sum of all magnitudes there. Exactly, a is
// ahead by sum w_i d_i. Both sums are computed in two steps of two rounded products or multiply-adds: each is wrong by
// less than 5 u sum w_i |its logit i| with u = 2^-24 (2^-53 in double), so both together by less than 5 u sum w_i s_i.
// Hence d_i > 16 u s_i at each corner, by corner, settles it: a is ahead in what is computed too, by any of the orders
// and with or without fused operations. Differences and sums are rounded themselves, which the factor of three covers.
//   Numbers that may be flushed to zero are wrong by 2^-126 besides: 2^-100 is added to what d_i must exceed.
//   What is not finite, or could overflow while it is mixed, settles nothing: s_i is enlarged until it overflows first.
// So a pixel of logits is its label, or undecided, and a cell is settled where its corners are one label.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/image/affine.hpp"

SEGFACE_BEGIN_CORE

inline constexpr std::uint8_t kUndecided = 255;  // no label

// What a lead must exceed, of the sum of the magnitudes of all logits: share * (enlargement * sum) + least.
struct SettledLead {
  static constexpr float kEnlargement = 0x1p10f, kShare = 0x1p-30f, kLeast = 0x1p-100f;
};

// The label of a pixel of logits, or kUndecided.
template <class Scalar>
std::uint8_t settled_label(const Scalar* logits, Index classes, Index class_stride) noexcept {
  Scalar most = logits[0], second = -std::numeric_limits<Scalar>::max(), sum = std::abs(most);
  Index best = 0;
  for (Index c = 1; c < classes; ++c) {
    const Scalar value = logits[c * class_stride];
    sum += std::abs(value);
    if (value > most) {
      second = most, most = value, best = c;
    } else if (value > second) {
      second = value;
    }
  }
  const Scalar least =
      sum * Scalar(SettledLead::kEnlargement) * Scalar(SettledLead::kShare) + Scalar(SettledLead::kLeast);
  return most - second > least ? static_cast<std::uint8_t>(best) : kUndecided;
}

// Of logits [height, width].
struct SettledLabels {
  const std::uint8_t* labels;
  Index width, height;

  // Whether it pays to know them for a target of so many pixels: early where it is turned against the logits, since then
  // no two of its pixels share what they mix.
  static bool pay_for(Index pixels, Index target_pixels, bool keeps_rows = true) noexcept {
    return target_pixels >= (keeps_rows ? 4 : 1) * pixels;
  }

  // The label of all that lies between two columns and two rows, or kUndecided. A lower row that counts nothing is not
  // looked at.
  template <class Scalar>
  std::uint8_t cell(const BilinearTap<Scalar>& across, const BilinearTap<Scalar>& down) const noexcept {
    return cell(across.first, across.second, rows_of(down));
  }

  // Calls fill(first, last, label) or mix(first, last) for runs of the pixels [begin, end) of row y, from the left; `map`
  // takes them to the logits.
  template <class Scalar, class Fill, class Mix>
  void each_run(const AffineMap<Scalar>& map, Index begin, Index end, Index y, const Fill& fill,
                const Mix& mix) const noexcept {
    const auto at = [&](Index x) { return cell(map.across(x, y, width), map.down(x, y, height)); };
    for (Index first = begin; first < end;) {
      const std::uint8_t label = at(first);
      const Index last =
          map.keeps_rows() ? end_in_row(map, end, y, first, label) : end_by_pixels(at, end, first, label);
      if (label == kUndecided) {
        mix(first, last);
      } else {
        fill(first, last, label);
      }
      first = last;
    }
  }

 private:
  struct Rows {
    const std::uint8_t *upper, *lower;
  };
  template <class Scalar>
  Rows rows_of(const BilinearTap<Scalar>& down) const noexcept {
    const std::uint8_t* const upper = labels + down.first * width;
    return {upper, down.fraction > 0 ? labels + down.second * width : upper};
  }
  static std::uint8_t cell(Index left, Index right, const Rows& rows) noexcept {
    const std::uint8_t label = rows.upper[left];
    return rows.upper[right] == label && rows.lower[left] == label && rows.lower[right] == label ? label : kUndecided;
  }

  template <class At>
  static Index end_by_pixels(const At& at, Index pixels, Index first, std::uint8_t label) noexcept {
    Index last = first + 1;
    while (last < pixels && at(last) == label) ++last;
    return last;
  }

  // The same from cell to cell.
  template <class Scalar>
  Index end_in_row(const AffineMap<Scalar>& map, Index pixels, Index y, Index first,
                   std::uint8_t label) const noexcept {
    const Rows rows = rows_of(map.down(first, y, height));
    Index column = map.across(first, y, width).first + 1;
    while (column < width && cell(column, std::min(column + 1, width - 1), rows) == label) ++column;
    if (column >= width) return pixels;
    // The first pixel that looks at this column or beyond: guessed, then put right.
    const auto reached = [&](Index x) { return map.across(x, y, width).first >= column; };
    const Scalar guess = (static_cast<Scalar>(column) + Scalar(0.5) - map.x0) / map.xx;
    Index last = std::max(first + 1, static_cast<Index>(std::min(guess, static_cast<Scalar>(pixels))));
    while (last < pixels && !reached(last)) ++last;
    while (last > first + 1 && reached(last - 1)) --last;
    return last;
  }
};

SEGFACE_END_CORE
