// The reference backend: every primitive in its plainest form, on Eigen, for any scalar.
//
// This is the specification, the text to learn from, and the oracle of the other backends. Nothing is folded,
// fused or threaded: a convolution is followed by its BatchNorm, an attention is two products with a softmax between.
// In double it tells how much rounding the others commit.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "segface/backends/compound.hpp"
#include "segface/backends/parameters.hpp"
#include "segface/backends/primitives.hpp"
#include "segface/base/bilinear.hpp"
#include "segface/base/window.hpp"

SEGFACE_BEGIN_CORE
namespace reference {

template <class T>
class Backend {
 public:
  using Scalar = T;
  using RunOf = Run<Backend>;
  using In = Map<const T>;
  using Out = Map<T>;
  using RowMatrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Vector = Eigen::Matrix<T, 1, Eigen::Dynamic>;

  // Nothing of the environment concerns it.
  static Result<Backend> from_environment() noexcept { return Backend(); }
  Precision precision() const noexcept { return Precision::float32; }
  // Errors: invalid_argument where it is not float32.
  Result<Backend> with(Precision precision) const noexcept {
    SEGFACE_RETURN_IF_ERROR(require_float32(precision));
    return Backend();
  }

  // ---- operands -----------------------------------------------------------------------------------------------

  struct Linear {
    RowMatrix weight;  // [out, in]
    Vector bias;       // [out]
    Vector scale;      // [out]
    Index out = 0;
  };
  struct BatchNorm {
    Vector gain, bias, mean, variance;
    T eps = 0;
  };
  struct Convolution {
    RowMatrix weight;  // [kernel kernel in, out], rows in the order dy, dx, channel
    std::optional<BatchNorm> norm;
    Vector bias;  // [out]
    Index out = 0, kernel = 1, stride = 1, padding = 0;
  };
  struct DepthwiseConvolution {
    RowMatrix weight;  // [kernel kernel, C]
    std::optional<BatchNorm> norm;
    Vector bias;  // [C]
    Index kernel = 1, stride = 1, padding = 0;
  };
  struct Slopes {
    Vector values;  // [C]
  };
  struct LayerNorm {
    Vector gain, bias;
    T eps = 0;
  };
  struct TransposedConvolution {
    RowMatrix weight[2][2];  // [dy][dx]: [in, out]
    Vector bias;
    Index out = 0;
  };
  struct WindowAttention {
    Index heads = 0, window = 0;
    bool cosine = false;
    Vector scale;                 // [heads]
    std::vector<RowMatrix> bias;  // of each head: [window^2, window^2]
    Vector padding;               // [3 C]
  };
  struct PositionEncoding {
    RowMatrix gaussian;  // [2, features]
    Index features = 0;
  };
  struct Constant {
    RowMatrix values;
    Index rows = 0, channels = 0;
  };

