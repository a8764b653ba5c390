// What the cpu backend makes of weights: matrices in panels, everything padded to whole vectors.
#pragma once

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cpu {

// A matrix in panels of `panel` outputs, and its bias, both padded with zeros.
struct Linear {
  Buffer<float> panels;  // [panels, in, panel]
  Buffer<float> bias;    // [panels x panel]
  Index in = 0, out = 0;
};
struct Convolution {
  Linear matrix;  // rows in the order dy, dx, channel
  Index out = 0, kernel = 1, stride = 1;
};
struct DepthwiseConvolution {
  Buffer<float> weights;  // [kernel kernel, C]
  Buffer<float> bias;     // [C]
  Index kernel = 1, stride = 1;
};
struct LayerNorm {
  Buffer<float> gain, bias;
  float eps = 0;
};
struct TransposedConvolution {
  Linear matrix;  // outputs in the order dy, dx, channel
  Index out = 0;
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
SEGFACE_END_NAMESPACE
