// Two-way transformer: tokens [B, 1, K, 256] and image [B, h, w, 256] read each other, twice.
//
// Block n: 1. the tokens attend to each other; 2. they read the image; 3. each passes an MLP; 4. the image reads
// them. A last attention lets the tokens read the image once more. Step 1 of the next block looks at tokens only,
// so it may come before step 4 of this one: then 4 and the next 2 are one pass over the image.
// Mirrors SAM's TwoWayTransformer (depth 2). Traps: block 0's self attention has neither residual nor position;
// wherever tokens are query or key the learned tokens are added to them, and wherever the image is query or key the
// position encoding is added to it, each time anew; to values, nothing.
#pragma once

#include <array>

#include "segface/layers/normalization.hpp"
#include "segface/networks/segface/attention.hpp"

SEGFACE_BEGIN_CORE

struct TwoWayBlockWeights {
  static constexpr Index kInner = kDecoderWidth / 2;
  static constexpr Index kMlpWidth = 2048;
  AttentionWeights self_attn{kDecoderWidth}, cross_attn_token_to_image{kInner}, cross_attn_image_to_token{kInner};
  LayerNormWeights norm1{kDecoderWidth, 1e-5f, {}, {}}, norm2 = norm1, norm3 = norm1, norm4 = norm1;
  LinearWeights lin1{kDecoderWidth, kMlpWidth, {}, {}}, lin2{kMlpWidth, kDecoderWidth, {}, {}};

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("self_attn", self_attn);
    v.child("norm1", norm1);
    v.child("cross_attn_token_to_image", cross_attn_token_to_image);
    v.child("norm2", norm2);
    v.child("mlp.lin1", lin1);
    v.child("mlp.lin2", lin2);
    v.child("norm3", norm3);
    v.child("norm4", norm4);
    v.child("cross_attn_image_to_token", cross_attn_image_to_token);
  }
};

struct TwoWayTransformerWeights {
  std::array<TwoWayBlockWeights, 2> layers;
  AttentionWeights final_attn_token_to_image{TwoWayBlockWeights::kInner};
  LayerNormWeights norm_final_attn{kDecoderWidth, 1e-5f, {}, {}};

  template <class Visitor>
  void visit(Visitor& v) {
    v.child("layers.0", layers[0]);
    v.child("layers.1", layers[1]);
    v.child("final_attn_token_to_image", final_attn_token_to_image);
    v.child("norm_final_attn", norm_final_attn);
  }
};

// One block. ImageLinear: what its projections of the image are made of (see attention.hpp).
template <class B, class ImageLinear>
struct TwoWayBlock {
  template <class PrepareImageLinear>
  TwoWayBlock(Preparation<B>& p, const TwoWayBlockWeights& w, const PrepareImageLinear& image)
      : self_attention(p, w.self_attn),
        tokens_from_image(prepare_tokens_from_image(p, w.cross_attn_token_to_image, image)),
        image_from_tokens(prepare_image_from_tokens(p, w.cross_attn_image_to_token, image)),
        norm1(prepare(p, w.norm1)),
        norm2(prepare(p, w.norm2)),
        norm3(prepare(p, w.norm3)),
        norm4(prepare(p, w.norm4)),
        lin1(prepare(p, w.lin1)),
        lin2(prepare(p, w.lin2)) {}

  // Step 3: q <- norm3(q + lin2(relu(lin1(q)))), in place.
  void mlp(Run<B>& run, const MapOf<B>& q) const noexcept {
    const auto scope = run.scope();
    const MapOf<B> hidden = ops::linear<B>(run, lin1, q, Activation::relu);  // [B, 1, K, 2048]
    const MapOf<B> sum = ops::linear<B>(run, lin2, hidden, Epilogue<B>::plus(q));
    ops::layer_norm<B>(run, norm3, sum, {}, q);
  }

  SelfAttention<B> self_attention;
  compound::TokensFromImage<B, ImageLinear> tokens_from_image;
  compound::ImageFromTokens<B, ImageLinear> image_from_tokens;
  typename B::LayerNorm norm1, norm2, norm3, norm4;
  typename B::Linear lin1, lin2;
};

