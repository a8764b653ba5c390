// The input patches that output pixels of a convolution see, gathered into rows for a matrix product.
#pragma once

#include <algorithm>

#include "segface/backends/cpu/tasks.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// One row for each of `rows` output pixels from first_pixel on: the kernel x kernel x C input values it sees; zeros
// outside.
inline void gather_patches(const In& x, Index kernel, Index stride, Index pad, Index out_width, Index first_pixel,
                           Index rows, float* out) noexcept {
  for (Index r = 0; r < rows; ++r) {
    const Index pixel = first_pixel + r;
    const Index top = pixel / out_width * stride - pad, left = pixel % out_width * stride - pad;
    const bool whole = x.stride == x.channels && left >= 0 && left + kernel <= x.width;
    for (Index dy = 0; dy < kernel; ++dy) {
      const Index sy = top + dy;
      if (whole && sy >= 0 && sy < x.height) {  // pixels without a gap: one copy for all of the row
        out = std::copy_n(x.pixel(0, sy, left), kernel * x.channels, out);
        continue;
      }
      for (Index dx = 0; dx < kernel; ++dx, out += x.channels) {
        const Index sx = left + dx;
        if (sy >= 0 && sy < x.height && sx >= 0 && sx < x.width) {
          std::copy_n(x.pixel(0, sy, sx), x.channels, out);
        } else {
          std::fill_n(out, x.channels, 0.0f);
        }
      }
    }
  }
}

}  // namespace cpu
SEGFACE_END_CORE
