// The cpu backend: what users get. Own kernels for the processor at hand, spread over the executor's threads.
//
// Weights are packed when they are prepared: BatchNorm is folded into the convolution before it. Tasks are cut by sizes alone, and no sum depends on where a task begins, so results are bit-identical for
// any number of threads and any batch.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "segface/backends/compound.hpp"
#include "segface/backends/cpu/attention.hpp"
#include "segface/backends/cpu/interpolation.hpp"
#include "segface/backends/cpu/inverted_residual.hpp"
#include "segface/backends/cpu/isa.hpp"
#include "segface/backends/cpu/labels.hpp"
#include "segface/backends/cpu/multiplication.hpp"
#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/patches.hpp"
#include "segface/backends/cpu/position.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/backends/cpu/tokens.hpp"
#include "segface/backends/cpu/winograd.hpp"
#include "segface/backends/fold.hpp"
#include "segface/backends/primitives.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

class Backend {
 public:
  using Scalar = float;
  using RunOf = Run<Backend>;
  using Linear = cpu::Linear;
  using Convolution = cpu::Convolution;
  using DepthwiseConvolution = cpu::DepthwiseConvolution;
  using Slopes = cpu::Slopes;
  using LayerNorm = cpu::LayerNorm;
  using TransposedConvolution = cpu::TransposedConvolution;
  using WindowAttention = cpu::WindowAttention;
  using PositionEncoding = cpu::PositionEncoding;
  using Constant = cpu::Constant;

  using Overrides = OverrideList<Compound::expand_and_filter, Compound::label_map>;
  static constexpr bool kHasOwnWays = true;  // of words of networks, beside these

  // The best kernels this processor has.
  Backend() noexcept : Backend(best_isa()) {}
  // Kernels of a set that this processor supports.
  explicit Backend(Isa isa) noexcept : isa_(isa), kernels_(&cpu::kernels(isa)) {}
  // What the environment variable SEGFACE_ISA asks for; the best where it asks for none that this processor has: a word
  // in the environment is no reason for a program to fail that knows nothing of it. See chosen_isa().
  static Result<Backend> from_environment() noexcept {
    const auto isa = chosen_isa();
    return isa ? Backend(*isa) : Backend();
  }

  // The same, with products of this precision; of float32 where it is bf16, which this processor lacks. automatic is the
  // lowest that it has instructions for.
  Result<Backend> with(Precision precision) const noexcept {
    if (precision == Precision::automatic) {
      precision = has_instructions(Precision::int8)   ? Precision::int8
                  : has_instructions(Precision::bf16) ? Precision::bf16
                                                      : Precision::float32;
    }
    Backend backend(isa_);
    backend.precision_ = product_kernels(isa_, precision) == nullptr ? Precision::float32 : precision;
    return backend;
  }

  const char* isa_name() const noexcept { return cpu::isa_name(isa_); }
  Precision precision() const noexcept { return precision_; }
  // Whether this processor has instructions for products of a precision: others are slower than float32.
  bool has_instructions(Precision precision) const noexcept { return cpu::has_instructions(isa_, precision); }
  const Kernels& kernels() const noexcept { return *kernels_; }

