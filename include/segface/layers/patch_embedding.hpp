// Patch embedding: a convolution whose patches do not overlap, which is a linear layer on each patch.
// [B, H, W, in] -> [B, floor(H / size), floor(W / size), out], y = W (the size x size x in values of a patch) + b.
// Mirrors torch.nn.Conv2d with kernel = stride = size and no padding: the stems of Swin and ConvNeXt (4), and
// ConvNeXt's downsampling (2). Trap: pixels that fill no patch are left out.
#pragma once

#include "segface/backends/primitives.hpp"
#include "segface/layers/convolution.hpp"
#include "segface/layers/preparation.hpp"

SEGFACE_BEGIN_CORE

// The weights of an embedding with patches of size x size.
inline BiasedConvolutionWeights patch_embedding_weights(Index in, Index out, Index size) {
  return {in, out, /*kernel=*/size, /*stride=*/size, /*padding=*/0, {}, {}};
}

template <class B>
class PatchEmbedding {
 public:
  PatchEmbedding(Preparation<B>& p, const BiasedConvolutionWeights& w)
      : size_(w.kernel), linear_(prepare_linear(p, w)) {}

  MapOf<B> operator()(Run<B>& run, const ViewOf<B>& x) const noexcept {
    const MapOf<B> y = run.map(x.batch, x.height / size_, x.width / size_, linear_.out);
    const auto scope = run.scope();
    ops::linear<B>(run, linear_, ops::patches<B>(run, x, size_, y.height, y.width), {}, y);
    return y;
  }

 private:
  // [out, in, dy, dx] -> [out, dy, dx, in], the order of a patch's values
  static typename B::Linear prepare_linear(Preparation<B>& p, const BiasedConvolutionWeights& w) {
    const Buffer<float> weight = p.read(w.weight), bias = p.read(w.bias);
    Buffer<float> ordered = p.keep(Buffer<float>::make(weight.size()));
    const Index taps = w.kernel * w.kernel;
    for (Index o = 0; o < w.out && p.status().ok(); ++o) {
      for (Index i = 0; i < w.in * taps; ++i) {
        ordered.data()[o * w.in * taps + i % taps * w.in + i / taps] = weight.data()[o * w.in * taps + i];
      }
    }
    return p.operand(w.weight, [&](const B& backend) {
      return backend.prepare_linear({w.in * taps, w.out, ordered.data(), bias.data(), nullptr});
    });
  }

  Index size_;
  typename B::Linear linear_;
};

SEGFACE_END_CORE
