// Every load and store of a kernel, by the thread that makes it, in programs that are compiled with -fsanitize=thread
// and linked without it: the calls that this option puts before each access lead here (instrumentation.cpp), and
// kernels stay as they are. In other programs no access is seen, and the functions below do nothing that matters.
//
// An access to a __shared__ array is checked (shared_memory.hpp); accesses are counted while a Traffic lives
// (traffic.hpp). What is neither device nor shared memory, a local or an argument, would be a register: not an access.
#pragma once

#include <cstddef>
#include <cstdint>

namespace emulation {

struct Access {
  std::uintptr_t address;
  unsigned bytes;  // 1, 2, 4, 8, 16
  bool write;
  const void* place;  // of the instruction
};

// What the instrumentation tells: all of the host's accesses, too.
void see(const Access& access);
// What the emulator tells: a kernel begins and ends; so does a block of so many threads, with dynamic shared memory;
// all its threads are at a barrier; all lanes of a warp have exchanged something.
void begin_kernel(const void* kernel);
void end_kernel();
void begin_block(std::size_t threads, const void* dynamic_shared, std::size_t shared_bytes);
void end_block();
void meet_block();
void meet_warp(std::size_t warp);
// A kernel of a library, of which the bytes that it reads and writes are all that is known.
void library_kernel(const char* name, double bytes);

}  // namespace emulation
