// A plane redrawn along the edges of a picture: the guided filter of He, Sun, Tang (2010, 2013), with a guide in colour.
//
// Of each window of (2 r + 1)^2 pixels the plane is taken to be p = a . colour + b, by least squares with epsilon |a|^2
// besides; a pixel's value is the mean of what all windows that hold it say of it. Windows end at the picture's border.
//   a = (covariance(colour) + epsilon 1)^-1 covariance(colour, p),  b = mean(p) - a . mean(colour)
// Pixels have weights, of which those means and covariances are: where p is a blurred edge it says little of what the
// colours mean, and the window's other pixels say it better.
// p and b are rounded to multiples of 2^-18, a to those of 2^-27 a level of colour: all sums are exact, so that running sums
// drift nowhere and nothing depends on the order or on the number of threads. Linear in p but for that rounding; a
// constant stays itself.
// The cost of a pixel does not depend on r.
#pragma once

#include <algorithm>
#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

// What the windows that hold a pixel say of it, in their mean: p = (a . colour / kFine + b) / kSteps, for colours from 0 to
// 255.
struct GuidedModel {
  static constexpr double kSteps = 1 << 18, kFine = 1 << 9;
  float a[3], b;

  float at(const Rgb& c) const noexcept {
    constexpr float kFine1 = static_cast<float>(1 / kFine), kStep = static_cast<float>(1 / kSteps);
    return (kFine1 *
                (a[0] * static_cast<float>(c.r) + a[1] * static_cast<float>(c.g) + a[2] * static_cast<float>(c.b)) +
            b) *
           kStep;
  }
};

class GuidedFilter {
 public:
  static constexpr Index kMostRadius = 256;
  // Below it a may be beyond what is rounded exactly.
  static constexpr double kLeastEpsilon = 1e-4;

  static constexpr std::uint8_t kMostWeight = 64;

  // radius in pixels, 1 to kMostRadius; epsilon for colours from 0 to 1: edges fainter than its root are none.
  GuidedFilter(Index radius, double epsilon) noexcept
      : radius_(std::clamp<Index>(radius, 1, kMostRadius)), epsilon_(std::max(epsilon, kLeastEpsilon)) {}

  // Memory that the next fit goes on with.
  class Room;

  // plane, weights and models are [height, width] of the guide. The plane is from 0 to 1, what models give may be a little
  // beyond; weights are from 1 to kMostWeight. Errors: invalid_argument (sizes), out_of_memory.
  Status fit(const ImageView& guide, Span<const float> plane, Span<const std::uint8_t> weights, Executor& executor,
             Span<GuidedModel> models, Room& room) const noexcept {
    SEGFACE_RETURN_IF_ERROR(guide.validate());
    const auto pixels = static_cast<std::size_t>(guide.width * guide.height);
    if (plane.size() != pixels || weights.size() != pixels || models.size() != pixels) {
      return error(Errc::invalid_argument, "guided filter: planes of ", plane.size(), ", ", weights.size(), " and ",
                   models.size(), " pixels for a guide of ", guide.width, " x ", guide.height);
    }
    const auto workers = static_cast<std::size_t>(executor.threads());
    const auto width = static_cast<std::size_t>(guide.width), rows = static_cast<std::size_t>(window());
    SEGFACE_RETURN_IF_ERROR(reserve_amply(room.sums_, workers * width));
    SEGFACE_RETURN_IF_ERROR(reserve_amply(room.model_sums_, workers * width));
    SEGFACE_RETURN_IF_ERROR(reserve_amply(room.windows_, workers * rows * width));
    // Each strip begins with windows that other strips have seen too.
    const Index strip = std::max<Index>(64, 4 * window());
    executor.for_each((guide.height + strip - 1) / strip, [&](Index task, Index worker) {
      const auto at = static_cast<std::size_t>(worker);
      Strip work = {*this,
                    guide,
                    plane.data(),
                    weights.data(),
                    room.sums_.data() + at * width,
                    room.model_sums_.data() + at * width,
                    room.windows_.data() + at * rows * width};
      work.filter(task * strip, std::min(guide.height, (task + 1) * strip), models.data());
    });
    return {};
  }

