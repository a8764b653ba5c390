// From image tokens to logits and labels on the cpu: each tile is upscaled and classified while it is in the cache.
//
// A transposed convolution with kernel and stride 2 is a linear layer whose outputs are four pixels: the rows of a tile
// are (token, dy, dx), then (token, dy, dx, dy', dx'), and only the logits are put where they belong.
#pragma once

#include <algorithm>

#include "segface/backends/cpu/labels.hpp"
#include "segface/backends/cpu/multiplication.hpp"
#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/backends/cpu/tokens.hpp"
#include "segface/networks/segface/compounds/upscaling.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// Rows of a tile, 16 for each token in the order dy, dx, dy', dx' -> pixels of y, which has 4 of them along each side
// of a token. Token `first` is the first of the tile's.
inline void place_pixels(const float* rows, Index stride, Index first, Index tokens, Index width, const Out& y) {
  for (Index t = 0; t < tokens; ++t) {
    const Index top = (first + t) / width * 4, left = (first + t) % width * 4;
    for (Index i = 0; i < 16; ++i, rows += stride) {
      const Index dy = i / 8 * 2 + i / 2 % 2, dx = i / 4 % 2 * 2 + i % 2;
      std::copy_n(rows, y.channels, y.pixel(0, top + dy, left + dx));
    }
  }
}

// Floats from a pixel's logits to the next: a few more than classes, not whole cache lines, as there are many of them.
inline Index compact_stride(Index classes) noexcept {
  return (classes + 3) / 4 * 4;
}

// From image tokens to logits, a few tokens at a time: what is between them is in the worker's scratch.
template <class Backend>
class LogitTiles {
 public:
  static constexpr Index kTokens = 28;  // of a tile: what follows fits into the second cache with the weights

  LogitTiles(Run<Backend>& run, const Kernels& kernels, const compound::Upscaling<Backend>& w, const Out& image,
             const Out& hyper) noexcept
      : kernels_(kernels),
        w_(w),
        image_(image),
        classifier_(run, kernels, hyper),
        first_(run, kernels, w.first.matrix, image.pixels()),
        second_(run, kernels, w.second.matrix, 4 * image.pixels()),
        classes_(hyper.width),
        wide_(4 * w.first.out),
        finest_(4 * w.second.out),
        stride_((classes_ + 15) / 16 * 16),
        size_(kTokens * (wide_ + 4 * finest_ + 16 * stride_)),
        scratch_(run.template scratch<float>(run.workers() * size_)) {}

  Cost cost() const noexcept {
    Cost all = gemm_cost<float>(image_.rows(), wide_, image_.channels);
    all += gemm_cost<float>(4 * image_.rows(), finest_, w_.first.out);
    all += gemm_cost<float>(16 * image_.rows(), classes_, w_.second.out);
    return all;
  }

  // Tokens [first, first + count) of an image -> their pixels of the logits, a map whose first pixel is that of token
  // `origin`; and of the upscaled image, where that has data.
  void operator()(Index image, Index first, Index count, Index worker, Index origin, const Out& logits,
                  const Out& upscaled = {}) const noexcept {
    float* const twice = scratch_ + worker * size_;              // [tokens, 4, 64]
    float* const four_times = twice + kTokens * wide_;           // [tokens, 4, 4, 32]
    float* const products = four_times + kTokens * 4 * finest_;  // [tokens, 16, K]
    for (const Index end = first + count; first < end; first += kTokens) {
      const Index tokens = std::min(kTokens, end - first);
      const Linear& matrix = w_.first.matrix;
      first_(product(kernels_, matrix, matrix.bias.data(), tokens, image_.row(image * image_.pixels() + first),
                     image_.stride, twice, wide_),
             worker);
      LayerNormArguments norm = norm_in_place(w_.norm, 4 * tokens, w_.first.out, twice, w_.first.out);
      norm.activation = Activation::gelu;
      kernels_.layer_norm(norm);
      GemmArguments second = product(kernels_, w_.second.matrix, w_.second.matrix.bias.data(), 4 * tokens, twice,
                                     w_.first.out, four_times, finest_);
      second.activation = Activation::gelu;
      second_(second, worker);
      kernels_.gemm(classifier_.product(image, 16 * tokens, four_times, w_.second.out, products, stride_));
      place_pixels(products, stride_, first - origin, tokens, image_.width, logits);
      if (upscaled.data != nullptr) {
        place_pixels(four_times, w_.second.out, first - origin, tokens, image_.width, upscaled);
      }
    }
  }

