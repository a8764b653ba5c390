// The one place where stb_image is compiled: its JPEG decoder, private to the library.
//
// The host may use a stb_image of its own in the same file, before or after, with or without its implementation, and
// of another version: ours lives in an unnamed namespace, and every macro that stb_image.h
// reads or defines is set aside before and put back after. Nothing but the JPEG decoder is compiled in, no stdio, and
// its memory comes zeroed from a budget: what a damaged file leaves undecoded is gray, never somebody else's bytes.
// Inline functions below name static ones; every copy of those is the same, so it does not matter whose is linked.
#pragma once

// Every header that stb_image.h includes, by the same names: inside the namespace below they must not be new.
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/image.hpp"
#include "segface/image/jpeg.hpp"
#include "segface/image/jpeg_plain.hpp"
#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#endif
#if defined(__ARM_NEON)
#include <arm_neon.h>
#endif
#if defined(_MSC_VER)
#include <intrin.h>
#endif

SEGFACE_BEGIN_CORE

// Memory of one decode: what is in use, and what may be. The size of each block stands in front of it.
class StbMemory {
 public:
  explicit StbMemory(std::size_t limit) noexcept : limit_(limit), outer_(current()) { current() = this; }
  ~StbMemory() { current() = outer_; }
  StbMemory(const StbMemory&) = delete;
  StbMemory& operator=(const StbMemory&) = delete;

  // True once a request was refused for the limit.
  bool exceeded() const noexcept { return exceeded_; }

  // The three below serve the innermost StbMemory of this thread.
  static void* allocate(std::size_t size) noexcept {
    StbMemory& memory = *current();
    if (size > memory.limit_ - memory.used_) {
      memory.exceeded_ = true;
      return nullptr;
    }
    auto* block = static_cast<unsigned char*>(std::calloc(1, size + kHeader));
    if (block == nullptr) return nullptr;
    memory.used_ += size;
    std::memcpy(block, &size, sizeof size);
    return block + kHeader;
  }
  static void release(void* data) noexcept {
    if (data == nullptr) return;
    current()->used_ -= size_of(data);
    std::free(static_cast<unsigned char*>(data) - kHeader);
  }
  static void* reallocate(void* data, std::size_t size) noexcept {
    void* larger = allocate(size);
    if (larger == nullptr || data == nullptr) return larger;
    const std::size_t old = size_of(data);
    std::memcpy(larger, data, old < size ? old : size);
    release(data);
    return larger;
  }

 private:
  static constexpr std::size_t kHeader =
      alignof(std::max_align_t) < sizeof(std::size_t) ? sizeof(std::size_t) : alignof(std::max_align_t);
  static std::size_t size_of(const void* data) noexcept {
    std::size_t size;
    std::memcpy(&size, static_cast<const unsigned char*>(data) - kHeader, sizeof size);
    return size;
  }
  static StbMemory*& current() noexcept {
    thread_local StbMemory* memory = nullptr;
    return memory;
  }

  std::size_t limit_, used_ = 0;
  bool exceeded_ = false;
  StbMemory* outer_;
};

SEGFACE_END_CORE

// From here on, and in what is included here, warnings are off: a stb_image.h may lie in no system folder.
#if defined(__GNUC__) || defined(__clang__)
#pragma GCC system_header
#endif

