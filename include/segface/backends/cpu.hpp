// The cpu backend: what users get. Own kernels for the processor at hand, spread over the executor's threads.
//
// Weights are packed when they are prepared: BatchNorm is folded into the convolution before it, linear_fuse into
// linear_c, the position encoding's part of each projection into the plan. Tasks are cut by sizes alone, and no sum
// depends on where a task begins, so results are bit-identical for any number of threads and any batch.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "segface/backends/compound.hpp"
#include "segface/backends/cpu/isa.hpp"
#include "segface/backends/fold.hpp"
#include "segface/backends/primitives.hpp"
#include "segface/base/bilinear.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cpu {

class Backend {
 public:
  using Scalar = float;
  using RunOf = Run<Backend>;
  using In = Map<const float>;
  using Out = Map<float>;

  // ---- operands -----------------------------------------------------------------------------------------------

  // A matrix in panels of `panel` outputs, and its bias, both padded with zeros.
  struct Linear {
    Buffer<float> panels;  // [panels, in, panel]
    Buffer<float> bias;    // [panels x panel]
    Index in = 0, out = 0;
  };
  struct Convolution {
    Linear matrix;  // rows in the order dy, dx, channel
    Index out = 0, kernel = 1, stride = 1;
  };
  struct DepthwiseConvolution {
    Buffer<float> weights;  // [kernel kernel, C]
    Buffer<float> bias;     // [C]
    Index kernel = 1, stride = 1;
  };
  struct LayerNorm {
    Buffer<float> gain, bias;
    float eps = 0;
  };
  struct TransposedConvolution {
    Linear matrix;  // outputs in the order dy, dx, channel
    Index out = 0;
  };
  struct PositionEncoding {
    Buffer<float> gaussian;  // [2, features]
    Index features = 0;
  };
  struct Constant {
    Buffer<float> values;
    Index rows = 0, channels = 0;
  };

  // The best kernels this processor has.
  Backend() noexcept : Backend(best_isa()) {}
  // Kernels of a set that is supported().
  explicit Backend(Isa isa) noexcept : kernels_(&kernels(isa)) {}
  // What the environment variable SEGFACE_ISA asks for. Errors: invalid_argument, unsupported_cpu.
  static Result<Backend> from_environment() noexcept {
    SEGFACE_ASSIGN(isa, chosen_isa());
    return Backend(isa);
  }

  const char* isa_name() const noexcept { return kernels_->name; }

  Result<Linear> prepare_linear(const LinearParameters& p) const noexcept {
    return pack(
        p.in, p.out, [&](Index o, Index i) { return p.weight[o * p.in + i]; }, p.bias);
  }
  Result<Convolution> prepare_convolution(const ConvolutionParameters& p) const noexcept {
    SEGFACE_ASSIGN(folded, fold_batch_norm(p));
    const Index taps = p.kernel * p.kernel;
    const float* weight = folded.weight.data();
    SEGFACE_ASSIGN(matrix, pack(
                               taps * p.in, p.out,
                               [&](Index o, Index row) { return weight[(o * p.in + row % p.in) * taps + row / p.in]; },
                               folded.bias.data()));
    return Convolution{std::move(matrix), p.out, p.kernel, p.stride};
  }
  Result<DepthwiseConvolution> prepare_depthwise_convolution(const ConvolutionParameters& p) const noexcept {
    if (p.kernel > DepthwiseArguments::kMaxKernel) {
      return error(Errc::internal, "depthwise kernels are at most ", DepthwiseArguments::kMaxKernel, ", got ",
                   p.kernel);
    }
    SEGFACE_ASSIGN(folded, fold_batch_norm(p));
    const Index taps = p.kernel * p.kernel;
    SEGFACE_ASSIGN(weights, Buffer<float>::make(static_cast<std::size_t>(taps * p.out)));
    for (Index c = 0; c < p.out; ++c) {
      for (Index t = 0; t < taps; ++t) weights.data()[t * p.out + c] = folded.weight.data()[c * taps + t];
    }
    return DepthwiseConvolution{std::move(weights), std::move(folded.bias), p.kernel, p.stride};
  }
  Result<LayerNorm> prepare_layer_norm(const LayerNormParameters& p) const noexcept {
    SEGFACE_ASSIGN(gain, copy(p.gain, p.channels));
    SEGFACE_ASSIGN(bias, copy(p.bias, p.channels));
    return LayerNorm{std::move(gain), std::move(bias), p.eps};
  }
  Result<TransposedConvolution> prepare_transposed_convolution(
      const TransposedConvolutionParameters& p) const noexcept {
    SEGFACE_ASSIGN(bias, Buffer<float>::make(static_cast<std::size_t>(4 * p.out)));
    for (Index i = 0; i < 4 * p.out; ++i) bias.data()[i] = p.bias[i % p.out];
    SEGFACE_ASSIGN(
        matrix, pack(
                    p.in, 4 * p.out,
                    [&](Index o, Index i) { return p.weight[(i * p.out + o % p.out) * 4 + o / p.out]; }, bias.data()));
    return TransposedConvolution{std::move(matrix), p.out};
  }
  Result<PositionEncoding> prepare_position_encoding(const float* gaussian, Index features) const noexcept {
    SEGFACE_ASSIGN(values, copy(gaussian, 2 * features));
    return PositionEncoding{std::move(values), features};
  }
  Result<Constant> prepare_constant(const float* values, Index rows, Index channels) const noexcept {
    SEGFACE_ASSIGN(copied, copy(values, rows * channels));
    return Constant{std::move(copied), rows, channels};
  }

