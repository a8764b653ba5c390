// The aligned square of a face, as CelebA-HQ cuts it: turned with the eyes, sized by eyes and mouth; and the way back.
//
// With the eyes and mouth corners as they appear in the picture:
//   e = right eye - left eye, m = middle of the mouth corners - middle of the eyes,
//   x = e - rot90(m) with rot90(a, b) = (-b, a), scaled to the length max(2.0 |e|, 1.8 |m|), y = rot90(x),
//   centre = middle of the eyes + 0.1 m; the corners are centre -x -y, -x +y, +x +y, +x -y.
// Mirrors the recipe of CelebA-HQ's authors. Traps: the square may reach outside the photo, where it is black, never
// clipped; landmarks count from pixel centres.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/image/affine.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_NAMESPACE

class AlignedSquare {
 public:
  // Landmarks of a face (see check_landmarks).
  explicit AlignedSquare(const Landmarks& l) noexcept : AlignedSquare(l, 2.0, 1.8, 0.1) {}
  // About as large and as high as the square that Helen's networks look at (see helen_box), which is cut by more points
  // than five and not turned: brows to chin, and as much again as a fifth of that.
  static AlignedSquare like_helen(const Landmarks& l) noexcept { return AlignedSquare(l, 1.32, 1.32, 0.75); }
  // Around the same middle, with sides `factor` times as long, above 0.
  AlignedSquare scaled(double factor) const noexcept {
    AlignedSquare square = *this;
    square.set_half(factor * half_);
    return square;
  }

  // Pixels along a side of the cut: as many as the square covers in the photo.
  Index side() const noexcept { return side_; }
  // A place of the cut in the photo, and a place of the photo in the cut; both count from pixel centres.
  Point to_photo(const Point& p) const noexcept {
    const double scale = 2 * half_ / static_cast<double>(side_);
    const double u = (p.x + 0.5) * scale - half_, v = (p.y + 0.5) * scale - half_;
    return {centre_.x + u * unit_.x - v * unit_.y, centre_.y + u * unit_.y + v * unit_.x};
  }
  Point from_photo(const Point& p) const noexcept {
    const double scale = static_cast<double>(side_) / (2 * half_);
    const double x = p.x - centre_.x, y = p.y - centre_.y;
    return {(x * unit_.x + y * unit_.y + half_) * scale - 0.5, (y * unit_.x - x * unit_.y + half_) * scale - 0.5};
  }
  // The photo's pixels to those of a picture of width x height that is the square.
  AffineMap<double> map_to(Index width, Index height) const noexcept {
    const double across = static_cast<double>(width) / (2 * half_), down = static_cast<double>(height) / (2 * half_);
    const double x = centre_.x + 0.5, y = centre_.y + 0.5;
    return {across * unit_.x, across * unit_.y, across * (half_ - x * unit_.x - y * unit_.y),
            -down * unit_.y,  down * unit_.x,   down * (half_ + x * unit_.y - y * unit_.x)};
  }
  Landmarks from_photo(const Landmarks& l) const noexcept {
    return {from_photo(l.left_eye), from_photo(l.right_eye), from_photo(l.nose), from_photo(l.left_mouth),
            from_photo(l.right_mouth)};
  }

  // The square cut out, bilinear, black outside the photo: side() x side(), in the photo's order.
  // Errors: invalid_argument (bad view), overflow, out_of_memory.
  Result<Image> cut(const ImageView& photo) const noexcept {
    Image out;
    SEGFACE_RETURN_IF_ERROR(cut(photo, out, nullptr));
    return Result<Image>(std::move(out));
  }
  // The same into a picture whose memory is used again, by the threads of an executor where there is one.
  Status cut(const ImageView& photo, Image& out, Executor* executor) const noexcept {
    SEGFACE_RETURN_IF_ERROR(photo.validate());
    SEGFACE_RETURN_IF_ERROR(out.resize(side_, side_, photo.order));
    SerialExecutor alone;
    constexpr Index kRows = 16;
    (executor != nullptr ? *executor : alone)
        .for_each((side_ + kRows - 1) / kRows, [this, &photo, &out](Index task, Index) {
          const Index first = task * kRows, last = std::min(side_, first + kRows);
          switch (channels_of(photo.order)) {
            case 1:
              return cut_rows<1>(photo, first, last, out);
            case 3:
              return cut_rows<3>(photo, first, last, out);
            default:
              return cut_rows<4>(photo, first, last, out);
          }
        });
    return {};
  }

  // The labels of a photo of width x height from those of the cut, the nearest each; 0 outside the square.
  // Errors: invalid_argument (labels that are not a gray picture of side() x side()), overflow, out_of_memory.
  Result<Image> paste_labels(const ImageView& labels, Index width, Index height) const noexcept {
    SEGFACE_RETURN_IF_ERROR(labels.validate());
    if (labels.order != PixelOrder::gray || labels.width != side_ || labels.height != side_) {
      return error(Errc::invalid_argument, "labels of ", labels.width, " x ", labels.height,
                   " pixels do not belong to a square of side ", side_, "; they are gray and of its size");
    }
    SEGFACE_ASSIGN(out, Image::make(width, height, PixelOrder::gray));
    std::memset(out.data(), 0, out.size_bytes());
    for_each_inside(width, height, [&](Index x, Index y, const Point& p) {
      out.row(y)[x] = *labels.pixel(static_cast<Index>(p.x + 0.5), static_cast<Index>(p.y + 0.5));
    });
    return Result<Image>(std::move(out));
  }

