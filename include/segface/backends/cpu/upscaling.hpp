// From image tokens to logits on the cpu: each tile is upscaled and classified while it is in the cache.
//
// A transposed convolution with kernel and stride 2 is a linear layer whose outputs are four pixels: the rows of a tile
// are (token, dy, dx), then (token, dy, dx, dy', dx'), and only the logits are put where they belong.
#pragma once

#include <algorithm>

#include "segface/backends/compound/upscaling.hpp"
#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/strassen.hpp"
#include "segface/backends/cpu/tasks.hpp"

SEGFACE_BEGIN_NAMESPACE
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

// Tokens [B, 1, K, C] as a matrix for each image, in the run's scratch.
class PackedTokens {
 public:
  template <class RunOf>
  PackedTokens(RunOf& run, const Kernels& kernels, const In& tokens) noexcept
      : kernels_(kernels),
        depth_(tokens.channels),
        count_(tokens.width),
        size_(panel_count(kernels, count_) * kernels.panel * depth_),
        panels_(run.template scratch<float>(tokens.batch * size_)) {
    run.kernel({}, tokens.batch, [&](Index image, Index) {
      const In all = tokens.image(image);
      pack_panels(
          kernels.panel, depth_, count_, [&](Index o, Index i) { return all.row(o)[i]; }, panels_ + image * size_);
    });
  }

  // Pixels [rows, C] of an image -> c [rows, K].
  GemmArguments product(Index image, Index rows, const float* a, Index lda, float* c, Index ldc) const noexcept {
    return cpu::product(kernels_, panels_ + image * size_, depth_, count_, nullptr, rows, a, lda, c, ldc);
  }

 private:
  const Kernels& kernels_;
  Index depth_, count_, size_;
  float* panels_;
};

// Rows a few channels apart at most, not whole cache lines: of logits there are many, with few channels.
template <class RunOf>
Out compact_map(RunOf& run, Index batch, Index height, Index width, Index channels) noexcept {
  const Index stride = (channels + 3) / 4 * 4;
  return {run.template scratch<float>(batch * height * width * stride), batch, height, width, channels, stride};
}

// See compound::upscale_and_classify.
template <class Backend>
Out stream_logits(Run<Backend>& run, const Kernels& kernels, const compound::Upscaling<Backend>& w, const Out& image,
                  const Out& hyper) noexcept {
  constexpr Index kTokens = 28;  // of a tile: what follows fits into the second cache with the weights
  const Out logits = compact_map(run, image.batch, 4 * image.height, 4 * image.width, hyper.width);
  const Out upscaled = run.every_stage() ? run.map(image.batch, logits.height, logits.width, w.second.out) : Out();
  const auto scope = run.scope();
  const PackedTokens classifier(run, kernels, hyper);
  const Strassen first_strassen(run, kernels, w.first.matrix, image.pixels());
  const Strassen second_strassen(run, kernels, w.second.matrix, 4 * image.pixels());
  const Index classes = hyper.width, wide = 4 * w.first.out, finest = 4 * w.second.out,
              stride = (classes + 15) / 16 * 16;
  const Index twice_size = kTokens * wide, upscaled_size = 4 * kTokens * finest, logits_size = 16 * kTokens * stride;
  const Index size = twice_size + upscaled_size + logits_size;
  float* const scratch = run.template scratch<float>(run.workers() * size);
  Cost cost = gemm_cost(image.rows(), wide, image.channels);
  cost += gemm_cost(4 * image.rows(), finest, w.first.out);
  cost += gemm_cost(logits.rows(), classes, w.second.out);
  run.kernel(cost, blocks(image), [&](Index task, Index worker) {
    const RowBlock block = row_block(image, task);
    float* const twice = scratch + worker * size;        // [tokens, 4, 64]
    float* const four_times = twice + twice_size;        // [tokens, 4, 4, 32]
    float* const products = four_times + upscaled_size;  // [tokens, 16, K]
    for (Index done = 0; done < block.rows; done += kTokens) {
      const Index tokens = std::min(kTokens, block.rows - done), row = block.first + done;
      kernels.gemm(first_strassen(product(kernels, w.first.matrix, w.first.matrix.bias.data(), tokens, image.row(row),
                                          image.stride, twice, wide),
                                  worker));
      LayerNormArguments norm = norm_in_place(w.norm, 4 * tokens, w.first.out, twice, w.first.out);
      norm.activation = Activation::gelu;
      kernels.layer_norm(norm);
      GemmArguments second = product(kernels, w.second.matrix, w.second.matrix.bias.data(), 4 * tokens, twice,
                                     w.first.out, four_times, finest);
      second.activation = Activation::gelu;
      kernels.gemm(second_strassen(second, worker));
      kernels.gemm(classifier.product(block.image, 16 * tokens, four_times, w.second.out, products, stride));
      const Index first = row - block.image * image.pixels();
      place_pixels(products, stride, first, tokens, image.width, logits.image(block.image));
      if (upscaled.data != nullptr) {
        place_pixels(four_times, w.second.out, first, tokens, image.width, upscaled.image(block.image));
      }
    }
  });
  if (run.every_stage()) run.stage("upscaled", upscaled);
  return logits;
}

}  // namespace cpu
SEGFACE_END_NAMESPACE
