#include "fibers.hpp"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulation {
namespace {

thread_local Fiber* entered = nullptr;  // the one that runs

// AddressSanitizer must know which stack is in use.
void announce_switch(void** fake, const void* stack, std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(fake, stack, bytes);
#else
  static_cast<void>(fake), static_cast<void>(stack), static_cast<void>(bytes);
#endif
}
void finish_switch(void* fake, const void** stack, std::size_t* bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, stack, bytes);
#else
  static_cast<void>(fake), static_cast<void>(stack), static_cast<void>(bytes);
#endif
}

}  // namespace

void begin_fiber() {
  Fiber& fiber = *entered;
  finish_switch(nullptr, &fiber.outside_stack_, &fiber.outside_bytes_);
  fiber.body_();
  std::abort();  // a body never returns
}

Fiber::Fiber(Body body) : body_(body) {
  stack_ = ::mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack_ == MAP_FAILED) {
    std::fputs("emulation: no memory for a fiber\n", stderr);
    std::abort();
  }
}
Fiber::~Fiber() {
  ::munmap(stack_, kStackBytes);
}

void Fiber::begin() {
  ::getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  ::makecontext(&context_, begin_fiber, 0);
  begun_ = true;
  ::setcontext(&context_);
}

void Fiber::enter() {
  before_ = std::exchange(entered, this);
  announce_switch(&outside_fake_, stack_, kStackBytes);
  if (_setjmp(outside_) == 0) {
    if (begun_) _longjmp(inside_, 1);
    begin();
  }
  finish_switch(outside_fake_, nullptr, nullptr);
  entered = before_;
}

void Fiber::leave() {
  announce_switch(&inside_fake_, outside_stack_, outside_bytes_);
  if (_setjmp(inside_) == 0) _longjmp(outside_, 1);
  finish_switch(inside_fake_, &outside_stack_, &outside_bytes_);
}

void Fiber::abandon() {
  begun_ = false;
  announce_switch(nullptr, outside_stack_, outside_bytes_);
  _longjmp(outside_, 1);
}

}  // namespace emulation
