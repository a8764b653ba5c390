// What a backend gets to prepare its operands from: plain float arrays in PyTorch's layouts, with their sizes.
// The arrays live only until prepare_... returns.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE

enum class Activation : std::uint8_t { none, relu, hard_swish, hard_sigmoid, gelu };

// y = x W^T + b  (torch.nn.Linear)
struct LinearParameters {
  Index in = 0;
  Index out = 0;
  const float* weight = nullptr;  // [out, in]
  const float* bias = nullptr;    // [out], or null for none
};

// y = (x - mean) / sqrt(variance + eps) * gain + bias, each a vector of the channels (torch.nn.BatchNorm2d, eval)
struct BatchNormParameters {
  const float* gain = nullptr;  // null: no normalisation at all
  const float* bias = nullptr;
  const float* mean = nullptr;
  const float* variance = nullptr;
  float eps = 0;
};

// Square kernel, padding (kernel - 1) / 2, no bias, then BatchNorm (torchvision's Conv2dNormActivation).
// A depthwise convolution has in = 1: each output channel sees its own input channel.
struct ConvolutionParameters {
  Index in = 0;
  Index out = 0;
  Index kernel = 1;
  Index stride = 1;
  const float* weight = nullptr;  // [out, in, kernel, kernel]
  BatchNormParameters norm;
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

SEGFACE_END_NAMESPACE
