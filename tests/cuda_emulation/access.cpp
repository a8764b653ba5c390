#include "access.hpp"

#include <algorithm>

#include "block.hpp"
#include "device.hpp"
#include "shared_memory.hpp"
#include "symbols.hpp"
#include "traffic.hpp"

namespace emulation {
namespace {

bool in_block = false;
std::uintptr_t device_begin = 0;
SharedMemory shared_memory;

void see(const Access& access) {
  const unsigned thread = thread_in_block();
  if (access.address - device_begin < kDeviceSpan) {
    if (Traffic::current() != nullptr) Traffic::current()->device_access(thread, access);
  } else if (shared_memory.near(access.address)) {
    shared_memory.check(thread, access);
    if (Traffic::current() != nullptr) Traffic::current()->shared_access(thread, access);
  }
}

// A copy of an object is as many accesses as a GPU needs: of at most 16 bytes, and of no more than the object's
// alignment, which is at least 4 here.
void see_pieces(void* address, std::size_t bytes, std::size_t most, bool write, const void* place) {
  if (!in_block) return;
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  for (std::size_t at = 0; at < bytes;) {
    std::size_t piece = most;
    while (piece > bytes - at) piece /= 2;
    see({begin + at, static_cast<unsigned>(piece), write, place});
    at += piece;
  }
}

}  // namespace

void begin_kernel(const void* kernel) {
  device_begin = 0 - device_offset(0);
  if (Traffic::current() != nullptr) Traffic::current()->begin_kernel(kernel);
}
void end_kernel() {
  if (Traffic::current() != nullptr) Traffic::current()->end_kernel();
}
void begin_block(std::size_t threads, const void* dynamic_shared, std::size_t shared_bytes) {
  shared_memory.begin_block(threads, dynamic_shared, shared_bytes);
  if (Traffic::current() != nullptr) Traffic::current()->begin_block();
  in_block = true;
}
void end_block() {
  in_block = false;
  if (Traffic::current() != nullptr) Traffic::current()->end_block();
}
void meet_block() {
  shared_memory.meet_block();
  if (Traffic::current() != nullptr) Traffic::current()->meet_block();
}
void meet_warp(std::size_t warp) {
  shared_memory.meet_warp(warp);
  if (Traffic::current() != nullptr) Traffic::current()->meet_warp(warp);
}
void library_kernel(const char* name, double bytes) {
  if (Traffic::current() != nullptr) Traffic::current()->library_kernel(name, bytes);
}

}  // namespace emulation

// ---- what the compiler calls ----------------------------------------------------------------------------------

#define EMULATION_ACCESS(bytes)                                                                       \
  void __tsan_read##bytes(void* address) {                                                            \
    emulation::see_pieces(address, bytes, bytes, false, __builtin_return_address(0));                 \
  }                                                                                                   \
  void __tsan_write##bytes(void* address) {                                                           \
    emulation::see_pieces(address, bytes, bytes, true, __builtin_return_address(0));                  \
  }                                                                                                   \
  void __tsan_unaligned_read##bytes(void* address) {                                                  \
    emulation::see_pieces(address, bytes, bytes < 4 ? bytes : 4, false, __builtin_return_address(0)); \
  }                                                                                                   \
  void __tsan_unaligned_write##bytes(void* address) {                                                 \
    emulation::see_pieces(address, bytes, bytes < 4 ? bytes : 4, true, __builtin_return_address(0));  \
  }

extern "C" {
EMULATION_ACCESS(1)
EMULATION_ACCESS(2)
EMULATION_ACCESS(4)
EMULATION_ACCESS(8)
EMULATION_ACCESS(16)
void __tsan_read_range(void* address, std::size_t bytes) {
  emulation::see_pieces(address, bytes, 4, false, __builtin_return_address(0));
}
void __tsan_write_range(void* address, std::size_t bytes) {
  emulation::see_pieces(address, bytes, 4, true, __builtin_return_address(0));
}
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void*) {}
void __tsan_vptr_update(void*, void*) {}
}

#undef EMULATION_ACCESS
