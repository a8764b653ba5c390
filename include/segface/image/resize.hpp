// Pillow's BICUBIC resize of 8-bit pictures, bit for bit: what the networks were trained and measured with.
//
// Cubic convolution with a = -0.5, its support of 2 stretched by the scale when shrinking (so it averages instead
// of skipping), the weights of each output pixel normalised in double and rounded to 22 fractional bits:
//   out[i] = clip((2^21 + sum_k weight[i][k] in[first[i] + k]) >> 22)
// One axis after the other with an 8-bit intermediate: along the rows first, unless the height shrinks by more than
// twice as many pixels as the width. A pass whose size does not change is skipped.
// Mirrors ImagingResample of Pillow 13's src/libImaging/Resample.c; Pillow before 13 always begins along the rows,
// which changes a few channels by 1 where the other order holds.
// Traps: the edge cuts taps off instead of repeating pixels; the intermediate is rounded and clipped; a fused
// multiply-add in the weights would change bits, so products are stored before they are added to.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

// The weights of one axis: output i is the weighted sum of inputs first(i) .. first(i) + count(i).
class BicubicAxis {
 public:
  static constexpr int kFractionBits = 32 - 8 - 2;  // 8 for the pixel, 2 for weights beyond [0, 1]

  // Memory of earlier sizes is used again. After an error it is of no size. Errors: invalid_argument, overflow,
  // out_of_memory.
  Status set(Index from, Index to) noexcept {
    constexpr Index kMaxSide = Index{1} << 24;
    from_ = to_ = runs_ = 0;
    if (from < 1 || to < 1 || from > kMaxSide || to > kMaxSide) {
      return error(Errc::invalid_argument, "resize: from ", from, " to ", to, " pixels; a side is 1 to ", kMaxSide);
    }
    const double scale = static_cast<double>(from) / static_cast<double>(to);
    const double stretch = std::max(scale, 1.0);
    const double support = 2.0 * stretch;
    taps_ = static_cast<Index>(std::ceil(support)) * 2 + 1;
    std::size_t weights = 0;
    if (!multiply_fits(static_cast<std::size_t>(to), static_cast<std::size_t>(taps_), weights)) {
      return error(Errc::overflow, "resize: from ", from, " to ", to, " pixels needs too many weights");
    }
    SEGFACE_RETURN_IF_ERROR(reserve_amply(ranges_, static_cast<std::size_t>(to)));
    SEGFACE_RETURN_IF_ERROR(reserve_amply(weights_, weights));
    SEGFACE_RETURN_IF_ERROR(reserve_amply(exact_, static_cast<std::size_t>(taps_)));
    for (Index i = 0; i < to; ++i) {
      const double center = stored((static_cast<double>(i) + 0.5) * scale);
      const Index first = std::max<Index>(0, static_cast<Index>(center - support + 0.5));
      const Index last = std::min<Index>(from, static_cast<Index>(center + support + 0.5));
      double sum = 0.0;
      for (Index k = first; k < last; ++k) {
        const double weight = cubic(stored((static_cast<double>(k) - center + 0.5) * (1.0 / stretch)));
        exact_[static_cast<std::size_t>(k - first)] = weight;
        sum += weight;
      }
      ranges_[static_cast<std::size_t>(i)] = {first, last - first};
      std::int32_t* row = weights_.data() + i * taps_;
      for (Index k = 0; k < last - first; ++k) {
        const double weight = exact_[static_cast<std::size_t>(k)];
        const double scaled = (sum != 0.0 ? weight / sum : weight) * (1 << kFractionBits);
        row[k] = static_cast<std::int32_t>(scaled < 0 ? -0.5 + scaled : 0.5 + scaled);
      }
    }
    from_ = from, to_ = to;
    return {};
  }

  Index from() const noexcept { return from_; }
  Index to() const noexcept { return to_; }
  Index first(Index i) const noexcept { return ranges_[static_cast<std::size_t>(i)].first; }
  Index count(Index i) const noexcept { return ranges_[static_cast<std::size_t>(i)].count; }
  Index taps() const noexcept { return taps_; }  // at least every count
  const std::int32_t* weights(Index i) const noexcept { return weights_.data() + i * taps_; }