  Result<Linear> prepare_linear(const LinearParameters& p) const noexcept {
    return guarded([&]() -> Result<Linear> {
      const Vector scale = p.scale != nullptr ? vector(p.scale, p.out) : Vector(Vector::Ones(p.out));
      return Linear{matrix(p.weight, p.out, p.in), vector_or_zeros(p.bias, p.out), scale, p.out};
    });
  }
  Result<Convolution> prepare_convolution(const ConvolutionParameters& p) const noexcept {
    return guarded([&]() -> Result<Convolution> {
      return Convolution{taps_first(p), batch_norm(p), vector_or_zeros(p.bias, p.out), p.out, p.kernel,
                         p.stride,      p.padding};
    });
  }
  Result<DepthwiseConvolution> prepare_depthwise_convolution(const ConvolutionParameters& p) const noexcept {
    return guarded([&]() -> Result<DepthwiseConvolution> {
      return DepthwiseConvolution{taps_first(p), batch_norm(p), vector_or_zeros(p.bias, p.out),
                                  p.kernel,      p.stride,      p.padding};
    });
  }
  Result<Slopes> prepare_slopes(const float* slopes, Index channels) const noexcept {
    return guarded([&]() -> Result<Slopes> { return Slopes{vector(slopes, channels)}; });
  }
  Result<LayerNorm> prepare_layer_norm(const LayerNormParameters& p) const noexcept {
    return guarded([&]() -> Result<LayerNorm> {
      return LayerNorm{vector(p.gain, p.channels), vector(p.bias, p.channels), static_cast<T>(p.eps)};
    });
  }
  Result<TransposedConvolution> prepare_transposed_convolution(
      const TransposedConvolutionParameters& p) const noexcept {
    return guarded([&]() -> Result<TransposedConvolution> {
      TransposedConvolution w;
      w.bias = vector(p.bias, p.out);
      w.out = p.out;
      for (Index dy = 0; dy < 2; ++dy) {
        for (Index dx = 0; dx < 2; ++dx) {
          w.weight[dy][dx] = RowMatrix::NullaryExpr(p.in, p.out, [&](Index i, Index o) {
            return static_cast<T>(p.weight[((i * p.out + o) * 2 + dy) * 2 + dx]);
          });
        }
      }
      return Result<TransposedConvolution>(std::move(w));
    });
  }
  Result<WindowAttention> prepare_window_attention(const WindowAttentionParameters& p) const noexcept {
    return guarded([&]() -> Result<WindowAttention> {
      WindowAttention w = {
          p.heads, p.window, p.cosine, vector(p.scale, p.heads), {}, vector(p.padding, 3 * p.channels)};
      const Index tokens = p.window * p.window;
      for (Index h = 0; h < p.heads; ++h) w.bias.push_back(matrix(p.bias + h * tokens * tokens, tokens, tokens));
      return Result<WindowAttention>(std::move(w));
    });
  }
  Result<PositionEncoding> prepare_position_encoding(const float* gaussian, Index features) const noexcept {
    return guarded([&]() -> Result<PositionEncoding> {
      return PositionEncoding{matrix(gaussian, 2, features), features};
    });
  }
  Result<Constant> prepare_constant(const float* values, Index rows, Index channels) const noexcept {
    return guarded([&]() -> Result<Constant> { return Constant{matrix(values, rows, channels), rows, channels}; });
  }

  // ---- primitives ---------------------------------------------------------------------------------------------

  void linear(RunOf& run, const Linear& w, const In& x, const Epilogue<Backend>& epilogue,
              const Out& y) const noexcept {
    const auto scope = run.scope();
    const Out z = before_epilogue(run, epilogue, y);
    run.kernel(gemm_cost<T>(x.rows(), w.out, x.channels), 1, [&](Index, Index) {
      multiply(rows_of(x), w.weight.transpose(), rows_of(z));
      rows_of(z).rowwise() += w.bias;
      rows_of(z).array().rowwise() *= w.scale.array();
      finish(epilogue, z, y);
    });
  }

  // y[b, y, x] = norm(sum over dy, dx of x[b, y s + dy - pad, x s + dx - pad] W[dy, dx]): patches times a matrix.
  void convolution(RunOf& run, const Convolution& w, const In& x, const Epilogue<Backend>& epilogue,
                   const Out& y) const noexcept {
    const auto scope = run.scope();
    const Out z = before_epilogue(run, epilogue, y);
    const Out patches = run.map(1, y.height, y.width, w.kernel * w.kernel * x.channels);
    run.kernel(gemm_cost<T>(y.rows(), w.out, patches.channels), 1, [&](Index, Index) {
      for (Index b = 0; b < x.batch; ++b) {
        gather_patches(x.image(b), w.kernel, w.stride, w.padding, patches);
        multiply(rows_of(patches), w.weight, rows_of(z.image(b)));
      }
      if (w.norm) normalise(*w.norm, z);
      rows_of(z).rowwise() += w.bias;
      finish(epilogue, z, y);
    });
  }

