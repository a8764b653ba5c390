// The colours of a frame: from planes of luma and chroma to RGB, and back where a picture was changed.
//
//   Y = kr R + kg G + kb B,  Cb = (B - Y) / (2 - 2 kb),  Cr = (R - Y) / (2 - 2 kr)
// of BT.601 (kr 0.299, kb 0.114) or BT.709 (0.2126, 0.0722), in the full range or the limited one. Chroma is interpolated
// where its samples lie. A sample of chroma that changed pixels share with others changes by their part of it; where no
// pixel changed, no byte does.
// Trap: no stream says which matrix it means. As players do, 709 is taken from 720 rows on, else 601.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/frame_format.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

enum class ColorMatrix : std::uint8_t { bt601, bt709 };

inline ColorMatrix likely_matrix(const FrameFormat& format) noexcept {
  return format.height >= 720 ? ColorMatrix::bt709 : ColorMatrix::bt601;
}

// The two rows of chroma that a row of pixels lies between: `second` counts `weight` of four quarters.
struct ChromaRows {
  Index first, second;
  int weight;

  ChromaRows(Index pixel, Index samples, const ChromaLayout& layout) noexcept : first(pixel), second(pixel), weight(0) {
    if (!layout.halves_rows) return;
    const Index quarters = layout.on_rows ? 2 * pixel : std::max<Index>(2 * pixel - 1, 0);
    first = std::min(quarters / 4, samples - 1), second = std::min(first + 1, samples - 1);
    weight = static_cast<int>(quarters % 4);
  }
};

// Integer arithmetic throughout: the same on every machine.
class FrameColors {
 public:
  FrameColors() noexcept = default;
  // avx2: whether the processor has it, which makes RGB in a third of the time, the same.
  FrameColors(const FrameFormat& format, ColorMatrix matrix, bool avx2 = false) : format_(format), avx2_(avx2) {
    const double kr = matrix == ColorMatrix::bt601 ? 0.299 : 0.2126, kb = matrix == ColorMatrix::bt601 ? 0.114 : 0.0722;
    const double kg = 1 - kr - kb, luma = format.full_range ? 255 : 219, chroma = format.full_range ? 255 : 224;
    const auto fixed = [](double value) {
      return static_cast<std::int32_t>(value * (1 << kBits) + (value < 0 ? -0.5 : 0.5));
    };
    black_ = format.full_range ? 0 : 16;
    white_ = format.full_range ? 255 : 235;
    most_chroma_ = format.full_range ? 255 : 240;
    luma_ = fixed(255 / luma);
    red_ = fixed(255 / chroma * (2 - 2 * kr) / kChroma), blue_ = fixed(255 / chroma * (2 - 2 * kb) / kChroma);
    green_red_ = fixed(-255 / chroma * (2 - 2 * kr) * kr / kg / kChroma);
    green_blue_ = fixed(-255 / chroma * (2 - 2 * kb) * kb / kg / kChroma);
    const double of[3] = {kr, kg, kb};
    for (int c = 0; c < 3; ++c) {
      to_luma_[c] = fixed(of[c] * luma / 255);
      to_blue_[c] = fixed(((c == 2 ? 1.0 : 0.0) - of[c]) / (2 - 2 * kb) * chroma / 255);
      to_red_[c] = fixed(((c == 0 ? 1.0 : 0.0) - of[c]) / (2 - 2 * kr) * chroma / 255);
    }
  }

  const FrameFormat& format() const noexcept { return format_; }

