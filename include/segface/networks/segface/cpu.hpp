// The cpu's own ways of SegFace's words: the fusion folded into its levels, the image in tiles, logits in strips.
#pragma once

#include <array>

#include "segface/backends/cpu.hpp"
#include "segface/networks/segface/compounds/words.hpp"
#include "segface/networks/segface/cpu/cross_attention.hpp"
#include "segface/networks/segface/cpu/projection.hpp"
#include "segface/networks/segface/cpu/upscaling.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

class OwnSegFaceWords {
 public:
  using RunOf = Run<Backend>;
  using Overrides =
      OverrideList<SegFaceWord::fuse, SegFaceWord::position, SegFaceWord::position_term, SegFaceWord::tokens_from_image,
                   SegFaceWord::image_from_tokens_and_back, SegFaceWord::upscale_and_classify,
                   SegFaceWord::upscale_and_label, SegFaceWord::MlpFusion, SegFaceWord::Position,
                   SegFaceWord::PositionTerm, SegFaceWord::PyramidLinear>;

  OwnSegFaceWords(const Backend& backend) noexcept : kernels_(backend.kernels()) {}

  // Each level multiplied at its own size by its folded matrix, then upsampled and added.
  struct MlpFusion {
    std::array<Linear, 4> levels;
    std::array<bool, 4> narrower = {};  // see is_product

    Precision precision() const noexcept { return lowest_precision_of(levels); }

    static Result<MlpFusion> prepare(const Backend& backend, const MlpFusionParameters& p) noexcept {
      MlpFusion fusion;
      for (std::size_t i = 0; i < 4; ++i) {
        SEGFACE_ASSIGN(level, backend.prepare_linear(p.levels[i]));
        fusion.levels[i] = std::move(level);
        fusion.narrower[i] = is_product(p, i);
      }
      return Result<MlpFusion>(std::move(fusion));
    }
  };
  Pyramid<Backend> fuse(RunOf& run, const MlpFusion& w, const std::array<In, 4>& levels) const noexcept {
    const In& finest = levels[0];
    const Out fused = run.map(finest.batch, finest.height, finest.width, w.levels[0].out);
    Pyramid<Backend> pyramid = {levels, fused};
    for (std::size_t i = 1; i < 4; ++i) {  // a wide level is handed on as its narrower product
      if (!w.narrower[i]) continue;
      const Out product = run.map(levels[i].batch, levels[i].height, levels[i].width, fused.channels);
      ops::linear<Backend>(run, w.levels[i], levels[i], {}, product);
      pyramid.levels[i] = product;
    }
    const auto scope = run.scope();
    std::array<In, 3> coarse;
    for (std::size_t i = 1; i < 4; ++i) {
      coarse[i - 1] = w.narrower[i] ? pyramid.levels[i] : ops::linear<Backend>(run, w.levels[i], levels[i]);
    }
    Cost cost = gemm_cost<float>(finest.rows(), fused.channels, finest.channels);
    cost += {24 * elements(fused), 0};
    const Linear& first = w.levels[0];
    const Multiplication multiply(run, kernels_, first, finest.pixels());
    run.kernel(cost, blocks(finest), [&](Index task, Index worker) {
      const RowBlock block = row_block(finest, task);
      const Out tile = rows_of(fused, block);
      multiply(product(kernels_, first, first.bias.data(), block.rows, finest.row(block.first), finest.stride,
                       tile.data, tile.stride),
               worker);
      for (const In& level : coarse) {
        mix_into(kernels_, level, block.image, first_pixel(fused, block), fused.height, fused.width, tile,
                 /*accumulate=*/true);
      }
    });
    return pyramid;
  }

  // See networks/segface/cpu/projection.hpp.
  using PyramidLinear = cpu::PyramidLinear;

  // See backends/cpu/position.hpp and networks/segface/cpu/projection.hpp.
  using Position = cpu::Position;
  Position position(RunOf& run, const PositionEncoding& w, Index height, Index width) const noexcept {
    return Position::make(run, w, height, width);
  }
  using PositionTerm = cpu::PositionTerm;
  PositionTerm position_term(RunOf&, const Linear&, const Position& position) const noexcept { return {position, {}}; }
  PositionTerm position_term(RunOf& run, const PyramidLinear& w, const Position& position) const noexcept {
    return project_position(run, kernels_, w, position);
  }

  // The image in tiles; see networks/segface/cpu/cross_attention.hpp.
  template <class ImageLinear, class Image>
  Out tokens_from_image(RunOf& run, const compound::TokensFromImage<Backend, ImageLinear>& w,
                        const PositionTerm& key_position, const Out& queries, const Image& image) const noexcept {
    return stream_tokens_from_image(run, kernels_, w, key_position, queries, image);
  }
  template <class ImageLinear, class Image>
  Out image_from_tokens_and_back(RunOf& run, const compound::ImageFromTokens<Backend, ImageLinear>& image_reads,
                                 const LayerNorm& norm, const PositionTerm& query_position, const Image& image,
                                 const Out& keys, const Out& values,
                                 const compound::TokensFromImage<Backend, Linear>& tokens_read,
                                 const PositionTerm& key_position, const Out& queries, const Out& y) const noexcept {
    return stream_image_and_back(run, kernels_, image_reads, norm, query_position, image, keys, values, tokens_read,
                                 key_position, queries, y);
  }
  Out upscale_and_classify(RunOf& run, const compound::Upscaling<Backend>& w, const Out& image,
                           const Out& hyper) const noexcept {
    return stream_logits(run, kernels_, w, image, hyper);
  }
  void upscale_and_label(RunOf& run, const compound::Upscaling<Backend>& w, const Out& image, const Out& hyper,
                         const LabelTarget& target) const noexcept {
    stream_labels(run, kernels_, w, image, hyper, target);
  }

 private:
  const Kernels& kernels_;
};

}  // namespace cpu

template <>
struct SegFaceWords<cpu::Backend> : cpu::OwnSegFaceWords {
  using OwnSegFaceWords::OwnSegFaceWords;
};

SEGFACE_END_CORE
