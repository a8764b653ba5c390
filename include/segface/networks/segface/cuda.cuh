// A GPU's own ways of SegFace's words: the fusion folded into its levels, positions multiplied in the plan, logits made
// where the pixels of the products go.
#pragma once

#include <array>

#include "segface/backends/cuda.cuh"
#include "segface/networks/segface/compounds/cross_attention.hpp"
#include "segface/networks/segface/compounds/upscaling.hpp"
#include "segface/networks/segface/compounds/words.hpp"
#include "segface/networks/segface/cuda/upscaling.cuh"

SEGFACE_BEGIN_CORE
namespace cuda {

template <class T>
class OwnSegFaceWords {
 public:
  using Backend = BasicBackend<T>;
  using RunOf = Run<Backend>;
  using In = Map<const T>;
  using Out = Map<T>;
  using Linear = typename Backend::Linear;
  using Overrides = OverrideList<SegFaceWord::fuse, SegFaceWord::position_term, SegFaceWord::image_linear_at,
                                 SegFaceWord::upscale_and_classify, SegFaceWord::MlpFusion, SegFaceWord::PositionTerm>;

  OwnSegFaceWords(const Backend& backend) noexcept : backend_(backend) {}

  // Each level multiplied at its own size by its folded matrix, the coarse ones interpolated and added in one go.
  struct MlpFusion {
    std::array<Linear, 4> levels;

    static Result<MlpFusion> prepare(const Backend& backend, const MlpFusionParameters& p) noexcept {
      MlpFusion fusion;
      for (std::size_t i = 0; i < 4; ++i) {
        SEGFACE_ASSIGN(level, backend.prepare_linear(p.levels[i]));
        fusion.levels[i] = std::move(level);
      }
      return Result<MlpFusion>(std::move(fusion));
    }
  };
  Pyramid<Backend> fuse(RunOf& run, const MlpFusion& w, const std::array<In, 4>& levels) const noexcept {
    const In& finest = levels[0];
    const Out fused = run.map(finest.batch, finest.height, finest.width, w.levels[0].out);
    const auto scope = run.scope();
    std::array<In, 3> coarse;
    for (std::size_t i = 0; i < 3; ++i) coarse[i] = ops::linear<Backend>(run, w.levels[i + 1], levels[i + 1]);
    ops::linear<Backend>(run, w.levels[0], finest, {}, fused);
    const double read = bytes(coarse[0]) + bytes(coarse[1]) + bytes(coarse[2]) + bytes(fused);
    run.device({24 * elements(fused), read + bytes(fused)}, [&] {
      return launch_packs(
          "fuse", [](auto n) { return add_levels<decltype(n)::value, T>; }, fused, run.memory().stream(), coarse[0],
          coarse[1], coarse[2], fused);
    });
    return {levels, fused};
  }

  // (x + p) W + b = x W + (p W + b): the second is made in the plan.
  struct PositionTerm {
    In projected;  // [1, H, W, out]
  };
  PositionTerm position_term(RunOf& run, const Linear& w, const compound::Position<Backend>& position) const noexcept {
    return {ops::linear<Backend>(run, w, position.encoding)};
  }
  PositionTerm position_term(RunOf& run, const compound::PyramidLinear<Backend>& w,
                             const compound::Position<Backend>& position) const noexcept {
    return position_term(run, w.on_fused, position);
  }
  Out image_linear_at(RunOf& run, const Linear& w, const PositionTerm& term, const In& image) const noexcept {
    const Out y = run.map(image.batch, image.height, image.width, w.out);
    Product<T> product = {image, w.weight.data(), w.in, y, nullptr, term.projected};
    product.count = image.batch;
    run.device(gemm_cost<T>(image.rows(), w.out, w.in, bytes(term.projected)),
               [&] { return backend_.multiply(run, product); });
    return y;
  }
  Out image_linear_at(RunOf& run, const compound::PyramidLinear<Backend>& w, const PositionTerm& term,
                      const Pyramid<Backend>& image) const noexcept {
    return image_linear_at(run, w.on_fused, term, image.fused);
  }

  // What follows each of the two products, in one kernel; see networks/segface/cuda/upscaling.cuh.
  Out upscale_and_classify(RunOf& run, const compound::Upscaling<Backend>& w, const Out& image,
                           const Out& hyper) const noexcept {
    if (lanes_of_pixel<T>(w.first.out) == 0 || !suits_classify<T>(w.second.out, hyper.width)) {
      return compound::upscale_and_classify<Backend>(run, w, image, hyper);
    }
    const Index b = image.batch, h = image.height, width = image.width;
    const Out logits = run.map(b, 4 * h, 4 * width, hyper.width);
    const Out upscaled = run.every_stage() ? run.map(b, 4 * h, 4 * width, w.second.out) : Out();
    const auto scope = run.scope();
    const Out first = run.map(b, h, width, 4 * w.first.out), twice = run.map(b, 2 * h, 2 * width, w.first.out);
    const Out second = run.map(b, 2 * h, 2 * width, 4 * w.second.out);
    run.device(gemm_cost<T>(image.rows(), 4 * w.first.out, w.first.in), [&] {
      return backend_.multiply(run, {image, w.first.weight.data(), w.first.in, first});
    });
    run.device({20 * elements(twice), bytes(first) + bytes(twice)}, [&] {
      return launch_spread_normalised<T>(run.memory().stream(), first, w.first.bias.data(), w.norm.gain.data(),
                                         w.norm.bias.data(), w.norm.eps, twice);
    });
    run.device(gemm_cost<T>(twice.rows(), 4 * w.second.out, w.second.in), [&] {
      return backend_.multiply(run, {twice, w.second.weight.data(), w.second.in, second});
    });
    const double products = elements(logits) * static_cast<double>(w.second.out);
    run.device({2 * products + 12 * elements(second), bytes(second) + bytes(logits)}, [&] {
      return launch_classify<T>(run.memory().stream(), second, w.second.bias.data(), hyper, upscaled, logits);
    });
    if (run.every_stage()) run.stage("upscaled", upscaled);
    return logits;
  }

 private:
  const Backend& backend_;
};

}  // namespace cuda

template <class T>
struct SegFaceWords<cuda::BasicBackend<T>> : cuda::OwnSegFaceWords<T> {
  using cuda::OwnSegFaceWords<T>::OwnSegFaceWords;
};

SEGFACE_END_CORE
