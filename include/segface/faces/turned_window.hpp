// A square window around a face, turned by any angle, as O-Net is shown it: 48 x 48 averages of the photo, gray outside.
//
// The surroundings of a face are reduced once, upright, to at most two pixels a pixel of the window; windows of any turn
// are then sampled from these. Angles are degrees clockwise in the picture: a window turned by 90 shows a head upright
// whose top points to the right.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/map.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/image/area.hpp"
#include "segface/image/image.hpp"
#include "segface/networks/detector/onet.hpp"

SEGFACE_BEGIN_CORE

inline constexpr double kDegree = 0.017453292519943295;  // in radians

// The same angle above -180 and at most 180.
inline double normal_angle(double degrees) noexcept {
  const double turned = std::remainder(degrees, 360.0);
  return turned <= -180 ? turned + 360 : turned;
}

// The turn of a face with these points: of the line that the aligned square is turned by, see align.hpp.
inline double roll_of(const Landmarks& l) noexcept {
  const Point eyes = {l.right_eye.x - l.left_eye.x, l.right_eye.y - l.left_eye.y};
  const Point down = {(l.left_mouth.x + l.right_mouth.x - l.left_eye.x - l.right_eye.x) / 2,
                      (l.left_mouth.y + l.right_mouth.y - l.left_eye.y - l.right_eye.y) / 2};
  return normal_angle(std::atan2(eyes.y - down.x, eyes.x + down.y) / kDegree);
}

struct TurnedWindow {
  Point centre;  // in pixels of the photo
  double side = 0, degrees = 0;

  // A place in parts of the window, from its upper left corner.
  Point to_photo(const Point& p) const noexcept {
    const Point along = {std::cos(degrees * kDegree), std::sin(degrees * kDegree)};
    const double u = (p.x - 0.5) * side, v = (p.y - 0.5) * side;
    return {centre.x + u * along.x - v * along.y, centre.y + u * along.y + v * along.x};
  }
};

// What is around a face: all that a window of this centre and side shows at any turn.
class Surroundings {
 public:
  // Those of the next face go on in the same memory. Throws where memory runs out.
  void look(const ImageView& photo, const Point& centre, double side, Executor& executor) {
    look(photo, centre, side, kReach, executor);
  }
  // As far as this window shows it.
  void look(const ImageView& photo, const TurnedWindow& window, Executor& executor) {
    const double reach =
        (std::fabs(std::cos(window.degrees * kDegree)) + std::fabs(std::sin(window.degrees * kDegree))) / 2;
    look(photo, window.centre, window.side, reach, executor);
  }

  // The window as O-Net takes it, out [1, 48, 48, 3]: red, green, blue, (x - 127.5) / 128.
  void show(const TurnedWindow& window, const Map<float>& out) const noexcept {
    // Samples a side of a window's pixel: as many as it has pixels.
    const int samples = window.side > static_cast<double>(onet::kSide) * step_ ? 2 : 1;
    const double half = 0.5 / static_cast<double>(samples * onet::kSide);
    const Point first = place(window.to_photo({half, half}));
    const Point right = place(window.to_photo({3 * half, half})), below = place(window.to_photo({half, 3 * half}));
    const Point across = {right.x - first.x, right.y - first.y}, down = {below.x - first.x, below.y - first.y};
    const float share = 1.0f / static_cast<float>(samples * samples);
    for (Index y = 0; y < out.height; ++y) {
      for (Index x = 0; x < out.width; ++x) {
        float sums[kChannels] = {};
        for (int i = 0; i < samples * samples; ++i) {
          const auto u = static_cast<double>(x * samples + i % samples),
                     v = static_cast<double>(y * samples + i / samples);
          add_sample(first.x + u * across.x + v * down.x, first.y + u * across.y + v * down.y, sums);
        }
        for (int c = 0; c < 3; ++c) out.pixel(0, y, x)[c] = (sums[c] * share - kGray) / 128.0f;
      }
    }
  }

 private:
  static constexpr float kGray = 127.5f;
  static constexpr int kChannels = 4;  // the last is nothing: four are as fast to mix as one

  static constexpr double kReach = 1.1;  // sides: half a diagonal, and room to move

  // What is within `sides` of the centre, by the same pixels whatever they are.
  void look(const ImageView& photo, const Point& centre, double side, double sides, Executor& executor) {
    constexpr double kPerPixel = 2;  // pixels kept for one of a window
    step_ = std::max(1.0, side / (kPerPixel * static_cast<double>(onet::kSide)));
    const double reach = kReach * side + 2 * step_, left_out = std::floor((kReach - sides) * side / step_);
    left_ = std::floor(centre.x - reach) + left_out * step_;
    top_ = std::floor(centre.y - reach) + left_out * step_;
    size_ = static_cast<Index>(std::ceil((2 * reach + 1) / step_) - 2 * left_out) + 1;
    pixels_.resize(static_cast<std::size_t>((size_ * size_ + size_ + 1) * kChannels));
    columns_.set(left_, step_, size_, photo.width);
    rows_.set(top_, step_, size_, photo.height);
    average_area(photo, columns_, rows_, /*red_first=*/true, executor, {pixels_.data(), 1, size_, size_, 3, kChannels});
    fill_outside();
  }

  // What lies outside the photo is the gray that is 0 to O-Net: of faces that the border cuts, black loses more, and
  // turns their points.
  void fill_outside() noexcept {
    for (Index y = 0; y < size_; ++y) {
      for (Index x = 0; x < size_; ++x) {
        const float across = columns_[x].outside, down = rows_[y].outside;
        if (across == 0 && down == 0) continue;
        for (int c = 0; c < 3; ++c) {
          pixels_[static_cast<std::size_t>((y * size_ + x) * kChannels + c)] += kGray * (1 - (1 - across) * (1 - down));
        }
      }
    }
  }

  // A place of the photo in pixels_.
  Point place(const Point& p) const noexcept {
    return {(p.x + 0.5 - left_) / step_ - 0.5, (p.y + 0.5 - top_) / step_ - 0.5};
  }
  // Bilinear.
  void add_sample(double x, double y, float* sums) const noexcept {
    const double most = static_cast<double>(size_ - 1);
    x = std::min(std::max(x, 0.0), most), y = std::min(std::max(y, 0.0), most);
    const auto left = static_cast<std::int32_t>(x), top = static_cast<std::int32_t>(y);
    const auto fx = static_cast<float>(x - left), fy = static_cast<float>(y - top);
    const float* const upper = pixels_.data() + (top * size_ + left) * kChannels;
    const float* const lower = upper + size_ * kChannels;
    const float weights[] = {(1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy};
    for (int c = 0; c < kChannels; ++c) {
      sums[c] += upper[c] * weights[0] + upper[c + kChannels] * weights[1] + lower[c] * weights[2] +
                 lower[c + kChannels] * weights[3];
    }
  }

  double left_ = 0, top_ = 0, step_ = 1;  // of the photo: the outer edge of the first pixel, pixels a pixel
  Index size_ = 0;
  AreaAxis columns_, rows_;
  std::vector<float> pixels_;  // [size, size, kChannels], and a row and a pixel more, which weigh 0
};

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
