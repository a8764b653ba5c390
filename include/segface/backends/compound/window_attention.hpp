// Compound: attention inside windows, with the linear layers around it.
#pragma once

#include "segface/backends/compound/compound.hpp"
#include "segface/backends/primitives.hpp"

SEGFACE_BEGIN_CORE
namespace compound {

template <class B>
struct WindowAttention {
  typename B::Linear qkv, proj;  // C -> 3 C, C -> C
  typename B::WindowAttention attention;
};

// y = epilogue(proj(windowed attention(qkv(x)))): [B, H, W, C] -> [B, H, W, C]; see ops::windowed_attention.
template <class B>
void window_attention(Run<B>& run, const WindowAttention<B>& w, const ViewOf<B>& x, Index shift,
                      const Epilogue<B>& epilogue, const MapOf<B>& y) noexcept {
  const auto scope = run.scope();
  const MapOf<B> qkv = ops::linear<B>(run, w.qkv, x);                              // [B, H, W, 3 C]
  const MapOf<B> read = ops::windowed_attention<B>(run, w.attention, qkv, shift);  // [B, H, W, C]
  ops::linear<B>(run, w.proj, read, epilogue, y);
}

}  // namespace compound
SEGFACE_COMPOUND(window_attention)
SEGFACE_END_CORE
