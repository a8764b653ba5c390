// Region: the part of a photo that a network is shown, and the way of its results back: all of the photo, a box, a square
// turned with the face, or Helen's square.
//
//   Image room, back;
//   const Region region = Region::aligned(landmarks, photo.width, photo.height).value();
//   const Mask mask = parser.parse(region.cut(photo, room).value(), region.from_photo(landmarks)).value();
//   const ImageView labels = region.paste_labels(mask.view(), back).value();  // of the photo's size
//
// The photo is sampled once more only where a square is turned: it is cut at the photo's own scale, where bilinear mixes
// neighbours and skips none, and Pillow's bicubic, which is antialiased, makes it the network's input, as it makes all
// other parts. One step for both would change the input's bits, hence labels on the goldens, and what CelebA-HQ's squares
// were cut by. The finder averages areas instead, as its networks were trained.
// Traps: boxes and squares may reach outside the photo, where they are black; labels outside a region are 0, which says
// no more than that nobody looked there.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cmath>
#include <optional>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/faces/align.hpp"
#include "segface/faces/landmark_file.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/image/affine.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/image.hpp"
#include "segface/image/limits.hpp"

SEGFACE_BEGIN_NAMESPACE

class Region {
 public:
  // All of a photo of width x height.
  static Region whole(Index width, Index height) noexcept { return Region(width, height, {0, 0, width, height}, true); }
  // Errors: those of check_box, limit_exceeded (more than ImageLimits has).
  static Result<Region> box(const Box& box, Index width, Index height) noexcept {
    SEGFACE_RETURN_IF_ERROR(check_box(box, width, height));
    SEGFACE_RETURN_IF_ERROR(in_context(core::check_sides(box.width, box.height, {}), "the box"));
    return Region(width, height, box, false);
  }
  // The square that CelebA-HQ would cut around a face (see AlignedSquare). Errors: those of check_landmarks,
  // limit_exceeded.
  static Result<Region> aligned(const Landmarks& landmarks, Index width, Index height) noexcept {
    SEGFACE_RETURN_IF_ERROR(check_landmarks(landmarks, width, height));
    return square(AlignedSquare(landmarks), width, height);
  }
  // Any turned square. Errors: limit_exceeded.
  static Result<Region> square(const AlignedSquare& square, Index width, Index height) noexcept {
    SEGFACE_RETURN_IF_ERROR(
        in_context(core::check_sides(square.side(), square.side(), {}), "the square of the landmarks"));
    Region region(width, height, {0, 0, square.side(), square.side()}, false);
    region.square_ = square;
    return region;
  }
  // The square that Helen's networks look at. Errors: invalid_argument (points that are no places), those of box().
  static Result<Region> helen(const HelenPoints& points, Index width, Index height) noexcept {
    constexpr double kFar = 1 << 30;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (std::fabs(points[i].x) <= kFar && std::fabs(points[i].y) <= kFar) continue;
      return error(Errc::invalid_argument, "point ", i + 1, " of Helen's ", points.size(),
                   " is not finite, or beyond 2^30; expected pixels of the photo");
    }
    return box(helen_box(points, width, height), width, height);
  }

  bool is_whole() const noexcept { return whole_; }
  // Pixels of the cut.
  Index width() const noexcept { return box_.width; }
  Index height() const noexcept { return box_.height; }

  // A place of the photo in the cut, and of the cut in the photo; both count from pixel centres.
  Point from_photo(const Point& p) const noexcept {
    return square_ ? square_->from_photo(p) : Point{p.x - x_of_box(), p.y - y_of_box()};
  }
  Point to_photo(const Point& p) const noexcept {
    return square_ ? square_->to_photo(p) : Point{p.x + x_of_box(), p.y + y_of_box()};
  }
  // The photo's pixels to those of a picture of width x height that is the region.
  AffineMap<double> map_to(Index width, Index height) const noexcept {
    return square_ ? square_->map_to(width, height) : box_map(box_, width, height);
  }
  Landmarks from_photo(const Landmarks& l) const noexcept {
    return {from_photo(l.left_eye), from_photo(l.right_eye), from_photo(l.nose), from_photo(l.left_mouth),
            from_photo(l.right_mouth)};
  }
  Landmarks to_photo(const Landmarks& l) const noexcept {
    return {to_photo(l.left_eye), to_photo(l.right_eye), to_photo(l.nose), to_photo(l.left_mouth),
            to_photo(l.right_mouth)};
  }

  // What the network is shown, in the photo's order: a picture in `room`, which must stay, or the photo itself where it is
  // whole. Errors: invalid_argument (a bad view, another size than the region's photo), overflow, out_of_memory.
  // The memory of `room` is used again; an executor's threads work where one is given.
  Result<ImageView> cut(const ImageView& photo, Image& room, Executor* executor = nullptr) const noexcept {
    SEGFACE_RETURN_IF_ERROR(photo.validate());
    if (photo.width != photo_width_ || photo.height != photo_height_) {
      return error(Errc::invalid_argument, "a photo of ", photo.width, " x ", photo.height,
                   " pixels does not belong to a region of one of ", photo_width_, " x ", photo_height_);
    }
    if (whole_) return photo;
    SEGFACE_RETURN_IF_ERROR(square_ ? square_->cut(photo, room, executor) : crop(photo, box_, room));
    return room.view();
  }

  // Labels of the cut's size as those of the photo, 0 outside: a picture in `room`, which must stay, or the labels
  // themselves where it is whole. Errors: invalid_argument (no gray picture of the cut's size), overflow, out_of_memory.
  Result<ImageView> paste_labels(const ImageView& labels, Image& room) const noexcept {
    if (!whole_) {
      return kept(square_ ? square_->paste_labels(labels, photo_width_, photo_height_)
                          : segface::paste_labels(labels, box_, photo_width_, photo_height_),
                  room);
    }
    SEGFACE_RETURN_IF_ERROR(labels.validate());
    if (labels.order != PixelOrder::gray || labels.width != box_.width || labels.height != box_.height) {
      return error(Errc::invalid_argument, "labels of ", labels.width, " x ", labels.height,
                   " pixels do not belong to a photo of ", box_.width, " x ", box_.height,
                   "; they are gray and of its size");
    }
    return labels;
  }
  // Stretches a plane of any size over the region's place in `out`, [height, width] of the photo, bilinear; `outside`
  // elsewhere. Errors: invalid_argument (an empty plane, `out` of another size).
  Status paste_plane(const PlaneView& plane, float outside, Span<float> out) const noexcept {
    return square_ ? square_->paste_plane(plane, outside, photo_width_, photo_height_, out)
                   : segface::paste_plane(plane, box_, outside, photo_width_, photo_height_, out);
  }

 private:
  Region(Index photo_width, Index photo_height, const Box& box, bool whole) noexcept
      : photo_width_(photo_width), photo_height_(photo_height), box_(box), whole_(whole) {}

  double x_of_box() const noexcept { return static_cast<double>(box_.x); }
  double y_of_box() const noexcept { return static_cast<double>(box_.y); }

  static Result<ImageView> kept(Result<Image> made, Image& room) noexcept {
    if (!made.ok()) return made.error();
    room = std::move(*made);
    return room.view();
  }

  Index photo_width_, photo_height_;
  Box box_;  // of a square, its size alone
  bool whole_;
  std::optional<AlignedSquare> square_;
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
