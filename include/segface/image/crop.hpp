// A box of a photo: cut out, padded with black where it reaches outside, and a mask of the box put back.
#pragma once

#include <algorithm>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_NAMESPACE

// Columns [x, x + width) and rows [y, y + height) of a photo; may reach outside.
struct Box {
  Index x, y, width, height;
};

// The part of `box` inside a photo of width x height; 0 x 0 where there is none.
inline Box clip_box(const Box& box, Index width, Index height) noexcept {
  // Sides are compared by what is left of the photo: box.x + box.width may not fit in an Index.
  const Index left = std::clamp<Index>(box.x, 0, width), top = std::clamp<Index>(box.y, 0, height);
  const Index cut_left = box.x < 0 ? std::max(box.x, -box.width) : 0;
  const Index cut_top = box.y < 0 ? std::max(box.y, -box.height) : 0;
  return {left, top, std::min(box.width + cut_left, width - left), std::min(box.height + cut_top, height - top)};
}

// The pixels of `box` in the photo's order; outside the photo they are zero.
// Errors: invalid_argument (bad view, a side < 1, no pixel in common), overflow, out_of_memory.
inline Result<Image> crop(const ImageView& photo, const Box& box) noexcept {
  SEGFACE_RETURN_IF_ERROR(photo.validate());
  if (box.width < 1 || box.height < 1) {
    return error(Errc::invalid_argument, "box: ", box.width, " x ", box.height,
                 " pixels; both sides must be at least 1");
  }
  const Box inside = clip_box(box, photo.width, photo.height);
  if (inside.width < 1 || inside.height < 1) {
    return error(Errc::invalid_argument, "box ", box.x, ",", box.y, ",", box.width, ",", box.height,
                 " lies outside the photo of ", photo.width, " x ", photo.height, " pixels");
  }
  SEGFACE_ASSIGN(out, Image::make(box.width, box.height, photo.order));
  std::memset(out.data(), 0, out.size_bytes());
  const Index channels = channels_of(photo.order);
  for (Index y = 0; y < inside.height; ++y) {
    std::memcpy(out.row(inside.y - box.y + y) + (inside.x - box.x) * channels, photo.pixel(inside.x, inside.y + y),
                static_cast<std::size_t>(inside.width * channels));
  }
  return Result<Image>(std::move(out));
}

// The mask of a photo of width x height from the mask of its box: label 0 outside.
// Errors: invalid_argument (labels that are not a gray picture of the box's size), overflow, out_of_memory.
inline Result<Image> paste_labels(const ImageView& labels, const Box& box, Index width, Index height) noexcept {
  SEGFACE_RETURN_IF_ERROR(labels.validate());
  if (labels.order != PixelOrder::gray || labels.width != box.width || labels.height != box.height) {
    return error(Errc::invalid_argument, "labels of ", labels.width, " x ", labels.height,
                 " pixels do not belong to a box of ", box.width, " x ", box.height, "; they are gray and of its size");
  }
  SEGFACE_ASSIGN(out, Image::make(width, height, PixelOrder::gray));
  std::memset(out.data(), 0, out.size_bytes());
  const Box inside = clip_box(box, width, height);
  for (Index y = 0; y < inside.height && inside.width > 0; ++y) {
    std::memcpy(out.row(inside.y + y) + inside.x, labels.pixel(inside.x - box.x, inside.y - box.y + y),
                static_cast<std::size_t>(inside.width));
  }
  return Result<Image>(std::move(out));
}

SEGFACE_END_NAMESPACE