  // The picture of a frame's bytes: RGB in `room`, or, of PNM, these bytes themselves. Errors: out_of_memory.
  Result<ImageView> picture(Bytes frame, Image& room, Executor& executor) const noexcept {
    if (!format_.is_y4m()) {
      const PixelOrder orders[] = {PixelOrder::gray, PixelOrder::gray, PixelOrder::gray, PixelOrder::rgb,
                                   PixelOrder::rgba};
      return ImageView(frame.data(), format_.width, format_.height, orders[format_.channels]);
    }
    if (room.width() != format_.width || room.height() != format_.height || room.order() != PixelOrder::rgb) {
      SEGFACE_ASSIGN(made, Image::make(format_.width, format_.height, PixelOrder::rgb));
      room = std::move(made);
    }
    Image& out = room;
    executor.for_each(bands(), [this, frame, &out](Index band, Index) {
      for (Index y = band * kBand; y < std::min(format_.height, (band + 1) * kBand); ++y) {
        avx2_ ? convert_row_with_avx2(frame.data(), y, out.row(y)) : convert_row(frame.data(), y, out.row(y));
      }
    });
    return room.view();
  }

  // Makes the frame's bytes those of `changed`, in which some pixels of the box `where` may differ from `before`, its
  // picture; both of the frame's size, others are not looked at. Alpha stays. Where there are no colours, pixels get their
  // luma.
  void put(const ImageView& before, const ImageView& changed, const Box& where, Span<std::uint8_t> frame,
           Executor& executor) const noexcept {
    // Two rows share chroma, so that bands begin where the samples of others end: by rows of chroma alone.
    executor.for_each(bands(), [this, &before, &changed, &where, frame](Index band, Index) {
      const Index first = std::max(where.y, band * kBand), last = std::min(where.y + where.height, (band + 1) * kBand);
      for (Index y = first; y < last; ++y) put_row(before, changed, where, y, frame.data());
    });
    if (!format_.is_y4m() || format_.chroma == nullptr) return;
    executor.for_each(bands(), [this, &before, &changed, &where, frame](Index band, Index) {
      for (Index y = band * kBand; y < std::min(format_.chroma_height(), (band + 1) * kBand); ++y) {
        put_chroma_row(before, changed, where, y, frame.data());
      }
    });
  }

 private:
  static constexpr int kBits = 20;
  static constexpr int kChroma = 16;  // interpolated chroma is in sixteenths
  static constexpr Index kBand = 16, kBlock = 64;

  Index bands() const noexcept { return (format_.height + kBand - 1) / kBand; }
  SEGFACE_ALWAYS_INLINE static std::uint8_t clamped(std::int32_t value) noexcept {
    const std::int32_t rounded = (value + (1 << (kBits - 1))) >> kBits;
    return static_cast<std::uint8_t>(rounded < 0 ? 0 : rounded > 255 ? 255 : rounded);
  }
  const std::uint8_t* chroma_plane(const std::uint8_t* frame, int plane) const noexcept {
    return frame + format_.width * format_.height + plane * format_.chroma_width() * format_.chroma_height();
  }

  // Chroma less 128 of the columns [first, first + kBlock) between two rows of a plane, in sixteenths.
  SEGFACE_ALWAYS_INLINE void interpolate(const std::uint8_t* plane, const ChromaRows& rows, Index first,
                                         std::int32_t* out) const noexcept {
    const Index width = format_.chroma_width();
    const std::uint8_t *const upper = plane + rows.first * width, *const lower = plane + rows.second * width;
    const auto mixed_rows = [&](Index x) {
      const Index at = std::clamp<Index>(x, 0, width - 1);
      return (4 - rows.weight) * upper[at] + rows.weight * lower[at] - 4 * 128;
    };
    if (!format_.chroma->halves_columns) {
      for (Index i = 0; i < kBlock; ++i) out[i] = 4 * mixed_rows(first + i);
      return;
    }
    constexpr Index kSamples = kBlock / 2;
    std::int32_t samples[kSamples + 2];  // and one on either side
    const Index before = first / 2 - 1;
    if (before >= 0 && before + kSamples + 2 <= width) {
      for (Index i = 0; i < kSamples + 2; ++i) {
        samples[i] = (4 - rows.weight) * upper[before + i] + rows.weight * lower[before + i] - 4 * 128;
      }
    } else {
      for (Index i = 0; i < kSamples + 2; ++i) samples[i] = mixed_rows(before + i);
    }
    if (format_.chroma->on_columns) {
      for (Index i = 0; i < kSamples; ++i) {
        out[2 * i] = 4 * samples[i + 1], out[2 * i + 1] = 2 * (samples[i + 1] + samples[i + 2]);
      }
    } else {
      for (Index i = 0; i < kSamples; ++i) {
        out[2 * i] = samples[i] + 3 * samples[i + 1], out[2 * i + 1] = 3 * samples[i + 1] + samples[i + 2];
      }
    }
  }

