// Products of matrices by cuBLASLt, with what it can do to an element before it is stored: a bias, a matrix to add,
// ReLU at the end. (Its GELU is the approximation by tanh, which is not ours.) Numbers are stored as T, float or
// __half, and added up in float32. cuBLASLt stores columns first, so it is given everything transposed: y^T = W x^T.
#pragma once

#include <cuda_fp16.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>
#include <type_traits>
#include <vector>

#include "segface/backends/cuda/buffer.cuh"
#include "segface/backends/cuda/cublas.cuh"
#include "segface/base/config.hpp"
#include "segface/base/map.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

// For each of `count` equal parts of the rows: y = relu(x W^T + bias + residual), [rows, in] -> [rows, out].
template <class T>
struct Product {
  Map<const T> x;
  const T* weight;             // [out, in]
  Index weight_stride;         // elements from a row of the weight to the next
  Map<T> y;                    // may be the residual, not x
  const T* bias = nullptr;     // [out], or none
  Map<const T> residual = {};  // of all rows, or the same for every part, or none
  bool relu = false;
  Index count = 1;
  Index weight_step = 0;  // elements from the weight of a part to that of the next
};

// A handle, its workspace, and an algorithm for each shape that was ever asked for: after the first call of a size
// nothing is allocated and nothing chosen any more.
class Products {
 public:
  // TF32: whether floats may be rounded to ten bits of fraction, for tensor cores. Errors: limit_exceeded, those of
  // check; internal where cuBLASLt knows no algorithm.
  template <class T>
  Status multiply(const CublasLt& library, cudaStream_t stream, const Product<T>& p, bool tf32) noexcept {
    const Index rows = p.y.rows() / p.count;
    if (rows > INT_MAX) return error(Errc::limit_exceeded, "more than 2^31 pixels; use a smaller batch");
    SEGFACE_RETURN_IF_ERROR(open(library));
    const bool adds = p.residual.rows() != 0;
    const Map<const T> before = adds ? p.residual : Map<const T>(p.y);
    const Index before_step = before.rows() == p.y.rows() ? rows * before.stride : 0;

    Call call(library);
    const bool rounded = tf32 && std::is_same_v<T, float>;
    SEGFACE_RETURN_IF_ERROR(library.check(
        library.MatmulDescInit_internal(&call.operation, sizeof call.operation,
                                        rounded ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
        "cublasLtMatmulDescInit"));
    const cublasLtEpilogue_t epilogues[] = {CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_RELU, CUBLASLT_EPILOGUE_BIAS,
                                            CUBLASLT_EPILOGUE_RELU_BIAS};
    const int epilogue = (p.relu ? 1 : 0) + (p.bias != nullptr ? 2 : 0);
    SEGFACE_RETURN_IF_ERROR(call.set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T));
    SEGFACE_RETURN_IF_ERROR(call.set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogues[epilogue]));
    if (p.bias != nullptr) SEGFACE_RETURN_IF_ERROR(call.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias));
    const Index in = p.x.channels, out = p.y.channels;
    SEGFACE_RETURN_IF_ERROR(call.layout<T>(in, out, p.weight_stride, p.count, p.weight_step, call.a));
    SEGFACE_RETURN_IF_ERROR(call.layout<T>(in, rows, p.x.stride, p.count, rows * p.x.stride, call.b));
    SEGFACE_RETURN_IF_ERROR(call.layout<T>(out, rows, before.stride, p.count, before_step, call.c));
    SEGFACE_RETURN_IF_ERROR(call.layout<T>(out, rows, p.y.stride, p.count, rows * p.y.stride, call.d));

    const std::array<std::uint32_t, 4> alignments = {
        alignment(p.weight, p.weight_step), alignment(p.x.data, rows * p.x.stride), alignment(before.data, before_step),
        alignment(p.y.data, rows * p.y.stride)};
    Shape shape = {static_cast<Index>(sizeof(T)),
                   rounded,
                   epilogue,
                   rows,
                   in,
                   out,
                   p.count,
                   p.weight_stride,
                   p.weight_step,
                   p.x.stride,
                   before.stride,
                   before_step,
                   p.y.stride};
    for (const std::uint32_t bytes : alignments) shape.back() = shape.back() * 32 + static_cast<Index>(bytes);
    SEGFACE_ASSIGN(algorithm, choose(shape, call, alignments));
    const float one = 1, keep = adds ? 1 : 0;
    return library.check(
        library.Matmul(handle_.get(), &call.operation, &one, p.weight, &call.a, p.x.data, &call.b, &keep, before.data,
                       &call.c, p.y.data, &call.d, &algorithm, workspace_.data(), workspace_.size(), stream),
        "cublasLtMatmul");
  }

  std::size_t bytes() const noexcept { return workspace_.size(); }

 private:
  static constexpr std::size_t kWorkspaceBytes = std::size_t{8} << 20;  // for sums of parts, where rows are few

  // Everything that an algorithm is chosen by.
  using Shape = std::array<Index, 14>;
  struct Choice {
    Shape shape;
    cublasLtMatmulAlgo_t algorithm;
  };
  // How cuBLASLt is told of a product.
  struct Call {
    const CublasLt& library;
    cublasLtMatmulDescOpaque_t operation;
    cublasLtMatrixLayoutOpaque_t a, b, c, d;

    explicit Call(const CublasLt& functions) noexcept : library(functions) {}

    template <class Value>
    Status set(cublasLtMatmulDescAttributes_t which, const Value& value) noexcept {
      return library.check(library.MatmulDescSetAttribute(&operation, which, &value, sizeof value),
                           "cublasLtMatmulDescSetAttribute");
    }
    // `count` matrices of columns that are `stride` elements apart, `step` elements from one to the next.
    template <class T>
    Status layout(Index rows, Index columns, Index stride, Index count, Index step,
                  cublasLtMatrixLayoutOpaque_t& made) noexcept {
      constexpr cudaDataType_t kType = std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_16F;
      SEGFACE_RETURN_IF_ERROR(
          library.check(library.MatrixLayoutInit_internal(&made, sizeof made, kType, static_cast<std::uint64_t>(rows),
                                                          static_cast<std::uint64_t>(columns), stride),
                        "cublasLtMatrixLayoutInit"));
      const auto set_layout = [&](cublasLtMatrixLayoutAttribute_t which, const auto& value) {
        return library.check(library.MatrixLayoutSetAttribute(&made, which, &value, sizeof value),
                             "cublasLtMatrixLayoutSetAttribute");
      };
      SEGFACE_RETURN_IF_ERROR(set_layout(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<std::int32_t>(count)));
      return set_layout(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, static_cast<std::int64_t>(step));
    }
  };

  Status open(const CublasLt& library) noexcept {
    if (handle_ != nullptr) return {};
    SEGFACE_ASSIGN(workspace, DeviceBuffer<std::uint8_t>::make(kWorkspaceBytes));
    SEGFACE_ASSIGN(handle, library.make_handle());
    handle_ = std::move(handle);
    workspace_ = std::move(workspace);
    return {};
  }

  // What the addresses of all parts are multiples of, 16 bytes at most.
  template <class T>
  static std::uint32_t alignment(const T* data, Index step) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(data) | static_cast<std::uintptr_t>(step) * sizeof(T) | 16;
    return static_cast<std::uint32_t>(address & (~address + 1));
  }

  Result<cublasLtMatmulAlgo_t> choose(const Shape& shape, Call& call,
                                      const std::array<std::uint32_t, 4>& alignments) noexcept {
    const auto known =
        std::find_if(choices_.begin(), choices_.end(), [&](const Choice& choice) { return choice.shape == shape; });
    if (known != choices_.end()) return known->algorithm;
    const CublasLt& library = call.library;
    cublasLtMatmulPreferenceOpaque_t preference;
    SEGFACE_RETURN_IF_ERROR(library.check(library.MatmulPreferenceInit_internal(&preference, sizeof preference),
                                          "cublasLtMatmulPreferenceInit"));
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t which, const auto& value) {
      return library.check(library.MatmulPreferenceSetAttribute(&preference, which, &value, sizeof value),
                           "cublasLtMatmulPreferenceSetAttribute");
    };
    SEGFACE_RETURN_IF_ERROR(
        set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<std::uint64_t>(workspace_.size())));
    SEGFACE_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignments[0]));
    SEGFACE_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignments[1]));
    SEGFACE_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignments[2]));
    SEGFACE_RETURN_IF_ERROR(set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignments[3]));
    cublasLtMatmulHeuristicResult_t found;
    int count = 0;
    SEGFACE_RETURN_IF_ERROR(
        library.check(library.MatmulAlgoGetHeuristic(handle_.get(), &call.operation, &call.a, &call.b, &call.c, &call.d,
                                                     &preference, 1, &found, &count),
                      "cublasLtMatmulAlgoGetHeuristic"));
    if (count == 0) {
      return error(Errc::internal, "cuBLASLt knows no algorithm for a product of ", shape[3], " x ", shape[4], " by ",
                   shape[5]);
    }
    SEGFACE_RETURN_IF_ERROR(library.check(found.state, "cublasLtMatmulAlgoGetHeuristic"));
    SEGFACE_RETURN_IF_ERROR(guarded([&]() -> Status {
      choices_.push_back({shape, found.algo});
      return {};
    }));
    return found.algo;
  }

  DeviceBuffer<std::uint8_t> workspace_;
  CublasLt::Handle handle_;
  std::vector<Choice> choices_;
};

}  // namespace cuda
SEGFACE_END_CORE
