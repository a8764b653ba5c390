// The cuda backend: the vocabulary on a GPU, in CUDA C++, with the CUDA runtime and cuBLASLt and nothing else.
//
// Weights are uploaded when they are prepared, BatchNorm folded in. Activations are in the block of a Memory, which has
// a stream of its own; every kernel and copy goes through that stream, and the host waits only where it reads a map.
// Activations and the weights of products are float32 or float16, everything is computed in float32. Products are
// cuBLASLt's, with bias, residual and ReLU; other activations are a kernel after it.
// Programs include segface/cuda.cuh, which has its own ways of a network's words too, and are compiled by nvcc; cuBLASLt
// is loaded when a backend is made.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <array>
#include <climits>
#include <utility>

#include "segface/backends/compound.hpp"
#include "segface/backends/cuda/attention.cuh"
#include "segface/backends/cuda/convolution.cuh"
#include "segface/backends/cuda/cublas.cuh"
#include "segface/backends/cuda/elements.cuh"
#include "segface/backends/cuda/epilogue.cuh"
#include "segface/backends/cuda/labels.cuh"
#include "segface/backends/cuda/memory.cuh"
#include "segface/backends/cuda/norm.cuh"
#include "segface/backends/cuda/operands.cuh"
#include "segface/backends/cuda/photo.cuh"
#include "segface/backends/cuda/product.cuh"
#include "segface/backends/cuda/window.cuh"
#include "segface/backends/primitives.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

// T: what maps and the weights of products are stored as, float or __half; every sum is of floats.
template <class T>
class BasicBackend {
 public:
  using Scalar = T;
  using HostScalar = float;
  using Memory = cuda::Memory;
  using RunOf = Run<BasicBackend>;
  using In = Map<const T>;
  using Out = Map<T>;
  using Linear = cuda::Linear<T>;
  using Convolution = cuda::Convolution<T>;
  using DepthwiseConvolution = cuda::DepthwiseConvolution;
  using Slopes = cuda::Slopes;
  using LayerNorm = cuda::LayerNorm;
  using TransposedConvolution = cuda::TransposedConvolution<T>;
  using WindowAttention = cuda::WindowAttention;
  using PositionEncoding = cuda::PositionEncoding;
  using Constant = cuda::Constant;
  using PhotoInput = cuda::PhotoInput<T>;

  using Overrides =
      OverrideList<Compound::label_map, Compound::class_planes, Compound::squeeze_excitation, Compound::PhotoInput>;
  static constexpr bool kHasOwnWays = true;  // of words of networks, beside these

  // On the current device. tf32: whether products of floats may round them to ten bits of fraction, which tensor cores
  // multiply many times faster. Errors: no_device (no cuBLASLt either).
  static Result<BasicBackend> from_environment(bool tf32 = false) noexcept {
    int count = 0;
    SEGFACE_RETURN_IF_ERROR(check(cudaGetDeviceCount(&count), "cudaGetDeviceCount"));
    if (count == 0) return error(Errc::no_device, "no GPU to compute on; use the cpu backend");
    SEGFACE_ASSIGN(library, CublasLt::load());
    return BasicBackend(library, tf32);
  }
  Precision precision() const noexcept { return Precision::float32; }
  // Errors: invalid_argument where it is not float32.
  Result<BasicBackend> with(Precision precision) const noexcept {
    SEGFACE_RETURN_IF_ERROR(require_float32(precision));
    return *this;
  }

  Result<Linear> prepare_linear(const LinearParameters& p) const noexcept { return upload_linear<T>(p); }
  Result<Convolution> prepare_convolution(const ConvolutionParameters& p) const noexcept {
    return upload_convolution<T>(p);
  }
  Result<DepthwiseConvolution> prepare_depthwise_convolution(const ConvolutionParameters& p) const noexcept {
    return upload_depthwise(p);
  }
  Result<Slopes> prepare_slopes(const float* slopes, Index channels) const noexcept {
    SEGFACE_ASSIGN(values, upload(slopes, channels));
    return Slopes{std::move(values)};
  }
  Result<LayerNorm> prepare_layer_norm(const LayerNormParameters& p) const noexcept { return upload_layer_norm(p); }
  Result<TransposedConvolution> prepare_transposed_convolution(
      const TransposedConvolutionParameters& p) const noexcept {
    return upload_transposed<T>(p);
  }
  Result<WindowAttention> prepare_window_attention(const WindowAttentionParameters& p) const noexcept {
    return upload_window_attention(p);
  }
  Result<PositionEncoding> prepare_position_encoding(const float* gaussian, Index features) const noexcept {
    SEGFACE_ASSIGN(values, upload(gaussian, 2 * features));
    return PositionEncoding{std::move(values), features};
  }
  Result<Constant> prepare_constant(const float* values, Index rows, Index channels) const noexcept {
    SEGFACE_ASSIGN(copied, upload(values, rows * channels));
    return Constant{std::move(copied), rows, channels};
  }

