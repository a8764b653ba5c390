// Pictures to look at: a legend of the classes found, photo, labels, overlay and confidence side by side, and a contact
// sheet of many photos. render.hpp has the plain pictures, canvas.hpp what these are drawn with.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/labels.hpp"
#include "segface/faces/render.hpp"
#include "segface/image/canvas.hpp"
#include "segface/image/image.hpp"
#include "segface/image/resize.hpp"

SEGFACE_BEGIN_CORE

inline constexpr Rgb kPaper = {24, 24, 28}, kInk = {235, 235, 235};
inline constexpr Index kGap = 8;  // between the parts of a sheet

// Text is twice as large on large pictures.
inline Index text_scale(Index picture_height) noexcept {
  return std::max<Index>(1, picture_height / 256);
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// The picture in RGB, made smaller (Pillow's BICUBIC) where a side is longer than `most`. Errors: invalid_argument,
// out_of_memory.
inline Result<Image> shrink(const ImageView& picture, Index most) noexcept {
  SEGFACE_RETURN_IF_ERROR(picture.validate());
  const Index longer = std::max({picture.width, picture.height, most});
  const auto side = [&](Index pixels) { return std::max<Index>(1, (pixels * most + longer / 2) / longer); };
  return resize_bicubic(picture, side(picture.width), side(picture.height));
}

// Shares as a gray picture, 255 for 1: a confidence, or the probability of a class. values: [height, width].
// Errors: invalid_argument (another number of values), out_of_memory.
inline Result<Image> gray_of_shares(Span<const float> values, Index width, Index height) noexcept {
  SEGFACE_ASSIGN(out, Image::make(width, height, PixelOrder::gray));
  if (values.size() != out.size_bytes()) {
    return error(Errc::invalid_argument, values.size(), " values do not make a picture of ", width, " x ", height,
                 " pixels; expected one a pixel");
  }
  std::transform(values.begin(), values.end(), out.data(),
                 [](float share) { return static_cast<std::uint8_t>(std::clamp(share, 0.0f, 1.0f) * 255.0f + 0.5f); });
  return Result<Image>(std::move(out));
}

// Names, colours and shares of the classes that a label picture holds. Errors: invalid_argument, out_of_memory.
inline Result<Image> legend(const ImageView& labels, Dataset dataset, Index scale = 1) noexcept {
  return core::guarded([&]() -> Result<Image> {
    SEGFACE_RETURN_IF_ERROR(core::validate_labels(labels));
    if (scale < 1 || scale > 64) return error(Errc::invalid_argument, "legend: scale ", scale, ", expected 1 to 64");
    std::array<Index, 256> counts = {};
    for (Index y = 0; y < labels.height; ++y) {
      for (Index x = 0; x < labels.width; ++x) ++counts[labels.row(y)[x]];
    }
    Index lines = 0, longest = 0;
    for (Index label = 0; label < class_count(dataset); ++label) {
      if (counts[static_cast<std::size_t>(label)] == 0) continue;
      ++lines;
      longest = std::max(longest, core::text_width(classes(dataset)[static_cast<std::size_t>(label)].name, 1));
    }
    constexpr Index kLine = core::font::kLine + 2, kSwatch = 12, kShare = 8 * core::font::kAdvance;
    SEGFACE_ASSIGN(canvas, core::Canvas::make((kSwatch + longest + kShare) * scale,
                                              std::max<Index>(1, lines) * kLine * scale, core::kPaper));
    Index y = 0;
    for (Index label = 0; label < class_count(dataset); ++label) {
      const Index count = counts[static_cast<std::size_t>(label)];
      if (count == 0) continue;
      const ClassInfo& info = classes(dataset)[static_cast<std::size_t>(label)];
      canvas.fill({0, y, 9 * scale, 9 * scale}, core::kInk);
      canvas.fill({scale, y + scale, 7 * scale, 7 * scale}, info.color);
      canvas.text(info.name, kSwatch * scale, y + scale, core::kInk, scale);
      const auto hundredths = static_cast<Index>(
          10000 * static_cast<double>(count) / static_cast<double>(labels.width * labels.height) + 0.5);
      const std::string share = std::to_string(hundredths / 100) + (hundredths % 100 < 10 ? ".0" : ".") +
                                std::to_string(hundredths % 100) + "%";
      canvas.text(share, canvas.width() - core::text_width(share, scale), y + scale, core::kInk, scale);
      y += kLine * scale;
    }
    return canvas.take();
  });
}

// A part of a sheet: a picture with a title over it.
struct Panel {
  std::string title;
  Image picture;
};

// Panels in a grid of `columns`, their titles cut to their cells. Errors: invalid_argument (no panel, no column, a cell
// that is empty), out_of_memory.
inline Result<Image> grid(Span<const Panel> panels, Index columns, Index scale = 1) noexcept {
  const auto count = static_cast<Index>(panels.size());
  if (count < 1 || columns < 1 || scale < 1) {
    return error(Errc::invalid_argument, "grid: ", count, " panels in ", columns, " columns at scale ", scale,
                 ", expected at least 1 of each");
  }
  Index width = 0, height = 0;
  for (const Panel& panel : panels) {
    width = std::max(width, panel.picture.width());
    height = std::max(height, panel.picture.height());
  }
  columns = std::min(columns, count);
  const Index title = (core::font::kLine + 2) * scale, rows = (count + columns - 1) / columns;
  SEGFACE_ASSIGN(canvas, core::Canvas::make(core::kGap + columns * (width + core::kGap),
                                            core::kGap + rows * (title + height + core::kGap), core::kPaper));
  for (Index i = 0; i < count; ++i) {
    const Panel& panel = panels[static_cast<std::size_t>(i)];
    const Index x = core::kGap + i % columns * (width + core::kGap),
                y = core::kGap + i / columns * (title + height + core::kGap);
    canvas.text(core::fitting(panel.title, width, scale), x, y, core::kInk, scale);
    SEGFACE_RETURN_IF_ERROR(canvas.draw(panel.picture.view(), x, y + title));
  }
  return canvas.take();
}

// A picture with another at its right, both from the top, on paper.
inline Result<Image> beside(const ImageView& left, const ImageView& right) noexcept {
  SEGFACE_ASSIGN(canvas, core::Canvas::make(left.width + right.width + 2 * core::kGap,
                                            std::max(left.height, right.height + 2 * core::kGap), core::kPaper));
  SEGFACE_RETURN_IF_ERROR(canvas.draw(left, 0, 0));
  SEGFACE_RETURN_IF_ERROR(canvas.draw(right, left.width + core::kGap, core::kGap));
  return canvas.take();
}

// overlay() with the legend at its right. Errors: as those.
inline Result<Image> overlay_with_legend(const ImageView& photo, const ImageView& labels, Dataset dataset,
                                         float alpha = 0.5f) noexcept {
  SEGFACE_ASSIGN(picture, overlay(photo, labels, dataset, alpha));
  SEGFACE_ASSIGN(names, legend(labels, dataset, core::text_scale(photo.height)));
  return beside(picture.view(), names.view());
}

// Photo, labels, overlay and confidence ([height, width] of the photo, 0 to 1) side by side with the legend; pictures
// are made smaller where a side is longer than `most`. Errors: as overlay() and gray_of_shares().
inline Result<Image> sheet(const ImageView& photo, const ImageView& labels, Dataset dataset,
                           Span<const float> confidence, Index most = 512) noexcept {
  return core::guarded([&]() -> Result<Image> {
    SEGFACE_ASSIGN(mixed, overlay(photo, labels, dataset));
    SEGFACE_ASSIGN(colors, colorize(labels, dataset));
    SEGFACE_ASSIGN(sure, gray_of_shares(confidence, labels.width, labels.height));
    Panel panels[] = {{"photo", {}}, {"labels", {}}, {"overlay", {}}, {"confidence: black 0, white 1", {}}};
    const ImageView pictures[] = {photo, colors.view(), mixed.view(), sure.view()};
    for (std::size_t i = 0; i < 4; ++i) {
      SEGFACE_ASSIGN(small, shrink(pictures[i], most));
      panels[i].picture = std::move(small);
    }
    const Index scale = core::text_scale(panels[0].picture.height());
    SEGFACE_ASSIGN(row, grid(panels, 4, scale));
    SEGFACE_ASSIGN(names, legend(labels, dataset, scale));
    return beside(row.view(), names.view());
  });
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