// What the transformer needs of the position encoding, for one size: keys0 and queries0 for block 0, where the image is
// the keys (step 2) and where it is the queries (step 4).
template <class B>
struct TwoWayTransformerTables {
  ops::PositionTerm<B> keys0, queries0, keys1, queries1, final_keys;
};

template <class B>
class TwoWayTransformer {
 public:
  TwoWayTransformer(Preparation<B>& p, const TwoWayTransformerWeights& w, const MlpFusionNumbers& fusion)
      : block0_(p, w.layers[0], [&](const LinearWeights& l) { return prepare_on_pyramid(p, l, fusion); }),
        block1_(p, w.layers[1], [&](const LinearWeights& l) { return prepare(p, l); }),
        final_(prepare_tokens_from_image(p, w.final_attn_token_to_image,
                                         [&](const LinearWeights& l) { return prepare(p, l); })),
        norm_final_(prepare(p, w.norm_final_attn)) {}

  // position: of an image of h x w tokens; the tables refer to it.
  TwoWayTransformerTables<B> tables(Run<B>& run, const ops::Position<B>& position) const noexcept {
    return {ops::position_term<B>(run, block0_.tokens_from_image.k_proj, position),
            ops::position_term<B>(run, block0_.image_from_tokens.q_proj, position),
            ops::position_term<B>(run, block1_.tokens_from_image.k_proj, position),
            ops::position_term<B>(run, block1_.image_from_tokens.q_proj, position),
            ops::position_term<B>(run, final_.k_proj, position)};
  }

  // Image and tokens after they have read each other.
  struct Read {
    MapOf<B> image;   // [B, h, w, 256]
    MapOf<B> tokens;  // [B, 1, K, 256]
  };

  // tokens [B, 1, K, 256], pyramid of [B, h, w, ..] -> image [B, h, w, 256] and tokens [B, 1, K, 256]
  Read operator()(Run<B>& run, const TwoWayTransformerTables<B>& tables, const MapOf<B>& tokens,
                  const Pyramid<B>& pyramid) const noexcept {
    const auto with_tokens = [&](const MapOf<B>& x) { return ops::add<B>(run, x, tokens); };
    const auto add_and_norm = [&](const typename B::LayerNorm& norm, const MapOf<B>& x, const MapOf<B>& read) {
      ops::add<B>(run, x, read, x);
      ops::layer_norm<B>(run, norm, x, {}, x);
    };

    // Block 0, steps 1 to 3.
    const MapOf<B> q = block0_.self_attention(run, tokens, tokens, tokens);
    ops::layer_norm<B>(run, block0_.norm1, q, {}, q);
    add_and_norm(block0_.norm2, q,
                 ops::tokens_from_image<B>(run, block0_.tokens_from_image, tables.keys0, with_tokens(q), pyramid));
    block0_.mlp(run, q);

    // Block 1's step 1, then block 0's step 4 and block 1's step 2 in one pass, then block 1's step 3.
    const MapOf<B> q1 = ops::add<B>(run, q, block1_.self_attention(run, with_tokens(q), with_tokens(q), q));
    ops::layer_norm<B>(run, block1_.norm1, q1, {}, q1);
    const MapOf<B>& image = pyramid.fused;  // overwritten by what it becomes
    add_and_norm(block1_.norm2, q1,
                 ops::image_from_tokens_and_back<B>(run, block0_.image_from_tokens, block0_.norm4, tables.queries0,
                                                    pyramid, with_tokens(q), q, block1_.tokens_from_image, tables.keys1,
                                                    with_tokens(q1), image));
    block1_.mlp(run, q1);

    // Block 1's step 4 and the final attention in one pass.
    const MapOf<B> queries = with_tokens(q1);
    run.stage("queries", queries);
    add_and_norm(
        norm_final_, q1,
        ops::image_from_tokens_and_back<B>(run, block1_.image_from_tokens, block1_.norm4, tables.queries1,
                                           ViewOf<B>(image), queries, q1, final_, tables.final_keys, queries, image));
    return {image, q1};
  }

 private:
  TwoWayBlock<B, ops::PyramidLinear<B>> block0_;
  TwoWayBlock<B, typename B::Linear> block1_;
  compound::TokensFromImage<B, typename B::Linear> final_;
  typename B::LayerNorm norm_final_;
};

SEGFACE_END_CORE