  // ---- primitives ---------------------------------------------------------------------------------------------

  void linear(RunOf& run, const Linear& w, const In& x, const Epilogue<BasicBackend>& epilogue,
              const Out& y) const noexcept {
    const auto scope = run.scope();
    const Plan plan(run, epilogue, y);
    run.device(gemm_cost<T>(x.rows(), w.out, x.channels, plan.beside(y)), [&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(multiply(run, plan.product(w, x, plan.z, plan.added)));
      return plan.finish(run, y);
    });
  }

  // Of pictures directly; else patches, of as many images as scratch is spent on, times a matrix.
  void convolution(RunOf& run, const Convolution& w, const In& x, const Epilogue<BasicBackend>& epilogue,
                   const Out& y) const noexcept {
    if (w.kernel == 1 && w.stride == 1) return linear(run, w.matrix, x, epilogue, y);
    if (is_of_pictures(x.channels, w.out, w.kernel)) {
      const auto depth = static_cast<double>(w.matrix.in), outputs = static_cast<double>(w.out);
      const double moved = bytes(x) + bytes(epilogue.residual) + bytes(y) + depth * outputs * sizeof(T);
      const Cost cost = {2 * depth * elements(y), moved};
      return run.device(cost, [&] {
        return launch_picture(run.memory().stream(), x, w.matrix.weight.data(), w.matrix.bias.data(), w.kernel,
                              w.stride, w.padding, Finish<T>{epilogue.activation, epilogue.residual, epilogue.last}, y);
      });
    }
    constexpr double kPatchBytes = 3 << 20;  // small images together, a large one alone
    const auto scope = run.scope();
    const Plan plan(run, epilogue, y);
    const double each = static_cast<double>(y.pixels() * w.matrix.in) * sizeof(T);
    const Index at_once = std::max<Index>(1, std::min<Index>(x.batch, static_cast<Index>(kPatchBytes / each)));
    const Out patches = run.map(at_once, y.height, y.width, w.matrix.in);
    run.device(gemm_cost<T>(y.rows(), w.out, w.matrix.in, plan.beside(y)), [&]() -> Status {
      for (Index b = 0; b < x.batch; b += at_once) {
        const Index count = std::min(at_once, x.batch - b);
        const In added = plan.added.batch == x.batch ? plan.added.images(b, count) : plan.added;  // or of one for all
        const Out these = patches.images(0, count);
        SEGFACE_RETURN_IF_ERROR(gather(run, x.images(b, count), w.kernel, w.stride, w.padding, these));
        SEGFACE_RETURN_IF_ERROR(multiply(run, plan.product(w.matrix, these, plan.z.images(b, count), added)));
      }
      return plan.finish(run, y);
    });
  }

  void depthwise_convolution(RunOf& run, const DepthwiseConvolution& w, const In& x, Activation activation,
                             const Out& y) const noexcept {
    const auto taps = static_cast<double>(w.kernel * w.kernel);
    const double weights = taps * static_cast<double>(y.channels) * sizeof(float);
    run.device({2 * taps * elements(y), bytes(x) + bytes(y) + weights}, [&] {
      return launch_filter(run.memory().stream(), x, w.weight.data(), w.bias.data(), w.kernel, w.stride, w.padding,
                           activation, y);
    });
  }