  // ---- primitives ---------------------------------------------------------------------------------------------

  void linear(RunOf& run, const Linear& w, const In& x, const Epilogue<Backend>& epilogue,
              const Out& y) const noexcept {
    multiply(run, w, w.bias.data(), x, epilogue, y);
  }

  void convolution(RunOf& run, const Convolution& w, const In& x, const Epilogue<Backend>& epilogue,
                   const Out& y) const noexcept {
    if (w.kernel == 1 && w.stride == 1) return multiply(run, w.matrix, w.matrix.bias.data(), x, epilogue, y);
    // Rows of patches, one block of output pixels at a time, times the matrix.
    const auto scope = run.scope();
    const Index depth = w.matrix.in;
    float* const scratch = run.scratch<float>(run.workers() * kRowBlock * depth);
    run.kernel(gemm_cost(y.rows(), y.channels, depth), blocks(y), [&](Index task, Index worker) {
      const RowBlock block = row_block(y, task);
      float* const patches = scratch + worker * kRowBlock * depth;
      gather_patches(x.image(block.image), w.kernel, w.stride, y.width, block.first - block.image * y.pixels(),
                     block.rows, patches);
      GemmArguments g = gemm_arguments(w.matrix, w.matrix.bias.data(), epilogue, y, block);
      g.a = patches;
      g.lda = depth;
      kernels_->gemm(g);
    });
  }

  void depthwise_convolution(RunOf& run, const DepthwiseConvolution& w, const In& x, Activation activation,
                             const Out& y) const noexcept {
    const auto taps = static_cast<double>(w.kernel * w.kernel);
    constexpr Index kRows = 4;
    const Index bands = (y.height + kRows - 1) / kRows;
    run.kernel({2 * taps * elements(y), bytes(x) + bytes(y)}, y.batch * bands, [&](Index task, Index) {
      const Index image = task / bands;
      const Index begin = task % bands * kRows;
      DepthwiseArguments d;
      d.kernel = w.kernel;
      d.stride = w.stride;
      d.padding = (w.kernel - 1) / 2;
      d.channels = x.channels;
      d.in_width = x.width;
      d.out_width = y.width;
      d.pixel_stride = x.stride;
      d.out_stride = y.stride;
      d.weights = w.weights.data();
      d.bias = w.bias.data();
      d.activation = activation;
      for (Index row = begin; row < std::min(begin + kRows, y.height); ++row) {
        for (Index dy = 0; dy < w.kernel; ++dy) {
          const Index source = row * w.stride + dy - d.padding;
          d.rows[dy] = source < 0 || source >= x.height ? nullptr : x.pixel(image, source, 0);
        }
        kernels_->depthwise_row(d, y.pixel(image, row, 0));
      }
    });
  }

