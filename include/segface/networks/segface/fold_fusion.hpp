// The MLP fusion without its middle: one matrix for each level.
//
// Level i has c_i channels, a matrix C_i [256, c_i] and a bias b_i (linear_c.i), and F_i [256, 256], the part of linear_fuse
// that meets it: columns (3 - i) 256 .. (4 - i) 256. A pixel being a column x,
//   linear_fuse(concat of up(linear_c.i(f_i))) = sum of F_i up(C_i f_i + b_i) = sum of up((F_i C_i) f_i) + sum of F_i b_i.
// Interpolation mixes pixels and a matrix mixes channels, so either may come first, whatever the weights. That the
// interpolation's weights add up to 1 is needed for the bias alone: up(b_i) = b_i. Done once, when operands are prepared,
// in double.
#pragma once

#include <array>
#include <utility>

#include "segface/backends/fold.hpp"
#include "segface/backends/parameters.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/networks/segface/compounds/pyramid.hpp"

SEGFACE_BEGIN_CORE

// Level i's own matrix F_i C_i [256, c_i]; level 0 carries the whole bias, the others carry zeros.
inline Result<LinearNumbers> fold_fusion_level(const MlpFusionParameters& p, std::size_t level) noexcept {
  const LinearParameters& c = p.linear_c[level];
  const Index width = c.out, out = p.linear_fuse.out, all = p.linear_fuse.in;
  const auto fuse = [&](Index o, std::size_t i) {
    return p.linear_fuse.weight + o * all + (3 - static_cast<Index>(i)) * width;
  };
  SEGFACE_ASSIGN(folded, LinearNumbers::make(out, c.in));
  SEGFACE_ASSIGN(row, Buffer<double>::make(static_cast<std::size_t>(c.in)));
  for (Index o = 0; o < out; ++o) {
    for (double& sum : row) sum = 0;
    for (Index m = 0; m < width; ++m) {
      const auto factor = static_cast<double>(fuse(o, level)[m]);
      for (Index i = 0; i < c.in; ++i) row.data()[i] += factor * static_cast<double>(c.weight[m * c.in + i]);
    }
    for (Index i = 0; i < c.in; ++i) folded.weight.data()[o * c.in + i] = static_cast<float>(row.data()[i]);
    double bias = 0;
    for (std::size_t i = 0; level == 0 && i < 4; ++i) {
      for (Index m = 0; m < width; ++m) {
        bias += static_cast<double>(fuse(o, i)[m]) * static_cast<double>(p.linear_c[i].bias[m]);
      }
    }
    folded.bias.data()[o] = static_cast<float>(bias);
  }
  return std::move(folded);
}

// Owns the numbers of all levels.
class FoldedFusion {
 public:
  // Sets fusion.levels, which point to numbers of the result. Errors: out_of_memory.
  static Result<FoldedFusion> make(MlpFusionParameters& fusion) noexcept {
    FoldedFusion folded;
    for (std::size_t i = 0; i < 4; ++i) {
      SEGFACE_ASSIGN(level, fold_fusion_level(fusion, i));
      fusion.levels[i] = {fusion.linear_c[i].in, fusion.linear_fuse.out, level.weight.data(), level.bias.data(),
                          nullptr};
      folded.levels_[i] = std::move(level);
    }
    return Result<FoldedFusion>(std::move(folded));
  }

 private:
  std::array<LinearNumbers, 4> levels_;
};

SEGFACE_END_CORE
