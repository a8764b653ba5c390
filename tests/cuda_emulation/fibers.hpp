// Fibers: stacks that hand the processor to each other by name. One OS thread, no preemption. A fiber begins by
// setcontext; from then on the processor is handed over by longjmp, which makes no system call.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace emulation {

// A stack that runs `body(argument)`, which never returns: it leaves by Fiber::leave, and goes on from there.
class Fiber {
 public:
  using Body = void (*)();

  explicit Fiber(Body body);
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  // From outside: runs the fiber until it leaves.
  void enter();
  // From inside: back to whoever entered.
  void leave();
  // From a signal handler inside: back to whoever entered; the fiber begins anew when it is next entered.
  [[noreturn]] void abandon();

 private:
  void begin();

  static constexpr std::size_t kStackBytes = std::size_t{256} << 10;

  Body body_;
  void* stack_;
  ucontext_t context_;  // to begin with; no local of a frame that is left for good, which AddressSanitizer would mourn
  jmp_buf inside_, outside_;
  Fiber* before_ = nullptr;  // the fiber from which this one was entered
  // For AddressSanitizer: the stack of whoever entered, and what it keeps of either stack.
  const void* outside_stack_ = nullptr;
  std::size_t outside_bytes_ = 0;
  void *inside_fake_ = nullptr, *outside_fake_ = nullptr;
  bool begun_ = false;

  friend void begin_fiber();
};

}  // namespace emulation
