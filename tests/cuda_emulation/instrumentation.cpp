// What the compiler calls where it has instrumented a program with -fsanitize=thread, in the place of that option's own
// library: accesses go to access.hpp, atomic operations are done and no more.
#include <cstddef>
#include <cstdint>

#include "access.hpp"

namespace {

// A copy of an object is as many accesses as a GPU needs: of at most 16 bytes, and of no more than its alignment.
void see_pieces(void* address, std::size_t bytes, std::size_t most, bool write, const void* place) {
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  for (std::size_t at = 0; at < bytes;) {
    std::size_t piece = most;
    while (piece > bytes - at) piece /= 2;
    emulation::see({begin + at, static_cast<unsigned>(piece), write, place});
    at += piece;
  }
}

}  // namespace

#define EMULATION_ACCESSES(prefix, suffix, bytes, most)                   \
  void __tsan_##prefix##read##suffix(void* address) {                     \
    see_pieces(address, bytes, most, false, __builtin_return_address(0)); \
  }                                                                       \
  void __tsan_##prefix##write##suffix(void* address) {                    \
    see_pieces(address, bytes, most, true, __builtin_return_address(0));  \
  }

#define EMULATION_ATOMIC_UPDATE(bits, name)                                                 \
  Word##bits __tsan_atomic##bits##_fetch_##name(Word##bits* place, Word##bits value, int) { \
    return __atomic_fetch_##name(place, value, __ATOMIC_SEQ_CST);                           \
  }
#define EMULATION_ATOMIC_COMPARE(bits, name)                                                                        \
  int __tsan_atomic##bits##_compare_exchange_##name(Word##bits* place, Word##bits* expected, Word##bits value, int, \
                                                    int) {                                                          \
    return __atomic_compare_exchange_n(place, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);          \
  }
#define EMULATION_ATOMICS(bits)                                                         \
  using Word##bits = std::uint##bits##_t;                                               \
  Word##bits __tsan_atomic##bits##_load(const Word##bits* place, int) {                 \
    return __atomic_load_n(place, __ATOMIC_SEQ_CST);                                    \
  }                                                                                     \
  void __tsan_atomic##bits##_store(Word##bits* place, Word##bits value, int) {          \
    __atomic_store_n(place, value, __ATOMIC_SEQ_CST);                                   \
  }                                                                                     \
  Word##bits __tsan_atomic##bits##_exchange(Word##bits* place, Word##bits value, int) { \
    return __atomic_exchange_n(place, value, __ATOMIC_SEQ_CST);                         \
  }                                                                                     \
  EMULATION_ATOMIC_UPDATE(bits, add)                                                    \
  EMULATION_ATOMIC_UPDATE(bits, sub)                                                    \
  EMULATION_ATOMIC_UPDATE(bits, and)                                                    \
  EMULATION_ATOMIC_UPDATE(bits, or)                                                     \
  EMULATION_ATOMIC_UPDATE(bits, xor)                                                    \
  EMULATION_ATOMIC_COMPARE(bits, strong)                                                \
  EMULATION_ATOMIC_COMPARE(bits, weak)

extern "C" {

EMULATION_ACCESSES(, 1, 1, 1)
EMULATION_ACCESSES(, 2, 2, 2)
EMULATION_ACCESSES(, 4, 4, 4)
EMULATION_ACCESSES(, 8, 8, 8)
EMULATION_ACCESSES(, 16, 16, 16)
// Of a type that is not aligned to its size, as far as is known to 4 bytes.
EMULATION_ACCESSES(unaligned_, 2, 2, 1)
EMULATION_ACCESSES(unaligned_, 4, 4, 4)
EMULATION_ACCESSES(unaligned_, 8, 8, 4)
EMULATION_ACCESSES(unaligned_, 16, 16, 4)

void __tsan_read_range(void* address, std::size_t bytes) {
  see_pieces(address, bytes, 4, false, __builtin_return_address(0));
}
void __tsan_write_range(void* address, std::size_t bytes) {
  see_pieces(address, bytes, 4, true, __builtin_return_address(0));
}

EMULATION_ATOMICS(8)
EMULATION_ATOMICS(16)
EMULATION_ATOMICS(32)
EMULATION_ATOMICS(64)
void __tsan_atomic_thread_fence(int) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
void __tsan_atomic_signal_fence(int) {
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_read(void*) {}
void __tsan_vptr_update(void*, void*) {}

}  // extern "C"