  void transposed_convolution(RunOf& run, const TransposedConvolution& w, const In& x, Activation activation,
                              const Out& y) const noexcept {
    const auto scope = run.scope();
    const Index wide = 4 * w.out;
    float* const scratch = run.scratch<float>(run.workers() * kRowBlock * wide);
    run.kernel(gemm_cost(x.rows(), wide, x.channels), blocks(x), [&](Index task, Index worker) {
      const RowBlock block = row_block(x, task);
      float* const tile = scratch + worker * kRowBlock * wide;
      GemmArguments g = {block.rows,
                         wide,
                         x.channels,
                         0,
                         panels(wide),
                         x.row(block.first),
                         x.stride,
                         w.matrix.panels.data(),
                         w.matrix.bias.data(),
                         activation,
                         nullptr,
                         0,
                         tile,
                         wide};
      kernels_->gemm(g);
      for (Index r = 0; r < block.rows; ++r) {
        const Index pixel = block.first + r - block.image * x.pixels();
        for (Index part = 0; part < 4; ++part) {
          float* const out = y.pixel(block.image, 2 * (pixel / x.width) + part / 2, 2 * (pixel % x.width) + part % 2);
          std::copy_n(tile + r * wide + part * w.out, w.out, out);
        }
      }
    });
  }

  void layer_norm(RunOf& run, const LayerNorm& w, const In& x, Activation activation, const Out& y) const noexcept {
    run.kernel({8 * elements(x), bytes(x) + bytes(y)}, blocks(x), [&](Index task, Index) {
      const RowBlock block = row_block(x, task);
      kernels_->layer_norm(x.row(block.first), x.stride, block.rows, x.channels, w.gain.data(), w.bias.data(), w.eps,
                           activation, y.row(block.first), y.stride);
    });
  }

  // Sums of blocks of rows, then the blocks in order.
  void spatial_mean(RunOf& run, const In& x, const Out& y) const noexcept {
    const auto scope = run.scope();
    const Index per_image = blocks(x) / x.batch;
    const Out partial = run.map(1, 1, blocks(x), x.channels);
    run.kernel({elements(x), bytes(x)}, blocks(x), [&](Index task, Index) {
      const RowBlock block = row_block(x, task);
      kernels_->sum_rows(x.row(block.first), x.stride, block.rows, x.channels, partial.row(task));
    });
    run.kernel({}, x.batch, [&](Index image, Index) {
      float* const mean = y.row(image);
      kernels_->sum_rows(partial.row(image * per_image), partial.stride, per_image, x.channels, mean);
      for (Index c = 0; c < x.channels; ++c) mean[c] /= static_cast<float>(x.pixels());
    });
  }

  void scale_channels(RunOf& run, const In& s, const Out& x) const noexcept {
    run.kernel({elements(x), 2 * bytes(x)}, blocks(x), [&](Index task, Index) {
      const RowBlock block = row_block(x, task);
      kernels_->scale_rows(x.row(block.first), x.stride, block.rows, x.channels, s.row(block.image));
    });
  }

  void add(RunOf& run, const In& a, const In& b, const Out& y) const noexcept {
    run.kernel({elements(y), bytes(a) + bytes(b) + bytes(y)}, blocks(y), [&](Index task, Index) {
      const RowBlock block = row_block(y, task);
      const Index row = b.batch == y.batch ? block.first : block.first - block.image * y.pixels();
      kernels_->add_rows(a.row(block.first), a.stride, b.row(row), b.stride, block.rows, y.channels, y.row(block.first),
                         y.stride);
    });
  }

  void attention(RunOf& run, const In& q, const In& k, const In& v, Index heads, const Out& y) const noexcept {
    constexpr Index kFewKeys = 128;
    if (k.pixels() <= kFewKeys) {
      attend_few_keys(run, q, k, v, heads, y);
    } else {
      attend_many_keys(run, q, k, v, heads, y);
    }
  }

  void bilinear(RunOf& run, const In& x, const Out& y) const noexcept {
    run.kernel({8 * elements(y), bytes(x) + bytes(y)}, y.batch * y.height,
               [&](Index task, Index) { mix_row(x, task / y.height, task % y.height, y, /*accumulate=*/false); });
  }

  // The tokens of each image become a packed matrix; the pixels are multiplied by it.
  void token_products(RunOf& run, const In& pixels, const In& tokens, const Out& y) const noexcept {
    const auto scope = run.scope();
    const Index depth = pixels.channels, count = tokens.width;
    const Index size = panels(count) * kernels_->panel * depth;
    float* const packed = run.scratch<float>(pixels.batch * size);
    run.kernel({}, pixels.batch, [&](Index image, Index) {
      const In all = tokens.image(image);
      pack_panels(
          depth, count, [&](Index o, Index i) { return all.row(o)[i]; }, packed + image * size);
    });
    run.kernel(gemm_cost(pixels.rows(), count, depth), blocks(y), [&](Index task, Index) {
      const RowBlock block = row_block(y, task);
      const GemmArguments g = {block.rows,
                               count,
                               depth,
                               0,
                               panels(count),
                               pixels.row(block.first),
                               pixels.stride,
                               packed + block.image * size,
                               nullptr,
                               Activation::none,
                               nullptr,
                               0,
                               y.row(block.first),
                               y.stride};
      kernels_->gemm(g);
    });
  }