// The settings of stb_image.h, and then the words it defines for itself.
#pragma push_macro("STB_IMAGE_IMPLEMENTATION")
#undef STB_IMAGE_IMPLEMENTATION
#pragma push_macro("STB_IMAGE_STATIC")
#undef STB_IMAGE_STATIC
#pragma push_macro("STBIDEF")
#undef STBIDEF
#pragma push_macro("STBI_INCLUDE_STB_IMAGE_H")
#undef STBI_INCLUDE_STB_IMAGE_H
#pragma push_macro("STBI_VERSION")
#undef STBI_VERSION
#pragma push_macro("STBI_EXTERN")
#undef STBI_EXTERN
#pragma push_macro("STBI_ASSERT")
#undef STBI_ASSERT
#pragma push_macro("STBI_MALLOC")
#undef STBI_MALLOC
#pragma push_macro("STBI_REALLOC")
#undef STBI_REALLOC
#pragma push_macro("STBI_REALLOC_SIZED")
#undef STBI_REALLOC_SIZED
#pragma push_macro("STBI_FREE")
#undef STBI_FREE
#pragma push_macro("STBI_MAX_DIMENSIONS")
#undef STBI_MAX_DIMENSIONS
#pragma push_macro("STBI_NO_JPEG")
#undef STBI_NO_JPEG
#pragma push_macro("STBI_NO_PNG")
#undef STBI_NO_PNG
#pragma push_macro("STBI_NO_BMP")
#undef STBI_NO_BMP
#pragma push_macro("STBI_NO_PSD")
#undef STBI_NO_PSD
#pragma push_macro("STBI_NO_TGA")
#undef STBI_NO_TGA
#pragma push_macro("STBI_NO_GIF")
#undef STBI_NO_GIF
#pragma push_macro("STBI_NO_HDR")
#undef STBI_NO_HDR
#pragma push_macro("STBI_NO_PIC")
#undef STBI_NO_PIC
#pragma push_macro("STBI_NO_PNM")
#undef STBI_NO_PNM
#pragma push_macro("STBI_NO_LINEAR")
#undef STBI_NO_LINEAR
#pragma push_macro("STBI_NO_STDIO")
#undef STBI_NO_STDIO
#pragma push_macro("STBI_NO_ZLIB")
#undef STBI_NO_ZLIB
#pragma push_macro("STBI_NO_SIMD")
#undef STBI_NO_SIMD
#pragma push_macro("STBI_NO_FAILURE_STRINGS")
#undef STBI_NO_FAILURE_STRINGS
#pragma push_macro("STBI_NO_THREAD_LOCALS")
#undef STBI_NO_THREAD_LOCALS
#pragma push_macro("STBI_ONLY_JPEG")
#undef STBI_ONLY_JPEG
#pragma push_macro("STBI_ONLY_PNG")
#undef STBI_ONLY_PNG
#pragma push_macro("STBI_ONLY_BMP")
#undef STBI_ONLY_BMP
#pragma push_macro("STBI_ONLY_PSD")
#undef STBI_ONLY_PSD
#pragma push_macro("STBI_ONLY_TGA")
#undef STBI_ONLY_TGA
#pragma push_macro("STBI_ONLY_GIF")
#undef STBI_ONLY_GIF
#pragma push_macro("STBI_ONLY_HDR")
#undef STBI_ONLY_HDR
#pragma push_macro("STBI_ONLY_PIC")
#undef STBI_ONLY_PIC
#pragma push_macro("STBI_ONLY_PNM")
#undef STBI_ONLY_PNM
#pragma push_macro("STBI_ONLY_ZLIB")
#undef STBI_ONLY_ZLIB
#pragma push_macro("STBI_SUPPORT_ZLIB")
#undef STBI_SUPPORT_ZLIB
#pragma push_macro("STBI_FAILURE_USERMSG")
#undef STBI_FAILURE_USERMSG
#pragma push_macro("STBI_WINDOWS_UTF8")
#undef STBI_WINDOWS_UTF8
#pragma push_macro("STBI_MINGW_ENABLE_SSE2")
#undef STBI_MINGW_ENABLE_SSE2
#pragma push_macro("STBI_JPEG_OLD")
#undef STBI_JPEG_OLD
#pragma push_macro("STBI_SSE2")
#undef STBI_SSE2
#pragma push_macro("STBI_NEON")
#undef STBI_NEON
#pragma push_macro("STBI_SIMD_ALIGN")
#undef STBI_SIMD_ALIGN
#pragma push_macro("STBI_THREAD_LOCAL")
#undef STBI_THREAD_LOCAL
#pragma push_macro("STBI_NOTUSED")
#undef STBI_NOTUSED
#pragma push_macro("STBI_HAS_LROTL")
#undef STBI_HAS_LROTL
#pragma push_macro("STBI__X86_TARGET")
#undef STBI__X86_TARGET
#pragma push_macro("STBI__X64_TARGET")
#undef STBI__X64_TARGET
#pragma push_macro("STBI__BYTECAST")
#undef STBI__BYTECAST
#pragma push_macro("STBI__CASE")
#undef STBI__CASE
#pragma push_macro("STBI__COMBO")
#undef STBI__COMBO
#pragma push_macro("STBI__HDR_BUFLEN")
#undef STBI__HDR_BUFLEN
#pragma push_macro("STBI__IDCT_1D")
#undef STBI__IDCT_1D
#pragma push_macro("STBI__MARKER_none")
#undef STBI__MARKER_none
#pragma push_macro("STBI__PNG_TYPE")
#undef STBI__PNG_TYPE
#pragma push_macro("STBI__RESTART")
#undef STBI__RESTART
#pragma push_macro("STBI__ZFAST_BITS")
#undef STBI__ZFAST_BITS
#pragma push_macro("STBI__ZFAST_MASK")
#undef STBI__ZFAST_MASK
#pragma push_macro("STBI__ZNSYMS")
#undef STBI__ZNSYMS
#pragma push_macro("FAST_BITS")
#undef FAST_BITS
#pragma push_macro("stbi_inline")
#undef stbi_inline
#pragma push_macro("stbi_lrot")
#undef stbi_lrot
#pragma push_macro("stbi__err")
#undef stbi__err
#pragma push_macro("stbi__errpf")
#undef stbi__errpf
#pragma push_macro("stbi__errpuc")
#undef stbi__errpuc
#pragma push_macro("stbi__f2f")
#undef stbi__f2f
#pragma push_macro("stbi__fsh")
#undef stbi__fsh
#pragma push_macro("stbi__float2fixed")
#undef stbi__float2fixed
#pragma push_macro("stbi__float2int")
#undef stbi__float2int
#pragma push_macro("stbi__div4")
#undef stbi__div4
#pragma push_macro("stbi__div16")
#undef stbi__div16
#pragma push_macro("stbi__DNL")
#undef stbi__DNL
#pragma push_macro("stbi__EOI")
#undef stbi__EOI
#pragma push_macro("stbi__SOF")
#undef stbi__SOF
#pragma push_macro("stbi__SOF_progressive")
#undef stbi__SOF_progressive
#pragma push_macro("stbi__SOI")
#undef stbi__SOI
#pragma push_macro("stbi__SOS")
#undef stbi__SOS
#pragma push_macro("stbi__de_iphone_flag")
#undef stbi__de_iphone_flag
#pragma push_macro("stbi__unpremultiply_on_load")
#undef stbi__unpremultiply_on_load
#pragma push_macro("stbi__vertically_flip_on_load")
#undef stbi__vertically_flip_on_load