  // A linear layer that makes four pixels of each, then the pixels in their places.
  void transposed_convolution(RunOf& run, const TransposedConvolution& w, const In& x, Activation activation,
                              const Out& y) const noexcept {
    const auto scope = run.scope();
    const Out z = run.map(x.batch, x.height, x.width, 4 * w.out);
    run.device(gemm_cost<T>(x.rows(), 4 * w.out, x.channels, bytes(z) + bytes(y)), [&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(multiply(run, {x, w.weight.data(), x.channels, z}));
      return launch_packs(
          "transposed_convolution", [](auto n) { return spread_pixels<decltype(n)::value, T>; }, y,
          run.memory().stream(), z, w.bias.data(), activation, y);
    });
  }

  void layer_norm(RunOf& run, const LayerNorm& w, const In& x, const Epilogue<BasicBackend>& epilogue,
                  const Out& y) const noexcept {
    run.device({8 * elements(x), bytes(x) + bytes(epilogue.residual) + bytes(y)}, [&] {
      return launch_layer_norm(run.memory().stream(), x, w.gain.data(), w.bias.data(), w.eps,
                               Finish<T>{epilogue.activation, epilogue.residual, epilogue.last}, y);
    });
  }

  void max_pool(RunOf& run, const Pool& pool, const In& x, const Out& y) const noexcept {
    run.device({static_cast<double>(pool.kernel * pool.kernel) * elements(y), bytes(x) + bytes(y)}, [&] {
      return launch_packs(
          "max_pool", [](auto n) { return largest_of_neighbours<decltype(n)::value, T>; }, y, run.memory().stream(), x,
          static_cast<int>(pool.kernel), static_cast<int>(pool.stride), static_cast<int>(pool.padding), y);
    });
  }

  void prelu(RunOf& run, const Slopes& slopes, const Out& x) const noexcept {
    run.device({2 * elements(x), 2 * bytes(x)}, [&] {
      return launch_packs(
          "prelu", [](auto n) { return slope_negatives<decltype(n)::value, T>; }, x, run.memory().stream(),
          slopes.values.data(), x);
    });
  }

  void add_upsampled(RunOf& run, const In& half, const Out& x) const noexcept {
    run.device({elements(x), bytes(half) + 2 * bytes(x)}, [&] {
      return launch_packs(
          "add_upsampled", [](auto n) { return add_doubled<decltype(n)::value, T>; }, x, run.memory().stream(), half,
          x);
    });
  }

  void patches(RunOf& run, const In& x, Index size, const Out& y) const noexcept {
    run.device({0, bytes(x) + bytes(y)}, [&] { return gather(run, x, size, size, /*pad=*/0, y); });
  }

  void spatial_mean(RunOf& run, const In& x, const Out& y) const noexcept {
    const auto scope = run.scope();
    const Map<float> parts = float_map(run, x.batch, mean_strips(x.pixels()), x.channels);
    run.device({elements(x), bytes(x)}, [&]() -> Status {
      if (parts.width == 1) return launch_mean(run.memory().stream(), x, y);
      SEGFACE_RETURN_IF_ERROR(launch_mean(run.memory().stream(), x, parts));
      return launch_elements<1>("spatial_mean", add_strips<T>, y, run.memory().stream(), parts, y);
    });
  }

  void scale_channels(RunOf& run, const In& s, const Out& x) const noexcept {
    run.device({elements(x), 2 * bytes(x)}, [&] {
      return launch_packs(
          "scale_channels", [](auto n) { return scale_map<decltype(n)::value, T, T>; }, x, run.memory().stream(), s, x);
    });
  }

  void add(RunOf& run, const In& a, const In& b, const Out& y) const noexcept {
    run.device({elements(y), bytes(a) + bytes(b) + bytes(y)}, [&] {
      return launch_packs(
          "add", [](auto n) { return add_maps<decltype(n)::value, T>; }, y, run.memory().stream(), a, b, y);
    });
  }

  // What is read of many keys is written in parts and read again: too few blocks would have work otherwise.
  void attention(RunOf& run, const In& q, const In& k, const In& v, Index heads, const Out& y) const noexcept {
    const auto scope = run.scope();
    const Index floats = attention_scratch(q, k, heads);
    float* const scratch = run.template scratch<float>(floats);
    const double parts = 2.0 * static_cast<double>(floats) * sizeof(float);
    const auto products = static_cast<double>(q.rows() * k.pixels() * q.channels);
    run.device({4 * products, bytes(q) + bytes(k) + bytes(v) + parts + bytes(y)},
               [&] { return launch_attention(run.memory().stream(), q, k, v, heads, scratch, y); });
  }

