// The cuda backend: the vocabulary on a GPU, in CUDA C++, with the CUDA runtime and cuBLAS and nothing else.
//
// Weights are uploaded when they are prepared, BatchNorm folded in. Activations are float32 in the block of a Memory,
// which has a stream of its own; every kernel and copy goes through that stream, and the host waits only where it reads
// a map. Products are cuBLAS's, in float32; what follows a product (bias, activation, residual) is a kernel. All
// compounds are the defaults. Programs that include this are compiled by nvcc and link cublas.
#pragma once

#include <cublas_v2.h>
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

class Backend {
 public:
  using Scalar = float;
  using Memory = cuda::Memory;
  using RunOf = Run<Backend>;
  using In = Map<const float>;
  using Out = Map<float>;
  using Linear = cuda::Linear;
  using Convolution = cuda::Convolution;
  using DepthwiseConvolution = cuda::DepthwiseConvolution;
  using LayerNorm = cuda::LayerNorm;
  using TransposedConvolution = cuda::TransposedConvolution;
  using WindowAttention = cuda::WindowAttention;
  using PositionEncoding = cuda::PositionEncoding;
  using Constant = cuda::Constant;

  // On the current device. Errors: no_device.
  static Result<Backend> from_environment() noexcept {
    int count = 0;
    SEGFACE_RETURN_IF_ERROR(check(cudaGetDeviceCount(&count), "cudaGetDeviceCount"));
    if (count == 0) return error(Errc::no_device, "no GPU to compute on; use the cpu backend");
    return Backend();
  }

  Result<Linear> prepare_linear(const LinearParameters& p) const noexcept { return upload_linear(p); }
  Result<Convolution> prepare_convolution(const ConvolutionParameters& p) const noexcept {
    return upload_convolution(p);
  }
  Result<DepthwiseConvolution> prepare_depthwise_convolution(const ConvolutionParameters& p) const noexcept {
    return upload_depthwise(p);
  }
  Result<LayerNorm> prepare_layer_norm(const LayerNormParameters& p) const noexcept { return upload_layer_norm(p); }
  Result<TransposedConvolution> prepare_transposed_convolution(
      const TransposedConvolutionParameters& p) const noexcept {
    return upload_transposed(p);
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

  void linear(RunOf& run, const Linear& w, const In& x, const Epilogue<Backend>& epilogue,
              const Out& y) const noexcept {
    const auto scope = run.scope();
    const Product product(run, epilogue, y);
    run.device(gemm_cost(x.rows(), w.out, x.channels), [&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(product.multiply(run.memory(), w.weight.data(), x, product.z));
      return product.finish(run.memory(), w.bias.data(), y);
    });
  }

  // Patches, an image at a time, times a matrix.
  void convolution(RunOf& run, const Convolution& w, const In& x, const Epilogue<Backend>& epilogue,
                   const Out& y) const noexcept {
    if (w.kernel == 1 && w.stride == 1) return linear(run, w.matrix, x, epilogue, y);
    const auto scope = run.scope();
    const Product product(run, epilogue, y);
    const Out patches = run.map(1, y.height, y.width, w.matrix.in);
    run.device(gemm_cost(y.rows(), w.out, w.matrix.in), [&]() -> Status {
      for (Index b = 0; b < x.batch; ++b) {
        SEGFACE_RETURN_IF_ERROR(gather(run, x.image(b), w.kernel, w.stride, (w.kernel - 1) / 2, patches));
        SEGFACE_RETURN_IF_ERROR(product.multiply(run.memory(), w.matrix.weight.data(), patches, product.z.image(b)));
      }
      return product.finish(run.memory(), w.matrix.bias.data(), y);
    });
  }

  void depthwise_convolution(RunOf& run, const DepthwiseConvolution& w, const In& x, Activation activation,
                             const Out& y) const noexcept {
    const auto taps = static_cast<double>(w.kernel * w.kernel);
    run.device({2 * taps * elements(y), bytes(x) + bytes(y)}, [&] {
      return launch_elements("depthwise_convolution", filter_channels<float>, y, run.memory().stream(), x,
                             w.weight.data(), w.bias.data(), static_cast<int>(w.kernel), static_cast<int>(w.stride),
                             activation, y);
    });
  }

  // A linear layer that makes four pixels of each, then the pixels in their places.
  void transposed_convolution(RunOf& run, const TransposedConvolution& w, const In& x, Activation activation,
                              const Out& y) const noexcept {
    const auto scope = run.scope();
    const Out z = run.map(x.batch, x.height, x.width, 4 * w.out);
    run.device(gemm_cost(x.rows(), 4 * w.out, x.channels), [&]() -> Status {
      SEGFACE_RETURN_IF_ERROR(multiply(run.memory(), w.weight.data(), x, /*keep=*/false, z));
      return launch_elements("transposed_convolution", spread_pixels<float>, y, run.memory().stream(), z, w.bias.data(),
                             activation, y);
    });
  }

  void layer_norm(RunOf& run, const LayerNorm& w, const In& x, const Epilogue<Backend>& epilogue,
                  const Out& y) const noexcept {
    run.device({8 * elements(x), bytes(x) + bytes(y)}, [&] {
      return launch_layer_norm(run.memory().stream(), x, w.gain.data(), w.bias.data(), w.eps,
                               Finish<float>{epilogue.activation, epilogue.residual, epilogue.last}, y);
    });
  }

  void max_pool(RunOf& run, const In& x, const Out& y) const noexcept {
    run.device({9 * elements(y), bytes(x) + bytes(y)}, [&] {
      return launch_elements("max_pool", largest_of_neighbours<float>, y, run.memory().stream(), x, y);
    });
  }

  void patches(RunOf& run, const In& x, Index size, const Out& y) const noexcept {
    run.device({0, bytes(x) + bytes(y)}, [&] { return gather(run, x, size, size, /*pad=*/0, y); });
  }

  void spatial_mean(RunOf& run, const In& x, const Out& y) const noexcept {
    run.device({elements(x), bytes(x)}, [&] { return launch_spatial_mean(run.memory().stream(), x, y); });
  }

  void scale_channels(RunOf& run, const In& s, const Out& x) const noexcept {
    run.device({elements(x), 2 * bytes(x)},
               [&] { return launch_elements("scale_channels", scale_map<float>, x, run.memory().stream(), s, x); });
  }

  void add(RunOf& run, const In& a, const In& b, const Out& y) const noexcept {
    run.device({elements(y), bytes(a) + bytes(b) + bytes(y)},
               [&] { return launch_elements("add", add_maps<float>, y, run.memory().stream(), a, b, y); });
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
               [&] { return launch_elements("bilinear", interpolate<float>, y, run.memory().stream(), x, y); });
  }

