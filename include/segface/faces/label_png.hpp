// Labels to PNG: indexed pictures whose values are the labels, in the colours of their data set.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <string>

#include "segface/base/config.hpp"
#include "segface/base/file.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/labels.hpp"
#include "segface/image/image.hpp"
#include "segface/image/png_write.hpp"

SEGFACE_BEGIN_NAMESPACE

// Errors: as encode_png.
inline Result<Buffer<std::uint8_t>> encode_label_png(const ImageView& labels, Dataset dataset) noexcept {
  Rgb palette[kMaxClasses];
  const Index count = class_count(dataset);
  for (Index label = 0; label < count; ++label) palette[label] = color_of(dataset, static_cast<std::uint8_t>(label));
  return encode_png(labels, Span<const Rgb>(palette, static_cast<std::size_t>(count)));
}

// Labels with the palette of their data set. Errors: as encode_png and save_file.
inline Status save_label_png(const std::string& path, const ImageView& labels, Dataset dataset,
                             OutputFile::Existing existing = OutputFile::Existing::replace) noexcept {
  auto file = encode_label_png(labels, dataset);
  if (!file.ok()) return in_context(file.error(), path);
  return save_file(path, file->span(), existing);
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