  void windowed_attention(RunOf& run, const WindowAttention& w, const In& qkv, Index shift,
                          const Out& y) const noexcept {
    const WindowAxis vertical(y.height, w.window, shift), horizontal(y.width, w.window, shift);
    const Index tokens = w.window * w.window, windows = y.batch * vertical.count * horizontal.count;
    const auto products = static_cast<double>(windows * tokens * tokens * y.channels);
    const auto biases = static_cast<double>(w.heads * tokens * tokens) * sizeof(float);
    run.device({4 * products, bytes(qkv) + biases + bytes(y)},
               [&] { return launch_windowed_attention(run.memory().stream(), w, qkv, shift, y); });
  }

  void bilinear(RunOf& run, const In& x, const Out& y) const noexcept {
    run.device({8 * elements(y), bytes(x) + bytes(y)}, [&] {
      return launch_packs(
          "bilinear", [](auto n) { return interpolate<decltype(n)::value, T>; }, y, run.memory().stream(), x, y);
    });
  }

  // The warps are copied when the stream comes to them: a graph reads them where they are, in pinned memory.
  void warp(RunOf& run, Span<const TanhWarp> warps, bool back, const In& x, const Out& y) const noexcept {
    const auto scope = run.scope();
    TanhWarp* const copies = run.template scratch<TanhWarp>(static_cast<Index>(warps.size()));
    run.device({8 * elements(y), bytes(x) + bytes(y)}, [&]() -> Status {
      const cudaStream_t stream = run.memory().stream();
      SEGFACE_RETURN_IF_ERROR(
          check(cudaMemcpyAsync(copies, warps.data(), warps.size() * sizeof(TanhWarp), cudaMemcpyHostToDevice, stream),
                "cudaMemcpyAsync"));
      for (Index b = 0; b < y.batch; ++b) {
        SEGFACE_RETURN_IF_ERROR(
            launch_elements<1>("warp", warp_image<T>, y.image(b), stream, copies + b, back, x.image(b), y.image(b)));
      }
      return {};
    });
  }

  void token_products(RunOf& run, const In& pixels, const In& tokens, const Out& y) const noexcept {
    Product<T> product = {pixels, tokens.data, tokens.stride, y};
    product.count = pixels.batch;
    product.weight_step = tokens.pixels() * tokens.stride;
    run.device(gemm_cost<T>(pixels.rows(), tokens.width, pixels.channels), [&] { return multiply(run, product); });
  }

  void position_encoding(RunOf& run, const PositionEncoding& w, const Out& y) const noexcept {
    run.device({20 * elements(y), bytes(y)}, [&] {
      return launch_elements<1>("position_encoding", encode_positions<T>, y, run.memory().stream(), w.gaussian.data(),
                                y);
    });
  }

  void repeat(RunOf& run, const Constant& constant, const Out& y) const noexcept {
    const auto read = static_cast<double>(y.pixels() * y.channels) * sizeof(float);
    run.device({0, read + bytes(y)}, [&] {
      return launch_packs(
          "repeat", [](auto n) { return repeat_rows<decltype(n)::value, T>; }, y, run.memory().stream(),
          constant.values.data(), y);
    });
  }

  // ---- overrides of compounds ---------------------------------------------------------------------------------

  // The mean in strips, whose sum the first matrix takes; what is between the kernels is float32.
  void squeeze_excitation(RunOf& run, const compound::SqueezeExcitation<BasicBackend>& w, const Out& x) const noexcept {
    if (x.channels > kMostDenseInputs) return compound::squeeze_excitation<BasicBackend>(run, w, x);
    const auto scope = run.scope();
    const Map<float> mean = float_map(run, x.batch, mean_strips(x.pixels()), x.channels);
    const Map<float> squeezed = float_map(run, x.batch, 1, w.fc1.out), scale = float_map(run, x.batch, 1, w.fc2.out);
    run.device({elements(x), bytes(x)}, [&] { return launch_mean<T, float>(run.memory().stream(), x, mean); });
    run.device(gemm_cost<T>(x.batch, w.fc1.out, w.fc1.in), [&] {
      return launch_dense(run.memory().stream(), Map<const float>(mean), w.fc1.weight.data(), w.fc1.bias.data(),
                          w.inner, squeezed);
    });
    run.device(gemm_cost<T>(x.batch, w.fc2.out, w.fc2.in), [&] {
      return launch_dense(run.memory().stream(), Map<const float>(squeezed), w.fc2.weight.data(), w.fc2.bias.data(),
                          w.gate, scale);
    });
    run.device({elements(x), 2 * bytes(x)}, [&] {
      return launch_packs(
          "scale_channels", [](auto n) { return scale_map<decltype(n)::value, float, T>; }, x, run.memory().stream(),
          scale, x);
    });
  }

