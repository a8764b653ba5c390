// Swin Transformer: [B, H, W, 3] -> four maps at strides 4, 8, 16, 32; base: 128, 256, 512, 1024 channels.
//
// A patch embedding with a norm, then four stages of blocks; between them patch merging. A block is x + attn(norm1(x)),
// then x + mlp(norm2(x)); every other block shifts its windows by half their side. Swin-B at 512 x 512: 128^2 x 128,
// 64^2 x 256, 32^2 x 512, 16^2 x 1024. The stem rounds sides down, merging rounds them up. Mirrors
// torchvision.models.swin_b().features (children 0) and norm (child 1). Liu et al., Swin Transformer, 2021. Traps: the
// taps come before the last norm, whose weights are in the checkpoint and dead; LayerNorm's eps is 1e-5.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "segface/layers/linear.hpp"
#include "segface/layers/normalization.hpp"
#include "segface/layers/patch_embedding.hpp"
#include "segface/layers/patch_merging.hpp"
#include "segface/layers/window_attention.hpp"
#include "segface/networks/segface/backbones/taps.hpp"

SEGFACE_BEGIN_CORE
namespace swin {

// A variant of Swin or Swin V2.
struct Row {
  std::array<Index, 4> channels;
  std::array<std::size_t, 4> depths;
  std::array<Index, 4> heads;
  Index window;
};
inline constexpr Row kBase = {{128, 256, 512, 1024}, {2, 2, 18, 2}, {4, 8, 16, 32}, 7};

// A block of Swin (Attention = WindowAttentionWeights) or Swin V2, which differ in the order of their parts.
template <class Attention>
struct BlockWeights {
  LayerNormWeights norm1, norm2;
  Attention attn;
  LinearWeights mlp0, mlp3;

  BlockWeights(Index channels, Index heads, Index window)
      : norm1{channels, 1e-5f, {}, {}},
        norm2{channels, 1e-5f, {}, {}},
        attn(channels, heads, window),
        mlp0{channels, 4 * channels, {}, {}},
        mlp3{4 * channels, channels, {}, {}} {}

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("norm1", norm1);
    v.child("attn", attn);
    v.child("norm2", norm2);
    v.child("mlp.0", mlp0);
    v.child("mlp.3", mlp3);
  }
};

template <class B, class Attention>
struct Block {
  typename B::LayerNorm norm1, norm2;
  compound::WindowAttention<B> attn;
  typename B::Linear mlp0, mlp3;

  Block(Preparation<B>& p, const BlockWeights<Attention>& w)
      : norm1(prepare(p, w.norm1)),
        norm2(prepare(p, w.norm2)),
        attn(prepare(p, w.attn)),
        mlp0(prepare(p, w.mlp0)),
        mlp3(prepare(p, w.mlp3)) {}
};

// x <- x + attn(norm1(x)), x <- x + mlp(norm2(x))
template <class B>
void apply(Run<B>& run, const Block<B, WindowAttentionWeights>& w, Index shift, const MapOf<B>& x) noexcept {
  const auto scope = run.scope();
  const MapOf<B> normed = ops::layer_norm<B>(run, w.norm1, x);
  ops::window_attention<B>(run, w.attn, ViewOf<B>(normed), shift, Epilogue<B>::plus(x), x);
  ops::layer_norm<B>(run, w.norm2, x, {}, normed);
  const MapOf<B> hidden = ops::linear<B>(run, w.mlp0, normed, Activation::gelu);  // [B, H, W, 4 C]
  ops::linear<B>(run, w.mlp3, hidden, Epilogue<B>::plus(x), x);
}

}  // namespace swin

template <class B, class Attention>
class SwinTransformer;

namespace swin {

// Swin, or Swin V2 with its Attention; merging norms first in Swin, last in Swin V2.
template <class Attention, bool kNormFirst>
struct AnyWeights {
  template <class B>
  using Network = SwinTransformer<B, Attention>;

  Row row;
  BiasedConvolutionWeights embedding;
  LayerNormWeights norm;
  std::array<std::vector<BlockWeights<Attention>>, 4> stages;
  std::vector<PatchMergingWeights> merging;  // between the stages

  explicit AnyWeights(const Row& r)
      : row(r), embedding(patch_embedding_weights(3, r.channels[0], 4)), norm{r.channels[0], 1e-5f, {}, {}} {
    for (std::size_t s = 0; s < 4; ++s) {
      stages[s].assign(r.depths[s], BlockWeights<Attention>(r.channels[s], r.heads[s], r.window));
    }
    for (std::size_t s = 0; s < 3; ++s) merging.emplace_back(r.channels[s], kNormFirst);
  }
  const std::array<Index, 4>& channels() const noexcept { return row.channels; }

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("0.0.0", embedding);
    v.child("0.0.2", norm);
    for (std::size_t s = 0; s < 4; ++s) {
      if (s > 0) v.child("0." + std::to_string(2 * s), merging[s - 1]);
      for (std::size_t i = 0; i < stages[s].size(); ++i) {
        v.child("0." + std::to_string(2 * s + 1) + "." + std::to_string(i), stages[s][i]);
      }
    }
    v.dropped("1.weight", {row.channels[3]});
    v.dropped("1.bias", {row.channels[3]});
  }
};

using Weights = AnyWeights<WindowAttentionWeights, /*kNormFirst=*/true>;

}  // namespace swin

// Both versions. They differ in what a block does: swin::apply, here for blocks of Swin and in swin_v2.hpp for those of
// Swin V2; the call below finds the one whose block it is given, by its argument's namespace.
template <class B, class Attention>
class SwinTransformer {
 public:
  template <class Weights>
  SwinTransformer(Preparation<B>& p, const Weights& w)
      : embedding_(p, w.embedding), norm_(prepare(p, w.norm)), window_(w.row.window) {
    for (std::size_t s = 0; s < 4; ++s) stages_[s] = prepare_each<swin::Block<B, Attention>>(p, w.stages[s]);
    merging_ = prepare_each<PatchMerging<B>>(p, w.merging);
  }

  // Normalised image [B, H, W, 3] -> the four taps.
  std::array<ViewOf<B>, 4> operator()(Run<B>& run, const ViewOf<B>& image) const noexcept {
    Taps<B> taps;
    MapOf<B> x = embedding_(run, image);  // [B, H / 4, W / 4, C]
    ops::layer_norm<B>(run, norm_, x, {}, x);
    for (std::size_t s = 0; s < 4; ++s) {
      if (s > 0) x = merging_[s - 1](run, x);
      for (std::size_t i = 0; i < stages_[s].size(); ++i) apply(run, stages_[s][i], i % 2 == 0 ? 0 : window_ / 2, x);
      taps.add(run, x);
    }
    return taps.maps();
  }

 private:
  PatchEmbedding<B> embedding_;
  typename B::LayerNorm norm_;
  Index window_;
  std::array<std::vector<swin::Block<B, Attention>>, 4> stages_;
  std::vector<PatchMerging<B>> merging_;
};

SEGFACE_END_CORE