  void position_encoding(RunOf& run, const PositionEncoding& w, const Out& y) const noexcept {
    run.kernel({20 * elements(y), bytes(y)}, y.height, [&](Index py, Index) {
      constexpr float kTwoPi = 6.283185307179586f;
      const float v = 2 * ((static_cast<float>(py) + 0.5f) / static_cast<float>(y.height)) - 1;
      for (Index px = 0; px < y.width; ++px) {
        const float u = 2 * ((static_cast<float>(px) + 0.5f) / static_cast<float>(y.width)) - 1;
        float* const out = y.pixel(0, py, px);
        for (Index f = 0; f < w.features; ++f) {
          const float angle = kTwoPi * (u * w.gaussian.data()[f] + v * w.gaussian.data()[w.features + f]);
          out[f] = std::sin(angle);
          out[w.features + f] = std::cos(angle);
        }
      }
    });
  }

  void repeat(RunOf& run, const Constant& constant, const Out& y) const noexcept {
    run.kernel({0, bytes(y)}, 1, [&](Index, Index) {
      for (Index r = 0; r < y.rows(); ++r) {
        std::copy_n(constant.values.data() + r % constant.rows * constant.channels, constant.channels, y.row(r));
      }
    });
  }

  // ---- overrides of compounds ---------------------------------------------------------------------------------

  // Each level multiplied at its own size by its folded matrix, then upsampled and added; see fold_fusion_level.
  struct MlpFusion {
    std::array<Linear, 4> levels;

    static Result<MlpFusion> prepare(const Backend& backend, const MlpFusionParameters& p) noexcept {
      MlpFusion fusion;
      for (std::size_t i = 0; i < 4; ++i) {
        SEGFACE_ASSIGN(folded, fold_fusion_level(p, i));
        SEGFACE_ASSIGN(level, backend.prepare_linear(
                                  {p.linear_c[i].in, p.linear_fuse.out, folded.weight.data(), folded.bias.data()}));
        fusion.levels[i] = std::move(level);
      }
      return Result<MlpFusion>(std::move(fusion));
    }
  };
  Pyramid<Backend> fuse(RunOf& run, const MlpFusion& w, const std::array<In, 4>& levels) const noexcept {
    const In& finest = levels[0];
    const Out fused = run.map(finest.batch, finest.height, finest.width, w.levels[0].out);
    const auto scope = run.scope();
    linear(run, w.levels[0], finest, {}, fused);
    std::array<Out, 3> coarse;
    for (std::size_t i = 0; i < 3; ++i) coarse[i] = ops::linear<Backend>(run, w.levels[i + 1], levels[i + 1]);
    run.kernel({24 * elements(fused), 2 * bytes(fused)}, fused.batch * fused.height, [&](Index task, Index) {
      for (const Out& level : coarse) mix_row(level, task / fused.height, task % fused.height, fused, true);
    });
    return {levels, fused};
  }

  // (x + position) W^T + b = x W^T + (position W^T + b): the second term depends on the size alone.
  struct PositionTerm {
    In projected;  // [1, H, W, out]
  };
  PositionTerm position_term(RunOf& run, const Linear& w, const In& position) const noexcept {
    return {ops::linear<Backend>(run, w, position)};
  }
  PositionTerm position_term(RunOf& run, const compound::PyramidLinear<Backend>& w, const In& position) const noexcept {
    return position_term(run, w.on_fused, position);
  }
  Out image_linear_at(RunOf& run, const Linear& w, const PositionTerm& term, const In& image) const noexcept {
    const Out y = run.map(image.batch, image.height, image.width, w.out);
    multiply(run, w, nullptr, image, Epilogue<Backend>::plus(term.projected), y);
    return y;
  }
  Out image_linear_at(RunOf& run, const compound::PyramidLinear<Backend>& w, const PositionTerm& term,
                      const Pyramid<Backend>& image) const noexcept {
    return image_linear_at(run, w.on_fused, term, image.fused);
  }

