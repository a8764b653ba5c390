// Every macro of the library on one page: version, ABI namespace, and the compiler-specific words.
//
// The inline namespace carries the version (and any macro that changes a layout), so that two
// versions linked into one program never merge. It deliberately leaves out instruction-set flags, NDEBUG
// and exceptions: a Parser made in one translation unit works in another compiled with other flags.
#pragma once

#define SEGFACE_VERSION_MAJOR 0
#define SEGFACE_VERSION_MINOR 2
#define SEGFACE_VERSION_PATCH 0
#define SEGFACE_VERSION_STRING "0.2.0"

// Define SEGFACE_NO_FILES where there is no file system, as in a browser or on a small device: networks come from
// memory, pictures go to memory, and every function of a path fails.
#if defined(SEGFACE_NO_FILES)
#define SEGFACE_ABI_NAMESPACE v0_2_0_no_files
#else
#define SEGFACE_ABI_NAMESPACE v0_2_0
#endif

// Opens and closes `namespace segface` with its ABI namespace inside.
#define SEGFACE_BEGIN_NAMESPACE \
  namespace segface {           \
  inline namespace SEGFACE_ABI_NAMESPACE {
#define SEGFACE_END_NAMESPACE \
  }                           \
  }

// The same for all that is no API, which is in `segface::core`: README.md beside segface.hpp has the table. There the
// names of segface are found as they are; a header of core gives one of its own to users by `using core::name;`.
#define SEGFACE_BEGIN_CORE \
  SEGFACE_BEGIN_NAMESPACE  \
  namespace core {
#define SEGFACE_END_CORE \
  }                      \
  SEGFACE_END_NAMESPACE

// 1 where the translation unit may throw; the core never does, see base/status.hpp.
#if defined(__cpp_exceptions) || defined(__EXCEPTIONS) || defined(_CPPUNWIND)
#define SEGFACE_EXCEPTIONS 1
#else
#define SEGFACE_EXCEPTIONS 0
#endif

// Before a type whose values are to be looked at. nvcc takes an assignment for a value that nobody looks at.
#if defined(__CUDACC__)
#define SEGFACE_NODISCARD
#else
#define SEGFACE_NODISCARD [[nodiscard]]
#endif

// Before a function that kernels on a GPU call too.
#if defined(__CUDACC__)
#define SEGFACE_HOST_DEVICE __host__ __device__
#else
#define SEGFACE_HOST_DEVICE
#endif

// 0 where vectors of more than 16 bytes must not be kept on the stack: GCC for Windows stores them as if it were aligned
// for them, which it is not (GCC bug 54412). The option -Wa,-muse-unaligned-vector-move of its assembler (binutils 2.38)
// mends that; who compiles with it defines SEGFACE_UNALIGNED_VECTOR_MOVES, as the CMake target does.
#if defined(_WIN32) && defined(__GNUC__) && !defined(__clang__) && !defined(SEGFACE_UNALIGNED_VECTOR_MOVES)
#define SEGFACE_ALIGNED_STACK 0
#else
#define SEGFACE_ALIGNED_STACK 1
#endif

// A function that is compiled with AVX2, with what is always inlined in it: called where the processor has that alone.
#if defined(__x86_64__) && defined(__GNUC__) && SEGFACE_ALIGNED_STACK && !defined(__CUDACC__)
#define SEGFACE_WITH_AVX2 __attribute__((target("avx2")))
#else
#define SEGFACE_WITH_AVX2
#endif

// Weights, photos and outputs are copied between memory and files as they are.
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "segface runs on little-endian processors only: on this one it would read its files wrongly"
#endif

// Words for what compilers call differently. The last three stand in kernels, whose functions can take in no function
// that is compiled for other processors.
#if defined(__GNUC__) || defined(__clang__)
#define SEGFACE_ALWAYS_INLINE inline __attribute__((always_inline))
#define SEGFACE_COLD __attribute__((cold))
#define SEGFACE_PREFETCH(address) __builtin_prefetch(address)
#define SEGFACE_PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1)
#define SEGFACE_SQUARE_ROOT(x) __builtin_sqrtf(x)
#else
#define SEGFACE_ALWAYS_INLINE __forceinline
#define SEGFACE_COLD
#define SEGFACE_PREFETCH(address) static_cast<void>(address)
#define SEGFACE_PREFETCH_TO_WRITE(address) static_cast<void>(address)
#define SEGFACE_SQUARE_ROOT(x) std::sqrt(x)
#endif
