// Area averages of a part of a picture: each pixel of the result is the mean of what it covers, as floats.
//
// Result pixel (i, j) covers [left + i across, left + (i + 1) across) x [top + j down, ..) where places count from the
// outer edge of the first pixel; pixels that it covers in part count in part, and what lies outside the picture is black.
// With steps of 1 from a whole number, pixels are copied. Mirrors torch.nn.functional.interpolate(mode="area") where
// steps are whole numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/map.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

// What the outputs along one axis cover: pixels [first, last], of which `head` and `tail` are the shares of the ends.
class AreaAxis {
 public:
  struct Cover {
    Index first = 0, last = -1;  // none where last < first
    float head = 0, tail = 0;    // of a single pixel: all is in head
    float outside = 1;           // the share that lies outside the picture: 0 where none does
  };

  AreaAxis() noexcept = default;
  AreaAxis(double begin, double step, Index count, Index size) { set(begin, step, count, size); }
  // Shares are of the whole step: they add up to 1, but at the picture's edges. Throws where memory runs out.
  void set(double begin, double step, Index count, Index size) {
    covers_.clear();
    covers_.resize(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) {
      const double start = begin + static_cast<double>(i) * step, end = begin + static_cast<double>(i + 1) * step;
      const double from = std::max(start, 0.0), to = std::min(end, static_cast<double>(size));
      if (!(to > from)) continue;
      Cover& cover = covers_[static_cast<std::size_t>(i)];
      cover.first = std::min(static_cast<Index>(from), size - 1);
      cover.last = std::max(cover.first, static_cast<Index>(std::ceil(to)) - 1);
      const auto share = [&](double length) { return static_cast<float>(length / step); };
      cover.head = share(std::min(to, static_cast<double>(cover.first + 1)) - from);
      cover.tail = cover.last > cover.first ? share(to - static_cast<double>(cover.last)) : 0.0f;
      cover.outside = from == start && to == end ? 0.0f : 1 - share(to - from);
    }
    inner_ = static_cast<float>(1 / step);
  }

  Index count() const noexcept { return static_cast<Index>(covers_.size()); }
  const Cover& operator[](Index i) const noexcept { return covers_[static_cast<std::size_t>(i)]; }
  // The share of each pixel between the ends.
  float inner() const noexcept { return inner_; }
  float share(const Cover& cover, Index at) const noexcept {
    return at == cover.first ? cover.head : at == cover.last ? cover.tail : inner_;
  }

 private:
  std::vector<Cover> covers_;
  float inner_ = 1;
};

namespace detail {
// row += weight times the averages along a row of the source; `channel` of red, green, blue (or the other way round) of
// a source pixel, which has `step` values; a pixel of the row has `out_step`.
template <class T>
void add_area_row(const T* source, Index step, const Index (&channel)[3], const AreaAxis& columns, float weight,
                  float* row, Index out_step) noexcept {
  using Sum = std::conditional_t<std::is_integral_v<T>, std::uint32_t, float>;
  const float inner = weight * columns.inner();
  for (Index i = 0; i < columns.count(); ++i, row += out_step) {
    const AreaAxis::Cover& cover = columns[i];
    if (cover.last < cover.first) continue;
    const T* const head = source + cover.first * step;
    const T* const tail = source + cover.last * step;
    Sum sums[3] = {};
    for (const T* pixel = head + step; pixel < tail; pixel += step) {
      for (int c = 0; c < 3; ++c) sums[c] += static_cast<Sum>(pixel[channel[c]]);
    }
    const float at_head = weight * cover.head, at_tail = weight * cover.tail;
    for (int c = 0; c < 3; ++c) {
      row[c] += at_head * static_cast<float>(head[channel[c]]) + at_tail * static_cast<float>(tail[channel[c]]) +
                inner * static_cast<float>(sums[c]);
    }
  }
}
}  // namespace detail

// Averages of a picture's bytes -> out [1, rows, columns, 3], 0 to 255, in the order blue, green, red, or red first.
inline void average_area(const ImageView& picture, const AreaAxis& columns, const AreaAxis& rows, bool red_first,
                         Executor& executor, const Map<float>& out) noexcept {
  const RgbOffsets at = rgb_offsets(picture.order);
  const Index channel[3] = {red_first ? at.r : at.b, at.g, red_first ? at.b : at.r};
  executor.for_each(rows.count(), [&](Index j, Index) {
    float* const row = out.pixel(0, j, 0);
    std::fill_n(row, out.stride * columns.count(), 0.0f);
    const AreaAxis::Cover& cover = rows[j];
    for (Index y = cover.first; y <= cover.last; ++y) {
      detail::add_area_row(picture.row(y), channels_of(picture.order), channel, columns, rows.share(cover, y), row,
                           out.stride);
    }
  });
}
// The same of averages, [1, H, W, 3].
inline void average_area(const Map<const float>& picture, const AreaAxis& columns, const AreaAxis& rows,
                         Executor& executor, const Map<float>& out) noexcept {
  executor.for_each(rows.count(), [&](Index j, Index) {
    float* const row = out.pixel(0, j, 0);
    std::fill_n(row, out.stride * columns.count(), 0.0f);
    const AreaAxis::Cover& cover = rows[j];
    for (Index y = cover.first; y <= cover.last; ++y) {
      detail::add_area_row(picture.pixel(0, y, 0), picture.stride, {0, 1, 2}, columns, rows.share(cover, y), row,
                           out.stride);
    }
  });
}

SEGFACE_END_CORE