  SEGFACE_WITH_AVX2 void convert_row_with_avx2(const std::uint8_t* frame, Index y, std::uint8_t* out) const noexcept {
    convert_row(frame, y, out);
  }
  SEGFACE_ALWAYS_INLINE void convert_row(const std::uint8_t* frame, Index y, std::uint8_t* out) const noexcept {
    const std::uint8_t* const luma = frame + y * format_.width;
    std::int32_t cb[kBlock] = {}, cr[kBlock] = {};
    for (Index first = 0; first < format_.width; first += kBlock) {
      const Index count = std::min(kBlock, format_.width - first);
      if (format_.chroma != nullptr) {
        const ChromaRows rows(y, format_.chroma_height(), *format_.chroma);
        interpolate(chroma_plane(frame, 0), rows, first, cb);
        interpolate(chroma_plane(frame, 1), rows, first, cr);
      }
      std::uint8_t* const to = out + 3 * first;
      for (Index i = 0; i < count; ++i) {
        const std::int32_t light = luma_ * (luma[first + i] - black_);
        to[3 * i] = clamped(light + red_ * cr[i]);
        to[3 * i + 1] = clamped(light + green_blue_ * cb[i] + green_red_ * cr[i]);
        to[3 * i + 2] = clamped(light + blue_ * cb[i]);
      }
    }
  }

  // From the first pixel of a row that differs to behind the last, as far as that is told by bytes.
  struct Run {
    Index first, last;
  };
  static Run changed_run(const ImageView& before, const ImageView& changed, const Box& where, Index y) noexcept {
    if (y < where.y || y >= where.y + where.height) return {changed.width, 0};
    if (before.order != changed.order) return {where.x, where.x + where.width};
    const Index channels = channels_of(changed.order), bytes = (where.x + where.width) * channels;
    const std::uint8_t *const a = before.row(y), *const b = changed.row(y);
    constexpr Index kStep = 64;
    Index first = where.x * channels, last = bytes;
    while (first + kStep <= bytes && std::memcmp(a + first, b + first, kStep) == 0) first += kStep;
    while (last - kStep >= first && std::memcmp(a + last - kStep, b + last - kStep, kStep) == 0) last -= kStep;
    return {first / channels, (last + channels - 1) / channels};
  }
  static bool holds(const Box& where, Index x, Index y) noexcept {
    return x >= where.x && y >= where.y && x < where.x + where.width && y < where.y + where.height;
  }
  static bool differ(const ImageView& before, const ImageView& changed, Index x, Index y) noexcept {
    return before.rgb(x, y) != changed.rgb(x, y);
  }
  std::uint8_t mixed(const std::int32_t (&of)[3], Rgb c, std::int32_t zero, std::int32_t least,
                     std::int32_t most) const noexcept {
    const std::int32_t sum = of[0] * c.r + of[1] * c.g + of[2] * c.b;
    const std::int32_t value = zero + ((sum + (1 << (kBits - 1))) >> kBits);
    return static_cast<std::uint8_t>(std::clamp(value, least, most));
  }
  std::uint8_t luma_of(Rgb c) const noexcept { return mixed(to_luma_, c, black_, black_, white_); }

