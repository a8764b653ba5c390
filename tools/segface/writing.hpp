// Writes the files of a photo: mask, overlay, single classes, mattes, cutouts, probabilities, logits, sheets.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "segface/faces/draw_faces.hpp"
#include "segface/faces/label_png.hpp"
#include "segface/faces/numbering.hpp"
#include "segface/faces/probability.hpp"
#include "segface/faces/render.hpp"
#include "segface/faces/sheet.hpp"
#include "segface/image/cutout.hpp"
#include "segface/image/file.hpp"
#if defined(SEGFACE_WITH_LIBJPEG)
#include "segface/image/jpeg_write.hpp"
#endif

#include "beside.hpp"
#include "npy.hpp"
#include "output.hpp"
#include "outputs.hpp"
#include "parsed.hpp"

namespace tool {

// 255 where one of the labels is, 0 elsewhere.
inline Result<Image> pixels_of(const ImageView& labels, std::uint32_t wanted) {
  SEGFACE_ASSIGN(picture, Image::make(labels.width, labels.height, PixelOrder::gray));
  for (Index y = 0; y < labels.height; ++y) {
    std::transform(labels.row(y), labels.row(y) + labels.width, picture.row(y), [&](std::uint8_t label) {
      return label < 32 && (wanted >> label & 1u) != 0 ? std::uint8_t{255} : std::uint8_t{0};
    });
  }
  return std::move(picture);
}

// An RGB picture whose row y is written by row(y, out); PNG or JPEG, by the ending of the path.
template <class Row>
Status save_rows(const std::string& path, Index width, Index height, const Row& row) {
#if defined(SEGFACE_WITH_LIBJPEG)
  if (is_jpeg_name(path)) {
    const auto file = encode_jpeg(width, height, row);
    return file.ok() ? save_file(path, file->span()) : in_context(file.error(), path);
  }
#endif
  SEGFACE_ASSIGN(picture, Image::make(width, height, PixelOrder::rgb));
  for (Index y = 0; y < height; ++y) row(y, picture.row(y));
  return save_png(path, picture.view());
}
inline Status save_picture(const std::string& path, const ImageView& picture) {
  return save_rows(path, picture.width, picture.height, [&](Index y, std::uint8_t* out) { picture.rgb_row(y, out); });
}

// A file, or standard output.
inline Status save_bytes(const std::string& path, Bytes bytes) {
  if (path != kStandardStream) return save_file(path, bytes);
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size()) return {};
  return error(Errc::output, "cannot write to standard output");
}

class Writer {
 public:
  // side_by_side: mask and overlay on two threads.
  Writer(const Request& request, Dataset dataset, bool side_by_side)
      : request_(request), dataset_(dataset), side_by_side_(side_by_side) {}

  Status write(const Outputs& outputs, const ImageView& photo, const Parsed& parsed) const {
    const ImageView labels = parsed.photo.mask.view();
    SEGFACE_RETURN_IF_ERROR(write_labels(outputs, photo, labels));
    SEGFACE_RETURN_IF_ERROR(write_mattes(outputs, photo, parsed.photo.mattes));
    if (!outputs.coverage.empty()) SEGFACE_RETURN_IF_ERROR(save_png(outputs.coverage, parsed.photo.coverage.view()));
    if (!outputs.probabilities.empty()) SEGFACE_RETURN_IF_ERROR(write_probabilities(outputs, labels, parsed));
    if (!outputs.logits.empty()) SEGFACE_RETURN_IF_ERROR(write_logits(outputs.logits, labels, parsed));
    return proceed();
  }

  // Photo, labels, overlay and confidence side by side.
  Status write_sheet(const ImageView& photo, const Parsed& parsed) const {
    // What nobody looked at is background for certain.
    SEGFACE_ASSIGN(shares, Buffer<float>::make(parsed.photo.confidence.size()));
    std::transform(parsed.photo.confidence.begin(), parsed.photo.confidence.end(), shares.begin(),
                   [](float share) { return share > 0 ? share : 1.0f; });
    SEGFACE_ASSIGN(picture, sheet(photo, parsed.photo.mask.view(), dataset_, shares.span()));
    return save_png(request_.sheet, picture.view());
  }

 private:
  // A logit whose class has no share.
  static constexpr float kImpossible = -10000.0f;

  static Status proceed() { return interrupted() ? error(Errc::cancelled, "interrupted") : Status(); }

  Status write_labels(const Outputs& outputs, const ImageView& photo, const ImageView& labels) const {
    SEGFACE_RETURN_IF_ERROR(proceed());
    Status mask;
    Beside masking(side_by_side_ && !outputs.mask.empty() && !outputs.overlay.empty(),
                   [&] { mask = outputs.mask.empty() ? Status() : write_mask(outputs.mask, labels); });
    const Status overlaid = outputs.overlay.empty() ? Status() : write_overlay(outputs.overlay, photo, labels);
    masking.join();
    SEGFACE_RETURN_IF_ERROR(std::move(mask));
    SEGFACE_RETURN_IF_ERROR(overlaid);
    for (std::size_t i = 0; i < outputs.masks.size(); ++i) {
      SEGFACE_RETURN_IF_ERROR(proceed());
      SEGFACE_ASSIGN(picture, pixels_of(labels, request_.classes[i].labels));
      SEGFACE_RETURN_IF_ERROR(save_png(outputs.masks[i], picture.view()));
    }
    return proceed();
  }