  void depthwise_convolution(RunOf& run, const DepthwiseConvolution& w, const In& x, Activation activation,
                             const Out& y) const noexcept {
    const auto taps = static_cast<double>(w.kernel * w.kernel);
    run.kernel({2 * taps * elements(y), bytes(x) + bytes(y)}, 1, [&](Index, Index) {
      for_each_pixel(y, [&](Index b, Index py, Index px) {
        auto out = row_of(y.pixel(b, py, px), y.channels);
        out.setZero();
        for (Index dy = 0; dy < w.kernel; ++dy) {
          for (Index dx = 0; dx < w.kernel; ++dx) {
            const Index sy = py * w.stride + dy - w.padding;
            const Index sx = px * w.stride + dx - w.padding;
            if (sy < 0 || sy >= x.height || sx < 0 || sx >= x.width) continue;
            out += row_of(x.pixel(b, sy, sx), x.channels).cwiseProduct(w.weight.row(dy * w.kernel + dx));
          }
        }
      });
      if (w.norm) normalise(*w.norm, y);
      rows_of(y).rowwise() += w.bias;
      finish(activation, y, y);
    });
  }

  void transposed_convolution(RunOf& run, const TransposedConvolution& w, const In& x, Activation activation,
                              const Out& y) const noexcept {
    run.kernel(gemm_cost<T>(x.rows(), 4 * w.out, x.channels), 1, [&](Index, Index) {
      for_each_pixel(y, [&](Index b, Index py, Index px) {
        auto out = row_of(y.pixel(b, py, px), y.channels);
        out.noalias() = row_of(x.pixel(b, py / 2, px / 2), x.channels) * w.weight[py % 2][px % 2];
        out += w.bias;
      });
      finish(activation, y, y);
    });
  }

  void layer_norm(RunOf& run, const LayerNorm& w, const In& x, const Epilogue<Backend>& epilogue,
                  const Out& y) const noexcept {
    const auto scope = run.scope();
    const Out z = before_epilogue(run, epilogue, y);
    run.kernel({8 * elements(x), bytes(x) + bytes(y)}, 1, [&](Index, Index) {
      for (Index r = 0; r < x.rows(); ++r) {
        const auto in = row_of(x.row(r), x.channels);
        const T mean = in.mean();
        const T variance = (in.array() - mean).square().mean();
        const T scale = T(1) / std::sqrt(variance + w.eps);
        row_of(z.row(r), z.channels) = ((in.array() - mean) * scale * w.gain.array() + w.bias.array()).matrix();
      }
      finish(epilogue, z, y);
    });
  }

  void max_pool(RunOf& run, const Pool& pool, const In& x, const Out& y) const noexcept {
    run.kernel({static_cast<double>(pool.kernel * pool.kernel) * elements(y), bytes(x) + bytes(y)}, 1,
               [&](Index, Index) {
                 for_each_pixel(y, [&](Index b, Index py, Index px) {
                   auto out = row_of(y.pixel(b, py, px), y.channels);
                   out.setConstant(std::numeric_limits<T>::lowest());
                   const Index top = py * pool.stride - pool.padding, left = px * pool.stride - pool.padding;
                   for (Index sy = std::max<Index>(top, 0); sy < std::min(top + pool.kernel, x.height); ++sy) {
                     for (Index sx = std::max<Index>(left, 0); sx < std::min(left + pool.kernel, x.width); ++sx) {
                       out = out.cwiseMax(row_of(x.pixel(b, sy, sx), x.channels));
                     }
                   }
                 });
               });
  }

  void prelu(RunOf& run, const Slopes& slopes, const Out& x) const noexcept {
    run.kernel({2 * elements(x), 2 * bytes(x)}, 1, [&](Index, Index) {
      for (Index r = 0; r < x.rows(); ++r) {
        auto row = row_of(x.row(r), x.channels);
        row = row.cwiseMax(T(0)) + row.cwiseMin(T(0)).cwiseProduct(slopes.values);
      }
    });
  }

  void add_upsampled(RunOf& run, const In& half, const Out& x) const noexcept {
    run.kernel({elements(x), bytes(half) + 2 * bytes(x)}, 1, [&](Index, Index) {
      for_each_pixel(x, [&](Index b, Index py, Index px) {
        row_of(x.pixel(b, py, px), x.channels) += row_of(half.pixel(b, py / 2, px / 2), x.channels);
      });
    });
  }

