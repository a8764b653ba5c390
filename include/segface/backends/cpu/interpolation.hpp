// Bilinear interpolation on the cpu, of any run of pixels of the output.
#pragma once

#include <algorithm>

#include "segface/backends/cpu/kernels.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cpu {

// Pixels [first, first + y.width) of image `image` of x, interpolated to height x width, to the rows of y.
inline void mix_into(const Kernels& kernels, const In& x, Index image, Index first, Index height, Index width,
                     const Out& y, bool accumulate) noexcept {
  const float down = static_cast<float>(x.height) / static_cast<float>(height);
  const float across = static_cast<float>(x.width) / static_cast<float>(width);
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
    m.pixels = std::min({MixArguments::kMostPixels, y.width - done, width - column});
    for (Index p = 0; p < m.pixels; ++p) {
      const BilinearTap<float> h(column + p, x.width, across);
      m.left[p] = h.first;
      m.right[p] = h.second;
      m.across[p] = h.fraction;
    }
    m.y = y.row(done);
    kernels.mix_pixels(m);
  }
}

// Row `row` of all images' rows of y = (or +=) x, interpolated.
inline void mix_row(const Kernels& kernels, const In& x, Index row, const Out& y, bool accumulate) noexcept {
  const Out line = {y.row(row * y.width), 1, 1, y.width, y.channels, y.stride};
  mix_into(kernels, x, row / y.height, row % y.height * y.width, y.height, y.width, line, accumulate);
}

}  // namespace cpu
SEGFACE_END_NAMESPACE
