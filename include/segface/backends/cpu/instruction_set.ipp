// One instruction set: every kernel, for the vectors of SEGFACE_VECTORS and the dot products of SEGFACE_DOTS, in the
// namespace SEGFACE_SET, compiled for the features of SEGFACE_TARGET where that is defined. SEGFACE_VNNI and SEGFACE_BF16:
// products too by instructions that some processors of the set have; these are written in assembly, so that they need no
// target of their own. SEGFACE_PRODUCTS_ONLY: a set that has int8's products alone, since assemblers want a target for them.
// Included by kernels.hpp only, once a set; takes its macros away.

#if defined(SEGFACE_TARGET)
#if defined(__clang__)
SEGFACE_PRAGMA(clang attribute push(__attribute__((target(SEGFACE_TARGET))), apply_to = function))
#else
#pragma GCC push_options
SEGFACE_PRAGMA(GCC target(SEGFACE_TARGET))
#pragma GCC diagnostic push  // g++ 12's own header of AVX-512 warns about its undefined vectors
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#endif

namespace SEGFACE_SET {
#include SEGFACE_VECTORS
// Lines of this kind keep the order of the files, of which each needs those before it.
#include "segface/backends/cpu/math.ipp"
//
#include "segface/backends/cpu/tile.ipp"
//
#include "segface/backends/cpu/products.ipp"
#include SEGFACE_DOTS
//
#include "segface/backends/cpu/int8.ipp"
//
#if defined(SEGFACE_BF16)
#include "segface/backends/cpu/bf16.ipp"
#endif
#if !defined(SEGFACE_PRODUCTS_ONLY)
#include "segface/backends/cpu/kernels.ipp"
#endif
}  // namespace SEGFACE_SET

#if defined(SEGFACE_TARGET)
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC diagnostic pop
#pragma GCC pop_options
#endif
#endif

namespace SEGFACE_SET {
inline constexpr ProductKernels kInt8Products = {Precision::int8, round_to_bytes,
                                                 multiply_rounded<ByteDots<ByteProducts>>};
#if defined(SEGFACE_VNNI)
inline constexpr ProductKernels kVnniProducts = {Precision::int8, round_to_bytes,
                                                 multiply_rounded<ByteDots<VnniProducts>>};
#endif
#if defined(SEGFACE_BF16)
inline constexpr ProductKernels kBf16Products = {Precision::bf16, round_to_bfloat16, multiply_rounded<Bfloat16Dots>};
#endif
#if !defined(SEGFACE_PRODUCTS_ONLY)
inline constexpr Kernels kKernels = {
    kLanes,          kPanel,        gemm,           strassen_stride, sum_panels,   winograd_input, winograd_products,
    winograd_output, depthwise_row, layer_norm,     largest_rows,    sum_rows,     scale_rows,     prelu_rows,
    add_rows,        add_position,  mix_pixel,      mix_pixels,      label_pixels, settle_pixels,  attend_few_keys,
    attend_strip,    merge_strips,  window_scratch, attend_window};
#endif
}  // namespace SEGFACE_SET

#undef SEGFACE_SET
#undef SEGFACE_TARGET
#undef SEGFACE_VECTORS
#undef SEGFACE_DOTS
