// Products of matrices by cuBLAS, in float32 (no TF32). cuBLAS stores columns first, so it is given everything
// transposed: y^T = W x^T.
#pragma once

#include <climits>

#include "segface/backends/cuda/memory.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE
namespace cuda {

// For each of `count` images: y = x W^T, and y as it was where `keep`. x [rows, in], y [rows, out]; the matrices of
// the images are weight_step, x_step and y_step elements apart. Errors: limit_exceeded, those of check.
inline Status multiply_batch(Memory& memory, const float* weight, Index weight_stride, Index weight_step,
                             const Map<const float>& x, const Map<float>& y, bool keep, Index count) noexcept {
  const Index rows = y.rows() / count;
  if (rows > INT_MAX) return error(Errc::limit_exceeded, "more than 2^31 pixels; use a smaller batch");
  SEGFACE_ASSIGN(handle, memory.blas());
  const float one = 1, before = keep ? 1 : 0;
  const auto as_int = [](Index number) { return static_cast<int>(number); };
  return check(
      cublasSgemmStridedBatched(handle, CUBLAS_OP_T, CUBLAS_OP_N, as_int(y.channels), as_int(rows), as_int(x.channels),
                                &one, weight, as_int(weight_stride), weight_step, x.data, as_int(x.stride),
                                rows * x.stride, &before, y.data, as_int(y.stride), rows * y.stride, as_int(count)),
      "cublasSgemmStridedBatched");
}

// All rows by one packed weight [out, in].
inline Status multiply(Memory& memory, const float* weight, const Map<const float>& x, bool keep,
                       const Map<float>& y) noexcept {
  return multiply_batch(memory, weight, x.channels, 0, x, y, keep, /*count=*/1);
}

// The rows of each image by its own tokens [B, 1, K, C].
inline Status multiply_images(Memory& memory, const Map<const float>& tokens, const Map<const float>& x,
                              const Map<float>& y) noexcept {
  return multiply_batch(memory, tokens.data, tokens.stride, tokens.pixels() * tokens.stride, x, y, /*keep=*/false,
                        x.batch);
}

}  // namespace cuda
SEGFACE_END_NAMESPACE
