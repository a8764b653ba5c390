// A few tokens as the matrix that the pixels of an image are multiplied by.
#pragma once

#include "segface/backends/cpu/kernels.hpp"
#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

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

}  // namespace cpu
SEGFACE_END_CORE
