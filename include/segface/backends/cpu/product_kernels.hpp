// Matrix products of bytes: what their kernels take, and the table through which they are called. kernels.hpp compiles
// the bodies once for each kind of instructions that multiplies bytes.
//
// Weights are signed bytes with a scale for each output, prepared once. Rows of the input become unsigned bytes when they
// come, each with a scale and a zero point of its own: x = scale (byte - zero). With q the bytes of a row and w those of
// an output's weights, x . w = scale scale_w (q . w - zero sum(w)): sums of integers, which are exact, so that they are
// the same on every processor, for any number of threads and any batch. Nothing saturates.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

struct GemmArguments;

inline constexpr Index kByteGroup = 4;  // inputs whose products one instruction adds up
// Bytes that a row or an output takes: rounded up to whole groups.
inline constexpr Index byte_depth(Index depth) noexcept {
  return (depth + kByteGroup - 1) / kByteGroup * kByteGroup;
}

// Rows of the input, rounded.
struct ByteRows {
  std::uint8_t* bytes = nullptr;  // [rows, byte_depth]
  float* scales = nullptr;        // [rows]
  std::int32_t* zeros = nullptr;  // [rows], 0 to 255

  ByteRows from(Index row, Index depth) const noexcept {
    return {bytes + row * byte_depth(depth), scales + row, zeros + row};
  }
};
// A matrix [out, in] in panels, padded with zeros.
struct ByteWeights {
  const std::int8_t* panels = nullptr;  // [panels, byte_depth / 4, panel width, 4], from -127 to 127
  const float* scales = nullptr;        // [panels x panel width]
  const std::int32_t* sums = nullptr;   // [panels x panel width]: of an output's bytes
};

struct ProductKernels {
  // x [rows, depth] -> out.
  void (*round_rows)(const float* x, Index ldx, Index rows, Index depth, const ByteRows& out) noexcept;
  // As gemm of g, with `rows` and `weights` in place of a and panels.
  void (*multiply_bytes)(const GemmArguments& g, const ByteRows& rows, const ByteWeights& weights) noexcept;
};

}  // namespace cpu
SEGFACE_END_CORE