  // ---- ends: photos and results -------------------------------------------------------------------------------

  void label_map(RunOf& run, const Out& logits, const LabelTarget& target) const noexcept {
    run.device({}, [&] { return cuda::label_map<T>(run.memory(), logits, target); });
  }
  void class_planes(RunOf& run, const Out& logits, const Span<float>& out) const noexcept {
    run.device({}, [&] { return cuda::class_planes<T>(run.memory(), logits, out.data()); });
  }

  // ---- for words of networks ----------------------------------------------------------------------------------

  Status multiply(RunOf& run, const Product<T>& product) const noexcept {
    return run.memory().multiply(library_, product, tf32_);
  }

 private:
  BasicBackend(const CublasLt& library, bool tf32) noexcept : library_(library), tf32_(tf32) {}

  // How last(activation(x W^T + bias) + residual) is made: of a product as cuBLASLt can finish it, and a kernel for the
  // rest, if any.
  struct Plan {
    In added;  // by the product; no rows: nothing
    bool relu = false;
    Finish<T> rest;
    Out z;  // the product: y, or scratch where the residual is y and must wait for an activation

    Plan(RunOf& run, const Epilogue<BasicBackend>& epilogue, const Out& y) noexcept
        : rest{epilogue.activation, epilogue.residual, epilogue.last}, z(y) {
      const bool residual = epilogue.residual.batch != 0;
      if (residual && epilogue.activation == Activation::none) {
        added = epilogue.residual;
        rest = {epilogue.last, {}, Activation::none};
      }
      if (rest.activation == Activation::relu) {
        relu = true;
        rest.activation = Activation::none;
      }
      if (rest.residual.batch != 0) z = run.map(y.batch, y.height, y.width, y.channels);
    }
    // Bytes moved besides the product's operands. cuBLASLt has no exact GELU, no SiLU and no hard swish: a product that
    // one follows must be read and written again.
    double beside(const Out& y) const noexcept {
      return bytes(added) + bytes(rest.residual) + (needs_kernel() ? 2 * bytes(y) : 0);
    }
    bool needs_kernel() const noexcept { return rest.activation != Activation::none || rest.residual.batch != 0; }
    Product<T> product(const Linear& w, const In& x, const Out& to, const In& residual) const noexcept {
      const bool of_each = residual.batch == 1;  // the residual of one image is for all of them
      return {x, w.weight.data(), w.in, to, w.bias.data(), residual, relu, of_each ? x.batch : 1};
    }
    Status finish(RunOf& run, const Out& y) const noexcept {
      if (!needs_kernel()) return {};
      return launch_packs(
          "epilogue", [](auto n) { return finish_elements<decltype(n)::value, T>; }, y, run.memory().stream(), z, rest,
          y);
    }
  };

  // A packed map [batch, 1, rows, channels] of floats.
  static Map<float> float_map(RunOf& run, Index batch, Index rows, Index channels) noexcept {
    return {run.template scratch<float>(batch * rows * channels), batch, 1, rows, channels, channels};
  }

  static Status gather(RunOf& run, const In& x, Index kernel, Index stride, Index pad, const Out& y) noexcept {
    return launch_packs(
        "patches", [](auto n) { return gather_patches<decltype(n)::value, T>; }, y, run.memory().stream(), x,
        static_cast<int>(kernel), static_cast<int>(stride), static_cast<int>(pad), y);
  }

  CublasLt library_;
  bool tf32_;
};

using Backend = BasicBackend<float>;
using HalfBackend = BasicBackend<__half>;

}  // namespace cuda
SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

namespace cuda = core::cuda;  // of which Backend and HalfBackend are API

SEGFACE_END_NAMESPACE
