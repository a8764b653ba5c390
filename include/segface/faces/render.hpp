// Labels as pictures: the palette alone, or laid over the photo.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/labels.hpp"
#include "segface/image/image.hpp"
#include "segface/image/runs.hpp"

SEGFACE_BEGIN_CORE

inline Status validate_labels(const ImageView& labels) noexcept {
  SEGFACE_RETURN_IF_ERROR(labels.validate());
  if (labels.order == PixelOrder::gray) return Status();
  return error(Errc::invalid_argument, "labels: one byte a pixel is expected (PixelOrder::gray), found ",
               channels_of(labels.order));
}

// Labels of a photo, of its size.
inline Status validate_labels_of(const ImageView& photo, const ImageView& labels) noexcept {
  SEGFACE_RETURN_IF_ERROR(photo.validate());
  SEGFACE_RETURN_IF_ERROR(validate_labels(labels));
  if (photo.width == labels.width && photo.height == labels.height) return {};
  return error(Errc::invalid_argument, "labels of ", labels.width, " x ", labels.height,
               " pixels do not fit a photo of ", photo.width, " x ", photo.height);
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// Labels [h, w] (a gray picture) -> the palette's colours, RGB [h, w]. Errors: invalid_argument, out_of_memory.
inline Result<Image> colorize(const ImageView& labels, Dataset dataset) noexcept {
  SEGFACE_RETURN_IF_ERROR(core::validate_labels(labels));
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
// colour, row by row. Photo and labels must outlive it.
class Overlay {
 public:
  // Errors: invalid_argument (sizes differ, alpha outside [0, 1]).
  static Result<Overlay> make(const ImageView& photo, const ImageView& labels, Dataset dataset,
                              float alpha = 0.5f) noexcept {
    SEGFACE_RETURN_IF_ERROR(core::validate_labels_of(photo, labels));
    if (!(alpha >= 0.0f && alpha <= 1.0f)) return error(Errc::invalid_argument, "overlay: alpha is not within 0 to 1");
    return Overlay(photo, labels, dataset, static_cast<int>(alpha * 256.0f + 0.5f));
  }

  Index width() const noexcept { return photo_.width; }
  Index height() const noexcept { return photo_.height; }

  // Row y into `out`, 3 width bytes.
  void row(Index y, std::uint8_t* out) const noexcept {
    photo_.rgb_row(y, out);
    core::for_each_run(labels_.row(y), labels_.width, [&](Index first, Index last, std::uint8_t label) {
      if (label != 0 && label < class_count(dataset_)) mix(out + 3 * first, 3 * (last - first), terms_[label]);
    });
  }

 private:
  static constexpr Index kBlock = 48;  // bytes: whole pixels, and whole vectors

  Overlay(const ImageView& photo, const ImageView& labels, Dataset dataset, int weight) noexcept
      : photo_(photo), labels_(labels), dataset_(dataset), rest_(static_cast<std::uint16_t>(256 - weight)) {
    for (Index label = 0; label < class_count(dataset); ++label) {
      const Rgb color = color_of(dataset, static_cast<std::uint8_t>(label));
      const int channels[] = {color.r, color.g, color.b};
      for (Index i = 0; i < kBlock; ++i) {
        terms_[label][i] = static_cast<std::uint16_t>(channels[i % 3] * weight + 128);
      }
    }
  }

  // Rounded; at most 255 x 256 + 128, so that 16 bits hold it.
  void mix(std::uint8_t* bytes, Index size, const std::uint16_t (&terms)[kBlock]) const noexcept {
    const auto mixed = [&](std::uint8_t below, std::uint16_t term) {
      return static_cast<std::uint8_t>(static_cast<std::uint16_t>(below * rest_ + term) >> 8);
    };
    Index i = 0;
    for (; i + kBlock <= size; i += kBlock) {
      std::uint8_t block[kBlock];  // which overlaps nothing
      for (Index k = 0; k < kBlock; ++k) block[k] = mixed(bytes[i + k], terms[k]);
      std::copy_n(block, kBlock, bytes + i);
    }
    for (Index k = 0; i < size; ++i, ++k) bytes[i] = mixed(bytes[i], terms[k]);
  }

  ImageView photo_, labels_;
  Dataset dataset_;
  std::uint16_t rest_;                             // the photo's part, of 256
  std::uint16_t terms_[kMaxClasses][kBlock] = {};  // what a colour adds to its pixels
};

// All of it at once. Errors: as Overlay::make, out_of_memory.
inline Result<Image> overlay(const ImageView& photo, const ImageView& labels, Dataset dataset,
                             float alpha = 0.5f) noexcept {
  SEGFACE_ASSIGN(rows, Overlay::make(photo, labels, dataset, alpha));
  SEGFACE_ASSIGN(out, Image::make(photo.width, photo.height, PixelOrder::rgb));
  for (Index y = 0; y < photo.height; ++y) rows.row(y, out.row(y));
  return Result<Image>(std::move(out));
}

// The photo where a label is wanted, clear elsewhere: RGBA, not premultiplied, with alpha 255 or 0 and no colour where that
// is 0. Bit `label` of `wanted` is set for those to keep, see label_mask(). Errors: invalid_argument (sizes differ), out_of_memory.
inline Result<Image> cutout(const ImageView& photo, const ImageView& labels, std::uint32_t wanted) noexcept {
  SEGFACE_RETURN_IF_ERROR(core::validate_labels_of(photo, labels));
  SEGFACE_ASSIGN(out, Image::make(photo.width, photo.height, PixelOrder::rgba));
  for (Index y = 0; y < photo.height; ++y) {
    std::uint8_t* to = out.row(y);
    for (Index x = 0; x < photo.width; ++x, to += 4) {
      const std::uint8_t label = labels.row(y)[x];
      const bool kept = label < 32 && (wanted >> label & 1u) != 0;
      const Rgb color = kept ? photo.rgb(x, y) : Rgb{0, 0, 0};
      to[0] = color.r, to[1] = color.g, to[2] = color.b, to[3] = kept ? std::uint8_t{255} : std::uint8_t{0};
    }
  }
  return Result<Image>(std::move(out));
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
