// Linear layers on the image, for the rows that a task needs: the image is a map, or the pyramid that it is fused from.
//
// On the pyramid (x = sum over levels of up(f_i C_i F_i) + bias): x W = sum of up(f_i (C_i F_i W)). Each level is
// multiplied at its own size by a matrix folded beforehand, and only the narrow product is interpolated. That pays
// where the levels have few channels. A coarse level with more channels than the fused map is handed on as the fusion's
// own product C_i F_i, which it has made already: see fuse in cpu.hpp.
#pragma once

#include <algorithm>
#include <array>

#include "segface/backends/cpu/interpolation.hpp"
#include "segface/backends/cpu/kernels.hpp"
#include "segface/backends/cpu/multiplication.hpp"
#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/position.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/backends/fold.hpp"
#include "segface/networks/segface/compounds/pyramid.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// What a projection of (image + position) needs of the position, from the plan. On the fused map the position is added
// to a tile before the product; on the levels, where there is no such map, its own product is ready: position W^T + b.
struct PositionTerm {
  Position position;
  In projected;  // [1, H, W, out], or null
};

// Whether level i of the pyramid is handed on as the fusion's own product, and the channels it has then.
inline bool is_product(const MlpFusionParameters& fusion, std::size_t i) noexcept {
  return i > 0 && fusion.levels[i].in > fusion.levels[i].out;
}
inline Index handed_on_channels(const MlpFusionParameters& fusion, std::size_t i) noexcept {
  return is_product(fusion, i) ? fusion.levels[i].out : fusion.levels[i].in;
}

// A linear layer on the fused map, and the same on its levels.
struct PyramidLinear {
  Linear on_fused;
  bool apart = false;            // the levels are the cheaper way
  std::array<Linear, 4> levels;  // level 0 carries the bias of the fusion through the layer, and the layer's own
  Buffer<float> fusion_bias;     // the first of these alone

  Precision precision() const noexcept { return std::max(on_fused.precision(), lowest_precision_of(levels)); }

  template <class Backend>
  static Result<PyramidLinear> prepare(const Backend& backend, const MlpFusionParameters& fusion,
                                       const LinearParameters& p) noexcept {
    PyramidLinear w;
    // Multiply-adds of a pixel of the finest level and an output: the sum of C_i / 4^i, against 256.
    Index depth = 0;
    for (std::size_t i = 0; i < 4; ++i) depth += handed_on_channels(fusion, i) >> (2 * i);
    w.apart = 3 * depth < 2 * p.in;
    LinearParameters of_position = p;  // what on_fused is for where the levels are apart: once a plan
    if (w.apart) of_position.lowest = Precision::float32;
    SEGFACE_ASSIGN(on_fused, backend.prepare_linear(of_position));
    w.on_fused = std::move(on_fused);
    for (std::size_t i = 0; w.apart && i < 4; ++i) {
      const LinearParameters product = {p.in, p.out, p.weight, nullptr, nullptr, p.lowest};
      if (is_product(fusion, i)) {
        SEGFACE_ASSIGN(packed, backend.prepare_linear(product));
        w.levels[i] = std::move(packed);
        continue;
      }
      SEGFACE_ASSIGN(folded, fold_linear(product, fusion.levels[i]));
      SEGFACE_ASSIGN(packed, backend.prepare_linear({fusion.levels[i].in, p.out, folded.weight.data(),
                                                     folded.bias.data(), nullptr, p.lowest}));
      w.levels[i] = std::move(packed);
    }
    if (w.apart) {
      Buffer<float>& bias = w.levels[0].bias;
      SEGFACE_ASSIGN(fusion_bias, Buffer<float>::make(bias.size()));
      std::copy(bias.begin(), bias.end(), fusion_bias.begin());
      w.fusion_bias = std::move(fusion_bias);
      for (Index o = 0; o < p.out; ++o) bias.data()[o] += p.bias[o];
    }
    return Result<PyramidLinear>(std::move(w));
  }
};

