// One instruction set: every kernel, for the vectors of SEGFACE_VECTORS and the dot products of SEGFACE_DOTS, in the
// namespace SEGFACE_SET, compiled for the features of SEGFACE_TARGET where that is defined; products of bytes alone where
// SEGFACE_BYTES_VNNI is. Included by kernels.hpp only, once a set; takes its macros away.

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
#include SEGFACE_DOTS
//
#include "segface/backends/cpu/product_kernels.ipp"
#if !defined(SEGFACE_BYTES_VNNI)
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
inline constexpr ProductKernels kProductKernels = {round_rows, multiply_bytes};
#if !defined(SEGFACE_BYTES_VNNI)
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
