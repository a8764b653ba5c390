// The cuda backend: the vocabulary on a GPU, in CUDA C++, with the CUDA runtime and cuBLASLt and nothing else.
//
// Weights are uploaded when they are prepared, BatchNorm folded in. Activations are in the block of a Memory, which has
// a stream of its own; every kernel and copy goes through that stream, and the host waits only where it reads a map.
// Activations and the weights of products are float32 or float16, everything is computed in float32. Products are
// cuBLASLt's, with bias, residual and ReLU; other activations are a kernel after it. All compounds are the defaults.
// Programs that include this are compiled by nvcc and link cublasLt.
#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <climits>

#include "segface/backends/compound.hpp"
#include "segface/backends/cuda/attention.cuh"
#include "segface/backends/cuda/convolution.cuh"
#include "segface/backends/cuda/elements.cuh"
#include "segface/backends/cuda/epilogue.cuh"
#include "segface/backends/cuda/memory.cuh"
#include "segface/backends/cuda/norm.cuh"
#include "segface/backends/cuda/operands.cuh"
#include "segface/backends/cuda/product.cuh"
#include "segface/backends/cuda/window.cuh"
#include "segface/backends/primitives.hpp"

SEGFACE_BEGIN_NAMESPACE
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
  using LayerNorm = cuda::LayerNorm;
  using TransposedConvolution = cuda::TransposedConvolution<T>;
  using WindowAttention = cuda::WindowAttention;
  using PositionEncoding = cuda::PositionEncoding;
  using Constant = cuda::Constant;

  // On the current device. tf32: whether products of floats may round them to ten bits of fraction, which tensor cores
  // multiply many times faster. Errors: no_device.
  static Result<BasicBackend> from_environment(bool tf32 = false) noexcept {
    int count = 0;
    SEGFACE_RETURN_IF_ERROR(check(cudaGetDeviceCount(&count), "cudaGetDeviceCount"));
    if (count == 0) return error(Errc::no_device, "no GPU to compute on; use the cpu backend");
    return BasicBackend(tf32);
  }

  Result<Linear> prepare_linear(const LinearParameters& p) const noexcept { return upload_linear<T>(p); }
  Result<Convolution> prepare_convolution(const ConvolutionParameters& p) const noexcept {
    return upload_convolution<T>(p);
  }
  Result<DepthwiseConvolution> prepare_depthwise_convolution(const ConvolutionParameters& p) const noexcept {
    return upload_depthwise(p);
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
    run.device(gemm_cost(x.rows(), w.out, x.channels), [&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(multiply(run, plan.product(w, x, plan.z, plan.added)));
      return plan.finish(run, y);
    });
  }

  // Patches, an image at a time, times a matrix.
  void convolution(RunOf& run, const Convolution& w, const In& x, const Epilogue<BasicBackend>& epilogue,
                   const Out& y) const noexcept {
    if (w.kernel == 1 && w.stride == 1) return linear(run, w.matrix, x, epilogue, y);
    const auto scope = run.scope();
    const Plan plan(run, epilogue, y);
    const Out patches = run.map(1, y.height, y.width, w.matrix.in);
    run.device(gemm_cost(y.rows(), w.out, w.matrix.in), [&]() -> Status {
      for (Index b = 0; b < x.batch; ++b) {
        SEGFACE_RETURN_IF_ERROR(gather(run, x.image(b), w.kernel, w.stride, (w.kernel - 1) / 2, patches));
        const In added = plan.added.rows() != 0 ? plan.added.image(b) : In();
        SEGFACE_RETURN_IF_ERROR(multiply(run, plan.product(w.matrix, patches, plan.z.image(b), added)));
      }
      return plan.finish(run, y);
    });
  }

  void depthwise_convolution(RunOf& run, const DepthwiseConvolution& w, const In& x, Activation activation,
                             const Out& y) const noexcept {
    const auto taps = static_cast<double>(w.kernel * w.kernel);
    run.device({2 * taps * elements(y), bytes(x) + bytes(y)}, [&] {
      return launch_elements("depthwise_convolution", filter_channels<T>, y, run.memory().stream(), x, w.weight.data(),
                             w.bias.data(), static_cast<int>(w.kernel), static_cast<int>(w.stride), activation, y);
    });
  }

  // A linear layer that makes four pixels of each, then the pixels in their places.
  void transposed_convolution(RunOf& run, const TransposedConvolution& w, const In& x, Activation activation,
                              const Out& y) const noexcept {
    const auto scope = run.scope();
    const Out z = run.map(x.batch, x.height, x.width, 4 * w.out);
    run.device(gemm_cost(x.rows(), 4 * w.out, x.channels), [&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(multiply(run, {x, w.weight.data(), x.channels, z}));
      return launch_elements("transposed_convolution", spread_pixels<T>, y, run.memory().stream(), z, w.bias.data(),
                             activation, y);
    });
  }

  void layer_norm(RunOf& run, const LayerNorm& w, const In& x, const Epilogue<BasicBackend>& epilogue,
                  const Out& y) const noexcept {
    run.device({8 * elements(x), bytes(x) + bytes(y)}, [&] {
      return launch_layer_norm(run.memory().stream(), x, w.gain.data(), w.bias.data(), w.eps,
                               Finish<T>{epilogue.activation, epilogue.residual, epilogue.last}, y);
    });
  }

  void max_pool(RunOf& run, const In& x, const Out& y) const noexcept {
    run.device({9 * elements(y), bytes(x) + bytes(y)},
               [&] { return launch_elements("max_pool", largest_of_neighbours<T>, y, run.memory().stream(), x, y); });
  }

  void patches(RunOf& run, const In& x, Index size, const Out& y) const noexcept {
    run.device({0, bytes(x) + bytes(y)}, [&] { return gather(run, x, size, size, /*pad=*/0, y); });
  }

  void spatial_mean(RunOf& run, const In& x, const Out& y) const noexcept {
    run.device({elements(x), bytes(x)}, [&] { return launch_spatial_mean(run.memory().stream(), x, y); });
  }

  void scale_channels(RunOf& run, const In& s, const Out& x) const noexcept {
    run.device({elements(x), 2 * bytes(x)},
               [&] { return launch_elements("scale_channels", scale_map<T>, x, run.memory().stream(), s, x); });
  }

  void add(RunOf& run, const In& a, const In& b, const Out& y) const noexcept {
    run.device({elements(y), bytes(a) + bytes(b) + bytes(y)},
               [&] { return launch_elements("add", add_maps<T>, y, run.memory().stream(), a, b, y); });
  }

  void attention(RunOf& run, const In& q, const In& k, const In& v, Index heads, const Out& y) const noexcept {
    const auto products = static_cast<double>(q.rows() * k.pixels() * q.channels);
    run.device({4 * products, bytes(q) + bytes(k) + bytes(v) + bytes(y)},
               [&] { return launch_attention(run.memory().stream(), q, k, v, heads, y); });
  }

  void windowed_attention(RunOf& run, const WindowAttention& w, const In& qkv, Index shift,
                          const Out& y) const noexcept {
    const WindowAxis vertical(y.height, w.window, shift), horizontal(y.width, w.window, shift);
    const Index tokens = w.window * w.window, windows = y.batch * vertical.count * horizontal.count;
    const auto products = static_cast<double>(windows * tokens * tokens * y.channels);
    run.device({4 * products, bytes(qkv) + bytes(y)},
               [&] { return launch_windowed_attention(run.memory().stream(), w, qkv, shift, y); });
  }

  void bilinear(RunOf& run, const In& x, const Out& y) const noexcept {
    run.device({8 * elements(y), bytes(x) + bytes(y)},
               [&] { return launch_elements("bilinear", interpolate<T>, y, run.memory().stream(), x, y); });
  }

  void warp(RunOf& run, Span<const TanhWarp> warps, bool back, const In& x, const Out& y) const noexcept {
    run.device({8 * elements(y), bytes(x) + bytes(y)}, [&]() -> Status {
      for (Index b = 0; b < y.batch; ++b) {
        SEGFACE_RETURN_IF_ERROR(launch_elements("warp", warp_image<T>, y.image(b), run.memory().stream(),
                                                warps[static_cast<std::size_t>(b)], back, x.image(b), y.image(b)));
      }
      return {};
    });
  }

  void token_products(RunOf& run, const In& pixels, const In& tokens, const Out& y) const noexcept {
    Product<T> product = {pixels, tokens.data, tokens.stride, y};
    product.count = pixels.batch;
    product.weight_step = tokens.pixels() * tokens.stride;
    run.device(gemm_cost(pixels.rows(), tokens.width, pixels.channels), [&] { return multiply(run, product); });
  }

  void position_encoding(RunOf& run, const PositionEncoding& w, const Out& y) const noexcept {
    run.device({20 * elements(y), bytes(y)}, [&] {
      return launch_elements("position_encoding", encode_positions<T>, y, run.memory().stream(), w.gaussian.data(), y);
    });
  }

  void repeat(RunOf& run, const Constant& constant, const Out& y) const noexcept {
    run.device({0, bytes(y)}, [&] {
      return launch_elements("repeat", repeat_rows<T>, y, run.memory().stream(), constant.values.data(), y);
    });
  }

 private:
  explicit BasicBackend(bool tf32) noexcept : tf32_(tf32) {}

  Status multiply(RunOf& run, const Product<T>& product) const noexcept {
    return run.memory().multiply(product, tf32_);
  }

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
      if (residual && epilogue.activation == Activation::none && epilogue.residual.batch == y.batch) {
        added = epilogue.residual;
        rest = {epilogue.last};
      }
      if (rest.activation == Activation::relu) {
        relu = true;
        rest.activation = Activation::none;
      }
      if (rest.residual.batch != 0) z = run.map(y.batch, y.height, y.width, y.channels);
    }
    Product<T> product(const Linear& w, const In& x, const Out& to, const In& residual) const noexcept {
      return {x, w.weight.data(), w.in, to, w.bias.data(), residual, relu};
    }
    Status finish(RunOf& run, const Out& y) const noexcept {
      if (rest.activation == Activation::none && rest.residual.batch == 0) return {};
      return launch_elements("epilogue", finish_elements<T>, y, run.memory().stream(), z, rest, y);
    }
  };

  static Status gather(RunOf& run, const In& x, Index kernel, Index stride, Index pad, const Out& y) noexcept {
    return launch_elements("patches", gather_patches<T>, y, run.memory().stream(), x, static_cast<int>(kernel),
                           static_cast<int>(stride), static_cast<int>(pad), y);
  }

  static double elements(const In& x) noexcept { return static_cast<double>(x.rows() * x.channels); }
  static double bytes(const In& x) noexcept { return elements(x) * sizeof(T); }
  static Cost gemm_cost(Index m, Index n, Index k) noexcept {
    return {2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
            static_cast<double>(m * k + k * n + m * n) * sizeof(T)};
  }

  bool tf32_;
};

using Backend = BasicBackend<float>;
using HalfBackend = BasicBackend<__half>;

}  // namespace cuda
SEGFACE_END_NAMESPACE
