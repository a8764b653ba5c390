// The part of a photo that the network is shown, and the way of its results back to the photo.
#pragma once

#include <optional>

#include "segface/faces/align.hpp"
#include "segface/faces/landmark_file.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/limits.hpp"

#include "request.hpp"

namespace tool {

// A box, an aligned square, or all of the photo.
class Part {
 public:
  // Cuts the part that the request asks for out of a photo. Errors: invalid_argument, limit_exceeded, out_of_memory.
  static Result<Part> cut(const Request& request, const ImageView& photo) {
    Part part(photo);
    part.landmarks_ = request.landmarks;
    part.box_ = request.box;
    if (request.align == Request::Align::helen) part.box_ = helen_box(*request.helen, photo.width, photo.height);
    if (request.align == Request::Align::celeba) {
      SEGFACE_RETURN_IF_ERROR(check_landmarks(*part.landmarks_, photo.width, photo.height));
      part.square_.emplace(*part.landmarks_);
      SEGFACE_RETURN_IF_ERROR(in_context(check_sides(part.square_->side(), part.square_->side(), {}), "--align"));
      SEGFACE_ASSIGN(inside, part.square_->cut(photo));
      part.pixels_ = std::move(inside);
      part.landmarks_ = part.square_->from_photo(*part.landmarks_);
    }
    if (part.box_) {
      const Box& box = *part.box_;
      SEGFACE_RETURN_IF_ERROR(in_context(check_sides(box.width, box.height, {}), "--box"));
      SEGFACE_ASSIGN(inside, crop(photo, box));
      part.pixels_ = std::move(inside);
      if (part.landmarks_) {
        part.landmarks_ = part.landmarks_->moved(-static_cast<double>(box.x), -static_cast<double>(box.y));
      }
    }
    return Result<Part>(std::move(part));
  }

  bool is_whole() const { return !box_ && !square_; }
  // What the network is shown, and the landmarks in it.
  ImageView view() const { return is_whole() ? photo_ : pixels_.view(); }
  const std::optional<Landmarks>& landmarks() const { return landmarks_; }

  // Only where not whole: labels of view()'s size to those of the photo; 0 outside.
  Result<Image> paste_labels(const ImageView& labels) const {
    if (box_) return segface::paste_labels(labels, *box_, photo_.width, photo_.height);
    return square_->paste_labels(labels, photo_.width, photo_.height);
  }
  // Only where not whole: a plane of any size over the part's place in `out`, [height, width] of the photo.
  Status paste_plane(const PlaneView& plane, float outside, Span<float> out) const {
    if (box_) return segface::paste_plane(plane, *box_, outside, photo_.width, photo_.height, out);
    return square_->paste_plane(plane, outside, photo_.width, photo_.height, out);
  }

 private:
  explicit Part(const ImageView& photo) : photo_(photo) {}

  ImageView photo_;
  Image pixels_;  // of a box or square
  std::optional<Box> box_;
  std::optional<AlignedSquare> square_;
  std::optional<Landmarks> landmarks_;
};

}  // namespace tool
