// Compounds: from the image tokens to logits, and on to labels.
#pragma once

#include "segface/backends/compound/labels.hpp"
#include "segface/backends/primitives.hpp"
#include "segface/networks/segface/compounds/words.hpp"

SEGFACE_BEGIN_CORE
namespace compound {

// The official Sequential `output_upscaling`.
template <class B>
struct Upscaling {
  typename B::TransposedConvolution first;   // 256 -> 64
  typename B::LayerNorm norm;                // eps 1e-6
  typename B::TransposedConvolution second;  // 64 -> 32
};

// logits = gelu(second(gelu(norm(first(image))))) . hyper
// image [B, h, w, 256], hyper [B, 1, K, 32] -> [B, 4h, 4w, K]
template <class B>
MapOf<B> upscale_and_classify(Run<B>& run, const Upscaling<B>& w, const MapOf<B>& image,
                              const MapOf<B>& hyper) noexcept {
  const MapOf<B> logits = run.map(image.batch, 4 * image.height, 4 * image.width, hyper.width);
  const auto scope = run.scope();
  const MapOf<B> twice = ops::transposed_convolution<B>(run, w.first, image);  // [B, 2h, 2w, 64]
  ops::layer_norm<B>(run, w.norm, twice, Activation::gelu, twice);
  const MapOf<B> upscaled = ops::transposed_convolution<B>(run, w.second, twice, Activation::gelu);
  run.stage("upscaled", upscaled);  // [B, 4h, 4w, 32]
  ops::token_products<B>(run, upscaled, hyper, logits);
  return logits;
}

}  // namespace compound
SEGFACE_OWN_COMPOUND(upscale_and_classify)
namespace compound {

// The same for one image, whose labels go to the target, at the target's size.
template <class B>
void upscale_and_label(Run<B>& run, const Upscaling<B>& w, const MapOf<B>& image, const MapOf<B>& hyper,
                       const LabelTarget& target) noexcept {
  const auto scope = run.scope();
  const MapOf<B> logits = ops::upscale_and_classify<B>(run, w, image, hyper);
  run.stage("logits", logits);
  ops::label_map<B>(run, logits, target);
}

}  // namespace compound
SEGFACE_OWN_COMPOUND(upscale_and_label)
SEGFACE_END_CORE