  void patches(RunOf& run, const In& x, Index size, const Out& y) const noexcept {
    run.kernel({0, bytes(x) + bytes(y)}, 1, [&](Index, Index) {
      for (Index b = 0; b < x.batch; ++b) gather_patches(x.image(b), size, size, /*pad=*/0, y.image(b));
    });
  }

  void spatial_mean(RunOf& run, const In& x, const Out& y) const noexcept {
    run.kernel({elements(x), bytes(x)}, 1, [&](Index, Index) {
      for (Index b = 0; b < x.batch; ++b) row_of(y.row(b), y.channels) = rows_of(x.image(b)).colwise().mean();
    });
  }

  void scale_channels(RunOf& run, const In& s, const Out& x) const noexcept {
    run.kernel({elements(x), 2 * bytes(x)}, 1, [&](Index, Index) {
      for (Index b = 0; b < x.batch; ++b) {
        rows_of(x.image(b)).array().rowwise() *= row_of(s.row(b), s.channels).array();
      }
    });
  }

  void add(RunOf& run, const In& a, const In& b, const Out& y) const noexcept {
    run.kernel({elements(y), bytes(a) + bytes(b) + bytes(y)}, 1, [&](Index, Index) {
      for (Index i = 0; i < y.batch; ++i) {
        rows_of(y.image(i)) = rows_of(a.image(i)) + rows_of(b.image(b.batch == 1 ? 0 : i));
      }
    });
  }

  // For each image and head: P = softmax(Q K^T / sqrt(D)) over the keys, Y = P V.
  void attention(RunOf& run, const In& q, const In& k, const In& v, Index heads, const Out& y) const noexcept {
    const auto scope = run.scope();
    const Out scores = run.map(1, q.height, q.width, k.pixels());
    const auto products = static_cast<double>(q.rows() * k.pixels() * q.channels);
    run.kernel({4 * products, bytes(q) + bytes(k) + bytes(v) + bytes(y)}, 1, [&](Index, Index) {
      const Index width = q.channels / heads;  // D
      const T scale = T(1) / std::sqrt(static_cast<T>(width));
      auto p = rows_of(scores);
      for (Index b = 0; b < q.batch; ++b) {
        for (Index h = 0; h < heads; ++h) {
          const auto part = [&](const auto& map) { return rows_of(map.image(b).slice(h * width, width)); };
          multiply(part(q), part(k).transpose(), p);
          for (Index r = 0; r < p.rows(); ++r) {
            auto row = p.row(r).array();
            row = ((row - row.maxCoeff()) * scale).exp();
            row /= row.sum();
          }
          multiply(p, part(v), part(y));
        }
      }
    });
  }

