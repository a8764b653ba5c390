// The kernels of the cpu backend, compiled once for each instruction set, and the table through which they are called.
//
// The bodies (*.ipp) are written once over a small vector type and included here once per instruction set, each
// time in a namespace of its own inside a target region. So users compile with plain -O2 and no -m flag, and still
// run AVX-512 where the processor has it. Only pointers and plain structs cross the border of a region.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "segface/backends/cpu/product_kernels.hpp"
#include "segface/backends/parameters.hpp"
#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/image/settled_labels.hpp"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__)) && SEGFACE_ALIGNED_STACK
#define SEGFACE_X86_KERNELS 1
#include <immintrin.h>
#else
#define SEGFACE_X86_KERNELS 0
#endif
#if defined(__aarch64__)
#define SEGFACE_ARM_KERNELS 1
#include <arm_neon.h>
#else
#define SEGFACE_ARM_KERNELS 0
#endif

SEGFACE_BEGIN_CORE
namespace cpu {

// C[rows, columns of panels first .. last) = last(activation(A W^T + bias) + residual)
struct GemmArguments {
  Index rows = 0, columns = 0, depth = 0;  // M, N, K
  Index first_panel = 0, last_panel = 0;   // of the packed weights
  const float* a = nullptr;                // [rows, depth]
  Index lda = 0;
  const float* panels = nullptr;  // [panels, depth, panel width]
  // Strassen's sums of the panels, and room for those of the rows, see strassen.ipp; or null. With them the panels are
  // an even number, and first_panel and last_panel count pairs: a panel of the first half and its partner.
  const float* panel_sums = nullptr;  // [pairs, 4, depth / 2, panel width]
  float* row_sums = nullptr;          // [4, rows / 2, strassen_stride(depth)]
  const float* bias = nullptr;        // [panels x panel width], or null
  Activation activation = Activation::none;
  const float* residual = nullptr;  // [rows, columns], or null
  Index ldr = 0;
  Activation last = Activation::none;
  float* c = nullptr;
  Index ldc = 0;
};

// Winograd's F(4 x 4, 3 x 3) at the points 0, +-a, +-b and infinity; see cpu/winograd.hpp. All that is made of a and b
// is exact in float.
struct Winograd {
  static constexpr Index kTile = 4, kPatch = 6, kFrequencies = kPatch * kPatch;
  static constexpr float kA = 0.625f, kB = 1.5f;
};
// One panel of outputs, for a block of tiles: M[f] = V[f] U[f].
struct WinogradProducts {
  Index tiles = 0, channels = 0;  // M, K
  const float* v = nullptr;       // [frequencies, tiles, channels]
  Index ldv = 0, ld_tile = 0;     // floats from a frequency and from a tile to the next
  const float* panel = nullptr;   // [frequencies, channels, panel width]
  float* m = nullptr;             // [frequencies, tiles, panel width]
  Index ldm = 0;                  // floats from a frequency to the next
};

// One tile of that panel on its way out: height x width pixels of at most 4 x 4.
struct WinogradOutput {
  const float* m = nullptr;  // [frequencies, channels]
  Index ldm = 0;
  const float* bias = nullptr;  // [panel width]
  Index height = 0, width = 0, channels = 0;
  Activation activation = Activation::none;
  const float* residual = nullptr;  // or null
  Index residual_row = 0, residual_pixel = 0;
  Activation last = Activation::none;
  float* y = nullptr;
  Index row = 0, pixel = 0;  // floats from a row and from a pixel to the next
};

// One output row of a depthwise convolution.
struct DepthwiseArguments {
  static constexpr Index kMaxKernel = 7;
  const float* rows[kMaxKernel];  // the input rows that it sees; null outside the image
  Index kernel, stride, padding;
  Index channels, in_width, out_width;
  Index pixel_stride, out_stride;  // floats from a pixel to the next
  const float* weights;            // [kernel kernel, channels]
  const float* bias;               // [channels]
  Activation activation;
};

// One head of an attention with few keys.
struct FewKeysArguments {
  const float* keys;  // [D, count], times 1 / sqrt(D)
  Index count;
  const float* v;    // [count, D]
  Index ldv, width;  // D
  Index ldq, ldo;    // of the queries and of the output
};

// One head of an attention with few queries, and a strip of its keys.
struct StripArguments {
  const float* queries = nullptr;  // [D, count], times 1 / sqrt(D)
  Index count = 0, padded = 0;     // queries; the same rounded up to whole vectors
  Index width = 0;                 // D
  const float* k = nullptr;        // [keys, D]
  Index ldk = 0;
  const float* v = nullptr;  // [keys, D]
  Index ldv = 0, keys = 0;
};

// One head of an attention inside a window.
struct WindowArguments {
  static constexpr Index kMostTokens = 64;
  Index tokens, width;    // N, D
  Index padded;           // N, rounded up to whole panels
  Index first, channels;  // where the head begins in a row, and the channels of q, of k and of v
  bool cosine;            // q and k are divided by their lengths
  float scale;
  const float* bias;  // [N, padded]
  const float* mask;  // [N, padded], added too, or null
};

// y[rows, channels] = last(activation((x - mean) / sqrt(var + eps) gain + bias) + residual)
struct LayerNormArguments {
  Index rows = 0, channels = 0;
  const float* x = nullptr;
  Index ldx = 0;
  const float* gain = nullptr;
  const float* bias = nullptr;
  float eps = 0;
  Activation activation = Activation::none;
  const float* residual = nullptr;  // or null
  Index ldr = 0;
  Activation last = Activation::none;
  float* y = nullptr;
  Index ldy = 0;
};

// What neighbouring pixels of an interpolated row look at: two rows, and of these two columns each.
struct InterpolatedPixels {
  static constexpr Index kMost = 64;
  const float* upper = nullptr;
  const float* lower = nullptr;
  Index ld = 0;        // floats from a column to the next
  float fraction = 0;  // weight of the lower row
  Index pixels = 0;
  Index left[kMost], right[kMost];
  float across[kMost];  // weight of the right column
};

// y = (or +=) the interpolated pixels.
struct MixArguments : InterpolatedPixels {
  Index channels = 0;
  bool accumulate = false;
  float* y = nullptr;
  Index ldy = 0;
};

// The position encoding of neighbouring pixels of a row, added to them: see Position.
struct PositionArguments {
  const float* x = nullptr;  // [pixels, 2 F], or null
  Index ldx = 0;
  const float* across = nullptr;  // [pixels, 2 F]: sines, then cosines, of each pixel's column
  Index lda = 0;
  const float* down = nullptr;     // [2 F]: of the row
  Index pixels = 0, features = 0;  // F
  float* y = nullptr;              // [pixels, 2 F]
  Index ldy = 0;
};

// Labels of the interpolated pixels, from logits of all classes side by side.
struct LabelArguments : InterpolatedPixels {
  static constexpr Index kMostClasses = 19;
  Index classes = 0;
  std::uint8_t* labels = nullptr;
  float* confidence = nullptr;  // of each pixel, or null
};

// The kernels of one instruction set. What they compute is said where they are written.
struct Kernels {
  Index lanes;
  Index panel;  // outputs in a panel of packed weights
  void (*gemm)(const GemmArguments&) noexcept;
  Index (*strassen_stride)(Index depth) noexcept;
  void (*sum_panels)(const float* panels, Index depth, Index pairs, Index pair, float* sums) noexcept;
  void (*winograd_input)(const float* const* pixels, Index channels, float* v, Index ldv) noexcept;
  void (*winograd_products)(const WinogradProducts&) noexcept;
  void (*winograd_output)(const WinogradOutput&) noexcept;
  void (*depthwise_row)(const DepthwiseArguments&, float* out) noexcept;
  void (*layer_norm)(const LayerNormArguments&) noexcept;
  void (*largest_rows)(const float* const* rows, Index count, Index channels, float* y) noexcept;
  void (*sum_rows)(const float* x, Index ldx, Index rows, Index channels, float* sums) noexcept;
  void (*scale_rows)(float* x, Index ldx, Index rows, Index channels, const float* scale) noexcept;
  void (*prelu_rows)(float* x, Index ldx, Index rows, Index channels, const float* slopes) noexcept;
  void (*add_rows)(const float* a, Index lda, const float* b, Index ldb, Index rows, Index channels, float* y,
                   Index ldy) noexcept;
  void (*add_position)(const PositionArguments&) noexcept;
  void (*mix_pixel)(const float* upper_left, const float* upper_right, const float* lower_left,
                    const float* lower_right, float fx, float fy, Index channels, bool accumulate, float* y) noexcept;
  void (*mix_pixels)(const MixArguments&) noexcept;
  void (*label_pixels)(const LabelArguments&) noexcept;
  void (*settle_pixels)(const float* logits, Index ld, Index classes, Index pixels, std::uint8_t* labels) noexcept;
  void (*attend_few_keys)(const FewKeysArguments&, const float* q, Index queries, float* scratch, float* out) noexcept;
  void (*attend_strip)(const StripArguments&, float* scratch, float* most, float* total, float* sums) noexcept;
  void (*merge_strips)(const StripArguments&, float* parts, Index part_size, Index strips, float* out,
                       Index ldo) noexcept;
  Index (*window_scratch)(Index tokens, Index width) noexcept;
  void (*attend_window)(const WindowArguments&, const float* const* rows, float* const* out, float* scratch) noexcept;
};

#define SEGFACE_PRAGMA_NOW(text) _Pragma(#text)
#define SEGFACE_PRAGMA(text) SEGFACE_PRAGMA_NOW(text)

#if defined(__CUDACC__)  // passes GCC's pragmas on, but warns that it does not know them
#pragma nv_diagnostic push
#pragma nv_diag_suppress 1675
#endif

// Each instruction set: its name, the features that its functions are compiled for (none: those of the translation
// unit), its vectors. The table in isa.hpp says which processors have it. The baseline set of x86-64 is what every one of
// these processors has, whatever a unit's -m flags: of the equal functions of several units one is linked, and it may be
// that of a unit for newer processors. g++ takes all away that "arch" lacks, clang++ what is named, and what needs that.
#define SEGFACE_SET baseline
#if SEGFACE_X86_KERNELS && defined(__clang__)
#define SEGFACE_TARGET "no-sse3,no-bmi,no-bmi2,no-lzcnt,no-popcnt,no-movbe"
#elif SEGFACE_X86_KERNELS
#define SEGFACE_TARGET "arch=x86-64"
#endif
#if defined(__aarch64__)
#define SEGFACE_VECTORS "segface/backends/cpu/vector_neon.ipp"
#elif defined(__GNUC__) || defined(__clang__)
#define SEGFACE_VECTORS "segface/backends/cpu/vector_baseline.ipp"
#else
#define SEGFACE_VECTORS "segface/backends/cpu/vector_plain.ipp"
#endif
#define SEGFACE_DOTS "segface/backends/cpu/dot_plain.ipp"
#include "segface/backends/cpu/instruction_set.ipp"

#if SEGFACE_ARM_KERNELS
#define SEGFACE_PRODUCTS_ONLY
#define SEGFACE_SET neon_dots
#if defined(__clang__)
#define SEGFACE_TARGET "dotprod"
#elif !defined(__ARM_FEATURE_DOTPROD)
#define SEGFACE_TARGET "arch=armv8.2-a+dotprod"
#endif
#define SEGFACE_VECTORS "segface/backends/cpu/vector_neon.ipp"
#define SEGFACE_DOTS "segface/backends/cpu/dot_neon.ipp"
#include "segface/backends/cpu/instruction_set.ipp"
#undef SEGFACE_PRODUCTS_ONLY
#endif

#if SEGFACE_X86_KERNELS
#define SEGFACE_VNNI
// The AVX2 kernels hold no AVX-512, except under -mavx512f, where the intrinsics themselves ask for it: there the set
// has a name of its own, and never stands in for the one of another translation unit.
#if defined(__AVX512F__)
#define SEGFACE_SET avx2_under_avx512
#else
#define SEGFACE_SET avx2
#endif
#define SEGFACE_TARGET "avx2,fma"
#define SEGFACE_VECTORS "segface/backends/cpu/vector_avx2.ipp"
#define SEGFACE_DOTS "segface/backends/cpu/dot_avx2.ipp"
#include "segface/backends/cpu/instruction_set.ipp"
#if defined(__AVX512F__)
namespace avx2 = avx2_under_avx512;
#endif

#if defined(__clang__) && __clang_major__ >= 18 && __clang_major__ < 22  // where zig takes 512 bits out of AVX-512
#define SEGFACE_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,fma,evex512"
#else
#define SEGFACE_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,fma"
#endif
#define SEGFACE_SET avx512
#define SEGFACE_TARGET SEGFACE_AVX512
#define SEGFACE_BF16
#define SEGFACE_VECTORS "segface/backends/cpu/vector_avx512.ipp"
#define SEGFACE_DOTS "segface/backends/cpu/dot_avx512.ipp"
#include "segface/backends/cpu/instruction_set.ipp"
#undef SEGFACE_VNNI
#undef SEGFACE_BF16
#undef SEGFACE_AVX512
#endif

#if defined(__CUDACC__)
#pragma nv_diagnostic pop
#endif
#undef SEGFACE_PRAGMA
#undef SEGFACE_PRAGMA_NOW

}  // namespace cpu
SEGFACE_END_CORE
