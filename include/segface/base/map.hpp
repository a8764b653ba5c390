// Map: a view of an activation, stored as NHWC: a matrix [B H W, C] with B, H and W beside it.
//
// Tokens are maps too: batch B, height 1, width N. Rows may be padded (stride >= channels), because row lengths
// that are powers of two would make neighbouring rows compete for the same cache sets.
//
// Trap: a dry run has maps without data, and nothing may be added to a null pointer.
#pragma once

#include <type_traits>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

template <class T>
struct Map {
  T* data = nullptr;
  Index batch = 0;     // B
  Index height = 0;    // H
  Index width = 0;     // W
  Index channels = 0;  // C
  Index stride = 0;    // elements from one row of the matrix to the next

  SEGFACE_HOST_DEVICE Index rows() const noexcept { return batch * height * width; }  // B H W
  SEGFACE_HOST_DEVICE Index pixels() const noexcept { return height * width; }        // H W
  SEGFACE_HOST_DEVICE T* row(Index r) const noexcept { return data + r * stride; }
  SEGFACE_HOST_DEVICE T* pixel(Index b, Index y, Index x) const noexcept { return row((b * height + y) * width + x); }
  // Image b alone, and images [first, first + count).
  SEGFACE_HOST_DEVICE Map image(Index b) const noexcept { return images(b, 1); }
  SEGFACE_HOST_DEVICE Map images(Index first, Index count) const noexcept {
    return {data == nullptr ? data : row(first * pixels()), count, height, width, channels, stride};
  }
  // Channels [first, first + count) of every row.
  SEGFACE_HOST_DEVICE Map slice(Index first, Index count) const noexcept {
    return {data == nullptr ? data : data + first, batch, height, width, count, stride};
  }

  template <class U = T, class = std::enable_if_t<!std::is_const_v<U>>>
  SEGFACE_HOST_DEVICE operator Map<const U>() const noexcept {
    return {data, batch, height, width, channels, stride};
  }
};

SEGFACE_END_CORE