 private:
  static constexpr double kSteps = GuidedModel::kSteps, kFine = GuidedModel::kFine;

  // Weighted sums over the pixels of a window: r, g, b; rr, rg, rb, gg, gb, bb; p, pr, pg, pb; 1. Colours are from 0 to
  // 255, p from 0 to kSteps.
  struct Sums {
    static constexpr int kCount = 14;
    double of[kCount];
  };
  // What a window says of the pixels in it: a of r, g, b, which are from 0 to 255, in multiples of 1 / kFine; b. |a| is at
  // most 1 / (4 sqrt(epsilon)) for colours and planes from 0 to 1, so that both are whole numbers below 2^24.
  struct Model {
    float of[4];
  };
  struct ModelSums {
    double of[4];
  };

  Index window() const noexcept { return 2 * radius_ + 1; }

  // Rows of the picture from top to bottom, by one worker.
  struct Strip {
    const GuidedFilter& filter_;
    const ImageView& guide;
    const float* plane;
    const std::uint8_t* weights;
    Sums* columns;             // [width]: over the rows of the window
    ModelSums* model_columns;  // [width]
    Model* models;             // [window, width]: row y is at y modulo the window

    void filter(Index first, Index last, GuidedModel* out) noexcept {
      const Index r = filter_.radius_, height = guide.height, width = guide.width;
      const Index first_model = std::max<Index>(0, first - r), first_row = std::max<Index>(0, first_model - r);
      std::fill_n(columns, width, Sums{});
      std::fill_n(model_columns, width, ModelSums{});
      Index next_row = first_row, next_model = first_model;
      for (Index y = first; y < last; ++y) {
        if (y - r - 1 >= first_model) add_models(model_row(y - r - 1), -1);
        for (; next_model <= std::min(height - 1, y + r); ++next_model) {
          if (next_model - r - 1 >= first_row) add_row<false>(next_model - r - 1);
          for (; next_row <= std::min(height - 1, next_model + r); ++next_row) add_row<true>(next_row);
          make_models(next_model);
          add_models(model_row(next_model), 1);
        }
        average_models(y, out + y * width);
      }
    }

    Model* model_row(Index y) const noexcept { return models + y % filter_.window() * guide.width; }

    template <bool kAdds>
    void add_row(Index y) noexcept {
      const RgbOffsets offset = rgb_offsets(guide.order);
      const Index channels = channels_of(guide.order);
      const std::uint8_t* pixel = guide.row(y);
      const float* const p = plane + y * guide.width;
      const std::uint8_t* const weight = weights + y * guide.width;
      for (Index x = 0; x < guide.width; ++x, pixel += channels) {
        const double r = pixel[offset.r], g = pixel[offset.g], b = pixel[offset.b];
        const double value = static_cast<std::int32_t>(p[x] * static_cast<float>(kSteps) + 0.5f), w = weight[x];
        const double wr = w * r, wg = w * g, wb = w * b, wp = w * value;
        const double terms[Sums::kCount] = {wr,     wg,     wb, wr * r, wr * g, wr * b, wg * g,
                                            wg * b, wb * b, wp, wp * r, wp * g, wp * b, w};
        double* const to = columns[x].of;
        for (int i = 0; i < Sums::kCount; ++i) kAdds ? to[i] += terms[i] : to[i] -= terms[i];
      }
    }

    // The models of the windows around the pixels of a row.
    void make_models(Index y) noexcept {
      const Index r = filter_.radius_, width = guide.width;
      Model* const row = model_row(y);
      Sums sums = {};
      for (Index x = 0; x < std::min(width, r); ++x) add(columns[x], sums);
      for (Index x = 0; x < width; ++x) {
        if (x + r < width) add(columns[x + r], sums);
        if (x - r - 1 >= 0) subtract(columns[x - r - 1], sums);
        row[x] = filter_.model_of(sums);
      }
    }

