// Patch merging: each 2 x 2 patch becomes one pixel of twice the channels.
//
// [B, H, W, C] -> [B, ceil(H / 2), ceil(W / 2), 2 C].
//   Swin:    y = reduction(norm(patch)), the norm over 4 C channels
//   Swin V2: y = norm(reduction(patch)), the norm over 2 C channels
// Mirrors torchvision's PatchMerging and PatchMergingV2.
// Traps: odd sides are padded with zeros at the end. The official order inside a patch is (even row, even column),
// (odd, even), (even, odd), (odd, odd); ours is row by row. So the reduction's columns, and the gain and bias of Swin's
// norm, change places when they are prepared. The mean and variance that a norm takes are the same in any order.
#pragma once

#include <algorithm>

#include "segface/backends/primitives.hpp"
#include "segface/layers/normalization.hpp"

SEGFACE_BEGIN_CORE

struct PatchMergingWeights {
  Index channels = 0;
  bool norm_first = true;  // Swin; false: Swin V2
  Weight reduction;
  LayerNormWeights norm;

  PatchMergingWeights() = default;
  PatchMergingWeights(Index c, bool first)
      : channels(c), norm_first(first), norm{first ? 4 * c : 2 * c, 1e-5f, {}, {}} {}

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("reduction.weight", reduction, {2 * channels, 4 * channels});
    v.child("norm", norm);
  }
};

template <class B>
class PatchMerging {
 public:
  PatchMerging(Preparation<B>& p, const PatchMergingWeights& w)
      : norm_first_(w.norm_first), reduction_(prepare_reduction(p, w)), norm_(prepare_norm(p, w)) {}

  MapOf<B> operator()(Run<B>& run, const ViewOf<B>& x) const noexcept {
    const MapOf<B> y = run.map(x.batch, (x.height + 1) / 2, (x.width + 1) / 2, reduction_.out);
    const auto scope = run.scope();
    const MapOf<B> patches = ops::patches<B>(run, x, 2, y.height, y.width);  // [B, h, w, 4 C]
    if (norm_first_) ops::layer_norm<B>(run, norm_, patches, {}, patches);
    ops::linear<B>(run, reduction_, patches, {}, y);
    if (!norm_first_) ops::layer_norm<B>(run, norm_, y, {}, y);
    return y;
  }

 private:
  // Changes the places of (odd, even) and (even, odd) in each row of 4 C values.
  static void reorder(Index channels, Buffer<float>& rows) noexcept {
    const auto row = static_cast<std::size_t>(4 * channels);
    for (std::size_t first = 0; first + row <= rows.size(); first += row) {
      float* const second = rows.data() + first + channels;
      std::swap_ranges(second, second + channels, second + channels);
    }
  }
  static typename B::Linear prepare_reduction(Preparation<B>& p, const PatchMergingWeights& w) {
    Buffer<float> weight = p.read(w.reduction);
    reorder(w.channels, weight);
    return p.operand(w.reduction, [&](const B& backend) {
      return backend.prepare_linear({4 * w.channels, 2 * w.channels, weight.data(), nullptr, nullptr});
    });
  }
  static typename B::LayerNorm prepare_norm(Preparation<B>& p, const PatchMergingWeights& w) {
    Buffer<float> gain = p.read(w.norm.weight), bias = p.read(w.norm.bias);
    if (w.norm_first) {
      reorder(w.channels, gain);
      reorder(w.channels, bias);
    }
    return p.operand([&](const B& backend) {
      return backend.prepare_layer_norm({w.norm.channels, gain.data(), bias.data(), w.norm.eps});
    });
  }

  bool norm_first_;
  typename B::Linear reduction_;
  typename B::LayerNorm norm_;
};

SEGFACE_END_CORE
