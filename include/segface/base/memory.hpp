// Storage: Span (a view of consecutive elements) and Buffer (owned, 64-byte aligned, never throws), of the heap or, for
// what kernels go through again and again, of huge pages; or over memory of somebody else's.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

// Sizes, positions and channel numbers: signed, so that differences and -Wconversion stay simple.
using Index = std::ptrdiff_t;

// A view of `size` consecutive elements; owns nothing.
template <class T>
class Span {
 public:
  constexpr Span() noexcept = default;
  constexpr Span(T* data, std::size_t size) noexcept : data_(data), size_(size) {}
  template <std::size_t N>
  constexpr Span(T (&array)[N]) noexcept : data_(array), size_(N) {}  // NOLINT: implicit by design
  template <class U, class = std::enable_if_t<std::is_same_v<const U, T>>>
  constexpr Span(const Span<U>& other) noexcept : data_(other.data()), size_(other.size()) {}  // NOLINT

  constexpr T* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr T& operator[](std::size_t i) const noexcept { return data_[i]; }
  constexpr T* begin() const noexcept { return data_; }
  constexpr T* end() const noexcept { return data_ + size_; }
  // Elements [first, first + count); the caller keeps them inside.
  constexpr Span subspan(std::size_t first, std::size_t count) const noexcept { return {data_ + first, count}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

using Bytes = Span<const std::uint8_t>;

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Cache line, and the widest vector register.
inline constexpr std::size_t kAlignment = 64;

// product = a * b; false where it does not fit.
inline bool multiply_fits(std::size_t a, std::size_t b, std::size_t& product) noexcept {
  product = a * b;
  return a == 0 || product / a == b;
}

// Where blocks come from: the host's allocator, which may be one of its own.
struct Heap {
  static void* take(std::size_t bytes) noexcept {
    return ::operator new (bytes, std::align_val_t{kAlignment}, std::nothrow);
  }
  static void give_back(void* block, std::size_t) noexcept {
    ::operator delete (block, std::align_val_t{kAlignment}, std::nothrow);
  }
};

// The same, but large ones are asked of the system, begin at a huge page and ask for more of these: fewer misses of the
// page table, fewer faults. Not of the host's allocator, whose memory would stay in huge pages after it is given back.
struct HugePages {
  static constexpr std::size_t kPage = std::size_t{1} << 21;

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)  // which sees writes beyond the ends of the heap's blocks
  static void* take(std::size_t bytes) noexcept {
    if (bytes < kPage) return Heap::take(bytes);
    void* const mapped =
        ::mmap(nullptr, mapped_bytes(bytes) + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    auto* const first = static_cast<std::uint8_t*>(mapped);
    const std::size_t before = (kPage - reinterpret_cast<std::uintptr_t>(first) % kPage) % kPage;
    std::uint8_t* const block = first + before;
    if (before != 0) static_cast<void>(::munmap(first, before));
    static_cast<void>(::munmap(block + mapped_bytes(bytes), kPage - before));
    static_cast<void>(::madvise(block, bytes / kPage * kPage, MADV_HUGEPAGE));
    return block;
  }
  static void give_back(void* block, std::size_t bytes) noexcept {
    if (bytes < kPage) return Heap::give_back(block, bytes);
    static_cast<void>(::munmap(block, mapped_bytes(bytes)));
  }

 private:
  // Whole pages, which are of 64 KB at most.
  static std::size_t mapped_bytes(std::size_t bytes) noexcept {
    constexpr std::size_t kMostOfPage = std::size_t{1} << 16;
    return (bytes + kMostOfPage - 1) / kMostOfPage * kMostOfPage;
  }
#else
  static void* take(std::size_t bytes) noexcept {
    return Heap::take(bytes);
  }
  static void give_back(void* block, std::size_t bytes) noexcept {
    Heap::give_back(block, bytes);
  }
#endif
};

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// Owned elements of a trivial type, 64-byte aligned and uninitialised; of over(), somebody else's as they are. Move-only;
// moved-from is empty.
template <class T, class Memory = core::Heap>
class Buffer {
  static_assert(std::is_trivially_copyable_v<T>, "Buffer holds plain data only");

 public:
  Buffer() noexcept = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), owned_(other.owned_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    Buffer taken(std::move(other));
    std::swap(data_, taken.data_);
    std::swap(size_, taken.size_);
    std::swap(owned_, taken.owned_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() {
    if (data_ != nullptr && owned_) Memory::give_back(data_, size_ * sizeof(T));
  }

  // Room for `size` elements. Errors: overflow, out_of_memory.
  static Result<Buffer> make(std::size_t size) noexcept {
    std::size_t bytes = 0;
    if (!core::multiply_fits(size, sizeof(T), bytes) || bytes > PTRDIFF_MAX) {
      return error(Errc::overflow, "a buffer of ", size, " elements of ", sizeof(T), " bytes does not fit in memory");
    }
    Buffer buffer;
    if (size == 0) return Result<Buffer>(std::move(buffer));
    buffer.data_ = static_cast<T*>(Memory::take(bytes));
    if (buffer.data_ == nullptr) return error(Errc::out_of_memory, "out of memory: ", bytes, " bytes were refused");
    buffer.size_ = size;
    return Result<Buffer>(std::move(buffer));
  }
  // Over memory that its owner keeps for as long as the buffer lives, and what it is moved to.
  static Buffer over(Span<T> memory) noexcept {
    Buffer buffer;
    buffer.data_ = memory.data();
    buffer.size_ = memory.size();
    buffer.owned_ = false;
    return buffer;
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }
  const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  T* begin() noexcept { return data_; }
  T* end() noexcept { return data_ + size_; }
  const T* begin() const noexcept { return data_; }
  const T* end() const noexcept { return data_ + size_; }
  Span<T> span() noexcept { return {data_, size_}; }
  Span<const T> span() const noexcept { return {data_, size_}; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
  bool owned_ = true;
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

// Makes a Buffer, or one of a device, hold at least `size` elements; what was in it is lost where it grows. Errors:
// those of its make.
template <class AnyBuffer>
Status reserve(AnyBuffer& buffer, std::size_t size) noexcept {
  if (buffer.size() >= size) return {};
  buffer = {};
  SEGFACE_ASSIGN(larger, AnyBuffer::make(size));
  buffer = std::move(larger);
  return {};
}
// The same for what changes its size from call to call, as a face that is followed does: where it grows, it grows by half
// more.
template <class AnyBuffer>
Status reserve_amply(AnyBuffer& buffer, std::size_t size) noexcept {
  return buffer.size() >= size ? Status() : reserve(buffer, buffer.size() == 0 ? size : size + size / 2);
}

SEGFACE_END_CORE

#include "segface/base/host_macros_end.hpp"