  // For each window and head: P = softmax(scale Q K^T + bias + mask), Y = P V, where Q, K and V are rows of the window.
  void windowed_attention(RunOf& run, const WindowAttention& w, const In& qkv, Index shift,
                          const Out& y) const noexcept {
    const auto scope = run.scope();
    const Index tokens = w.window * w.window, width = y.channels / w.heads;  // N, D
    const WindowAxis vertical(y.height, w.window, shift), horizontal(y.width, w.window, shift);
    const Out parts = run.map(1, 3, tokens, width), scores = run.map(1, 1, tokens, tokens);
    const Out out = run.map(1, 1, tokens, width);
    const Index windows = y.batch * vertical.count * horizontal.count;
    const auto products = static_cast<double>(windows * tokens * tokens * y.channels);
    run.kernel({4 * products, bytes(qkv) + bytes(y)}, 1, [&](Index, Index) {
      auto p = rows_of(scores);
      const auto part = [&](Index which) {
        return rows_of(Out{parts.row(which * tokens), 1, 1, tokens, width, width});
      };
      for_each_pixel(Out{nullptr, y.batch, vertical.count, horizontal.count, 0, 0}, [&](Index b, Index wy, Index wx) {
        for (Index h = 0; h < w.heads; ++h) {
          for (Index t = 0; t < tokens; ++t) {
            const Index sy = vertical.pixel(wy, t / w.window), sx = horizontal.pixel(wx, t % w.window);
            const bool inside = sy < y.height && sx < y.width;
            const T* const row = inside ? qkv.pixel(b, sy, sx) : w.padding.data();
            for (Index i = 0; i < 3; ++i) std::copy_n(row + i * y.channels + h * width, width, part(i).row(t).data());
          }
          if (w.cosine) {
            part(0) = part(0).array().colwise() / part(0).rowwise().norm().cwiseMax(kTiny).array();
            part(1) = part(1).array().colwise() / part(1).rowwise().norm().cwiseMax(kTiny).array();
          }
          p.noalias() = part(0) * part(1).transpose();
          p = p * w.scale(h) + w.bias[static_cast<std::size_t>(h)];
          for (Index i = 0; i < tokens; ++i) {
            const auto region = [&](Index t) {
              return window_region(vertical, wy, t / w.window, horizontal, wx, t % w.window);
            };
            for (Index j = 0; j < tokens; ++j) p(i, j) -= region(i) != region(j) ? T(100) : T(0);
            auto row = p.row(i).array();
            row = (row - row.maxCoeff()).exp();
            row /= row.sum();
          }
          rows_of(out).noalias() = p * part(2);
          for (Index t = 0; t < tokens; ++t) {
            const Index sy = vertical.pixel(wy, t / w.window), sx = horizontal.pixel(wx, t % w.window);
            if (sy < y.height && sx < y.width) std::copy_n(out.row(t), width, y.pixel(b, sy, sx) + h * width);
          }
        }
      });
    });
  }

  void bilinear(RunOf& run, const In& x, const Out& y) const noexcept {
    run.kernel({8 * elements(y), bytes(x) + bytes(y)}, 1, [&](Index, Index) {
      for_each_pixel(y, [&](Index b, Index py, Index px) {
        const BilinearTap<T> v(py, x.height, y.height), h(px, x.width, y.width);
        const auto at = [&](Index sy, Index sx) { return row_of(x.pixel(b, sy, sx), x.channels); };
        row_of(y.pixel(b, py, px), y.channels) =
            (at(v.first, h.first) * (1 - h.fraction) + at(v.first, h.second) * h.fraction) * (1 - v.fraction) +
            (at(v.second, h.first) * (1 - h.fraction) + at(v.second, h.second) * h.fraction) * v.fraction;
      });
    });
  }

  void warp(RunOf& run, Span<const TanhWarp> warps, bool back, const In& x, const Out& y) const noexcept {
    run.kernel({8 * elements(y), bytes(x) + bytes(y)}, 1, [&](Index, Index) {
      for_each_pixel(y, [&](Index b, Index py, Index px) {
        const TanhWarp& warp = warps[static_cast<std::size_t>(b)];
        const TanhWarp::Position p = back ? warp.unwarped_source(px, py, x.width) : warp.warped_source(px, py);
        const Index left = floor_index(p.x), top = floor_index(p.y);
        const T fx = static_cast<T>(p.x - static_cast<double>(left)),
                fy = static_cast<T>(p.y - static_cast<double>(top));
        auto out = row_of(y.pixel(b, py, px), y.channels);
        out.setZero();
        for (Index dy = 0; dy < 2; ++dy) {
          for (Index dx = 0; dx < 2; ++dx) {
            const Index sy = top + dy, sx = left + dx;
            if (sy < 0 || sy >= x.height || sx < 0 || sx >= x.width) continue;
            out += row_of(x.pixel(b, sy, sx), x.channels) * ((dx == 0 ? 1 - fx : fx) * (dy == 0 ? 1 - fy : fy));
          }
        }
      });
    });
  }