  void put_row(const ImageView& before, const ImageView& changed, const Box& where, Index y,
               std::uint8_t* frame) const noexcept {
    const Index channels = format_.is_y4m() ? 1 : format_.channels;
    const Run run = changed_run(before, changed, where, y);
    std::uint8_t* to = frame + (y * format_.width + run.first) * channels;
    for (Index x = run.first; x < run.last; ++x, to += channels) {
      if (!differ(before, changed, x, y)) continue;
      const Rgb c = changed.rgb(x, y);
      if (channels >= 3) {
        to[0] = c.r, to[1] = c.g, to[2] = c.b;
      } else if (format_.is_y4m()) {
        to[0] = luma_of(c);
      } else {
        to[0] = static_cast<std::uint8_t>((19595 * c.r + 38470 * c.g + 7471 * c.b + (1 << 15)) >> 16);
      }
    }
  }

  // The pixels that a sample counts, along one axis, with their weights: one; two halves; or quarter, half, quarter.
  struct Pixels {
    Index first, last;
    bool on_sample, halved;
    Pixels(Index sample, Index pixels, bool halves, bool on) noexcept : on_sample(on), halved(halves) {
      const Index at = halves ? 2 * sample : sample;
      first = halves && on ? std::max<Index>(at - 1, 0) : at;
      last = std::min(halves ? at + 1 : at, pixels - 1);
    }
    int weight(Index pixel) const noexcept { return halved && on_sample && pixel % 2 == 0 ? 2 : 1; }
  };

  void put_chroma_row(const ImageView& before, const ImageView& changed, const Box& where, Index row,
                      std::uint8_t* frame) const noexcept {
    const ChromaLayout& layout = *format_.chroma;
    const Pixels rows(row, format_.height, layout.halves_rows, layout.on_rows);
    const Index width = format_.chroma_width();
    std::uint8_t* const cb = const_cast<std::uint8_t*>(chroma_plane(frame, 0)) + row * width;
    std::uint8_t* const cr = const_cast<std::uint8_t*>(chroma_plane(frame, 1)) + row * width;
    Run run = {format_.width, 0};
    for (Index v = rows.first; v <= rows.last; ++v) {
      const Run of_row = changed_run(before, changed, where, v);
      run = {std::min(run.first, of_row.first), std::max(run.last, of_row.last)};
    }
    const Index step = layout.halves_columns ? 2 : 1;
    const Index last = std::min(width, (run.last + step) / step);  // a sample beyond the run may count its last pixel
    for (Index x = run.first / step; x < last; ++x) {
      const Pixels columns(x, format_.width, layout.halves_columns, layout.on_columns);
      int all = 0, of_changed = 0, blue = 0, red = 0;
      for (Index v = rows.first; v <= rows.last; ++v) {
        for (Index u = columns.first; u <= columns.last; ++u) {
          const int weight = rows.weight(v) * columns.weight(u);
          all += weight;
          if (!holds(where, u, v) || !differ(before, changed, u, v)) continue;
          of_changed += weight;
          const Rgb c = changed.rgb(u, v);
          blue += weight * mixed(to_blue_, c, 128, 256 - most_chroma_, most_chroma_);
          red += weight * mixed(to_red_, c, 128, 256 - most_chroma_, most_chroma_);
        }
      }
      if (of_changed == 0) continue;
      const int rest = all - of_changed;
      cb[x] = static_cast<std::uint8_t>((2 * (blue + rest * cb[x]) + all) / (2 * all));
      cr[x] = static_cast<std::uint8_t>((2 * (red + rest * cr[x]) + all) / (2 * all));
    }
  }

  FrameFormat format_;
  bool avx2_ = false;
  std::int32_t black_ = 0, white_ = 255, most_chroma_ = 255;
  std::int32_t luma_ = 0, red_ = 0, blue_ = 0, green_red_ = 0, green_blue_ = 0;
  std::int32_t to_luma_[3] = {}, to_blue_[3] = {}, to_red_[3] = {};
};

SEGFACE_END_CORE