  // Makes the weights that follow, unless they would be many or no gain. Errors: out_of_memory.
  Status widen() noexcept {
    Index most = 0;
    for (Index i = 0; i < to_; ++i) most = std::max(most, count(i));
    const Index runs = (most + kRun - 1) / kRun;
    constexpr Index kMostWeights = Index{1} << 20;
    if (most < kRun / 2 || runs * kRun > from_ || runs * kRunBytes > kMostWeights / to_) return {};
    const auto weights_of_all = static_cast<std::size_t>(to_ * runs * kRunBytes);
    SEGFACE_RETURN_IF_ERROR(reserve_amply(wide_, weights_of_all));
    std::fill_n(wide_.begin(), weights_of_all, 0);
    runs_ = runs;
    for (Index i = 0; i < to_; ++i) {
      std::int32_t* out = wide_.data() + i * runs * kRunBytes + 3 * (first(i) - wide_first(i));
      for (Index k = 0; k < count(i); ++k) out = std::fill_n(out, 3, weights(i)[k]);
    }
    return {};
  }

  // Of pixels of three bytes, kRun at a time: output i is the sum of runs() runs from input wide_first(i) on, each byte
  // with a weight of its own, those as above and 0 beyond them.
  static constexpr Index kRun = 16, kRunBytes = 3 * kRun;
  Index runs() const noexcept { return runs_; }
  Index wide_first(Index i) const noexcept { return std::min(first(i), from_ - runs_ * kRun); }
  const std::int32_t* wide_weights(Index i) const noexcept { return wide_.data() + i * runs_ * kRunBytes; }

  static constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);
  static std::uint8_t clip(std::int32_t sum) noexcept {
    return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
  }

 private:
  struct Range {
    Index first, count;
  };

  // The value rounded to double, whatever the compiler would like to fuse it with.
  static double stored(double value) noexcept {
    const volatile double rounded = value;
    return rounded;
  }

  static double cubic(double x) noexcept {
    constexpr double a = -0.5;
    x = std::fabs(x);
    if (x < 1.0) return stored(stored((stored((a + 2.0) * x) - (a + 3.0)) * x) * x) + 1;
    if (x < 2.0) return stored((stored((stored((x - 5) * x) + 8) * x) - 4) * a);
    return 0.0;
  }

  Index from_ = 0, to_ = 0, taps_ = 0, runs_ = 0;
  Buffer<Range> ranges_;
  Buffer<std::int32_t> weights_, wide_;
  Buffer<double> exact_;  // of one output, before they are rounded
};

// The weights for one pair of sizes, computed once; calls allocate nothing.
class BicubicResize {
 public:
  // Errors: invalid_argument (a side outside 1 .. 2^24), out_of_memory.
  static Result<BicubicResize> make(Index from_width, Index from_height, Index to_width, Index to_height) noexcept {
    BicubicResize resize;
    SEGFACE_RETURN_IF_ERROR(resize.set(from_width, from_height, to_width, to_height));
    return Result<BicubicResize>(std::move(resize));
  }
  // The same in memory of earlier sizes; where these are what they were, nothing is done. After an error it has to be called
  // again.
  Status set(Index from_width, Index from_height, Index to_width, Index to_height) noexcept {
    const bool same = columns_.from() == from_width && columns_.to() == to_width && rows_.from() == from_height &&
                      rows_.to() == to_height;
    if (same) return {};
    SEGFACE_RETURN_IF_ERROR(rows_.set(from_height, to_height));
    SEGFACE_RETURN_IF_ERROR(columns_.set(from_width, to_width));
    return columns_.widen();
  }

  Index from_width() const noexcept { return columns_.from(); }
  Index from_height() const noexcept { return rows_.from(); }
  Index to_width() const noexcept { return columns_.to(); }
  Index to_height() const noexcept { return rows_.to(); }

  // The passes: along the rows, down the columns, and whether the latter is the first of two.
  const BicubicAxis& columns() const noexcept { return columns_; }
  const BicubicAxis& rows() const noexcept { return rows_; }
  bool across() const noexcept { return columns_.from() != columns_.to(); }
  bool down() const noexcept { return rows_.from() != rows_.to(); }
  bool down_first() const noexcept {
    const Index shrinks = from_height() - to_height();
    return shrinks > 0 && shrinks > 2 * (from_width() - to_width());
  }

  // Bytes of scratch for pictures of up to four channels.
  std::size_t scratch_bytes() const noexcept {
    if (!across() || !down()) return 0;
    const Index pixels = down_first() ? to_height() * from_width() : used_rows() * to_width();
    return static_cast<std::size_t>(pixels) * 4;
  }