  void token_products(RunOf& run, const In& pixels, const In& tokens, const Out& y) const noexcept {
    run.kernel(gemm_cost<T>(pixels.rows(), tokens.width, pixels.channels), 1, [&](Index, Index) {
      for (Index b = 0; b < pixels.batch; ++b) {
        multiply(rows_of(pixels.image(b)), rows_of(tokens.image(b)).transpose(), rows_of(y.image(b)));
      }
    });
  }

  // a = 2 pi (u G_0 + v G_1), the output is [sin a, cos a].
  void position_encoding(RunOf& run, const PositionEncoding& w, const Out& y) const noexcept {
    run.kernel({20 * elements(y), bytes(y)}, 1, [&](Index, Index) {
      constexpr T kTwoPi = T(6.283185307179586476925286766559);
      for_each_pixel(y, [&](Index, Index py, Index px) {
        const T u = 2 * ((static_cast<T>(px) + T(0.5)) / static_cast<T>(y.width)) - 1;
        const T v = 2 * ((static_cast<T>(py) + T(0.5)) / static_cast<T>(y.height)) - 1;
        for (Index f = 0; f < w.features; ++f) {
          const T angle = kTwoPi * (u * w.gaussian(0, f) + v * w.gaussian(1, f));
          y.pixel(0, py, px)[f] = std::sin(angle);
          y.pixel(0, py, px)[w.features + f] = std::cos(angle);
        }
      });
    });
  }

  void repeat(RunOf& run, const Constant& constant, const Out& y) const noexcept {
    run.kernel({0, bytes(y)}, 1, [&](Index, Index) {
      for (Index b = 0; b < y.batch; ++b) rows_of(y.image(b)) = constant.values;
    });
  }

 private:
  // ---- views of maps as Eigen matrices ------------------------------------------------------------------------

  template <class U>
  static auto rows_of(const Map<U>& map) noexcept {
    using Plain = std::conditional_t<std::is_const_v<U>, const RowMatrix, RowMatrix>;
    return Eigen::Map<Plain, Eigen::Unaligned, Eigen::OuterStride<>>(map.data, map.rows(), map.channels,
                                                                     Eigen::OuterStride<>(map.stride));
  }
  template <class U>
  static auto row_of(U* data, Index channels) noexcept {
    using Plain = std::conditional_t<std::is_const_v<U>, const Vector, Vector>;
    return Eigen::Map<Plain, Eigen::Unaligned>(data, channels);
  }
  template <class Body>
  static void for_each_pixel(const Out& y, const Body& body) {
    for (Index b = 0; b < y.batch; ++b) {
      for (Index py = 0; py < y.height; ++py) {
        for (Index px = 0; px < y.width; ++px) body(b, py, px);
      }
    }
  }

  // y = a b, 32 rows at a time: Eigen spreads larger products over OpenMP threads of its own where a host compiles
  // with OpenMP, and this backend has one thread.
  template <class A, class W, class Y>
  static void multiply(const A& a, const W& w, Y&& y) noexcept {
    constexpr int kRows = 32;
    using Block = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor, kRows, Eigen::Dynamic>;
    for (Index row = 0; row < y.rows(); row += kRows) {
      const Index rows = std::min<Index>(kRows, y.rows() - row);
      Eigen::Map<Block, Eigen::Unaligned, Eigen::OuterStride<>> block(y.data() + row * y.outerStride(), rows, y.cols(),
                                                                      Eigen::OuterStride<>(y.outerStride()));
      block.noalias() = a.middleRows(row, rows) * w;
    }
  }

  // ---- preparing ----------------------------------------------------------------------------------------------