    void add_models(const Model* row, double sign) noexcept {
      for (Index x = 0; x < guide.width; ++x) {
        for (int i = 0; i < 4; ++i) model_columns[x].of[i] += sign * static_cast<double>(row[x].of[i]);
      }
    }

    // The means of the models of the windows that hold the pixels of a row.
    void average_models(Index y, GuidedModel* out) const noexcept {
      const Index r = filter_.radius_, width = guide.width;
      const Index rows = std::min(guide.height - 1, y + r) - std::max<Index>(0, y - r) + 1;
      ModelSums sums = {};
      for (Index x = 0; x < std::min(width, r); ++x) add(model_columns[x], sums);
      for (Index x = 0; x < width; ++x) {
        if (x + r < width) add(model_columns[x + r], sums);
        if (x - r - 1 >= 0) subtract(model_columns[x - r - 1], sums);
        const Index across = std::min(width - 1, x + r) - std::max<Index>(0, x - r) + 1;
        const double share = 1 / static_cast<double>(rows * across);
        for (int c = 0; c < 3; ++c) out[x].a[c] = static_cast<float>(share * sums.of[c]);
        out[x].b = static_cast<float>(share * sums.of[3]);
      }
    }

    template <class T>
    static void add(const T& column, T& sums) noexcept {
      for (std::size_t i = 0; i < sizeof sums.of / sizeof sums.of[0]; ++i) sums.of[i] += column.of[i];
    }
    template <class T>
    static void subtract(const T& column, T& sums) noexcept {
      for (std::size_t i = 0; i < sizeof sums.of / sizeof sums.of[0]; ++i) sums.of[i] -= column.of[i];
    }
  };

  // Covariances here are count^2 times those of colours from 0 to 255.
  Model model_of(const Sums& sums) const noexcept {
    const double* const s = sums.of;
    const double count = s[13];
    const double penalty = epsilon_ * 255 * 255 * count * count;
    const double rr = count * s[3] - s[0] * s[0] + penalty, rg = count * s[4] - s[0] * s[1];
    const double rb = count * s[5] - s[0] * s[2], gg = count * s[6] - s[1] * s[1] + penalty;
    const double gb = count * s[7] - s[1] * s[2], bb = count * s[8] - s[2] * s[2] + penalty;
    const double pr = count * s[10] - s[9] * s[0], pg = count * s[11] - s[9] * s[1], pb = count * s[12] - s[9] * s[2];
    const double c_rr = gg * bb - gb * gb, c_rg = gb * rb - rg * bb, c_rb = rg * gb - gg * rb;
    const double c_gg = rr * bb - rb * rb, c_gb = rg * rb - rr * gb, c_bb = rr * gg - rg * rg;
    const double scale = 1 / (rr * c_rr + rg * c_rg + rb * c_rb);
    const double a[3] = {scale * (c_rr * pr + c_rg * pg + c_rb * pb), scale * (c_rg * pr + c_gg * pg + c_gb * pb),
                         scale * (c_rb * pr + c_gb * pg + c_bb * pb)};
    const double b = (s[9] - a[0] * s[0] - a[1] * s[1] - a[2] * s[2]) / count;
    return {{rounded(kFine * a[0]), rounded(kFine * a[1]), rounded(kFine * a[2]), rounded(b)}};
  }
  static float rounded(double value) noexcept {
    return static_cast<float>(static_cast<std::int32_t>(value + (value < 0 ? -0.5 : 0.5)));
  }

  Index radius_;
  double epsilon_;

 public:
  class Room {
    friend GuidedFilter;
    Buffer<Sums> sums_;             // [workers, width]
    Buffer<ModelSums> model_sums_;  // [workers, width]
    Buffer<Model> windows_;         // [workers, window, width]
  };
};

SEGFACE_END_CORE
