// Cost: what a kernel does, counted from the sizes of its maps.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/map.hpp"

SEGFACE_BEGIN_CORE

// What a kernel does, by its sizes alone: operations (a multiply-add is 2), bytes read or written at least once, and
// which of the operations are of rounded numbers.
struct Cost {
  double flops = 0;
  double bytes = 0;
  double rounded = 0;

  Cost& operator+=(const Cost& other) noexcept {
    flops += other.flops;
    bytes += other.bytes;
    rounded += other.rounded;
    return *this;
  }
};

template <class T>
double elements(const Map<T>& x) noexcept {
  return static_cast<double>(x.rows() * x.channels);
}

template <class T>
double bytes(const Map<T>& x) noexcept {
  return elements(x) * sizeof(T);
}

// A product of matrices [m, k] and [k, n] of T. beside: bytes moved besides those of the three matrices.
template <class T>
Cost gemm_cost(Index m, Index n, Index k, double beside = 0) noexcept {
  return {2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
          static_cast<double>(m * k + k * n + m * n) * sizeof(T) + beside};
}

SEGFACE_END_CORE
