#include "allocations.hpp"

#include <cstdlib>
#include <new>
#if defined(_WIN32)
#include <malloc.h>
#else
#include <unistd.h>
#endif

namespace test {

std::atomic<long> allocations{0};
std::atomic<std::size_t> largest_block{0};
std::atomic<long> blocks_until_refusal{-1};

#if !defined(__SANITIZE_THREAD__)  // which has an operator new of its own
namespace {
void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  ++allocations;
  if (bytes > largest_block) largest_block = bytes;
  if (blocks_until_refusal >= 0 && blocks_until_refusal-- == 0) {
    blocks_until_refusal = 0;  // and every one from here on
    return nullptr;
  }
#if defined(_WIN32)
  return ::_aligned_malloc(bytes, alignment);
#else
  return std::aligned_alloc(alignment, (bytes / alignment + 1) * alignment);
#endif
}
void release(void* block) noexcept {
#if defined(_WIN32)
  ::_aligned_free(block);
#else
  std::free(block);
#endif
}
}  // namespace
#endif

}  // namespace test

#if defined(__SANITIZE_ADDRESS__)
// A block larger than any system has is refused here too. A forked child leaves behind what its parent's threads wait on,
// which is no leak.
namespace {
const pid_t first_process = ::getpid();
}
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
extern "C" int __lsan_is_turned_off() {
  return ::getpid() != first_process ? 1 : 0;
}
#endif

#if !defined(__SANITIZE_THREAD__)

void* operator new(std::size_t bytes) {
  void* const block = test::allocate(bytes, alignof(std::max_align_t));
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  void* const block = test::allocate(bytes, static_cast<std::size_t>(alignment));
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return test::allocate(bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return test::allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept {
  test::release(block);
}
void operator delete(void* block, std::size_t) noexcept {
  test::release(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
  test::release(block);
}
void operator delete(void* block, std::align_val_t, const std::nothrow_t&) noexcept {
  test::release(block);
}
#endif