  void warp(RunOf& run, Span<const TanhWarp> warps, bool back, const In& x, const Out& y) const noexcept {
    run.device({8 * elements(y), bytes(x) + bytes(y)}, [&]() -> Status {
      for (Index b = 0; b < y.batch; ++b) {
        SEGFACE_RETURN_IF_ERROR(launch_elements("warp", warp_image<float>, y.image(b), run.memory().stream(),
                                                warps[static_cast<std::size_t>(b)], back, x.image(b), y.image(b)));
      }
      return {};
    });
  }

  void token_products(RunOf& run, const In& pixels, const In& tokens, const Out& y) const noexcept {
    run.device(gemm_cost(pixels.rows(), tokens.width, pixels.channels),
               [&] { return multiply_images(run.memory(), tokens, pixels, y); });
  }

  void position_encoding(RunOf& run, const PositionEncoding& w, const Out& y) const noexcept {
    run.device({20 * elements(y), bytes(y)}, [&] {
      return launch_elements("position_encoding", encode_positions<float>, y, run.memory().stream(), w.gaussian.data(),
                             y);
    });
  }

  void repeat(RunOf& run, const Constant& constant, const Out& y) const noexcept {
    run.device({0, bytes(y)}, [&] {
      return launch_elements("repeat", repeat_rows<float>, y, run.memory().stream(), constant.values.data(), y);
    });
  }

 private:
  // A product z = x W^T and what follows it: y = last(activation(z + bias) + residual).
  struct Product {
    Finish<float> after;
    bool keep;  // the residual is y and nothing comes between: y += x W^T
    Out z;      // y, or scratch where the residual is y and must wait for the activation

    Product(RunOf& run, const Epilogue<Backend>& epilogue, const Out& y) noexcept
        : after{epilogue.activation, epilogue.residual, epilogue.last} {
      const bool waits = after.residual.batch != 0 && after.activation != Activation::none;
      keep = after.residual.batch != 0 && !waits && after.residual.data == y.data;
      z = waits ? run.map(y.batch, y.height, y.width, y.channels) : y;
    }
    Status multiply(Memory& memory, const float* weight, const In& x, const Out& product) const noexcept {
      return cuda::multiply(memory, weight, x, keep, product);
    }
    Status finish(Memory& memory, const float* bias, const Out& y) const noexcept {
      Finish<float> rest = after;
      if (keep) rest = {rest.last, {}, Activation::none};  // the residual is in y already
      return launch_elements("epilogue", finish_elements<float>, y, memory.stream(), z, bias, rest, y);
    }
  };

  static Status gather(RunOf& run, const In& x, Index kernel, Index stride, Index pad, const Out& y) noexcept {
    return launch_elements("patches", gather_patches<float>, y, run.memory().stream(), x, static_cast<int>(kernel),
                           static_cast<int>(stride), static_cast<int>(pad), y);
  }

  static double elements(const In& x) noexcept { return static_cast<double>(x.rows() * x.channels); }
  static double bytes(const In& x) noexcept { return elements(x) * sizeof(float); }
  static Cost gemm_cost(Index m, Index n, Index k) noexcept {
    return {2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k),
            static_cast<double>(m * k + k * n + m * n) * sizeof(float)};
  }
};

}  // namespace cuda
SEGFACE_END_NAMESPACE
