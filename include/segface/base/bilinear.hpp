// Bilinear interpolation along one axis, as PyTorch's interpolate with align_corners = false, never antialiased.
#pragma once

#include <algorithm>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE

// Where an output looks: (1 - fraction) * in[first] + fraction * in[second].
template <class Scalar>
struct BilinearTap {
  Index first, second;
  Scalar fraction;

  // Output i of an axis: at the source position max(0, (i + 0.5) in / out - 0.5).
  BilinearTap(Index i, Index in, Index out) noexcept
      : BilinearTap(i, in, static_cast<Scalar>(in) / static_cast<Scalar>(out)) {}
  // The same, of scale = in / out.
  BilinearTap(Index i, Index in, Scalar scale) noexcept {
    const Scalar source = std::max(Scalar(0), scale * (static_cast<Scalar>(i) + Scalar(0.5)) - Scalar(0.5));
    first = std::min(static_cast<Index>(source), in - 1);
    second = std::min(first + 1, in - 1);
    fraction = source - static_cast<Scalar>(first);
  }
};

SEGFACE_END_NAMESPACE