  static RowMatrix matrix(const float* values, Index rows, Index columns) {
    using Floats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const Floats>(values, rows, columns).template cast<T>();
  }
  static Vector vector(const float* values, Index size) { return matrix(values, 1, size); }
  static Vector vector_or_zeros(const float* values, Index size) {
    return values != nullptr ? vector(values, size) : Vector(Vector::Zero(size));
  }
  static std::optional<BatchNorm> batch_norm(const ConvolutionParameters& p) {
    if (p.norm.gain == nullptr) return std::nullopt;
    return BatchNorm{vector(p.norm.gain, p.out), vector(p.norm.bias, p.out), vector(p.norm.mean, p.out),
                     vector(p.norm.variance, p.out), static_cast<T>(p.norm.eps)};
  }
  // [out, in, kernel, kernel] -> [kernel kernel in, out]
  static RowMatrix taps_first(const ConvolutionParameters& p) {
    const Index taps = p.kernel * p.kernel;
    return RowMatrix::NullaryExpr(taps * p.in, p.out, [&](Index row, Index out) {
      return static_cast<T>(p.weight[(out * p.in + row % p.in) * taps + row / p.in]);
    });
  }

  // ---- parts of kernels ---------------------------------------------------------------------------------------

  // Row (y, x) of `patches` holds the kernel x kernel x C input values that output pixel (y, x) sees; 0 outside.
  static void gather_patches(const In& x, Index kernel, Index stride, Index pad, const Out& patches) noexcept {
    for_each_pixel(patches, [&](Index, Index py, Index px) {
      T* out = patches.pixel(0, py, px);
      for (Index dy = 0; dy < kernel; ++dy) {
        for (Index dx = 0; dx < kernel; ++dx, out += x.channels) {
          const Index sy = py * stride + dy - pad;
          const Index sx = px * stride + dx - pad;
          const bool inside = sy >= 0 && sy < x.height && sx >= 0 && sx < x.width;
          if (inside) {
            std::copy_n(x.pixel(0, sy, sx), x.channels, out);
          } else {
            std::fill_n(out, x.channels, T(0));
          }
        }
      }
    });
  }

  static void normalise(const BatchNorm& norm, const Out& y) noexcept {
    for (Index r = 0; r < y.rows(); ++r) {
      auto row = row_of(y.row(r), y.channels).array();
      row =
          (row - norm.mean.array()) / (norm.variance.array() + norm.eps).sqrt() * norm.gain.array() + norm.bias.array();
    }
  }

  static T activate(Activation activation, T x) noexcept {
    switch (activation) {
      case Activation::relu:
        return std::max(x, T(0));
      case Activation::hard_swish:
        return x * std::clamp(x + T(3), T(0), T(6)) / T(6);
      case Activation::hard_sigmoid:
        return std::clamp(x + T(3), T(0), T(6)) / T(6);
      case Activation::gelu:
        return x * (T(1) + std::erf(x * T(0.70710678118654752440))) / T(2);
      case Activation::silu:
        return x / (T(1) + std::exp(-x));
      case Activation::sigmoid:
        return T(1) / (T(1) + std::exp(-x));
      case Activation::none:
        break;
    }
    return x;
  }
  static void activate(Activation activation, const Out& y) noexcept {
    if (activation == Activation::none) return;
    for (Index r = 0; r < y.rows(); ++r) {
      for (Index c = 0; c < y.channels; ++c) y.row(r)[c] = activate(activation, y.row(r)[c]);
    }
  }
  // Where to put what the epilogue is applied to: not in y itself while a residual, which may be y, is still to be
  // read. A dry run has residuals too, but no data.
  static Out before_epilogue(RunOf& run, const Epilogue<Backend>& epilogue, const Out& y) noexcept {
    return epilogue.residual.batch == 0 ? y : run.map(y.batch, y.height, y.width, y.channels);
  }
  // y = last(activation(z) + residual); z is overwritten.
  static void finish(const Epilogue<Backend>& epilogue, const Out& z, const Out& y) noexcept {
    activate(epilogue.activation, z);
    const In& residual = epilogue.residual;
    if (residual.data == nullptr) return;
    for (Index b = 0; b < y.batch; ++b) {
      rows_of(y.image(b)) = rows_of(z.image(b)) + rows_of(residual.image(residual.batch == 1 ? 0 : b));
    }
    activate(epilogue.last, y);
  }

  static constexpr T kTiny = T(1e-12);  // least length that cosine attention divides by
};

}  // namespace reference
SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

namespace reference = core::reference;  // of which Backend is API

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
