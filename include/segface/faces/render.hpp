// Labels as pictures: the palette alone, or laid over the photo.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/labels.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_NAMESPACE

inline Status validate_labels(const ImageView& labels) noexcept {
  SEGFACE_RETURN_IF_ERROR(labels.validate());
  if (labels.order == PixelOrder::gray) return Status();
  return error(Errc::invalid_argument, "labels: one byte a pixel is expected (PixelOrder::gray), found ",
               channels_of(labels.order));
}

// Labels [h, w] (a gray picture) -> the palette's colours, RGB [h, w]. Errors: invalid_argument, out_of_memory.
inline Result<Image> colorize(const ImageView& labels, Dataset dataset) noexcept {
  SEGFACE_RETURN_IF_ERROR(validate_labels(labels));
  SEGFACE_ASSIGN(out, Image::make(labels.width, labels.height, PixelOrder::rgb));
  std::uint8_t* to = out.data();
  for (Index y = 0; y < labels.height; ++y) {
    for (Index x = 0; x < labels.width; ++x, to += 3) {
      const Rgb color = color_of(dataset, labels.row(y)[x]);
      to[0] = color.r, to[1] = color.g, to[2] = color.b;
    }
  }
  return Result<Image>(std::move(out));
}

// The photo in RGB, mixed with the palette where the label is a class but not background: (1 - alpha) photo + alpha
// colour. Errors: invalid_argument (sizes differ, alpha outside [0, 1]), out_of_memory.
inline Result<Image> overlay(const ImageView& photo, const ImageView& labels, Dataset dataset,
                             float alpha = 0.5f) noexcept {
  SEGFACE_RETURN_IF_ERROR(photo.validate());
  SEGFACE_RETURN_IF_ERROR(validate_labels(labels));
  if (photo.width != labels.width || photo.height != labels.height) {
    return error(Errc::invalid_argument, "overlay: labels of ", labels.width, " x ", labels.height,
                 " pixels do not fit a photo of ", photo.width, " x ", photo.height);
  }
  if (!(alpha >= 0.0f && alpha <= 1.0f)) return error(Errc::invalid_argument, "overlay: alpha is not within 0 to 1");
  SEGFACE_ASSIGN(out, Image::make(photo.width, photo.height, PixelOrder::rgb));
  const int weight = static_cast<int>(alpha * 256.0f + 0.5f);
  const auto mix = [weight](int below, int above) {
    return static_cast<std::uint8_t>((below * (256 - weight) + above * weight + 128) >> 8);
  };
  std::uint8_t* to = out.data();
  for (Index y = 0; y < photo.height; ++y) {
    for (Index x = 0; x < photo.width; ++x, to += 3) {
      const Rgb below = photo.rgb(x, y);
      const std::uint8_t label = labels.row(y)[x];
      const bool background = label == 0 || label >= class_count(dataset);
      const Rgb color = background ? below : color_of(dataset, label);
      to[0] = mix(below.r, color.r), to[1] = mix(below.g, color.g), to[2] = mix(below.b, color.b);
    }
  }
  return Result<Image>(std::move(out));
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
