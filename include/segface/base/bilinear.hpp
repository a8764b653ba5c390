// Bilinear interpolation along one axis, as PyTorch's interpolate with align_corners = false, never antialiased.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE

// Where an output looks: (1 - fraction) * in[first] + fraction * in[second].
template <class Scalar>
struct BilinearTap {
  Index first, second;
  Scalar fraction;

  // Output i of an axis: at the source position max(0, (i + 0.5) in / out - 0.5).
  SEGFACE_HOST_DEVICE BilinearTap(Index i, Index in, Index out) noexcept
      : BilinearTap(i, in, static_cast<Scalar>(in) / static_cast<Scalar>(out)) {}
  // The same, of scale = in / out.
  SEGFACE_HOST_DEVICE BilinearTap(Index i, Index in, Scalar scale) noexcept {
    const Scalar centre = scale * (static_cast<Scalar>(i) + Scalar(0.5)) - Scalar(0.5);
    const Scalar source = centre > 0 ? centre : Scalar(0);
    const auto whole = static_cast<Index>(source);
    first = whole < in - 1 ? whole : in - 1;
    second = first < in - 1 ? first + 1 : first;
    fraction = source - static_cast<Scalar>(first);
  }
};

SEGFACE_END_NAMESPACE