#define STB_IMAGE_IMPLEMENTATION
// Declared inside extern "C", a function keeps its plain name in the object file even where it is static, and would
// meet the host's: so each is said to be C++, and is private by the unnamed namespace. nvcc forgets that: with it
// they are static, and a file cannot have a stb_image of the host's besides.
#if defined(__CUDACC__)
#define STBIDEF static
#else
#define STBIDEF extern "C++"
#endif
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_MAX_DIMENSIONS 16384
#define STBI_ASSERT(x) static_cast<void>(0)
#define STBI_MALLOC(size) StbMemory::allocate(size)
#define STBI_REALLOC(data, size) StbMemory::reallocate(data, size)
#define STBI_FREE(data) StbMemory::release(data)

SEGFACE_BEGIN_CORE
namespace stb {
namespace {
#if __has_include(<stb_image.h>)
#include <stb_image.h>
#elif __has_include(<stb/stb_image.h>)
#include <stb/stb_image.h>
#else
#error "segface/image/file.hpp needs stb_image.h (Debian and Ubuntu: libstb-dev); segface.hpp alone does not"
#endif
}  // namespace
}  // namespace stb
SEGFACE_END_CORE

#pragma pop_macro("stbi__vertically_flip_on_load")
#pragma pop_macro("stbi__unpremultiply_on_load")
#pragma pop_macro("stbi__de_iphone_flag")
#pragma pop_macro("stbi__SOS")
#pragma pop_macro("stbi__SOI")
#pragma pop_macro("stbi__SOF_progressive")
#pragma pop_macro("stbi__SOF")
#pragma pop_macro("stbi__EOI")
#pragma pop_macro("stbi__DNL")
#pragma pop_macro("stbi__div16")
#pragma pop_macro("stbi__div4")
#pragma pop_macro("stbi__float2int")
#pragma pop_macro("stbi__float2fixed")
#pragma pop_macro("stbi__fsh")
#pragma pop_macro("stbi__f2f")
#pragma pop_macro("stbi__errpuc")
#pragma pop_macro("stbi__errpf")
#pragma pop_macro("stbi__err")
#pragma pop_macro("stbi_lrot")
#pragma pop_macro("stbi_inline")
#pragma pop_macro("FAST_BITS")
#pragma pop_macro("STBI__ZNSYMS")
#pragma pop_macro("STBI__ZFAST_MASK")
#pragma pop_macro("STBI__ZFAST_BITS")
#pragma pop_macro("STBI__RESTART")
#pragma pop_macro("STBI__PNG_TYPE")
#pragma pop_macro("STBI__MARKER_none")
#pragma pop_macro("STBI__IDCT_1D")
#pragma pop_macro("STBI__HDR_BUFLEN")
#pragma pop_macro("STBI__COMBO")
#pragma pop_macro("STBI__CASE")
#pragma pop_macro("STBI__BYTECAST")
#pragma pop_macro("STBI__X64_TARGET")
#pragma pop_macro("STBI__X86_TARGET")
#pragma pop_macro("STBI_HAS_LROTL")
#pragma pop_macro("STBI_NOTUSED")
#pragma pop_macro("STBI_THREAD_LOCAL")
#pragma pop_macro("STBI_SIMD_ALIGN")
#pragma pop_macro("STBI_NEON")
#pragma pop_macro("STBI_SSE2")
#pragma pop_macro("STBI_JPEG_OLD")
#pragma pop_macro("STBI_MINGW_ENABLE_SSE2")
#pragma pop_macro("STBI_WINDOWS_UTF8")
#pragma pop_macro("STBI_FAILURE_USERMSG")
#pragma pop_macro("STBI_SUPPORT_ZLIB")
#pragma pop_macro("STBI_ONLY_ZLIB")
#pragma pop_macro("STBI_ONLY_PNM")
#pragma pop_macro("STBI_ONLY_PIC")
#pragma pop_macro("STBI_ONLY_HDR")
#pragma pop_macro("STBI_ONLY_GIF")
#pragma pop_macro("STBI_ONLY_TGA")
#pragma pop_macro("STBI_ONLY_PSD")
#pragma pop_macro("STBI_ONLY_BMP")
#pragma pop_macro("STBI_ONLY_PNG")
#pragma pop_macro("STBI_ONLY_JPEG")
#pragma pop_macro("STBI_NO_THREAD_LOCALS")
#pragma pop_macro("STBI_NO_FAILURE_STRINGS")
#pragma pop_macro("STBI_NO_SIMD")
#pragma pop_macro("STBI_NO_ZLIB")
#pragma pop_macro("STBI_NO_STDIO")
#pragma pop_macro("STBI_NO_LINEAR")
#pragma pop_macro("STBI_NO_PNM")
#pragma pop_macro("STBI_NO_PIC")
#pragma pop_macro("STBI_NO_HDR")
#pragma pop_macro("STBI_NO_GIF")
#pragma pop_macro("STBI_NO_TGA")
#pragma pop_macro("STBI_NO_PSD")
#pragma pop_macro("STBI_NO_BMP")
#pragma pop_macro("STBI_NO_PNG")
#pragma pop_macro("STBI_NO_JPEG")
#pragma pop_macro("STBI_MAX_DIMENSIONS")
#pragma pop_macro("STBI_FREE")
#pragma pop_macro("STBI_REALLOC_SIZED")
#pragma pop_macro("STBI_REALLOC")
#pragma pop_macro("STBI_MALLOC")
#pragma pop_macro("STBI_ASSERT")
#pragma pop_macro("STBI_EXTERN")
#pragma pop_macro("STBI_VERSION")
#pragma pop_macro("STBI_INCLUDE_STB_IMAGE_H")
#pragma pop_macro("STBIDEF")
#pragma pop_macro("STB_IMAGE_STATIC")
#pragma pop_macro("STB_IMAGE_IMPLEMENTATION")

