// Attention of the cpu backend: how queries, keys and windows become tasks. The kernels are in attention.ipp and
// window.ipp.
#pragma once

#include <algorithm>
#include <cmath>

#include "segface/backends/cpu/isa.hpp"
#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/base/window.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cpu {

inline Index whole_vectors(const Kernels& kernels, Index count) noexcept {
  return (count + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
}
// rows [count, D] -> [D, padded] times 1 / sqrt(D), zeros beyond.
inline void transpose_scaled(const In& rows, Index pad, float* out) noexcept {
  const float scale = 1.0f / std::sqrt(static_cast<float>(rows.channels));
  for (Index d = 0; d < rows.channels; ++d) {
    for (Index r = 0; r < pad; ++r) *out++ = r < rows.rows() ? scale * rows.row(r)[d] : 0.0f;
  }
}
inline Cost attention_cost(const In& q, const In& k) noexcept {
  return {4.0 * static_cast<double>(q.rows() * k.pixels() * q.channels), 2 * bytes(q) + 2 * bytes(k)};
}

// Blocks of queries against all keys, which are transposed once for each image and head.
template <class RunOf>
void attend_few_keys(RunOf& run, const Kernels& kernels, const In& q, const In& k, const In& v, Index heads,
                     const Out& y) noexcept {
  const auto scope = run.scope();
  const Index width = q.channels / heads, pad = whole_vectors(kernels, k.pixels());
  float* const start = run.template scratch<float>(pad);
  float* const keys = run.template scratch<float>(q.batch * heads * width * pad);
  const Index scores_size = FewKeysArguments::kAtOnce * pad;
  float* const scores = run.template scratch<float>(run.workers() * scores_size);
  run.kernel({}, 1, [&](Index, Index) {
    for (Index m = 0; m < pad; ++m) start[m] = m < k.pixels() ? 0.0f : -1e30f;
  });
  run.kernel({}, q.batch * heads, [&](Index task, Index) {
    transpose_scaled(k.image(task / heads).slice(task % heads * width, width), pad, keys + task * width * pad);
  });
  run.kernel(attention_cost(q, k), blocks(q), [&](Index task, Index worker) {
    const RowBlock block = row_block(q, task);
    const In values = v.image(block.image);
    for (Index h = 0; h < heads; ++h) {
      const FewKeysArguments head = {keys + (block.image * heads + h) * width * pad,
                                     start,
                                     k.pixels(),
                                     pad,
                                     values.data + h * width,
                                     values.stride,
                                     width,
                                     q.stride,
                                     y.stride};
      kernels.attend_few_keys(head, q.row(block.first) + h * width, block.rows, scores + worker * scores_size,
                              y.row(block.first) + h * width);
    }
  });
}

// Strips of keys against all queries: each strip leaves its largest scores, sums of powers and weighted values,
// and the strips are merged in order: softmax over all = sum over strips of e^(most_s - most) parts.
template <class RunOf>
void attend_many_keys(RunOf& run, const Kernels& kernels, const In& q, const In& k, const In& v, Index heads,
                      const Out& y) noexcept {
  constexpr Index kStrip = 256;
  const auto scope = run.scope();
  const Index width = q.channels / heads, count = q.pixels(), pad = whole_vectors(kernels, count);
  const Index strips = (k.pixels() + kStrip - 1) / kStrip, parts = pad * 2 + count * width;
  float* const queries = run.template scratch<float>(q.batch * heads * width * pad);
  float* const scores = run.template scratch<float>(run.workers() * kStrip * pad);
  float* const partial = run.template scratch<float>(q.batch * heads * strips * parts);
  run.kernel({}, q.batch * heads, [&](Index task, Index) {
    transpose_scaled(q.image(task / heads).slice(task % heads * width, width), pad, queries + task * width * pad);
  });
  run.kernel(attention_cost(q, k), q.batch * strips, [&](Index task, Index worker) {
    const Index image = task / strips, strip = task % strips;
    const Index keys = std::min(kStrip, k.pixels() - strip * kStrip);
    for (Index h = 0; h < heads; ++h) {
      const Index head = image * heads + h;
      float* const part = partial + (head * strips + strip) * parts;
      const StripArguments arguments = {queries + head * width * pad,
                                        count,
                                        pad,
                                        k.image(image).row(strip * kStrip) + h * width,
                                        k.stride,
                                        v.image(image).row(strip * kStrip) + h * width,
                                        v.stride,
                                        keys,
                                        width};
      kernels.attend_strip(arguments, scores + worker * kStrip * pad, part, part + pad, part + 2 * pad);
    }
  });
  run.kernel({}, q.batch * heads, [&](Index head, Index) {
    const float* const first = partial + head * strips * parts;
    for (Index n = 0; n < count; ++n) {
      float* const out = y.image(head / heads).row(n) + head % heads * width;
      float most = first[n], total = 0;
      for (Index s = 1; s < strips; ++s) most = std::max(most, first[s * parts + n]);
      std::fill_n(out, width, 0.0f);
      for (Index s = 0; s < strips; ++s) {
        const float* const part = first + s * parts;
        const float share = std::exp(part[n] - most);
        total += share * part[pad + n];
        for (Index d = 0; d < width; ++d) out[d] += share * part[2 * pad + n * width + d];
      }
      for (Index d = 0; d < width; ++d) out[d] /= total;
    }
  });
}

// The scores of a window's keys in another region than the query's are lowered by 100. [N, padded]
inline void mask_regions(const WindowAxis& vertical, Index wy, const WindowAxis& horizontal, Index wx, Index padded,
                         float* mask) noexcept {
  const Index window = vertical.window;
  const auto region = [&](Index t) {
    return 2 * vertical.wrapped(wy, t / window) + horizontal.wrapped(wx, t % window);
  };
  for (Index i = 0; i < window * window; ++i, mask += padded) {
    for (Index j = 0; j < padded; ++j) mask[j] = j < window * window && region(i) != region(j) ? -100.0f : 0.0f;
  }
}

// One window a task: its rows are found by index, so that nothing is rolled, cut or padded in memory.
template <class RunOf>
void attend_windows(RunOf& run, const Kernels& kernels, const WindowAttention& w, const In& qkv, Index shift,
                    const Out& y) noexcept {
  const auto scope = run.scope();
  const Index tokens = w.window * w.window, width = y.channels / w.heads;  // N, D
  const WindowAxis vertical(y.height, w.window, shift), horizontal(y.width, w.window, shift);
  const Index per_image = vertical.count * horizontal.count, windows = y.batch * per_image;
  const Index scratch_size = kernels.window_scratch(tokens, width), mask_size = tokens * w.padded;
  float* const scratch = run.template scratch<float>(run.workers() * (scratch_size + mask_size));
  const auto products = static_cast<double>(windows * tokens * tokens * y.channels);
  run.kernel({4 * products, bytes(qkv) + bytes(y)}, windows, [&](Index task, Index worker) {
    const Index image = task / per_image, wy = task % per_image / horizontal.count, wx = task % horizontal.count;
    float* const mask = scratch + worker * (scratch_size + mask_size);
    const bool divided = vertical.divided(wy) || horizontal.divided(wx);
    if (divided) mask_regions(vertical, wy, horizontal, wx, w.padded, mask);
    const float* rows[WindowArguments::kMostTokens];
    float* out[WindowArguments::kMostTokens];
    for (Index t = 0; t < tokens; ++t) {
      const Index sy = vertical.pixel(wy, t / w.window), sx = horizontal.pixel(wx, t % w.window);
      const bool inside = sy < y.height && sx < y.width;
      rows[t] = inside ? qkv.pixel(image, sy, sx) : w.padding.data();
      out[t] = inside ? y.pixel(image, sy, sx) : nullptr;
    }
    for (Index h = 0; h < w.heads; ++h) {
      const WindowArguments arguments = {tokens,
                                         width,
                                         w.padded,
                                         h * width,
                                         y.channels,
                                         w.cosine,
                                         w.scale.data()[h],
                                         w.bias.data() + h * mask_size,
                                         divided ? mask : nullptr};
      kernels.attend_window(arguments, rows, out, mask + mask_size);
    }
  });
}

}  // namespace cpu
SEGFACE_END_NAMESPACE
