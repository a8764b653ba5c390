// Bilinear interpolation along one axis, as PyTorch's interpolate with align_corners = false, never antialiased.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

// Where an output looks: (1 - fraction) * in[first] + fraction * in[second].
template <class Scalar>
struct BilinearTap {
  Index first, second;
  Scalar fraction;

  // Output i of an axis: at the source position max(0, (i + 0.5) in / out - 0.5).
  SEGFACE_HOST_DEVICE BilinearTap(Index i, Index in, Index out) noexcept
      : BilinearTap(i, in, static_cast<Scalar>(in) / static_cast<Scalar>(out)) {}
  // The same, of scale = in / out.
  SEGFACE_HOST_DEVICE BilinearTap(Index i, Index in, Scalar scale) noexcept
      : BilinearTap(scale * (static_cast<Scalar>(i) + Scalar(0.5)) - Scalar(0.5), in) {}
  // At a source position, 0 being the middle of the first input. Beyond the ends it sees them: half an input further,
  // where the ends count as far as no scaled axis reaches, and no sum of weights is lost in its parts.
  SEGFACE_HOST_DEVICE BilinearTap(Scalar position, Index in) noexcept {
    const Scalar end = static_cast<Scalar>(in) - Scalar(0.5), begin = position > 0 ? position : Scalar(0);
    const Scalar source = begin < end ? begin : end;
    const auto whole = static_cast<Index>(source);
    first = whole < in - 1 ? whole : in - 1;
    second = first < in - 1 ? first + 1 : first;
    fraction = source - static_cast<Scalar>(first);
  }
};

SEGFACE_END_CORE