  Status write_mattes(const Outputs& outputs, const ImageView& photo, const std::vector<Buffer<float>>& mattes) const {
    for (std::size_t i = 0; i < outputs.mattes.size(); ++i) {
      SEGFACE_RETURN_IF_ERROR(proceed());
      SEGFACE_RETURN_IF_ERROR(write_matte(outputs.mattes[i], mattes[i].span(), photo.width, photo.height));
    }
    if (outputs.cutout.empty()) return proceed();
    SEGFACE_ASSIGN(picture, cutout(photo, mattes.back().span()));
    if (!request_.background) {
      return save_png(outputs.cutout, picture.view(), OutputFile::Existing::replace, PngAlpha::keep);
    }
    SEGFACE_ASSIGN(behind, request_.background->fill(photo.width, photo.height));
    SEGFACE_ASSIGN(composed, compose(picture.view(), behind.view()));
    return save_png(outputs.cutout, composed.view());
  }

  Status write_matte(const std::string& path, Span<const float> matte, Index width, Index height) const {
    if (request_.matte_bits == 16) {
      const auto file = encode_gray16_png(matte, width, height);
      return file.ok() ? save_file(path, file->span()) : in_context(file.error(), path);
    }
    SEGFACE_ASSIGN(picture, gray_of_shares(matte, width, height));
    return save_png(path, picture.view());
  }

  Status write_mask(const std::string& path, const ImageView& labels) const {
    auto file = encode_mask(labels);
    if (!file.ok()) return in_context(file.error(), path);
    return save_bytes(path, file->span());
  }
  Result<Buffer<std::uint8_t>> encode_mask(const ImageView& labels) const {
    if (!request_.numbering) return request_.gray ? encode_png(labels) : encode_label_png(labels, dataset_);
    SEGFACE_ASSIGN(numbered, renumber(labels, numbering_of(dataset_), *request_.numbering));
    if (request_.gray) return encode_png(numbered.view());
    Rgb palette[kMaxClasses];
    const Span<const std::uint8_t> meanings = kNumberings[static_cast<std::size_t>(*request_.numbering)].meanings;
    std::transform(meanings.begin(), meanings.end(), palette,
                   [](std::uint8_t meaning) { return color_of(Dataset::celeb, meaning); });
    return encode_png(numbered.view(), Span<const Rgb>(palette, meanings.size()));
  }

  Status write_overlay(const std::string& path, const ImageView& photo, const ImageView& labels) const {
    if (request_.legend) {
      SEGFACE_ASSIGN(picture, overlay_with_legend(photo, labels, dataset_));
      return save_picture(path, picture.view());
    }
    SEGFACE_ASSIGN(mixed, Overlay::make(photo, labels, dataset_));
    return save_rows(path, mixed.width(), mixed.height(), [&](Index y, std::uint8_t* out) { mixed.row(y, out); });
  }

  // Of the one part that was looked at; outside, background is certain.
  Status write_probabilities(const Outputs& outputs, const ImageView& labels, const Parsed& parsed) const {
    const Region& region = *parsed.region;
    const Index width = region.width(), height = region.height();
    SEGFACE_ASSIGN(maps, ProbabilityMaps::make(parsed.logits, width, height));
    SEGFACE_ASSIGN(of_class, Buffer<float>::make(static_cast<std::size_t>(width * height)));
    SEGFACE_ASSIGN(inside, Buffer<float>::make(static_cast<std::size_t>(width * height)));
    SEGFACE_ASSIGN(whole, Buffer<float>::make(static_cast<std::size_t>(labels.width * labels.height)));
    for (std::size_t i = 0; i < outputs.probabilities.size(); ++i) {
      SEGFACE_RETURN_IF_ERROR(proceed());
      const std::uint32_t wanted = request_.classes[i].labels;
      std::fill(inside.begin(), inside.end(), 0.0f);
      for (Index label = 0; label < class_count(dataset_); ++label) {
        if ((wanted >> label & 1u) == 0) continue;
        SEGFACE_RETURN_IF_ERROR(maps.of(label, of_class.span()));
        std::transform(of_class.begin(), of_class.end(), inside.begin(), inside.begin(),
                       [](float a, float b) { return std::min(a + b, 1.0f); });
      }
      SEGFACE_RETURN_IF_ERROR(
          region.paste_plane({inside.data(), width, height}, (wanted & 1u) != 0 ? 1.0f : 0.0f, whole.span()));
      SEGFACE_ASSIGN(picture, gray_of_shares(whole.span(), labels.width, labels.height));
      SEGFACE_RETURN_IF_ERROR(save_png(outputs.probabilities[i], picture.view()));
    }
    return {};
  }

  // The logits of a part become those of the photo: outside, background is certain.
  static Status write_logits(const std::string& path, const ImageView& labels, const Parsed& parsed) {
    constexpr auto kReplace = OutputFile::Existing::replace;
    const LogitsView<float>& logits = parsed.logits;
    if (parsed.region->is_whole()) {
      return save_npy(path, logits.data, {logits.classes, logits.height, logits.width}, kReplace);
    }
    const auto pixels = static_cast<std::size_t>(labels.width * labels.height);
    SEGFACE_ASSIGN(values, Buffer<float>::make(static_cast<std::size_t>(logits.classes) * pixels));
    for (Index c = 0; c < logits.classes; ++c) {
      const PlaneView plane = {logits.data + c * logits.class_stride, logits.width, logits.height};
      const Span<float> out = values.span().subspan(static_cast<std::size_t>(c) * pixels, pixels);
      SEGFACE_RETURN_IF_ERROR(parsed.region->paste_plane(plane, c == 0 ? 0.0f : kImpossible, out));
    }
    return save_npy(path, values.data(), {logits.classes, labels.height, labels.width}, kReplace);
  }

  const Request& request_;
  Dataset dataset_;
  bool side_by_side_;
};

}  // namespace tool