  // `photo`, from_width x from_height in any order -> `out`, to_height x to_width x RGB without padding.
  // `scratch` holds scratch_bytes() and overlaps neither.
  void rgb(const ImageView& photo, std::uint8_t* out, std::uint8_t* scratch, Executor& executor) const noexcept {
    const RgbOffsets offset = rgb_offsets(photo.order);
    run<3>({photo.pixels, photo.stride_bytes, channels_of(photo.order), {offset.r, offset.g, offset.b}}, out, scratch,
           executor);
  }

  // The same with every channel kept as it is, alpha among them, each on its own (Pillow weighs colours by alpha).
  void channels(const ImageView& photo, std::uint8_t* out, std::uint8_t* scratch, Executor& executor) const noexcept {
    const Source source = {photo.pixels, photo.stride_bytes, channels_of(photo.order), {0, 1, 2, 3}};
    switch (source.pixel) {
      case 1:
        return run<1>(source, out, scratch, executor);
      case 3:
        return run<3>(source, out, scratch, executor);
      default:
        return run<4>(source, out, scratch, executor);
    }
  }

 private:
  // Where the channels of a picture are.
  struct Source {
    const std::uint8_t* pixels;
    Index stride;
    Index pixel;      // bytes from a pixel to the next
    Index offset[4];  // of each channel inside a pixel

    const std::uint8_t* row(Index y) const noexcept { return pixels + y * stride; }
    // Whether a pixel is its channels in order.
    bool as_it_is(Index channels) const noexcept {
      bool same = pixel == channels;
      for (Index c = 0; c < channels; ++c) same = same && offset[c] == c;
      return same;
    }
  };

  // The rows of the photo that the pass down looks at: from the first() of row 0 on.
  Index used_rows() const noexcept {
    const Index last = to_height() - 1;
    return rows_.first(last) + rows_.count(last) - rows_.first(0);
  }

  template <int Channels>
  void run(const Source& photo, std::uint8_t* out, std::uint8_t* scratch, Executor& executor) const noexcept {
    const Index out_stride = to_width() * Channels;
    const auto row_of = [&](const Source& in, Index y, std::uint8_t* to) { pass_across<Channels>(in.row(y), in, to); };
    if (!across() || !down()) {
      return each_row(to_height(), executor, [&](Index y) {
        std::uint8_t* to = out + y * out_stride;
        if (across()) return row_of(photo, y, to);
        if (down()) return pass_down<Channels>(photo.row(rows_.first(y)), photo, to_width(), y, to);
        copy<Channels>(photo.row(y), photo, to);
      });
    }
    const Index stride = (down_first() ? from_width() : to_width()) * Channels;
    const Source between = {scratch, stride, Channels, {0, 1, 2, 3}};
    if (down_first()) {
      each_row(to_height(), executor, [&](Index y) {
        pass_down<Channels>(photo.row(rows_.first(y)), photo, from_width(), y, scratch + y * stride);
      });
      each_row(to_height(), executor, [&](Index y) { row_of(between, y, out + y * out_stride); });
    } else {
      const Index skipped = rows_.first(0);
      each_row(used_rows(), executor, [&](Index y) { row_of(photo, y + skipped, scratch + y * stride); });
      each_row(to_height(), executor, [&](Index y) {
        pass_down<Channels>(between.row(rows_.first(y) - skipped), between, to_width(), y, out + y * out_stride);
      });
    }
  }

  template <class Body>
  static void each_row(Index rows, Executor& executor, const Body& body) noexcept {
    constexpr Index kRowsPerTask = 16;
    executor.for_each((rows + kRowsPerTask - 1) / kRowsPerTask, [&](Index task, Index) {
      const Index end = std::min(rows, (task + 1) * kRowsPerTask);
      for (Index y = task * kRowsPerTask; y < end; ++y) body(y);
    });
  }

  // One row, resized along x.
  template <int Channels>
  void pass_across(const std::uint8_t* row, const Source& in, std::uint8_t* out) const noexcept {
    if (Channels == 3 && in.pixel == 3 && columns_.runs() != 0) return runs_across(row, in, out);
    for (Index x = 0; x < to_width(); ++x, out += Channels) {
      const std::uint8_t* pixel = row + columns_.first(x) * in.pixel;
      sum<Channels>(pixel, in.pixel, in.offset, columns_.weights(x), columns_.count(x), out);
    }
  }

