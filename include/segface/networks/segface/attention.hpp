// Attention: out_proj(softmax(q_proj(q) k_proj(k)^T / sqrt(D)) v_proj(v)), 8 heads of width D = inner / 8.
// q [B, 1, N, 256], k and v [B, 1, M, 256] -> [B, 1, N, 256]. Mirrors SAM's Attention; inner is 256 among tokens
// and 128 between tokens and image (attention_downsample_rate 2).
#pragma once

#include "segface/layers/linear.hpp"
#include "segface/networks/segface/compounds/cross_attention.hpp"
#include "segface/networks/segface/mlp_fusion.hpp"

SEGFACE_BEGIN_CORE

inline constexpr Index kDecoderHeads = 8;

struct AttentionWeights {
  LinearWeights q_proj, k_proj, v_proj, out_proj;

  AttentionWeights() = default;
  explicit AttentionWeights(Index inner)
      : q_proj{kDecoderWidth, inner, {}, {}},
        k_proj{kDecoderWidth, inner, {}, {}},
        v_proj{kDecoderWidth, inner, {}, {}},
        out_proj{inner, kDecoderWidth, {}, {}} {}

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("q_proj", q_proj);
    v.child("k_proj", k_proj);
    v.child("v_proj", v_proj);
    v.child("out_proj", out_proj);
  }
};

// Attention among the tokens.
template <class B>
class SelfAttention {
 public:
  SelfAttention(Preparation<B>& p, const AttentionWeights& w)
      : q_proj_(prepare(p, w.q_proj)),
        k_proj_(prepare(p, w.k_proj)),
        v_proj_(prepare(p, w.v_proj)),
        out_proj_(prepare(p, w.out_proj)) {}

  MapOf<B> operator()(Run<B>& run, const ViewOf<B>& q, const ViewOf<B>& k, const ViewOf<B>& v) const noexcept {
    const MapOf<B> y = run.map(q.batch, 1, q.width, out_proj_.out);
    const auto scope = run.scope();
    const MapOf<B> read = ops::attention<B>(run, ops::linear<B>(run, q_proj_, q), ops::linear<B>(run, k_proj_, k),
                                            ops::linear<B>(run, v_proj_, v), kDecoderHeads);
    ops::linear<B>(run, out_proj_, read, {}, y);
    return y;
  }

 private:
  typename B::Linear q_proj_, k_proj_, v_proj_, out_proj_;
};

// The operands of the two cross attentions. `image` prepares a layer that is applied to the image: prepare, or
// prepare_on_pyramid where the image is still the pyramid.
template <class B, class PrepareImageLinear>
auto prepare_tokens_from_image(Preparation<B>& p, const AttentionWeights& w, const PrepareImageLinear& image) {
  using ImageLinear = decltype(image(w.k_proj));
  return compound::TokensFromImage<B, ImageLinear>{prepare(p, w.q_proj), image(w.k_proj), image(w.v_proj),
                                                   prepare(p, w.out_proj), kDecoderHeads};
}
template <class B, class PrepareImageLinear>
auto prepare_image_from_tokens(Preparation<B>& p, const AttentionWeights& w, const PrepareImageLinear& image) {
  using ImageLinear = decltype(image(w.q_proj));
  return compound::ImageFromTokens<B, ImageLinear>{image(w.q_proj), prepare(p, w.k_proj), prepare(p, w.v_proj),
                                                   prepare(p, w.out_proj), kDecoderHeads};
}

SEGFACE_END_CORE