  Result<Linear> prepare_linear(const LinearParameters& p) const noexcept {
    if (p.scale == nullptr) {
      return pack(
          p.in, p.out, [&](Index o, Index i) { return p.weight[o * p.in + i]; }, p.bias, p.lowest);
    }
    // (W x + b) s = (s W) x + s b
    SEGFACE_ASSIGN(bias, Buffer<float>::make(static_cast<std::size_t>(p.out)));
    for (Index o = 0; o < p.out; ++o) bias.data()[o] = p.bias != nullptr ? p.scale[o] * p.bias[o] : 0.0f;
    return pack(
        p.in, p.out, [&](Index o, Index i) { return p.scale[o] * p.weight[o * p.in + i]; }, bias.data(), p.lowest);
  }
  Result<Convolution> prepare_convolution(const ConvolutionParameters& p) const noexcept {
    SEGFACE_ASSIGN(folded, fold_batch_norm(p));
    // Patches of bytes are faster than Winograd's tiles where each has many inputs, or many outputs for what it takes.
    const bool rounded = precision_ == Precision::int8 && (p.in >= 256 || p.out >= 3 * p.in);
    if (!rounded && suits_winograd(p.kernel, p.stride, p.in, p.out)) {
      SEGFACE_ASSIGN(transformed, pack_winograd(*kernels_, weight_blocks_, p.in, p.out, folded));
      return Convolution{std::move(transformed), p.out, p.kernel, p.stride, p.padding, /*winograd=*/true};
    }
    const Index taps = p.kernel * p.kernel;
    const float* weight = folded.weight.data();
    SEGFACE_ASSIGN(matrix, pack(
                               taps * p.in, p.out,
                               [&](Index o, Index row) { return weight[(o * p.in + row % p.in) * taps + row / p.in]; },
                               folded.bias.data()));
    return Convolution{std::move(matrix), p.out, p.kernel, p.stride, p.padding, /*winograd=*/false};
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
    return DepthwiseConvolution{std::move(weights), std::move(folded.bias), p.kernel, p.stride, p.padding};
  }
  Result<Slopes> prepare_slopes(const float* slopes, Index channels) const noexcept {
    SEGFACE_ASSIGN(values, copy(slopes, channels));
    return Slopes{std::move(values)};
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
  Result<WindowAttention> prepare_window_attention(const WindowAttentionParameters& p) const noexcept {
    const Index tokens = p.window * p.window, padded = panel_count(*kernels_, tokens) * kernels_->panel;
    if (tokens > WindowArguments::kMostTokens) {
      return error(Errc::internal, "windows have at most ", WindowArguments::kMostTokens, " pixels, got ", tokens);
    }
    SEGFACE_ASSIGN(scale, copy(p.scale, p.heads));
    SEGFACE_ASSIGN(bias, Buffer<float>::make(static_cast<std::size_t>(p.heads * tokens * padded)));
    for (Index row = 0; row < p.heads * tokens; ++row) {
      for (Index j = 0; j < padded; ++j) {
        bias.data()[row * padded + j] = j < tokens ? p.bias[row * tokens + j] : -1e30f;
      }
    }
    SEGFACE_ASSIGN(padding, copy(p.padding, 3 * p.channels));
    return WindowAttention{p.heads, p.window, padded, p.cosine, std::move(scale), std::move(bias), std::move(padding)};
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
    if (w.winograd) return convolve_winograd(run, *kernels_, w.matrix, w.padding, x, epilogue, y);
    if (w.kernel == 1 && w.stride == 1) return multiply(run, w.matrix, w.matrix.bias.data(), x, epilogue, y);
    // Rows of patches, one block of output pixels at a time, times the matrix.
    const auto scope = run.scope();
    const Index depth = w.matrix.in;
    float* const scratch = run.scratch<float>(run.workers() * kRowBlock * depth);
    const Multiplication multiply(run, *kernels_, w.matrix, y.pixels());
    run.kernel(gemm_cost<float>(y.rows(), y.channels, depth), blocks(y), [&](Index task, Index worker) {
      const RowBlock block = row_block(y, task);
      float* const patches = scratch + worker * kRowBlock * depth;
      gather_patches(x.image(block.image), w.kernel, w.stride, w.padding, y.width, first_pixel(y, block), block.rows,
                     patches);
      GemmArguments g = gemm_arguments(w.matrix, w.matrix.bias.data(), epilogue, y, block);
      g.a = patches;
      g.lda = depth;
      multiply(g, worker);
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
      filter_rows(
          *kernels_, w, x.height, x.width, x.stride, activation, [&](Index row) { return x.pixel(image, row, 0); },
          begin, std::min(begin + kRows, y.height), y.image(image));
    });
  }

  void transposed_convolution(RunOf& run, const TransposedConvolution& w, const In& x, Activation activation,
                              const Out& y) const noexcept {
    const auto scope = run.scope();
    const Index wide = 4 * w.out;
    float* const scratch = run.scratch<float>(run.workers() * kRowBlock * wide);
    const Multiplication multiply(run, *kernels_, w.matrix, x.pixels());
    run.kernel(gemm_cost<float>(x.rows(), wide, x.channels), blocks(x), [&](Index task, Index worker) {
      const RowBlock block = row_block(x, task);
      float* const tile = scratch + worker * kRowBlock * wide;
      GemmArguments g =
          product(*kernels_, w.matrix, w.matrix.bias.data(), block.rows, x.row(block.first), x.stride, tile, wide);
      g.activation = activation;
      multiply(g, worker);
      for (Index r = 0; r < block.rows; ++r) {
        const Index pixel = block.first + r - block.image * x.pixels();
        for (Index part = 0; part < 4; ++part) {
          float* const out = y.pixel(block.image, 2 * (pixel / x.width) + part / 2, 2 * (pixel % x.width) + part % 2);
          std::copy_n(tile + r * wide + part * w.out, w.out, out);
        }
      }
    });
  }

  void layer_norm(RunOf& run, const LayerNorm& w, const In& x, const Epilogue<Backend>& epilogue,
                  const Out& y) const noexcept {
    run.kernel({8 * elements(x), bytes(x) + bytes(y)}, blocks(x), [&](Index task, Index) {
      const RowBlock block = row_block(x, task);
      LayerNormArguments n = norm_in_place(w, block.rows, x.channels, y.row(block.first), y.stride);
      n.x = x.row(block.first);
      n.ldx = x.stride;
      n.activation = epilogue.activation;
      n.residual = residual_rows(epilogue, y, block);
      n.ldr = epilogue.residual.stride;
      n.last = epilogue.last;
      kernels_->layer_norm(n);
    });
  }

  void max_pool(RunOf& run, const Pool& pool, const In& x, const Out& y) const noexcept {
    run.kernel({static_cast<double>(pool.kernel * pool.kernel) * elements(y), bytes(x) + bytes(y)}, y.batch * y.height,
               [&](Index task, Index) {
                 const Index image = task / y.height, py = task % y.height;
                 for (Index px = 0; px < y.width; ++px) {
                   const float* rows[Pool::kMostKernel * Pool::kMostKernel];
                   Index count = 0;
                   const Index top = py * pool.stride - pool.padding, left = px * pool.stride - pool.padding;
                   for (Index sy = std::max<Index>(top, 0); sy < std::min(top + pool.kernel, x.height); ++sy) {
                     for (Index sx = std::max<Index>(left, 0); sx < std::min(left + pool.kernel, x.width); ++sx) {
                       rows[count++] = x.pixel(image, sy, sx);
                     }
                   }
                   kernels_->largest_rows(rows, count, y.channels, y.pixel(image, py, px));
                 }
               });
  }

  void prelu(RunOf& run, const Slopes& slopes, const Out& x) const noexcept {
    run.kernel({2 * elements(x), 2 * bytes(x)}, blocks(x), [&](Index task, Index) {
      const RowBlock block = row_block(x, task);
      kernels_->prelu_rows(x.row(block.first), x.stride, block.rows, x.channels, slopes.values.data());
    });
  }

  void add_upsampled(RunOf& run, const In& half, const Out& x) const noexcept {
    run.kernel({elements(x), bytes(half) + 2 * bytes(x)}, x.batch * x.height, [&](Index task, Index) {
      const Index image = task / x.height, py = task % x.height;
      for (Index px = 0; px < x.width; px += 2) {  // one row for both of its pixels
        float* const two = x.pixel(image, py, px);
        kernels_->add_rows(two, x.stride, half.pixel(image, py / 2, px / 2), 0, std::min<Index>(2, x.width - px),
                           x.channels, two, x.stride);
      }
    });
  }

  void patches(RunOf& run, const In& x, Index size, const Out& y) const noexcept {
    run.kernel({0, bytes(x) + bytes(y)}, y.batch * y.height, [&](Index task, Index) {
      const Index image = task / y.height, row = task % y.height;
      for (Index px = 0; px < y.width; ++px) {
        gather_patches(x.image(image), size, size, /*pad=*/0, y.width, row * y.width + px, 1, y.pixel(image, row, px));
      }
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
      const Index row = b.batch == y.batch ? block.first : first_pixel(y, block);
      kernels_->add_rows(a.row(block.first), a.stride, b.row(row), b.stride, block.rows, y.channels, y.row(block.first),
                         y.stride);
    });
  }

  void attention(RunOf& run, const In& q, const In& k, const In& v, Index heads, const Out& y) const noexcept {
    constexpr Index kFewKeys = 128;
    if (k.pixels() <= kFewKeys) {
      attend_few_keys(run, *kernels_, q, k, v, heads, y);
    } else {
      attend_many_keys(run, *kernels_, q, k, v, heads, y);
    }
  }

  void windowed_attention(RunOf& run, const WindowAttention& w, const In& qkv, Index shift,
                          const Out& y) const noexcept {
    attend_windows(run, *kernels_, w, qkv, shift, y);
  }

  void bilinear(RunOf& run, const In& x, const Out& y) const noexcept {
    run.kernel({8 * elements(y), bytes(x) + bytes(y)}, blocks(y), [&](Index task, Index) {
      const RowBlock block = row_block(y, task);
      mix_into(*kernels_, x, block.image, first_pixel(y, block), y.height, y.width, rows_of(y, block),
               /*accumulate=*/false);
    });
  }

  // A row a task; neighbours outside the image are a row of zeros.
  void warp(RunOf& run, Span<const TanhWarp> warps, bool back, const In& x, const Out& y) const noexcept {
    const auto scope = run.scope();
    float* const zeros = run.scratch<float>(x.channels);
    run.kernel({}, 1, [&](Index, Index) { std::fill_n(zeros, x.channels, 0.0f); });
    run.kernel({8 * elements(y), bytes(x) + bytes(y)}, y.batch * y.height, [&](Index task, Index) {
      const Index image = task / y.height, py = task % y.height;
      const TanhWarp& warp = warps[static_cast<std::size_t>(image)];
      const auto at = [&](Index sy, Index sx) {
        const bool inside = sy >= 0 && sy < x.height && sx >= 0 && sx < x.width;
        return inside ? x.pixel(image, sy, sx) : zeros;
      };
      for (Index px = 0; px < y.width; ++px) {
        const TanhWarp::Position p = back ? warp.unwarped_source(px, py, x.width) : warp.warped_source(px, py);
        const Index left = floor_index(p.x), top = floor_index(p.y);
        kernels_->mix_pixel(at(top, left), at(top, left + 1), at(top + 1, left), at(top + 1, left + 1),
                            static_cast<float>(p.x - static_cast<double>(left)),
                            static_cast<float>(p.y - static_cast<double>(top)), y.channels, /*accumulate=*/false,
                            y.pixel(image, py, px));
      }
    });
  }

  // The tokens of each image become a packed matrix; the pixels are multiplied by it.
  void token_products(RunOf& run, const In& pixels, const In& tokens, const Out& y) const noexcept {
    const auto scope = run.scope();
    const PackedTokens packed(run, *kernels_, tokens);
    run.kernel(gemm_cost<float>(pixels.rows(), y.channels, pixels.channels), blocks(y), [&](Index task, Index) {
      const RowBlock block = row_block(y, task);
      kernels_->gemm(packed.product(block.image, block.rows, pixels.row(block.first), pixels.stride, y.row(block.first),
                                    y.stride));
    });
  }

  void position_encoding(RunOf& run, const PositionEncoding& w, const Out& y) const noexcept {
    const auto scope = run.scope();
    const Position position = Position::make(run, w, y.height, y.width);
    run.kernel({6 * elements(y), bytes(y)}, y.height, [&](Index row, Index) {
      const Out line = {y.row(row * y.width), 1, 1, y.width, y.channels, y.stride};
      position.add_to(*kernels_, In(), row * y.width, line);
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

  // See cpu/inverted_residual.hpp.
  void expand_and_filter(RunOf& run, const Convolution& expand, const DepthwiseConvolution& depthwise, const In& x,
                         Activation between, Activation activation, const Out& y) const noexcept {
    constexpr Index kNarrow = 32, kLarge = Index{1} << 19;  // floats of the wide map of an image: 2 MB
    if (x.channels <= kNarrow && x.pixels() * expand.out >= kLarge) {
      return cpu::expand_and_filter(run, *kernels_, expand, depthwise, x, between, activation, y);
    }
    compound::expand_and_filter<Backend>(run, expand, depthwise, x, between, activation, y);
  }

  void label_map(RunOf& run, const Out& logits, const LabelTarget& target) const noexcept {
    cpu::label_map(run, *kernels_, logits, target);
  }

 private:
  // ---- matrix products ----------------------------------------------------------------------------------------

  template <class Weight>
  Result<Linear> pack(Index in, Index out, const Weight& weight, const float* bias,
                      Precision lowest = Precision::int8) const noexcept {
    // Rounding rows must cost less than it saves.
    constexpr Index kLeastInputs = 64, kLeastOutputs = 32;
    const bool large = in >= kLeastInputs && out >= kLeastOutputs;
    const Precision precision = large ? std::min(precision_, lowest) : Precision::float32;
    const ProductKernels* const products = product_kernels(isa_, precision);
    const Index padded = panel_count(*kernels_, out) * kernels_->panel;
    const Index count = padded * (products == nullptr ? in : group_count(precision, in));
    SEGFACE_ASSIGN(packed, weight_blocks_.take(static_cast<std::size_t>(count)));
    SEGFACE_ASSIGN(padded_bias, pad(bias, bias == nullptr ? 0 : out, padded));
    Linear linear = {std::move(packed), std::move(padded_bias), in, out, {}};
    if (products == nullptr) {
      pack_panels(kernels_->panel, in, out, weight, linear.panels.data());
      return Result<Linear>(std::move(linear));
    }
    linear.rounding.kernels = products;
    std::fill_n(linear.panels.data(), count, 0.0f);
    if (precision == Precision::bf16) {
      pack_bfloat16(kernels_->panel, in, out, weight, reinterpret_cast<std::uint16_t*>(linear.panels.data()));
      return Result<Linear>(std::move(linear));
    }
    SEGFACE_ASSIGN(scales, pad(nullptr, 0, padded));
    SEGFACE_ASSIGN(sums, Buffer<std::int32_t>::make(static_cast<std::size_t>(padded)));
    std::fill(sums.begin(), sums.end(), 0);
    pack_bytes(kernels_->panel, in, out, weight, reinterpret_cast<std::int8_t*>(linear.panels.data()), scales.data(),
               sums.data());
    linear.rounding.scales = std::move(scales);
    linear.rounding.sums = std::move(sums);
    return Result<Linear>(std::move(linear));
  }
  static Result<Buffer<float>> copy(const float* values, Index count) noexcept {
    SEGFACE_ASSIGN(copied, Buffer<float>::make(static_cast<std::size_t>(count)));
    std::copy_n(values, count, copied.data());
    return std::move(copied);
  }

  // The residual of a block's first row, or null.
  static const float* residual_rows(const Epilogue<Backend>& epilogue, const Out& y, const RowBlock& block) noexcept {
    const In& residual = epilogue.residual;
    if (residual.data == nullptr) return nullptr;
    return residual.row(residual.batch == y.batch ? block.first : first_pixel(y, block));
  }

  GemmArguments gemm_arguments(const Linear& w, const float* bias, const Epilogue<Backend>& epilogue, const Out& y,
                               const RowBlock& block) const noexcept {
    GemmArguments g = product(*kernels_, w, bias, block.rows, nullptr, 0, y.row(block.first), y.stride);
    g.activation = epilogue.activation;
    g.residual = residual_rows(epilogue, y, block);
    g.ldr = epilogue.residual.stride;
    g.last = epilogue.last;
    return g;
  }

  void multiply(RunOf& run, const Linear& w, const float* bias, const In& x, const Epilogue<Backend>& epilogue,
                const Out& y) const noexcept {
    const auto scope = run.scope();
    Multiplication multiply(run, *kernels_, w, x.pixels());
    constexpr Index kTasks = 32;
    const PanelGroups groups(blocks(x), multiply.units(), kTasks, multiply.in_pairs() ? 2 : 4);
    if (groups.group < groups.panels) multiply.round_ahead(run, x);
    run.kernel(gemm_cost<float>(x.rows(), w.out, w.in), groups.tasks(), [&](Index task, Index worker) {
      const RowBlock block = row_block(x, groups.block(task));
      GemmArguments g = gemm_arguments(w, bias, epilogue, y, block);
      g.a = x.row(block.first);
      g.lda = x.stride;
      multiply(g, worker, groups.first_panel(task), groups.last_panel(task));
    });
  }

  Isa isa_;
  Precision precision_ = Precision::float32;
  const Kernels* kernels_;
  mutable WeightBlocks weight_blocks_;  // where prepare_* puts matrices
};

}  // namespace cpu
SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

namespace cpu = core::cpu;  // of which Backend and Isa are API

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