 private:
  // ---- tasks --------------------------------------------------------------------------------------------------

  // Rows of one image that one task works on.
  static constexpr Index kRowBlock = 112;  // 8 tiles of 14 rows
  struct RowBlock {
    Index image, first, rows;
  };
  static Index blocks(const In& x) noexcept { return x.batch * ((x.pixels() + kRowBlock - 1) / kRowBlock); }
  static RowBlock row_block(const In& x, Index task) noexcept {
    const Index per_image = (x.pixels() + kRowBlock - 1) / kRowBlock;
    const Index image = task / per_image, begin = task % per_image * kRowBlock;
    return {image, image * x.pixels() + begin, std::min(kRowBlock, x.pixels() - begin)};
  }

  // ---- matrix products ----------------------------------------------------------------------------------------

  Index panels(Index columns) const noexcept { return (columns + kernels_->panel - 1) / kernels_->panel; }

  // weight(o, i) for o < out, i < in -> [panels, in, panel], zeros beyond.
  template <class Weight>
  void pack_panels(Index in, Index out, const Weight& weight, float* packed) const noexcept {
    const Index panel = kernels_->panel;
    for (Index first = 0; first < out; first += panel) {
      for (Index i = 0; i < in; ++i) {
        for (Index o = first; o < first + panel; ++o) *packed++ = o < out ? weight(o, i) : 0.0f;
      }
    }
  }
  template <class Weight>
  Result<Linear> pack(Index in, Index out, const Weight& weight, const float* bias) const noexcept {
    const Index padded = panels(out) * kernels_->panel;
    SEGFACE_ASSIGN(packed, Buffer<float>::make(static_cast<std::size_t>(padded * in)));
    SEGFACE_ASSIGN(padded_bias, Buffer<float>::make(static_cast<std::size_t>(padded)));
    pack_panels(in, out, weight, packed.data());
    for (Index o = 0; o < padded; ++o) padded_bias.data()[o] = bias != nullptr && o < out ? bias[o] : 0.0f;
    return Linear{std::move(packed), std::move(padded_bias), in, out};
  }
  static Result<Buffer<float>> copy(const float* values, Index count) noexcept {
    SEGFACE_ASSIGN(copied, Buffer<float>::make(static_cast<std::size_t>(count)));
    std::copy_n(values, count, copied.data());
    return std::move(copied);
  }

  GemmArguments gemm_arguments(const Linear& w, const float* bias, const Epilogue<Backend>& epilogue, const Out& y,
                               const RowBlock& block) const noexcept {
    const In& residual = epilogue.residual;
    const Index row = residual.batch == y.batch ? block.first : block.first - block.image * y.pixels();
    return {block.rows,
            w.out,
            w.in,
            0,
            panels(w.out),
            nullptr,
            0,
            w.panels.data(),
            bias,
            epilogue.activation,
            residual.data == nullptr ? nullptr : residual.row(row),
            residual.stride,
            y.row(block.first),
            y.stride};
  }

  // Tasks are blocks of rows; where rows are few (tokens), also groups of panels.
  void multiply(RunOf& run, const Linear& w, const float* bias, const In& x, const Epilogue<Backend>& epilogue,
                const Out& y) const noexcept {
    constexpr Index kFewRows = 64, kPanelsPerTask = 4;
    const Index all = panels(w.out);
    const Index group = x.pixels() <= kFewRows ? kPanelsPerTask : all;
    const Index groups = (all + group - 1) / group;
    run.kernel(gemm_cost(x.rows(), w.out, w.in), blocks(x) * groups, [&](Index task, Index) {
      const RowBlock block = row_block(x, task / groups);
      GemmArguments g = gemm_arguments(w, bias, epilogue, y, block);
      g.first_panel = task % groups * group;
      g.last_panel = std::min(all, g.first_panel + group);
      g.a = x.row(block.first);
      g.lda = x.stride;
      kernels_->gemm(g);
    });
  }