SEGFACE_BEGIN_CORE

// Decodes a JPEG, whose coded data must be whole, to width x height RGB, with at most `budget` bytes.
// Errors: limit_exceeded (budget), out_of_memory, bad_format (anything else that stb_image refuses).
inline Result<Image> stb_decode_jpeg(Bytes file, Index width, Index height, std::size_t budget) noexcept {
  if (file.size() > INT_MAX) return error(Errc::limit_exceeded, "JPEG: ", file.size(), " bytes; at most 2 GiB");
  SEGFACE_ASSIGN(out, Image::make(width, height, PixelOrder::rgb));
  StbMemory memory(budget);
  int columns = 0, rows = 0, channels = 0;
  stb::stbi__g_failure_reason = nullptr;  // else that of an earlier photo of this thread
  unsigned char* pixels =
      stb::stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &columns, &rows, &channels, 3);
  if (pixels == nullptr && memory.exceeded()) {
    return error(Errc::limit_exceeded, "JPEG: decoding ", width, " x ", height, " pixels takes more than ", budget,
                 " bytes");
  }
  if (pixels == nullptr) {
    const char* reason = stb::stbi_failure_reason();  // null for some damage
    return error(Errc::bad_format, "JPEG: ", reason != nullptr ? reason : "the file is damaged");
  }
  const bool expected = columns == width && rows == height;
  if (expected) std::memcpy(out.data(), pixels, out.size_bytes());
  StbMemory::release(pixels);
  if (!expected) return error(Errc::internal, "JPEG: two sizes were read from one file");
  return Result<Image>(std::move(out));
}

// A decoder of JPEGs, as decode.hpp wants one: it sees the scans while the file is checked, then decodes.
class StbJpeg {
 public:
  static constexpr const char* kName = "stb_image";

  Status scan(const JpegFile& file, const JpegScan& scan) noexcept {
    if (!plain_) {
      SEGFACE_ASSIGN(made, PlainJpeg::make(file.bytes().size()));
      plain_.emplace(std::move(made));
    }
    return plain_->scan(file, scan);
  }
  // Errors: limit_exceeded, out_of_memory, bad_format.
  Result<Image> decode(const JpegFile& file) noexcept {
    return stb_decode_jpeg(plain_->finish(), file.width(), file.height(), file.options().limits.max_decode_bytes);
  }

 private:
  std::optional<PlainJpeg> plain_;
};

SEGFACE_END_CORE