  // Stretches the plane of the cut, of any size, over the square's place in `out`, [height, width] of the photo,
  // bilinear; `outside` elsewhere. Errors: invalid_argument (an empty plane, `out` of another size).
  Status paste_plane(const PlaneView& plane, float outside, Index width, Index height, Span<float> out) const noexcept {
    SEGFACE_RETURN_IF_ERROR(plane.check_paste(width, height, out));
    std::fill(out.begin(), out.end(), outside);
    const double across = static_cast<double>(plane.width) / static_cast<double>(side_);
    const double down = static_cast<double>(plane.height) / static_cast<double>(side_);
    for_each_inside(width, height, [&](Index x, Index y, const Point& p) {
      out[static_cast<std::size_t>(y * width + x)] = plane.sample((p.x + 0.5) * across - 0.5, (p.y + 0.5) * down - 0.5);
    });
    return {};
  }

 private:
  // Rows [first, last) of the cut, of pixels of so many channels.
  template <Index kChannels>
  void cut_rows(const ImageView& photo, Index first, Index last, Image& out) const noexcept {
    const Index right = photo.width - 1, bottom = photo.height - 1;
    const auto at = [this](Index x, Index y) { return to_photo({static_cast<double>(x), static_cast<double>(y)}); };
    const auto well_inside = [right, bottom](const Point& p) {
      return p.x >= 1 && p.y >= 1 && p.x < static_cast<double>(right) - 1 && p.y < static_cast<double>(bottom) - 1;
    };
    for (Index y = first; y < last; ++y) {
      std::uint8_t* to = out.row(y);
      const bool inside = well_inside(at(0, y)) && well_inside(at(side_ - 1, y));
      for (Index x = 0; x < side_; ++x, to += kChannels) {
        const Point p = at(x, y);
        if (inside) {
          const auto left = static_cast<Index>(p.x), top = static_cast<Index>(p.y);
          const double fx = p.x - static_cast<double>(left), fy = p.y - static_cast<double>(top);
          const std::uint8_t* const upper = photo.row(top) + left * kChannels;
          mix<kChannels>(upper, upper + photo.stride_bytes, kChannels, 1 - fx, fx, 1 - fy, fy, to);
          continue;
        }
        const bool sees_photo =
            p.x > -1 && p.y > -1 && p.x < static_cast<double>(photo.width) && p.y < static_cast<double>(photo.height);
        if (!sees_photo) {
          std::fill_n(to, kChannels, std::uint8_t{0});
          continue;
        }
        const Index left = floor_of(p.x), top = floor_of(p.y);
        const double fx = p.x - static_cast<double>(left), fy = p.y - static_cast<double>(top);
        // Of a pixel outside the photo, another one counts nothing.
        const std::uint8_t* const upper = photo.row(std::max<Index>(top, 0)) + std::max<Index>(left, 0) * kChannels;
        mix<kChannels>(upper, top < 0 || top == bottom ? upper : upper + photo.stride_bytes,
                       left < 0 || left == right ? 0 : kChannels, left < 0 ? 0.0 : 1 - fx, left == right ? 0.0 : fx,
                       top < 0 ? 0.0 : 1 - fy, top == bottom ? 0.0 : fy, to);
      }
    }
  }
  // The nearest value, of halves the upper, of four pixels, two in each row.
  template <Index kChannels>
  static void mix(const std::uint8_t* upper, const std::uint8_t* lower, Index next, double before, double behind,
                  double above, double below, std::uint8_t* to) noexcept {
    for (Index c = 0; c < kChannels; ++c) {
      const double sum = before * above * upper[c] + behind * above * upper[next + c] + before * below * lower[c] +
                         behind * below * lower[next + c];
      to[c] = static_cast<std::uint8_t>((static_cast<int>(2 * sum) + 1) >> 1);
    }
  }

  // half a side: the larger of by_eyes |e| and by_mouth |m|; the centre: middle of the eyes + shift m.
  AlignedSquare(const Landmarks& l, double by_eyes, double by_mouth, double shift) noexcept {
    const Point eyes = l.middle_of_eyes(), mouth = l.middle_of_mouth();
    const Point e = {l.right_eye.x - l.left_eye.x, l.right_eye.y - l.left_eye.y};
    const Point m = {mouth.x - eyes.x, mouth.y - eyes.y};
    const Point along = {e.x + m.y, e.y - m.x};
    const double length = std::hypot(along.x, along.y);
    unit_ = {along.x / length, along.y / length};
    centre_ = {eyes.x + shift * m.x, eyes.y + shift * m.y};
    set_half(std::max(by_eyes * std::hypot(e.x, e.y), by_mouth * std::hypot(m.x, m.y)));
  }
  void set_half(double half) noexcept {
    half_ = half;
    side_ = std::max<Index>(1, static_cast<Index>(std::lround(2 * half)));
  }

  // Of a place near the photo; compilers call a function for std::floor.
  static Index floor_of(double place) noexcept {
    const auto whole = static_cast<Index>(place);
    return place < static_cast<double>(whole) ? whole - 1 : whole;
  }

  // act(x, y, its place in the cut) for the pixels of a photo that lie in the square.
  template <class Act>
  void for_each_inside(Index width, Index height, const Act& act) const noexcept {
    const double last = static_cast<double>(side_) - 0.5;
    for (Index y = 0; y < height; ++y) {
      for (Index x = 0; x < width; ++x) {
        const Point p = from_photo(Point{static_cast<double>(x), static_cast<double>(y)});
        if (p.x >= -0.5 && p.y >= -0.5 && p.x < last && p.y < last) act(x, y, p);
      }
    }
  }

  Point centre_, unit_;  // unit_: one pixel of the photo along the square's upper side
  double half_ = 0;      // half a side, in pixels of the photo
  Index side_ = 1;
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
