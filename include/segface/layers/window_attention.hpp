// Window attention: every window of w x w pixels attends to itself.
//
// [B, H, W, C] -> [B, H, W, C]; heads of width D = C / heads, windows of N = w^2 tokens.
//   Swin:    softmax(q k^T / sqrt(D) + table[offset]) v
//   Swin V2: softmax(cos(q, k) e^min(logit_scale, ln 100) + 16 sigmoid(cpb_mlp(offset))) v
// cpb_mlp takes the offset of two pixels on a logarithmic scale. Mirrors torchvision's ShiftedWindowAttention and
// ShiftedWindowAttentionV2; the bias of each pair of pixels is computed once, when operands are prepared.
// Traps: a padded pixel is zero before the qkv layer, so its q, k and v are the layer's bias; Swin V2 sets the key's part
// of that bias to zero.
#pragma once

#include <algorithm>
#include <cmath>

#include "segface/backends/compound/window_attention.hpp"
#include "segface/layers/linear.hpp"

SEGFACE_BEGIN_CORE

struct WindowAttentionWeights {
  Index channels = 0, heads = 0, window = 0;
  Weight table;
  LinearWeights qkv, proj;

  WindowAttentionWeights() = default;
  WindowAttentionWeights(Index c, Index h, Index w)
      : channels(c), heads(h), window(w), qkv{c, 3 * c, {}, {}}, proj{c, c, {}, {}} {}

  // Offsets between two pixels of a window along one axis: -(w - 1) .. w - 1.
  Index span() const noexcept { return 2 * window - 1; }
  Index tokens() const noexcept { return window * window; }

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("relative_position_bias_table", table, {span() * span(), heads});
    v.dropped_integers("relative_position_index", {tokens() * tokens()});
    v.child("qkv", qkv);
    v.child("proj", proj);
  }
};

struct WindowAttentionV2Weights : WindowAttentionWeights {
  static constexpr Index kHidden = 512;
  Weight logit_scale, cpb0_weight, cpb0_bias, cpb2_weight;

  using WindowAttentionWeights::WindowAttentionWeights;

  template <class Visitor>
  void visit(Visitor& v) {
    v.tensor("logit_scale", logit_scale, {heads, 1, 1});
    v.dropped("relative_coords_table", {1, span(), span(), 2});
    v.dropped_integers("relative_position_index", {tokens() * tokens()});
    v.child("qkv", qkv);
    v.child("proj", proj);
    v.tensor("cpb_mlp.0.weight", cpb0_weight, {kHidden, 2});
    v.tensor("cpb_mlp.0.bias", cpb0_bias, {kHidden});
    v.tensor("cpb_mlp.2.weight", cpb2_weight, {heads, kHidden});
  }
};

// table [span^2, heads], one row for each offset dy, dx -> bias [heads, N, N] of query i and key j.
template <class B>
Buffer<float> spread_bias(Preparation<B>& p, const WindowAttentionWeights& w, const Buffer<float>& table) noexcept {
  const Index tokens = w.tokens();
  Buffer<float> bias = p.keep(Buffer<float>::make(static_cast<std::size_t>(w.heads * tokens * tokens)));
  if (!p.status().ok()) return bias;
  float* out = bias.data();
  for (Index h = 0; h < w.heads; ++h) {
    for (Index i = 0; i < tokens; ++i) {
      for (Index j = 0; j < tokens; ++j) {
        const Index dy = i / w.window - j / w.window + w.window - 1, dx = i % w.window - j % w.window + w.window - 1;
        *out++ = table.data()[(dy * w.span() + dx) * w.heads + h];
      }
    }
  }
  return bias;
}

// Swin V2's continuous position bias as such a table.
template <class B>
Buffer<float> position_table(Preparation<B>& p, const WindowAttentionV2Weights& w) noexcept {
  const Buffer<float> weight0 = p.read(w.cpb0_weight), bias0 = p.read(w.cpb0_bias), weight2 = p.read(w.cpb2_weight);
  Buffer<float> table = p.keep(Buffer<float>::make(static_cast<std::size_t>(w.span() * w.span() * w.heads)));
  Buffer<double> hidden = p.keep(Buffer<double>::make(static_cast<std::size_t>(w.kHidden)));
  if (!p.status().ok()) return table;
  // sign(r) log2(1 + |r|) / 3 with the offsets scaled to r in [-8, 8]
  const auto coordinate = [&](Index i) {
    const double r = 8.0 * static_cast<double>(i - (w.window - 1)) / static_cast<double>(w.window - 1);
    return std::copysign(std::log2(1.0 + std::fabs(r)) / 3.0, r);
  };
  for (Index offset = 0; offset < w.span() * w.span(); ++offset) {
    const double y = coordinate(offset / w.span()), x = coordinate(offset % w.span());
    for (Index i = 0; i < w.kHidden; ++i) {
      const auto at = [&](Index k) { return static_cast<double>(weight0.data()[2 * i + k]); };
      hidden.data()[i] = std::max(0.0, at(0) * y + at(1) * x + static_cast<double>(bias0.data()[i]));
    }
    for (Index h = 0; h < w.heads; ++h) {
      double sum = 0;
      for (Index i = 0; i < w.kHidden; ++i) {
        sum += hidden.data()[i] * static_cast<double>(weight2.data()[h * w.kHidden + i]);
      }
      table.data()[offset * w.heads + h] = static_cast<float>(16.0 / (1.0 + std::exp(-sum)));
    }
  }
  return table;
}

// scale [heads], table [span^2, heads], qkv_bias [3 C]
template <class B>
compound::WindowAttention<B> prepare_window_attention(Preparation<B>& p, const WindowAttentionWeights& w, bool cosine,
                                                      const Buffer<float>& scale, const Buffer<float>& table,
                                                      const Buffer<float>& qkv_bias) noexcept {
  const Buffer<float> weight = p.read(w.qkv.weight), bias = spread_bias(p, w, table);
  return {
      p.operand(w.qkv.weight,
                [&](const B& backend) {
                  return backend.prepare_linear({w.channels, 3 * w.channels, weight.data(), qkv_bias.data(), nullptr});
                }),
      prepare(p, w.proj), p.operand([&](const B& backend) {
        return backend.prepare_window_attention(
            {w.channels, w.heads, w.window, cosine, scale.data(), bias.data(), qkv_bias.data()});
      })};
}

template <class B>
compound::WindowAttention<B> prepare(Preparation<B>& p, const WindowAttentionWeights& w) noexcept {
  Buffer<float> scale = p.keep(Buffer<float>::make(static_cast<std::size_t>(w.heads)));
  for (float& s : scale) s = 1.0f / std::sqrt(static_cast<float>(w.channels / w.heads));
  return prepare_window_attention(p, w, /*cosine=*/false, scale, p.read(w.table), p.read(w.qkv.bias));
}

template <class B>
compound::WindowAttention<B> prepare(Preparation<B>& p, const WindowAttentionV2Weights& w) noexcept {
  constexpr double kMostLogitScale = 4.605170185988092;  // ln 100
  Buffer<float> scale = p.read(w.logit_scale), bias = p.read(w.qkv.bias);
  for (float& s : scale) s = static_cast<float>(std::exp(std::min(static_cast<double>(s), kMostLogitScale)));
  if (p.status().ok()) std::fill_n(bias.data() + w.channels, w.channels, 0.0f);  // the key's part
  return prepare_window_attention(p, w, /*cosine=*/true, scale, position_table(p, w), bias);
}

SEGFACE_END_CORE
