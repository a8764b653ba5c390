// Convolution + BatchNorm: [B, H, W, in] -> [B, H', W', out], H' = floor((H + 2 pad - kernel) / stride) + 1 with
// pad = (kernel - 1) / 2, then y = (x - mean) / sqrt(variance + eps) * gain + bias.
// Mirrors torchvision's Conv2dNormActivation; the activation is said where the layer is used. And one with a bias
// instead, of any padding: torch.nn.Conv2d.
// Trap: eps is 1e-3 in MobileNetV3 and EfficientNetV2, 1e-5 in ResNet.
#pragma once

#include <string>

#include "segface/layers/preparation.hpp"

SEGFACE_BEGIN_CORE

struct BatchNormWeights {
  Index channels = 0;
  Weight weight, bias, running_mean, running_var;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("weight", weight, {channels});
    v.tensor("bias", bias, {channels});
    v.tensor("running_mean", running_mean, {channels});
    v.tensor("running_var", running_var, {channels});
    v.dropped_integers("num_batches_tracked", {});
  }
};

// A convolution without bias and its BatchNorm: children "0" and "1" in the official Sequential.
struct ConvolutionWeights {
  Index in = 0;
  Index out = 0;
  Index kernel = 1;
  Index stride = 1;
  bool depthwise = false;
  float eps = 1e-5f;
  Weight weight;
  BatchNormWeights norm;

  template <class Visitor>
  void visit(Visitor& v) {
    visit(v, "0", "1");
  }
  // With other names for the two.
  template <class Visitor>
  void visit(Visitor& v, const std::string& convolution_name, const std::string& norm_name) {
    norm.channels = out;
    v.tensor((convolution_name + ".weight").c_str(), weight, {out, depthwise ? 1 : in, kernel, kernel});
    v.child(norm_name, norm);
  }
};

// Reads weights and statistics, and passes them to `make(backend, ConvolutionParameters)`.
template <class B, class Make>
auto prepare_convolution(Preparation<B>& p, const ConvolutionWeights& w, const Make& make) noexcept {
  const Buffer<float> weight = p.read(w.weight);
  const Buffer<float> gain = p.read(w.norm.weight);
  const Buffer<float> bias = p.read(w.norm.bias);
  const Buffer<float> mean = p.read(w.norm.running_mean);
  const Buffer<float> variance = p.read(w.norm.running_var);
  for (std::size_t i = 0; i < variance.size() && p.status().ok(); ++i) {
    if (!(variance[i] + w.eps > 0)) {
      const TensorSource& source = *w.norm.running_var.source;
      p.fail(error(Errc::non_finite, source.name(), ": tensor '", source.info(w.norm.running_var.index).name,
                   "' is negative at index ", i, "; a variance cannot be, the file is damaged"));
    }
  }
  const ConvolutionParameters parameters = {w.depthwise ? 1 : w.in,
                                            w.out,
                                            w.kernel,
                                            w.stride,
                                            weight.data(),
                                            {gain.data(), bias.data(), mean.data(), variance.data(), w.eps},
                                            nullptr};
  return p.operand(w.weight, [&](const B& backend) { return make(backend, parameters); });
}

template <class B>
typename B::Convolution prepare(Preparation<B>& p, const ConvolutionWeights& w) noexcept {
  return prepare_convolution(p, w, [](const B& b, const ConvolutionParameters& c) { return b.prepare_convolution(c); });
}

template <class B>
typename B::DepthwiseConvolution prepare_depthwise(Preparation<B>& p, const ConvolutionWeights& w) noexcept {
  return prepare_convolution(
      p, w, [](const B& b, const ConvolutionParameters& c) { return b.prepare_depthwise_convolution(c); });
}

// A convolution with a bias.
struct BiasedConvolutionWeights {
  Index in = 0;
  Index out = 0;
  Index kernel = 1;
  Index stride = 1;
  Index padding = 0;
  Weight weight, bias;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("weight", weight, {out, in, kernel, kernel});
    v.tensor("bias", bias, {out});
  }
};

template <class B>
typename B::Convolution prepare(Preparation<B>& p, const BiasedConvolutionWeights& w) noexcept {
  const Buffer<float> weight = p.read(w.weight), bias = p.read(w.bias);
  return p.operand(w.weight, [&](const B& backend) {
    return backend.prepare_convolution({w.in, w.out, w.kernel, w.stride, weight.data(), {}, bias.data(), w.padding});
  });
}

SEGFACE_END_CORE