  // The same for pixels of three bytes: sums of integers may be taken in any order, here a run's bytes side by side.
  void runs_across(const std::uint8_t* row, const Source& in, std::uint8_t* out) const noexcept {
    constexpr Index kBytes = BicubicAxis::kRunBytes;
    for (Index x = 0; x < to_width(); ++x, out += 3) {
      const std::uint8_t* bytes = row + 3 * columns_.wide_first(x);
      const std::int32_t* weights = columns_.wide_weights(x);
      std::int32_t total[kBytes] = {};
      for (Index run = 0; run < columns_.runs(); ++run, bytes += kBytes, weights += kBytes) {
        for (Index i = 0; i < kBytes; ++i) total[i] += bytes[i] * weights[i];
      }
      for (Index i = 0; i < kBytes / 2; ++i) total[i] += total[i + kBytes / 2];
      for (Index i = 0; i < kBytes / 4; ++i) total[i] += total[i + kBytes / 4];
      for (Index c = 0; c < 3; ++c) {
        const Index at = in.offset[c];
        out[c] = BicubicAxis::clip(BicubicAxis::kHalf + total[at] + total[at + 3] + total[at + 6] + total[at + 9]);
      }
    }
  }

  // Row y of the resized picture from the rows at and below `row`.
  template <int Channels>
  void pass_down(const std::uint8_t* row, const Source& in, Index width, Index y, std::uint8_t* out) const noexcept {
    Index x = 0;
    if (in.as_it_is(Channels)) {
      constexpr Index kPixels = 16, kBytes = kPixels * Channels;
      for (; x + kPixels <= width; x += kPixels, out += kBytes, row += kBytes) {
        std::int32_t total[kBytes];
        for (Index i = 0; i < kBytes; ++i) total[i] = BicubicAxis::kHalf;
        const std::uint8_t* from = row;
        for (Index k = 0; k < rows_.count(y); ++k, from += in.stride) {
          const std::int32_t weight = rows_.weights(y)[k];
          for (Index i = 0; i < kBytes; ++i) total[i] += from[i] * weight;
        }
        for (Index i = 0; i < kBytes; ++i) out[i] = BicubicAxis::clip(total[i]);
      }
    }
    for (; x < width; ++x, out += Channels, row += in.pixel) {
      sum<Channels>(row, in.stride, in.offset, rows_.weights(y), rows_.count(y), out);
    }
  }

  template <int Channels>
  void copy(const std::uint8_t* row, const Source& in, std::uint8_t* out) const noexcept {
    for (Index x = 0; x < to_width(); ++x, out += Channels, row += in.pixel) {
      for (int c = 0; c < Channels; ++c) out[c] = row[in.offset[c]];
    }
  }

  // One pixel: `count` pixels `step` bytes apart, weighted.
  template <int Channels>
  static void sum(const std::uint8_t* in, Index step, const Index (&offset)[4], const std::int32_t* weights,
                  Index count, std::uint8_t* out) noexcept {
    std::int32_t total[Channels];
    for (int c = 0; c < Channels; ++c) total[c] = BicubicAxis::kHalf;
    for (Index k = 0; k < count; ++k, in += step) {
      for (int c = 0; c < Channels; ++c) total[c] += in[offset[c]] * weights[k];
    }
    for (int c = 0; c < Channels; ++c) out[c] = BicubicAxis::clip(total[c]);
  }

  BicubicAxis columns_, rows_;
};

// All at once, for a picture now and then: an RGB picture of the size asked for.
inline Result<Image> resize_bicubic(const ImageView& photo, Index width, Index height) noexcept {
  SEGFACE_RETURN_IF_ERROR(photo.validate());
  SEGFACE_ASSIGN(resize, BicubicResize::make(photo.width, photo.height, width, height));
  SEGFACE_ASSIGN(out, Image::make(width, height, PixelOrder::rgb));
  SEGFACE_ASSIGN(scratch, Buffer<std::uint8_t>::make(resize.scratch_bytes()));
  SerialExecutor executor;
  resize.rgb(photo, out.data(), scratch.data(), executor);
  return Result<Image>(std::move(out));
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

using core::resize_bicubic;

SEGFACE_END_NAMESPACE
