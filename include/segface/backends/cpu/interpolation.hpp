// Bilinear interpolation on the cpu, of any run of pixels of the output.
#pragma once

#include <algorithm>

#include "segface/backends/cpu/kernels.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// Pixels [column, ..) of a row of `width`, as many as are left of `wanted` and fit; of an input of `in` columns.
inline void look_across(Index column, Index wanted, Index in, Index width, InterpolatedPixels& look) noexcept {
  const float scale = static_cast<float>(in) / static_cast<float>(width);
  look.pixels = std::min({InterpolatedPixels::kMost, wanted, width - column});
  for (Index p = 0; p < look.pixels; ++p) {
    const BilinearTap<float> tap(column + p, in, scale);
    look.left[p] = tap.first;
    look.right[p] = tap.second;
    look.across[p] = tap.fraction;
  }
}

// Pixels [first, first + y.width) of image `image` of x, interpolated to height x width, to the rows of y.
inline void mix_into(const Kernels& kernels, const In& x, Index image, Index first, Index height, Index width,
                     const Out& y, bool accumulate) noexcept {
  const float down = static_cast<float>(x.height) / static_cast<float>(height);
  MixArguments m;
  m.ld = x.stride;
  m.channels = y.channels;
  m.accumulate = accumulate;
  m.ldy = y.stride;
  for (Index done = 0; done < y.width; done += m.pixels) {
    const Index row = (first + done) / width, column = (first + done) % width;
    const BilinearTap<float> v(row, x.height, down);
    m.upper = x.pixel(image, v.first, 0);
    m.lower = x.pixel(image, v.second, 0);
    m.fraction = v.fraction;
    look_across(column, y.width - done, x.width, width, m);
    m.y = y.row(done);
    kernels.mix_pixels(m);
  }
}

}  // namespace cpu
SEGFACE_END_CORE