// Rows of (image [+ position]) W^T + b, wherever they are wanted.
struct Projection {
  In x;
  const Linear* w = nullptr;
  Multiplication multiply;
  const float* bias = nullptr;
  const Position* position = nullptr;  // added to x
  float* scratch = nullptr;            // for this: kPart rows of each worker
  In projected;                        // the position's own product; or null
  std::array<Out, 3> added;            // the products of the coarser levels, to be interpolated; or null

  static constexpr Index kPart = 28;

  // Rows of a block -> out [rows, w->out].
  void operator()(const Kernels& kernels, const RowBlock& block, Index worker, float* out) const noexcept {
    const Index width = w->out, first = first_pixel(x, block);
    if (position != nullptr) return add_position_and_multiply(kernels, block, worker, out);
    GemmArguments g = product(kernels, *w, bias, block.rows, x.row(block.first), x.stride, out, width);
    if (projected.data != nullptr) {
      g.residual = projected.row(first);
      g.ldr = projected.stride;
    }
    multiply(g, worker);
    if (added[0].data == nullptr) return;
    const Out tile = {out, 1, 1, block.rows, width, width};
    for (const Out& level : added) mix_into(kernels, level, block.image, first, x.height, x.width, tile, true);
  }

 private:
  void add_position_and_multiply(const Kernels& kernels, const RowBlock& block, Index worker,
                                 float* out) const noexcept {
    const Index first = first_pixel(x, block);
    for (Index done = 0; done < block.rows; done += kPart) {
      const Index rows = std::min(kPart, block.rows - done);
      const Out sum = {scratch + worker * kPart * x.channels, 1, 1, rows, x.channels, x.channels};
      const In part = {x.row(block.first + done), 1, 1, rows, x.channels, x.stride};
      position->add_to(kernels, part, first + done, sum);
      multiply(product(kernels, *w, bias, rows, sum.data, sum.stride, out + done * w->out, w->out), worker);
    }
  }
};

inline Cost projection_cost(const Projection& p) noexcept {
  return gemm_cost<float>(p.x.rows(), p.w->out, p.w->in);
}

template <class Backend>
Projection project(Run<Backend>& run, const Kernels& kernels, const Linear& w, const PositionTerm* term,
                   const In& image) noexcept {
  Projection p;
  p.x = image;
  p.w = &w;
  p.multiply = Multiplication(run, kernels, w, image.pixels());
  p.bias = w.bias.data();
  if (term != nullptr) {
    p.position = &term->position;
    p.scratch = run.template scratch<float>(run.workers() * Projection::kPart * image.channels);
  }
  return p;
}
template <class Backend>
Projection project(Run<Backend>& run, const Kernels& kernels, const PyramidLinear& w, const PositionTerm* term,
                   const Pyramid<Backend>& image) noexcept {
  if (!w.apart) return project(run, kernels, w.on_fused, term, image.fused);
  Projection p = project(run, kernels, w.levels[0], nullptr, image.levels[0]);
  if (term != nullptr) {
    p.projected = term->projected;
    p.bias = w.fusion_bias.data();
  }
  for (std::size_t i = 1; i < 4; ++i) {
    p.added[i - 1] = ops::linear<Backend>(run, w.levels[i], image.levels[i]);
  }
  return p;
}

// The position's own product, by tiles: the encoding is never whole in memory.
template <class Backend>
PositionTerm project_position(Run<Backend>& run, const Kernels& kernels, const PyramidLinear& w,
                              const Position& position) noexcept {
  if (!w.apart) return {position, {}};
  const Out y = run.map(1, position.down.width, position.across.width, w.on_fused.out);
  const auto scope = run.scope();
  const Index depth = w.on_fused.in;
  float* const scratch = run.template scratch<float>(run.workers() * kRowBlock * depth);
  run.kernel(gemm_cost<float>(y.rows(), y.channels, depth), blocks(y), [&](Index task, Index worker) {
    const RowBlock block = row_block(y, task);
    const Out tile = {scratch + worker * kRowBlock * depth, 1, 1, block.rows, depth, depth};
    position.add_to(kernels, In(), block.first, tile);
    kernels.gemm(product(kernels, w.on_fused, w.on_fused.bias.data(), block.rows, tile.data, tile.stride,
                         y.row(block.first), y.stride));
  });
  return {position, y};
}

}  // namespace cpu
SEGFACE_END_CORE
