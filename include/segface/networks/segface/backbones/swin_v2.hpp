// Swin Transformer V2: [B, H, W, 3] -> four maps at strides 4, 8, 16, 32; base: 128 .. 1024, small and tiny: 96 .. 768.
//
// Swin with cosine attention, a position bias that a small MLP computes from the offsets, windows of 8, and norms at the
// end of each branch: x + norm1(attn(x)), then x + norm2(mlp(x)); merging reduces before its norm. Mirrors
// torchvision.models.swin_v2_b().features. Liu et al., Swin Transformer V2, 2022, section 3. Trap: no norm before the
// attention, so what is padded is the raw map.
#pragma once

#include "segface/networks/segface/backbones/swin.hpp"

SEGFACE_BEGIN_CORE
namespace swin {

inline constexpr Row kV2Base = {{128, 256, 512, 1024}, {2, 2, 18, 2}, {4, 8, 16, 32}, 8};
inline constexpr Row kV2Small = {{96, 192, 384, 768}, {2, 2, 18, 2}, {3, 6, 12, 24}, 8};
inline constexpr Row kV2Tiny = {{96, 192, 384, 768}, {2, 2, 6, 2}, {3, 6, 12, 24}, 8};

// x <- x + norm1(attn(x)), x <- x + norm2(mlp(x))
template <class B>
void apply(Run<B>& run, const Block<B, WindowAttentionV2Weights>& w, Index shift, const MapOf<B>& x) noexcept {
  const auto scope = run.scope();
  const MapOf<B> y = run.map(x.batch, x.height, x.width, x.channels);
  ops::window_attention<B>(run, w.attn, ViewOf<B>(x), shift, Epilogue<B>(), y);
  ops::layer_norm<B>(run, w.norm1, y, Epilogue<B>::plus(x), x);
  const MapOf<B> hidden = ops::linear<B>(run, w.mlp0, x, Activation::gelu);  // [B, H, W, 4 C]
  ops::linear<B>(run, w.mlp3, hidden, {}, y);
  ops::layer_norm<B>(run, w.norm2, y, Epilogue<B>::plus(x), x);
}

using WeightsV2 = AnyWeights<WindowAttentionV2Weights, /*kNormFirst=*/false>;

}  // namespace swin
SEGFACE_END_CORE
