// What a backend gets to prepare its operands from: plain float arrays in PyTorch's layouts, with their sizes.
// The arrays live only until prepare_... returns.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/precision.hpp"

SEGFACE_BEGIN_CORE

// silu is x sigmoid(x); gelu is the exact one, x (1 + erf(x / sqrt 2)) / 2.
enum class Activation : std::uint8_t { none, relu, hard_swish, hard_sigmoid, gelu, silu, sigmoid };

// y = (x W^T + b) scale  (torch.nn.Linear, and ConvNeXt's layer scale)
struct LinearParameters {
  Index in = 0;
  Index out = 0;
  const float* weight = nullptr;       // [out, in]
  const float* bias = nullptr;         // [out], or null for none
  const float* scale = nullptr;        // [out], or null for none
  Precision lowest = Precision::int8;  // that a backend may compute it in
};

// y = (x - mean) / sqrt(variance + eps) * gain + bias, each a vector of the channels (torch.nn.BatchNorm2d, eval)
struct BatchNormParameters {
  const float* gain = nullptr;  // null: no normalisation at all
  const float* bias = nullptr;
  const float* mean = nullptr;
  const float* variance = nullptr;
  float eps = 0;
};

// Square kernel, zeros around the input, then BatchNorm (torchvision's Conv2dNormActivation), or a bias alone.
// A depthwise convolution has in = 1: each output channel sees its own input channel.
struct ConvolutionParameters {
  Index in = 0;
  Index out = 0;
  Index kernel = 1;
  Index stride = 1;
  const float* weight = nullptr;  // [out, in, kernel, kernel]
  BatchNormParameters norm;
  const float* bias = nullptr;       // [out], or null for none; never beside a BatchNorm
  Index padding = (kernel - 1) / 2;  // zeros beyond each edge; 0: only where the kernel fits
};

// The largest of each kernel x kernel neighbourhood, kernel at most 3 (torch.nn.MaxPool2d). Pixels outside are no
// candidates. ceil: a last neighbourhood that is not whole counts, if it begins inside.
struct Pool {
  static constexpr Index kMostKernel = 3;
  Index kernel = 2;
  Index stride = 2;
  Index padding = 0;  // at most half the kernel
  bool ceil = false;

  // Pixels along a side of the output.
  constexpr Index pooled(Index size) const noexcept {
    const Index room = size + 2 * padding - kernel;
    const Index last = ceil ? (room + stride - 1) / stride : room / stride;
    return ceil && last * stride >= size + padding ? last : last + 1;
  }
};

// y = (x - mean(x)) / sqrt(var(x) + eps) * gain + bias over the channels (torch.nn.LayerNorm, SAM's LayerNorm2d)
struct LayerNormParameters {
  Index channels = 0;
  const float* gain = nullptr;
  const float* bias = nullptr;
  float eps = 0;
};

// out[2y + dy, 2x + dx] = in[y, x] W[:, :, dy, dx] + b  (torch.nn.ConvTranspose2d, kernel 2, stride 2)
struct TransposedConvolutionParameters {
  Index in = 0;
  Index out = 0;
  const float* weight = nullptr;  // [in, out, 2, 2]
  const float* bias = nullptr;    // [out]
};

// Attention inside windows of window x window pixels (torchvision's ShiftedWindowAttention without its linear layers).
struct WindowAttentionParameters {
  Index channels = 0, heads = 0, window = 0;
  bool cosine = false;             // q and k are divided by their lengths first (Swin V2)
  const float* scale = nullptr;    // [heads]: factor of the products q k^T
  const float* bias = nullptr;     // [heads, window^2, window^2]: added to the scores
  const float* padding = nullptr;  // [3 channels]: q, k, v of a pixel outside the image
};

SEGFACE_END_CORE
