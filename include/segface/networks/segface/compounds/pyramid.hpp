// Compounds on the pyramid: SegFormer's MLP fusion of the four taps, and linear layers on what it gives.
//
// The decoder receives the pyramid, not a fused map. By default the fusion is computed as the official code does
// and linear layers are applied to the fused map. A backend may keep the levels apart instead: the fusion has no
// norm and no activation, so a linear layer on it is a sum over levels, each multiplied at its own size.
#pragma once

#include <array>

#include "segface/backends/primitives.hpp"
#include "segface/networks/segface/compounds/words.hpp"

SEGFACE_BEGIN_CORE

// The fusion's matrices as float arrays in PyTorch's layouts, for prepare.
struct MlpFusionParameters {
  std::array<LinearParameters, 4> linear_c;  // level i: [256, C_i]
  LinearParameters linear_fuse;              // [256, 1024], columns of level 3 first; no bias
  // The same without a matrix between (networks/segface/fold_fusion.hpp): level i times [256, C_i] at its own size, the
  // first with the bias of all, upsampled and added up.
  std::array<LinearParameters, 4> levels;
};

// Four maps [B, H_i, W_i, C_i], which a backend may hand on multiplied by some matrix of its own, and their fusion
// [B, H_0, W_0, 256], which the transformer may overwrite.
template <class B>
struct Pyramid {
  std::array<ViewOf<B>, 4> levels;
  MapOf<B> fused;
};

namespace compound {

template <class B>
struct MlpFusion {
  std::array<typename B::Linear, 4> linear_c;
  typename B::Linear linear_fuse;

  static Result<MlpFusion> prepare(const B& backend, const MlpFusionParameters& parameters) noexcept {
    MlpFusion fusion;
    for (std::size_t i = 0; i < 4; ++i) {
      SEGFACE_ASSIGN(linear_c, backend.prepare_linear(parameters.linear_c[i]));
      fusion.linear_c[i] = std::move(linear_c);
    }
    SEGFACE_ASSIGN(linear_fuse, backend.prepare_linear(parameters.linear_fuse));
    fusion.linear_fuse = std::move(linear_fuse);
    return Result<MlpFusion>(std::move(fusion));
  }
};

// fused = linear_fuse(concat(up(linear_c3(f3)), ..., up(linear_c0(f0)))): note the reversed order.
template <class B>
Pyramid<B> fuse(Run<B>& run, const MlpFusion<B>& w, const std::array<ViewOf<B>, 4>& levels) noexcept {
  const ViewOf<B>& finest = levels[0];
  const Index width = w.linear_fuse.out;  // 256
  const MapOf<B> fused = run.map(finest.batch, finest.height, finest.width, width);
  const auto scope = run.scope();
  const MapOf<B> concatenated = run.map(finest.batch, finest.height, finest.width, 4 * width);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto level_scope = run.scope();
    const MapOf<B> projected = ops::linear<B>(run, w.linear_c[i], levels[i]);  // [B, H_i, W_i, 256]
    ops::bilinear<B>(run, projected, concatenated.slice((3 - static_cast<Index>(i)) * width, width));
  }
  ops::linear<B>(run, w.linear_fuse, concatenated, {}, fused);
  return {levels, fused};
}

}  // namespace compound
SEGFACE_OWN_COMPOUND_OPERAND(MlpFusion)
SEGFACE_OWN_COMPOUND(fuse)

namespace compound {

// A linear layer of the fused map, which a backend may prepare for the levels instead.
template <class B>
struct PyramidLinear {
  typename B::Linear on_fused;

  static Result<PyramidLinear> prepare(const B& backend, const MlpFusionParameters&,
                                       const LinearParameters& parameters) noexcept {
    SEGFACE_ASSIGN(on_fused, backend.prepare_linear(parameters));
    return PyramidLinear{std::move(on_fused)};
  }
};

// y = x W^T + b of an image: a map, or a pyramid. -> [B, H, W, out]
template <class B>
MapOf<B> image_linear(Run<B>& run, const typename B::Linear& w, const ViewOf<B>& image) noexcept {
  return ops::linear<B>(run, w, image);
}
template <class B>
MapOf<B> image_linear(Run<B>& run, const PyramidLinear<B>& w, const Pyramid<B>& image) noexcept {
  return ops::linear<B>(run, w.on_fused, image.fused);
}

// The position encoding of an image of H x W tokens, in the plan.
template <class B>
struct Position {
  ViewOf<B> encoding;  // [1, H, W, 256]
};
template <class B>
Position<B> position(Run<B>& run, const typename B::PositionEncoding& w, Index height, Index width) noexcept {
  return {ops::position_encoding<B>(run, w, height, width)};
}

}  // namespace compound
SEGFACE_OWN_COMPOUND_OPERAND(Position)
SEGFACE_OWN_COMPOUND(position)

namespace compound {

// What a projection of (image + position) needs of the position, computed once for a size.
template <class B>
struct PositionTerm {
  ViewOf<B> encoding;
};

// The term is made in the plan, not in the forward pass; `position` outlives it.
template <class B>
PositionTerm<B> position_term(Run<B>&, const typename B::Linear&, const Position<B>& position) noexcept {
  return {position.encoding};
}
template <class B>
PositionTerm<B> position_term(Run<B>&, const PyramidLinear<B>&, const Position<B>& position) noexcept {
  return {position.encoding};
}

// y = (x + position) W^T + b of an image -> [B, H, W, out]
template <class B>
MapOf<B> image_linear_at(Run<B>& run, const typename B::Linear& w, const PositionTerm<B>& term,
                         const ViewOf<B>& image) noexcept {
  const MapOf<B> y = run.map(image.batch, image.height, image.width, w.out);
  const auto scope = run.scope();
  ops::linear<B>(run, w, ops::add<B>(run, image, term.encoding), {}, y);
  return y;
}
template <class B>
MapOf<B> image_linear_at(Run<B>& run, const PyramidLinear<B>& w, const PositionTerm<B>& term,
                         const Pyramid<B>& image) noexcept {
  return image_linear_at<B>(run, w.on_fused, term, image.fused);
}

// The image as one map.
template <class B>
ViewOf<B> image_map(const ViewOf<B>& image) noexcept {
  return image;
}
template <class B>
ViewOf<B> image_map(const Pyramid<B>& image) noexcept {
  return image.fused;
}

}  // namespace compound
SEGFACE_OWN_COMPOUND_OPERAND(PyramidLinear)
SEGFACE_OWN_COMPOUND_OPERAND(PositionTerm)
SEGFACE_OWN_COMPOUND(image_linear)
SEGFACE_OWN_COMPOUND(position_term)
SEGFACE_OWN_COMPOUND(image_linear_at)
SEGFACE_END_CORE