  // One row for each of `rows` output pixels from first_pixel on: the kernel x kernel x C input values it sees; zeros
  // outside.
  static void gather_patches(const In& x, Index kernel, Index stride, Index out_width, Index first_pixel, Index rows,
                             float* out) noexcept {
    const Index pad = (kernel - 1) / 2;
    for (Index r = 0; r < rows; ++r) {
      const Index pixel = first_pixel + r;
      const Index top = pixel / out_width * stride - pad, left = pixel % out_width * stride - pad;
      for (Index dy = 0; dy < kernel; ++dy) {
        for (Index dx = 0; dx < kernel; ++dx, out += x.channels) {
          const Index sy = top + dy, sx = left + dx;
          if (sy >= 0 && sy < x.height && sx >= 0 && sx < x.width) {
            std::copy_n(x.pixel(0, sy, sx), x.channels, out);
          } else {
            std::fill_n(out, x.channels, 0.0f);
          }
        }
      }
    }
  }

  // ---- attention ----------------------------------------------------------------------------------------------

  Index padded(Index count) const noexcept { return (count + kernels_->lanes - 1) / kernels_->lanes * kernels_->lanes; }
  // rows [count, D] -> [D, padded] times 1 / sqrt(D), zeros beyond.
  static void transpose_scaled(const In& rows, Index pad, float* out) noexcept {
    const float scale = 1.0f / std::sqrt(static_cast<float>(rows.channels));
    for (Index d = 0; d < rows.channels; ++d) {
      for (Index r = 0; r < pad; ++r) *out++ = r < rows.rows() ? scale * rows.row(r)[d] : 0.0f;
    }
  }
  static Cost attention_cost(const In& q, const In& k) noexcept {
    return {4.0 * static_cast<double>(q.rows() * k.pixels() * q.channels), 2 * bytes(q) + 2 * bytes(k)};
  }

  // Blocks of queries against all keys, which are transposed once for each image and head.
  void attend_few_keys(RunOf& run, const In& q, const In& k, const In& v, Index heads, const Out& y) const noexcept {
    const auto scope = run.scope();
    const Index width = q.channels / heads, pad = padded(k.pixels());
    float* const start = run.scratch<float>(pad);
    float* const keys = run.scratch<float>(q.batch * heads * width * pad);
    const Index scores_size = FewKeysArguments::kAtOnce * pad;
    float* const scores = run.scratch<float>(run.workers() * scores_size);
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
        kernels_->attend_few_keys(head, q.row(block.first) + h * width, block.rows, scores + worker * scores_size,
                                  y.row(block.first) + h * width);
      }
    });
  }

  // Strips of keys against all queries: each strip leaves its largest scores, sums of powers and weighted values,
  // and the strips are merged in order: softmax over all = sum over strips of e^(most_s - most) parts.
  void attend_many_keys(RunOf& run, const In& q, const In& k, const In& v, Index heads, const Out& y) const noexcept {
    constexpr Index kStrip = 256;
    const auto scope = run.scope();
    const Index width = q.channels / heads, count = q.pixels(), pad = padded(count);
    const Index strips = (k.pixels() + kStrip - 1) / kStrip, parts = pad * 2 + count * width;
    float* const queries = run.scratch<float>(q.batch * heads * width * pad);
    float* const scores = run.scratch<float>(run.workers() * kStrip * pad);
    float* const partial = run.scratch<float>(q.batch * heads * strips * parts);
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
        kernels_->attend_strip(arguments, scores + worker * kStrip * pad, part, part + pad, part + 2 * pad);
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

  // ---- interpolation ------------------------------------------------------------------------------------------

  // Row py of image `image` of y = (or +=) x, interpolated.
  void mix_row(const In& x, Index image, Index py, const Out& y, bool accumulate) const noexcept {
    const BilinearTap<float> v(py, x.height, y.height);
    for (Index px = 0; px < y.width; ++px) {
      const BilinearTap<float> h(px, x.width, y.width);
      kernels_->mix_pixel(x.pixel(image, v.first, h.first), x.pixel(image, v.first, h.second),
                          x.pixel(image, v.second, h.first), x.pixel(image, v.second, h.second), h.fraction, v.fraction,
                          y.channels, accumulate, y.pixel(image, py, px));
    }
  }

  // ---- costs --------------------------------------------------------------------------------------------------

  static double elements(const In& x) noexcept { return static_cast<double>(x.rows() * x.channels); }
  static double bytes(const In& x) noexcept { return elements(x) * sizeof(float); }
  static Cost gemm_cost(Index m, Index n, Index k) noexcept {
    return {2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
            static_cast<double>(m * k + k * n + m * n) * sizeof(float)};
  }

  const Kernels* kernels_;
};

}  // namespace cpu
SEGFACE_END_NAMESPACE