 private:
  const Kernels& kernels_;
  const compound::Upscaling<Backend>& w_;
  const Out& image_;
  PackedTokens classifier_;
  Multiplication first_, second_;
  Index classes_, wide_, finest_, stride_, size_;
  float* scratch_;  // of each worker
};

// See compound::upscale_and_classify.
template <class Backend>
Out stream_logits(Run<Backend>& run, const Kernels& kernels, const compound::Upscaling<Backend>& w, const Out& image,
                  const Out& hyper) noexcept {
  const Index height = 4 * image.height, width = 4 * image.width, stride = compact_stride(hyper.width);
  const Out logits = {run.template scratch<float>(image.batch * height * width * stride),
                      image.batch,
                      height,
                      width,
                      hyper.width,
                      stride};
  const Out upscaled = run.every_stage() ? run.map(image.batch, height, width, w.second.out) : Out();
  const auto scope = run.scope();
  const LogitTiles<Backend> tiles(run, kernels, w, image, hyper);
  run.kernel(tiles.cost(), blocks(image), [&](Index task, Index worker) {
    const RowBlock block = row_block(image, task);
    const Index first = block.first - block.image * image.pixels();
    tiles(block.image, first, block.rows, worker, /*origin=*/0, logits.image(block.image),
          upscaled.data == nullptr ? upscaled : upscaled.image(block.image));
  });
  if (run.every_stage()) run.stage("upscaled", upscaled);
  return logits;
}

// See compound::upscale_and_label. A strip of logits is labelled while it is in the cache; of each strip only its first
// and last rows are kept, for the rows of the target that look at two strips.
template <class Backend>
void stream_labels(Run<Backend>& run, const Kernels& kernels, const compound::Upscaling<Backend>& w, const Out& image,
                   const Out& hyper, const LabelTarget& target) noexcept {
  constexpr Index kTokenRows = 2;  // of a strip
  if (run.every_stage()) return compound::upscale_and_label<Backend>(run, w, image, hyper, target);
  const auto scope = run.scope();
  const LogitTiles<Backend> tiles(run, kernels, w, image, hyper);
  const Index strips = (image.height + kTokenRows - 1) / kTokenRows;
  const Index height = 4 * image.height, width = 4 * image.width, stride = compact_stride(hyper.width);
  const Index line = width * stride, size = 4 * kTokenRows * line;
  float* const strip_scratch = run.template scratch<float>(run.workers() * size);
  float* const edges = run.template scratch<float>(2 * strips * line);  // the first and the last row of each strip
  const InterpolatedLabels label(kernels, target, hyper.width, height, width, stride,
                                 run.template scratch<std::uint8_t>(height * width));
  const bool between_strips = target.height != height;  // at equal heights a row looks at one row only
  run.kernel(tiles.cost(), strips, [&](Index strip, Index worker) {
    const Index top = strip * kTokenRows, rows = std::min(kTokenRows, image.height - top), origin = top * image.width;
    const Out logits = {strip_scratch + worker * size, 1, 4 * rows, width, hyper.width, stride};
    tiles(0, origin, rows * image.width, worker, origin, logits);
    if (between_strips) {
      std::copy_n(logits.data, line, edges + 2 * strip * line);
      std::copy_n(logits.row((4 * rows - 1) * width), line, edges + (2 * strip + 1) * line);
    }
    for (Index y = 0; y < 4 * rows; ++y) label.survey(4 * top + y, logits.row(y * width));
    const Index below = 4 * (top + rows), end = label.first_looking_at(below);
    for (Index y = label.first_looking_at(4 * top); y < end; ++y) {
      if (label.straddles(y, below)) continue;
      const BilinearTap<float> v = label.source(y);
      const float* const upper = logits.row((v.first - 4 * top) * width);
      label(y, upper, upper + (v.second - v.first) * line);
    }
  });
  run.kernel({}, between_strips ? strips - 1 : 0, [&](Index strip, Index) {
    const Index below = 4 * kTokenRows * (strip + 1), end = label.first_looking_at(below);
    const float* const upper = edges + (2 * strip + 1) * line;
    for (Index y = label.first_looking_at(below - 1); y < end; ++y) {
      if (label.straddles(y, below)) label(y, upper, upper + line);
    }
  });
}

}  // namespace cpu
SEGFACE_END_CORE
