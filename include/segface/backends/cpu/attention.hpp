// Attention of the cpu backend: how queries, keys and windows become tasks. The kernels are in attention.ipp and
// window.ipp.
#pragma once

#include <algorithm>
#include <cmath>

#include "segface/backends/cpu/isa.hpp"
#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/base/window.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

inline Index whole_vectors(const Kernels& kernels, Index count) noexcept {
  return (count + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
}
// rows [count, D] -> out [D, count], times 1 / sqrt(D)
inline void transpose_scaled(const In& rows, float* out) noexcept {
  const float scale = 1.0f / std::sqrt(static_cast<float>(rows.channels));
  for (Index d = 0; d < rows.channels; ++d) {
    for (Index r = 0; r < rows.rows(); ++r) *out++ = scale * rows.row(r)[d];
  }
}
inline Cost attention_cost(const In& q, const In& k) noexcept {
  return {4.0 * static_cast<double>(q.rows() * k.pixels() * q.channels), 2 * bytes(q) + 2 * bytes(k)};
}

// Few keys, for any number of queries.
class FewKeys {
 public:
  // k and v [B, .., M, C]; they and the run's scratch must last as long as this does.
  template <class RunOf>
  FewKeys(RunOf& run, const Kernels& kernels, const In& k, const In& v, Index heads) noexcept
      : kernels_(kernels),
        v_(v),
        heads_(heads),
        width_(k.channels / heads),
        scratch_size_((width_ + k.pixels()) * kernels.lanes),
        keys_(run.template scratch<float>(k.batch * k.pixels() * k.channels)),
        scratch_(run.template scratch<float>(run.workers() * scratch_size_)) {
    run.kernel({}, k.batch * heads, [&](Index head, Index) {
      transpose_scaled(k.image(head / heads).slice(head % heads * width_, width_), keys_ + head * k.pixels() * width_);
    });
  }

  // Queries [rows, C] of an image -> out [rows, C].
  void attend(Index image, Index worker, Index rows, const float* q, Index ldq, float* out, Index ldo) const noexcept {
    const In values = v_.image(image);
    const Index count = values.pixels();
    for (Index h = 0; h < heads_; ++h) {
      const FewKeysArguments head = {keys_ + (image * heads_ + h) * count * width_,
                                     count,
                                     values.data + h * width_,
                                     values.stride,
                                     width_,
                                     ldq,
                                     ldo};
      kernels_.attend_few_keys(head, q + h * width_, rows, scratch_ + worker * scratch_size_, out + h * width_);
    }
  }

 private:
  const Kernels& kernels_;
  In v_;
  Index heads_, width_, scratch_size_;
  float* keys_;     // [B, heads, D, M], scaled
  float* scratch_;  // of each worker
};

template <class RunOf>
void attend_few_keys(RunOf& run, const Kernels& kernels, const In& q, const In& k, const In& v, Index heads,
                     const Out& y) noexcept {
  const auto scope = run.scope();
  const FewKeys keys(run, kernels, k, v, heads);
  run.kernel(attention_cost(q, k), blocks(q), [&](Index task, Index worker) {
    const RowBlock block = row_block(q, task);
    keys.attend(block.image, worker, block.rows, q.row(block.first), q.stride, y.row(block.first), y.stride);
  });
}

// Few queries, for any number of keys, which come in strips of a row block: each strip leaves its largest scores, sums
// of powers and weighted values, and the strips are merged in order: softmax over all = sum over strips of
// e^(most_s - most) parts.
class KeyStrips {
 public:
  // q [B, .., N, C] against the keys of `image`; the run's scratch must last as long as this does.
  template <class RunOf>
  KeyStrips(RunOf& run, const Kernels& kernels, const In& q, Index heads, const In& image) noexcept
      : kernels_(kernels),
        heads_(heads),
        width_(q.channels / heads),
        count_(q.pixels()),
        pad_(whole_vectors(kernels, count_)),
        strips_(blocks(image) / image.batch),
        scratch_size_(width_ * kernels.lanes + count_ * whole_vectors(kernels, kRowBlock)),
        queries_(run.template scratch<float>(q.batch * heads * count_ * width_)),
        scratch_(run.template scratch<float>(run.workers() * scratch_size_)),
        parts_(run.template scratch<float>(q.batch * heads * strips_ * part_size())) {
    run.kernel({}, q.batch * heads, [&](Index head, Index) {
      transpose_scaled(q.image(head / heads).slice(head % heads * width_, width_), queries_ + head * count_ * width_);
    });
  }

  // Block `strip` of the image: keys and values [keys, C].
  void attend(Index strip, Index worker, Index keys, const float* k, Index ldk, const float* v,
              Index ldv) const noexcept {
    for (Index h = 0; h < heads_; ++h) {
      const Index head = strip / strips_ * heads_ + h;
      float* const part = parts_ + (head * strips_ + strip % strips_) * part_size();
      StripArguments arguments = of_head(head);
      arguments.k = k + h * width_;
      arguments.ldk = ldk;
      arguments.v = v + h * width_;
      arguments.ldv = ldv;
      arguments.keys = keys;
      kernels_.attend_strip(arguments, scratch_ + worker * scratch_size_, part, part + pad_, part + 2 * pad_);
    }
  }

  // After all strips: y [B, .., N, C].
  template <class RunOf>
  void merge(RunOf& run, const Out& y) const noexcept {
    run.kernel({}, y.batch * heads_, [&](Index head, Index) {
      kernels_.merge_strips(of_head(head), parts_ + head * strips_ * part_size(), part_size(), strips_,
                            y.image(head / heads_).row(0) + head % heads_ * width_, y.stride);
    });
  }

 private:
  Index part_size() const noexcept { return pad_ * 2 + count_ * width_; }
  StripArguments of_head(Index head) const noexcept {
    StripArguments a;
    a.queries = queries_ + head * count_ * width_;
    a.count = count_;
    a.padded = pad_;
    a.width = width_;
    return a;
  }

  const Kernels& kernels_;
  Index heads_, width_, count_, pad_, strips_, scratch_size_;
  float* queries_;  // [B, heads, D, N], scaled
  float* scratch_;  // of each worker
  float* parts_;    // [B, heads, strips]: most [pad], total [pad], sums [N, D]
};

template <class RunOf>
void attend_many_keys(RunOf& run, const Kernels& kernels, const In& q, const In& k, const In& v, Index heads,
                      const Out& y) noexcept {
  const auto scope = run.scope();
  const KeyStrips strips(run, kernels, q, heads, k);
  run.kernel(attention_cost(q, k), blocks(k), [&](Index task, Index worker) {
    const RowBlock block = row_block(k, task);
    strips.attend(task, worker, block.rows, k.row(block.first), k.stride, v.row(block.first), v.stride);
  });
  strips.merge(run, y);
}

// The scores of a window's keys in another region than the query's are lowered by 100. [N, padded]
inline void mask_regions(const WindowAxis& vertical, Index wy, const WindowAxis& horizontal, Index wx, Index padded,
                         float* mask) noexcept {
  const Index side = vertical.window, tokens = side * side;
  const auto region = [&](Index t) { return window_region(vertical, wy, t / side, horizontal, wx, t % side); };
  for (Index i = 0; i < tokens; ++i, mask += padded) {
    for (Index j = 0; j < padded; ++j) mask[j] = j < tokens && region(i) != region(j) ? -100.0f : 0.0f;
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
SEGFACE_END_CORE
