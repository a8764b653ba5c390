// Compounds between a few tokens and the many pixels of the image, both ways.
//
// Shapes: tokens [B, 1, K, 256], image [B, H, W, 256] (a map, or in the first block the pyramid), position encoding
// [1, H, W, 256]; inside, 128 channels in 8 heads. Wherever the official code makes keys or queries of the image,
// it adds the position encoding first.
#pragma once

#include "segface/networks/segface/compounds/pyramid.hpp"

SEGFACE_BEGIN_CORE
namespace compound {

// SAM's Attention from tokens to image. ImageLinear is B::Linear, or ops::PyramidLinear<B> in the first block.
template <class B, class ImageLinear>
struct TokensFromImage {
  typename B::Linear q_proj;
  ImageLinear k_proj, v_proj;
  typename B::Linear out_proj;
  Index heads = 8;
};

// SAM's Attention from image to tokens.
template <class B, class ImageLinear>
struct ImageFromTokens {
  ImageLinear q_proj;
  typename B::Linear k_proj, v_proj, out_proj;
  Index heads = 8;
};

// What the tokens read from the image: out(softmax(q(queries) k(image + position)) v(image)) -> [B, 1, K, 256]
template <class B, class ImageLinear, class Image>
MapOf<B> tokens_from_image(Run<B>& run, const TokensFromImage<B, ImageLinear>& w,
                           const ops::PositionTerm<B>& key_position, const MapOf<B>& queries,
                           const Image& image) noexcept {
  const MapOf<B> y = run.map(queries.batch, 1, queries.width, w.out_proj.out);
  const auto scope = run.scope();
  const MapOf<B> q = ops::linear<B>(run, w.q_proj, queries);                       // [B, 1, K, 128]
  const MapOf<B> k = ops::image_linear_at<B>(run, w.k_proj, key_position, image);  // [B, H, W, 128]
  const MapOf<B> v = ops::image_linear<B>(run, w.v_proj, image);                   // [B, H, W, 128]
  ops::linear<B>(run, w.out_proj, ops::attention<B>(run, q, k, v, w.heads), {}, y);
  return y;
}

// The image after reading the tokens, y [B, H, W, 256], which may be the image itself:
// y = norm(image + out(softmax(q(image + position) k(keys)) v(values)))
template <class B, class ImageLinear, class Image>
void image_from_tokens(Run<B>& run, const ImageFromTokens<B, ImageLinear>& w, const typename B::LayerNorm& norm,
                       const ops::PositionTerm<B>& query_position, const Image& image, const MapOf<B>& keys,
                       const MapOf<B>& values, const MapOf<B>& y) noexcept {
  const auto scope = run.scope();
  const MapOf<B> q = ops::image_linear_at<B>(run, w.q_proj, query_position, image);  // [B, H, W, 128]
  const MapOf<B> k = ops::linear<B>(run, w.k_proj, keys);                            // [B, 1, K, 128]
  const MapOf<B> v = ops::linear<B>(run, w.v_proj, values);                          // [B, 1, K, 128]
  const MapOf<B> read = ops::attention<B>(run, q, k, v, w.heads);                    // [B, H, W, 128]
  ops::linear<B>(run, w.out_proj, read, Epilogue<B>::plus(image_map<B>(image)), y);
  ops::layer_norm<B>(run, norm, y, {}, y);
}

}  // namespace compound
SEGFACE_OWN_COMPOUND(tokens_from_image)
SEGFACE_OWN_COMPOUND(image_from_tokens)
namespace compound {

// image_from_tokens of one block, to y, then tokens_from_image of the next, which is returned: a backend may do both in
// one pass over the image.
template <class B, class ImageLinear, class Image>
MapOf<B> image_from_tokens_and_back(Run<B>& run, const ImageFromTokens<B, ImageLinear>& image_reads,
                                    const typename B::LayerNorm& norm, const ops::PositionTerm<B>& query_position,
                                    const Image& image, const MapOf<B>& keys, const MapOf<B>& values,
                                    const TokensFromImage<B, typename B::Linear>& tokens_read,
                                    const ops::PositionTerm<B>& key_position, const MapOf<B>& queries,
                                    const MapOf<B>& y) noexcept {
  ops::image_from_tokens<B>(run, image_reads, norm, query_position, image, keys, values, y);
  return ops::tokens_from_image<B>(run, tokens_read, key_position, queries, ViewOf<B>(y));
}

}  // namespace compound
SEGFACE_OWN_COMPOUND(image_from_tokens_and_back)
SEGFACE_END_CORE
