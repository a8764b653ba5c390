// Operands of the cuda backend: weights on the device, and how they get there, once. Matrices as PyTorch has them:
// weight [out, in], rows first.
#pragma once

#include <cuda_fp16.h>

#include <utility>

#include "segface/backends/cuda/buffer.cuh"
#include "segface/backends/fold.hpp"
#include "segface/backends/parameters.hpp"
#include "segface/base/config.hpp"
#include "segface/base/half.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

using Floats = DeviceBuffer<float>;

// What products are made of is stored as T, float or __half; all else is float.
template <class T>
struct Linear {
  DeviceBuffer<T> weight, bias;  // [out, in], [out]
  Index in = 0, out = 0;
};
template <class T>
struct Convolution {
  Linear<T> matrix;  // of patches: columns in the order dy, dx, channel; BatchNorm folded in
  Index out = 0, kernel = 1, stride = 1, padding = 0;
};
struct DepthwiseConvolution {
  Floats weight, bias;  // [kernel kernel, C], [C]; BatchNorm folded in
  Index kernel = 1, stride = 1, padding = 0;
};
struct Slopes {
  Floats values;  // [C]
};
template <class T>
struct TransposedConvolution {
  DeviceBuffer<T> weight;  // [4 out, in], rows in the order dy, dx, out
  Floats bias;             // [out]
  Index in = 0, out = 0;
};
struct LayerNorm {
  Floats gain, bias;
  float eps = 0;
};
struct WindowAttention {
  Index heads = 0, window = 0;
  bool cosine = false;
  Floats scale, bias, padding;  // [heads], [heads, window^2 keys, window^2 queries], [3 C]
};
struct PositionEncoding {
  Floats gaussian;  // [2, features]
  Index features = 0;
};
struct Constant {
  Floats values;
  Index rows = 0, channels = 0;
};

// make(i) for 0 <= i < count, as T. Errors: limit_exceeded (beyond what T holds: the result would be infinite), those
// of DeviceBuffer.
template <class T = float, class Make>
Result<DeviceBuffer<T>> upload_each(Index count, const Make& make) noexcept {
  SEGFACE_ASSIGN(values, Buffer<T>::make(static_cast<std::size_t>(count)));
  for (Index i = 0; i < count; ++i) {
    const float value = make(i);
    values.data()[i] = static_cast<T>(value);
    if (!is_finite(static_cast<float>(values.data()[i])) && is_finite(value)) {
      return error(Errc::limit_exceeded, "a weight is beyond float16, whose largest is 65504; use float32");
    }
  }
  return upload(values.data(), count);
}

// (W x + b) s = (s W) x + s b
template <class T>
Result<Linear<T>> upload_linear(const LinearParameters& p) noexcept {
  const auto scale = [&](Index o) { return p.scale != nullptr ? p.scale[o] : 1.0f; };
  SEGFACE_ASSIGN(weight, upload_each<T>(p.out * p.in, [&](Index i) { return p.weight[i] * scale(i / p.in); }));
  SEGFACE_ASSIGN(bias, upload_each<T>(p.out, [&](Index o) { return p.bias != nullptr ? p.bias[o] * scale(o) : 0.0f; }));
  return Linear<T>{std::move(weight), std::move(bias), p.in, p.out};
}

template <class T>
Result<Convolution<T>> upload_convolution(const ConvolutionParameters& p) noexcept {
  SEGFACE_ASSIGN(folded, fold_batch_norm(p));
  const Index taps = p.kernel * p.kernel, depth = taps * p.in;
  SEGFACE_ASSIGN(weight, upload_each<T>(p.out * depth, [&](Index i) {
                   const Index out = i / depth, tap = i % depth / p.in, in = i % p.in;
                   return folded.weight.data()[(out * p.in + in) * taps + tap];
                 }));
  SEGFACE_ASSIGN(bias, upload_each<T>(p.out, [&](Index o) { return folded.bias.data()[o]; }));
  return Convolution<T>{{std::move(weight), std::move(bias), depth, p.out}, p.out, p.kernel, p.stride, p.padding};
}

inline Result<DepthwiseConvolution> upload_depthwise(const ConvolutionParameters& p) noexcept {
  SEGFACE_ASSIGN(folded, fold_batch_norm(p));
  const Index taps = p.kernel * p.kernel;
  SEGFACE_ASSIGN(
      weight, upload_each(taps * p.out, [&](Index i) { return folded.weight.data()[i % p.out * taps + i / p.out]; }));
  SEGFACE_ASSIGN(bias, upload(folded.bias.data(), p.out));
  return DepthwiseConvolution{std::move(weight), std::move(bias), p.kernel, p.stride, p.padding};
}

template <class T>
Result<TransposedConvolution<T>> upload_transposed(const TransposedConvolutionParameters& p) noexcept {
  SEGFACE_ASSIGN(weight, upload_each<T>(4 * p.out * p.in, [&](Index i) {
                   const Index row = i / p.in, in = i % p.in;
                   return p.weight[(in * p.out + row % p.out) * 4 + row / p.out];
                 }));
  SEGFACE_ASSIGN(bias, upload(p.bias, p.out));
  return TransposedConvolution<T>{std::move(weight), std::move(bias), p.in, p.out};
}

inline Result<LayerNorm> upload_layer_norm(const LayerNormParameters& p) noexcept {
  SEGFACE_ASSIGN(gain, upload(p.gain, p.channels));
  SEGFACE_ASSIGN(bias, upload(p.bias, p.channels));
  return LayerNorm{std::move(gain), std::move(bias), p.eps};
}

inline Result<WindowAttention> upload_window_attention(const WindowAttentionParameters& p) noexcept {
  const Index tokens = p.window * p.window;
  SEGFACE_ASSIGN(scale, upload(p.scale, p.heads));
  SEGFACE_ASSIGN(bias, upload_each(p.heads * tokens * tokens, [&](Index i) {
                   const Index head = i / (tokens * tokens), key = i / tokens % tokens, query = i % tokens;
                   return p.bias[(head * tokens + query) * tokens + key];
                 }));
  SEGFACE_ASSIGN(padding, upload(p.padding, 3 * p.channels));
  return WindowAttention{p.heads, p.window, p.cosine, std::move(scale), std::move(bias), std::move(padding)};
}

}  // namespace cuda
SEGFACE_END_CORE
