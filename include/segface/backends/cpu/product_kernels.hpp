// Products of rounded numbers: what their kernels take, and the table through which they are called. kernels.hpp compiles
// the bodies once for each kind of instructions that multiplies such numbers.
//
// 32 bits hold a group of numbers, of which one instruction adds up the products: four bytes or two bfloat16. Weights are
// rounded when they are prepared, rows of the input when they come.
// int8: weights are signed bytes with a scale for each output; a row is unsigned bytes with a scale and a zero point of
// its own, x = scale (byte - zero). With q the bytes of a row and w those of an output's weights,
// x . w = scale scale_w (q . w - zero sum(w)): sums of integers, which are exact, so that they are the same on every
// processor, for any number of threads and any batch. Nothing saturates.
// bf16: numbers are rounded to the nearest bfloat16, ties to even; their products are exact, sums are of float32.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/precision.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

struct GemmArguments;

inline constexpr Index numbers_in_group(Precision precision) noexcept {
  return precision == Precision::int8 ? 4 : 2;
}
// Groups that hold `depth` numbers.
inline constexpr Index group_count(Precision precision, Index depth) noexcept {
  return (depth + numbers_in_group(precision) - 1) / numbers_in_group(precision);
}

// Rows of the input, rounded. Scales and zeros are int8's alone.
struct RoundedRows {
  std::uint32_t* groups = nullptr;  // [rows, groups of the depth]
  float* scales = nullptr;          // [rows]
  std::int32_t* zeros = nullptr;    // [rows], 0 to 255

  // Those from a row on, `count` groups each.
  RoundedRows from(Index row, Index count) const noexcept { return {groups + row * count, scales + row, zeros + row}; }
};
// A matrix [out, in] in panels, padded with zeros. Scales and sums are int8's alone.
struct RoundedWeights {
  const std::uint32_t* panels = nullptr;  // [panels, groups of the depth, panel width]; bytes from -127 to 127
  const float* scales = nullptr;          // [panels x panel width]
  const std::int32_t* sums = nullptr;     // [panels x panel width]: of an output's bytes

  // Those of outputs from one on that begins a panel, `count` groups each.
  RoundedWeights from(Index output, Index count) const noexcept {
    return {panels + output * count, scales == nullptr ? scales : scales + output,
            sums == nullptr ? sums : sums + output};
  }
};

struct ProductKernels {
  Precision precision;
  // x [rows, depth] -> out.
  void (*round_rows)(const float* x, Index ldx, Index rows, Index depth, const RoundedRows& out) noexcept;
  // As gemm of g, with `rows` and `weights` in place of a and panels.
  void (*multiply)(const GemmArguments& g, const RoundedRows& rows, const RoundedWeights& weights) noexcept;
};

}  // namespace cpu
SEGFACE_END_CORE
