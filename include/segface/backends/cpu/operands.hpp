// What the cpu backend makes of weights: matrices in panels, everything padded to whole vectors.
#pragma once

#include <algorithm>

#include "segface/backends/cpu/kernels.hpp"
#include "segface/backends/cpu/weight_blocks.hpp"
#include "segface/base/config.hpp"
#include "segface/base/half.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// What a matrix of rounded weights has besides them; empty beside one of floats.
struct Rounding {
  const ProductKernels* kernels = nullptr;
  Buffer<float> scales;       // [panels x panel], of int8
  Buffer<std::int32_t> sums;  // [panels x panel], of int8

  explicit operator bool() const noexcept { return kernels != nullptr; }
};

// A matrix in panels of `panel` outputs, and its bias, both padded with zeros.
struct Linear {
  PackedWeights panels;  // [panels, in, panel]; where it is rounded, as RoundedWeights has them
  Buffer<float> bias;    // [panels x panel]
  Index in = 0, out = 0;
  Rounding rounding;

  // Of its products.
  Precision precision() const noexcept { return rounding ? rounding.kernels->precision : Precision::float32; }
  RoundedWeights rounded() const noexcept {
    return {reinterpret_cast<const std::uint32_t*>(panels.data()), rounding.scales.data(), rounding.sums.data()};
  }
};
// Of any of several.
template <class Linears>
Precision lowest_precision_of(const Linears& linears) noexcept {
  Precision lowest = Precision::float32;
  for (const Linear& linear : linears) lowest = std::max(lowest, linear.precision());
  return lowest;
}
// Panels that `columns` outputs fill.
inline Index panel_count(const Kernels& kernels, Index columns) noexcept {
  return (columns + kernels.panel - 1) / kernels.panel;
}

// `count` values and zeros, `padded` in all.
inline Result<Buffer<float>> pad(const float* values, Index count, Index padded) noexcept {
  SEGFACE_ASSIGN(result, Buffer<float>::make(static_cast<std::size_t>(padded)));
  std::fill(std::copy_n(values, count, result.begin()), result.end(), 0.0f);
  return std::move(result);
}

// weight(o, i) for o < out, i < in -> [panels, in, panel], zeros beyond. In blocks of a cache line of weights, since
// rows of them lie far apart.
template <class Weight>
void pack_panels(Index panel, Index in, Index out, const Weight& weight, float* packed) noexcept {
  constexpr Index kBlock = 16;
  for (Index first = 0; first < out; first += panel, packed += in * panel) {
    const Index outputs = std::min(panel, out - first);
    for (Index begin = 0; begin < in; begin += kBlock) {
      const Index end = std::min(begin + kBlock, in);
      for (Index o = 0; o < outputs; ++o) {
        for (Index i = begin; i < end; ++i) packed[i * panel + o] = weight(first + o, i);
      }
      for (Index i = begin; i < end; ++i) std::fill_n(packed + i * panel + outputs, panel - outputs, 0.0f);
    }
  }
}

// The same as bytes, each output's between -127 and 127 times a scale: its largest weight's 127th part. What is not finite
// makes the scale NaN, and so the results. `panels` is zeros before, and so are scales and sums.
template <class Weight>
void pack_bytes(Index panel, Index in, Index out, const Weight& weight, std::int8_t* packed, float* scales,
                std::int32_t* sums) noexcept {
  constexpr Index kGroup = numbers_in_group(Precision::int8);
  const Index count = group_count(Precision::int8, in);
  for (Index o = 0; o < out; ++o) {
    float most = 0, invalid = 0;
    for (Index i = 0; i < in; ++i) {
      most = std::max(most, std::abs(weight(o, i)));
      invalid += weight(o, i) * 0.0f;
    }
    const float steps = most > 1e-35f ? 127 / most : 0;
    std::int8_t* const first = packed + (o / panel * panel * count + o % panel) * kGroup;
    for (Index i = 0; i < in; ++i) {
      const float bounded = std::min(std::max(weight(o, i) * steps, -127.0f), 127.0f);
      const auto byte = static_cast<std::int8_t>(std::lrint(bounded));
      first[i / kGroup * panel * kGroup + i % kGroup] = byte;
      sums[o] += byte;
    }
    scales[o] = most / 127 + invalid;
  }
}
// The same as bfloat16.
template <class Weight>
void pack_bfloat16(Index panel, Index in, Index out, const Weight& weight, std::uint16_t* packed) noexcept {
  constexpr Index kGroup = numbers_in_group(Precision::bf16);
  const Index count = group_count(Precision::bf16, in);
  for (Index o = 0; o < out; ++o) {
    std::uint16_t* const first = packed + (o / panel * panel * count + o % panel) * kGroup;
    for (Index i = 0; i < in; ++i) first[i / kGroup * panel * kGroup + i % kGroup] = bfloat16_from_float(weight(o, i));
  }
}

// The product of `rows` rows from `a` on with a matrix [out, in] in panels, to `c`.
inline GemmArguments product(const Kernels& kernels, const float* panels, Index in, Index out, const float* bias,
                             Index rows, const float* a, Index lda, float* c, Index ldc) noexcept {
  GemmArguments g;
  g.rows = rows;
  g.columns = out;
  g.depth = in;
  g.last_panel = panel_count(kernels, out);
  g.a = a;
  g.lda = lda;
  g.panels = panels;
  g.bias = bias;
  g.c = c;
  g.ldc = ldc;
  return g;
}
// The same with w; bias: w's own, another, or null.
inline GemmArguments product(const Kernels& kernels, const Linear& w, const float* bias, Index rows, const float* a,
                             Index lda, float* c, Index ldc) noexcept {
  return product(kernels, w.panels.data(), w.in, w.out, bias, rows, a, lda, c, ldc);
}

struct Convolution {
  Linear matrix;  // rows in the order dy, dx, channel; for Winograd as pack_winograd says
  Index out = 0, kernel = 1, stride = 1, padding = 0;
  bool winograd = false;

  Precision precision() const noexcept { return matrix.precision(); }
};
struct DepthwiseConvolution {
  Buffer<float> weights;  // [kernel kernel, C]
  Buffer<float> bias;     // [C]
  Index kernel = 1, stride = 1, padding = 0;
};
struct Slopes {
  Buffer<float> values;  // [C]
};
struct LayerNorm {
  Buffer<float> gain, bias;
  float eps = 0;
};
// Rows in place at `rows_begin`, `stride` apart.
inline LayerNormArguments norm_in_place(const LayerNorm& w, Index rows, Index channels, float* rows_begin,
                                        Index stride) noexcept {
  LayerNormArguments n;
  n.rows = rows;
  n.channels = channels;
  n.x = n.y = rows_begin;
  n.ldx = n.ldy = stride;
  n.gain = w.gain.data();
  n.bias = w.bias.data();
  n.eps = w.eps;
  return n;
}
struct TransposedConvolution {
  Linear matrix;  // outputs in the order dy, dx, channel
  Index out = 0;

  Precision precision() const noexcept { return matrix.precision(); }
};
struct WindowAttention {
  Index heads = 0, window = 0, padded = 0;  // padded: keys of a window, rounded up to whole panels
  bool cosine = false;
  Buffer<float> scale;    // [heads]
  Buffer<float> bias;     // [heads, window^2, padded], so low beyond the keys that their share is nothing
  Buffer<float> padding;  // [3 C]
};
struct PositionEncoding {
  Buffer<float> gaussian;  // [2, features]
  Index features = 0;
};
struct Constant {
  Buffer<float> values;
  Index rows = 0, channels = 0;
};

}  // namespace cpu
SEGFACE_END_CORE
