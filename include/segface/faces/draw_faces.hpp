// Found faces drawn over their photo: a box, five points and a number each.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <cmath>
#include <string>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/face.hpp"
#include "segface/image/canvas.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_NAMESPACE

// RGB, of the photo's size. The subject's right eye and the right corner of the mouth are of another colour than the
// left ones. Errors: as core::Canvas::make, invalid_argument.
inline Result<Image> draw_faces(const ImageView& photo, Span<const Face> faces) noexcept {
  return core::guarded([&]() -> Result<Image> {
    constexpr Rgb kBox = {64, 224, 160}, kRight = {255, 140, 66}, kLeft = {0, 180, 255}, kNose = {255, 214, 74};
    SEGFACE_RETURN_IF_ERROR(photo.validate());
    SEGFACE_ASSIGN(canvas, core::Canvas::make(photo.width, photo.height, {0, 0, 0}));
    SEGFACE_RETURN_IF_ERROR(canvas.draw(photo, 0, 0));
    const auto pixel = [](double place) { return static_cast<Index>(std::floor(place)); };
    for (std::size_t i = 0; i < faces.size(); ++i) {
      const FaceRectangle& box = faces[i].box;
      const Index line = std::max<Index>(1, pixel(box.size() / 60)), scale = std::max<Index>(1, line / 2);
      const Index left = pixel(box.x), top = pixel(box.y), width = pixel(box.width), height = pixel(box.height);
      canvas.fill({left, top, width, line}, kBox);
      canvas.fill({left, top + height - line, width, line}, kBox);
      canvas.fill({left, top, line, height}, kBox);
      canvas.fill({left + width - line, top, line, height}, kBox);
      canvas.text(std::to_string(i + 1), left + 2 * line, top + 2 * line, kBox, scale);
      const Rgb colors[] = {kRight, kLeft, kNose, kRight, kLeft};
      const auto points = faces[i].landmarks.in_order();
      for (std::size_t p = 0; p < points.size(); ++p) {
        canvas.fill({pixel(points[p].x + 0.5) - line, pixel(points[p].y + 0.5) - line, 2 * line + 1, 2 * line + 1},
                    colors[p]);
      }
    }
    return canvas.take();
  });
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
