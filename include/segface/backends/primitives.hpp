// The vocabulary, first rank: primitives, which every backend implements.
//
// Layers call ops::name(run, ...) only. Each function takes its result from the arena, then has the backend
// fill it: backend.name(run, operand, inputs..., output). All maps are [B, H, W, C]; tokens are [B, 1, N, C].
// backends/README.md lists the vocabulary with shapes.
#pragma once

#include "segface/backends/parameters.hpp"
#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"
#include "segface/image/tanh_warp.hpp"

SEGFACE_BEGIN_NAMESPACE

// What is done to an output element before it is stored: last(activation(y) + residual), where there are any.
template <class Backend>
struct Epilogue {
  Activation activation = Activation::none;
  ViewOf<Backend> residual = {};  // same rows as the output, or of one image for all of the batch; may be the output
  Activation last = Activation::none;

  Epilogue(Activation a = Activation::none) noexcept : activation(a) {}  // NOLINT: implicit by design
  static Epilogue plus(const ViewOf<Backend>& residual, Activation last = Activation::none) noexcept {
    Epilogue epilogue;
    epilogue.residual = residual;
    epilogue.last = last;
    return epilogue;
  }
};

namespace ops {

// A side of the output of a convolution, w.
template <class Operand>
Index convolved(Index size, const Operand& w) noexcept {
  return (size + 2 * w.padding - w.kernel) / w.stride + 1;
}

// y = epilogue(x W^T + b): [B, H, W, in] -> [B, H, W, out]
template <class B>
void linear(Run<B>& run, const typename B::Linear& w, const ViewOf<B>& x, const Epilogue<B>& epilogue,
            const MapOf<B>& y) noexcept {
  run.backend().linear(run, w, x, epilogue, y);
}
template <class B>
MapOf<B> linear(Run<B>& run, const typename B::Linear& w, const ViewOf<B>& x,
                const Epilogue<B>& epilogue = {}) noexcept {
  const MapOf<B> y = run.map(x.batch, x.height, x.width, w.out);
  linear(run, w, x, epilogue, y);
  return y;
}

// y = epilogue(norm(x * W)): [B, H, W, in] -> [B, H', W', out]
template <class B>
void convolution(Run<B>& run, const typename B::Convolution& w, const ViewOf<B>& x, const Epilogue<B>& epilogue,
                 const MapOf<B>& y) noexcept {
  run.backend().convolution(run, w, x, epilogue, y);
}
template <class B>
MapOf<B> convolution(Run<B>& run, const typename B::Convolution& w, const ViewOf<B>& x,
                     const Epilogue<B>& epilogue = {}) noexcept {
  const MapOf<B> y = run.map(x.batch, convolved(x.height, w), convolved(x.width, w), w.out);
  convolution<B>(run, w, x, epilogue, y);
  return y;
}

// The same, each channel on its own: [B, H, W, C] -> [B, H', W', C]
template <class B>
MapOf<B> depthwise_convolution(Run<B>& run, const typename B::DepthwiseConvolution& w, const ViewOf<B>& x,
                               Activation activation) noexcept {
  const MapOf<B> y = run.map(x.batch, convolved(x.height, w), convolved(x.width, w), x.channels);
  run.backend().depthwise_convolution(run, w, x, activation, y);
  return y;
}

// Largest value of each neighbourhood: [B, H, W, C] -> [B, H', W', C]
template <class B>
MapOf<B> max_pool(Run<B>& run, const Pool& pool, const ViewOf<B>& x) noexcept {
  const MapOf<B> y = run.map(x.batch, pool.pooled(x.height), pool.pooled(x.width), x.channels);
  run.backend().max_pool(run, pool, x, y);
  return y;
}

// x where it is positive, else x times the slope of its channel, in place: [B, H, W, C] (torch.nn.PReLU).
template <class B>
void prelu(Run<B>& run, const typename B::Slopes& slopes, const MapOf<B>& x) noexcept {
  run.backend().prelu(run, slopes, x);
}

// Patches of size x size pixels side by side, as one pixel each, in the order dy, dx, channel; zeros outside the image:
// [B, H, W, C] -> [B, height, width, size^2 C]
template <class B>
MapOf<B> patches(Run<B>& run, const ViewOf<B>& x, Index size, Index height, Index width) noexcept {
  const MapOf<B> y = run.map(x.batch, height, width, size * size * x.channels);
  run.backend().patches(run, x, size, y);
  return y;
}

// Kernel 2, stride 2: [B, H, W, in] -> [B, 2H, 2W, out]
template <class B>
MapOf<B> transposed_convolution(Run<B>& run, const typename B::TransposedConvolution& w, const ViewOf<B>& x,
                                Activation activation = Activation::none) noexcept {
  const MapOf<B> y = run.map(x.batch, 2 * x.height, 2 * x.width, w.out);
  run.backend().transposed_convolution(run, w, x, activation, y);
  return y;
}

// y = epilogue(normalised(x) gain + bias), over the channels; y may be x itself.
template <class B>
void layer_norm(Run<B>& run, const typename B::LayerNorm& w, const ViewOf<B>& x, const Epilogue<B>& epilogue,
                const MapOf<B>& y) noexcept {
  run.backend().layer_norm(run, w, x, epilogue, y);
}
template <class B>
MapOf<B> layer_norm(Run<B>& run, const typename B::LayerNorm& w, const ViewOf<B>& x) noexcept {
  const MapOf<B> y = run.map(x.batch, x.height, x.width, x.channels);
  layer_norm<B>(run, w, x, {}, y);
  return y;
}

// Mean over the pixels of each image: [B, H, W, C] -> [B, 1, 1, C]
template <class B>
MapOf<B> spatial_mean(Run<B>& run, const ViewOf<B>& x) noexcept {
  const MapOf<B> y = run.map(x.batch, 1, 1, x.channels);
  run.backend().spatial_mean(run, x, y);
  return y;
}

// x times s for each channel of each image, in place: x [B, H, W, C], s [B, 1, 1, C]
template <class B>
void scale_channels(Run<B>& run, const ViewOf<B>& s, const MapOf<B>& x) noexcept {
  run.backend().scale_channels(run, s, x);
}

// a + b: [B, H, W, C]; b may be of one image for all of the batch. y may be a itself.
template <class B>
void add(Run<B>& run, const ViewOf<B>& a, const ViewOf<B>& b, const MapOf<B>& y) noexcept {
  run.backend().add(run, a, b, y);
}
template <class B>
MapOf<B> add(Run<B>& run, const ViewOf<B>& a, const ViewOf<B>& b) noexcept {
  const MapOf<B> y = run.map(a.batch, a.height, a.width, a.channels);
  add(run, a, b, y);
  return y;
}

// x <- x + a map of half the size, each of whose pixels covers 2 x 2: x [B, H, W, C], half [B, ceil(H / 2), ceil(W / 2), C]
template <class B>
void add_upsampled(Run<B>& run, const ViewOf<B>& half, const MapOf<B>& x) noexcept {
  run.backend().add_upsampled(run, half, x);
}

// Multi-head attention: softmax over keys of q k^T / sqrt(D), times v, for each head of width D = C / heads.
// q [B, ..N, C], k and v [B, ..M, C] -> [B, ..N, C]; N and M are the pixels of the maps.
template <class B>
MapOf<B> attention(Run<B>& run, const ViewOf<B>& q, const ViewOf<B>& k, const ViewOf<B>& v, Index heads) noexcept {
  const MapOf<B> y = run.map(q.batch, q.height, q.width, q.channels);
  run.backend().attention(run, q, k, v, heads, y);
  return y;
}

// Multi-head attention inside windows, shifted by `shift` pixels up and left with wrap-around: q, k and v of each pixel
// side by side, qkv [B, H, W, 3 C] -> [B, H, W, C]. The image is padded at the right and at the bottom to a multiple of
// the window; an axis that one window covers is not shifted; keys of another region than the query's (regions meet
// where the shift wraps around) get -100 added to their scores.
template <class B>
MapOf<B> windowed_attention(Run<B>& run, const typename B::WindowAttention& w, const ViewOf<B>& qkv,
                            Index shift) noexcept {
  const MapOf<B> y = run.map(qkv.batch, qkv.height, qkv.width, qkv.channels / 3);
  run.backend().windowed_attention(run, w, qkv, shift, y);
  return y;
}

// Bilinear resampling, align_corners = false, never antialiased: [B, H, W, C] -> y's height and width
// (torch.nn.functional.interpolate).
template <class B>
void bilinear(Run<B>& run, const ViewOf<B>& x, const MapOf<B>& y) noexcept {
  run.backend().bilinear(run, x, y);
}

// The picture of each image warped, or (`back`) a warped one taken back to y's size; bilinear, zeros outside. One warp
// an image: [B, H, W, C] -> y's height and width.
template <class B>
void warp(Run<B>& run, Span<const TanhWarp> warps, bool back, const ViewOf<B>& x, const MapOf<B>& y) noexcept {
  run.backend().warp(run, warps, back, x, y);
}

// Dot products of every pixel with every token: pixels [B, H, W, C], tokens [B, 1, K, C] -> y [B, H, W, K]
template <class B>
void token_products(Run<B>& run, const ViewOf<B>& pixels, const ViewOf<B>& tokens, const MapOf<B>& y) noexcept {
  run.backend().token_products(run, pixels, tokens, y);
}

// Random Fourier features of the pixel centres (SAM's PositionEmbeddingRandom): [1, H, W, 2 F]
template <class B>
MapOf<B> position_encoding(Run<B>& run, const typename B::PositionEncoding& w, Index height, Index width) noexcept {
  const MapOf<B> y = run.map(1, height, width, 2 * w.features);
  run.backend().position_encoding(run, w, y);
  return y;
}

// One learned [1, 1, N, C] for every image: [B, 1, N, C]
template <class B>
MapOf<B> repeat(Run<B>& run, const typename B::Constant& constant, Index batch) noexcept {
  const MapOf<B> y = run.map(batch, 1, constant.rows, constant.channels);
  run.backend().repeat(run, constant, y);
  return y;
}

}  // namespace ops
SEGFACE_END_NAMESPACE
