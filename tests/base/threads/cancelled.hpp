// A thread that is cancelled in the middle of a call, for tests of what happens then.
#pragma once

#include <doctest/doctest.h>
#include <pthread.h>

namespace test {

// Runs work() on a thread of its own, which is to cancel itself meanwhile; whether it ended at the first point after the
// work where threads may be cancelled.
template <class Work>
bool ends_after(const Work& work) {
  struct Call {
    const Work& work;
    bool went_on = false;
  } call = {work};
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, nullptr,
              [](void* argument) -> void* {
                Call& c = *static_cast<Call*>(argument);
                c.work();
                pthread_testcancel();
                c.went_on = true;
                return nullptr;
              },
              &call) == 0);
  void* result = nullptr;
  REQUIRE(pthread_join(thread, &result) == 0);
  return result == PTHREAD_CANCELED && !call.went_on;
}

}  // namespace test
