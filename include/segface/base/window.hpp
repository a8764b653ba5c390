// The windows that cut an image, shifted or not: which pixel each place of a window is, and which region it is in.
//
// Along one axis of n pixels: the axis is padded at its end to a multiple of the window, rolled by -shift, cut. Place t
// of window i is pixel (i window + t + shift) mod padded. The roll brings the first pixels behind the last ones: in the
// last window, places from window - shift on are another region. Mirrors torchvision's shifted_window_attention. Trap:
// an axis that one window covers is not shifted.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

struct WindowAxis {
  Index size, window, count, shift;  // pixels, places in a window, windows, and the shift in use

  SEGFACE_HOST_DEVICE WindowAxis(Index n, Index window_size, Index wanted_shift) noexcept
      : size(n),
        window(window_size),
        count((n + window_size - 1) / window_size),
        shift(count == 1 ? 0 : wanted_shift) {}

  // The pixel at place t of window i; from `size` on it is padding.
  SEGFACE_HOST_DEVICE Index pixel(Index i, Index t) const noexcept {
    const Index at = i * window + t + shift, padded = count * window;
    return at < padded ? at : at - padded;  // the remainder, since the shift is less than a window
  }
  // Whether windows of index i hold two regions, and whether place t is in the second.
  SEGFACE_HOST_DEVICE bool divided(Index i) const noexcept { return shift != 0 && i == count - 1; }
  SEGFACE_HOST_DEVICE bool wrapped(Index i, Index t) const noexcept { return divided(i) && t >= window - shift; }
};

// The region, 0 to 3, of place (ty, tx) of window (wy, wx): keys of another region than the query's are masked.
SEGFACE_HOST_DEVICE inline Index window_region(const WindowAxis& vertical, Index wy, Index ty,
                                               const WindowAxis& horizontal, Index wx, Index tx) noexcept {
  return 2 * vertical.wrapped(wy, ty) + horizontal.wrapped(wx, tx);
}

SEGFACE_END_CORE
