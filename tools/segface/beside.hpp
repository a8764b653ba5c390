// A piece of work on a thread of its own, beside what the caller does meanwhile.
#pragma once

#include <functional>
#include <system_error>
#include <thread>
#include <utility>

namespace tool {

class Beside {
 public:
  // Begins work(), which must not throw, unless `wanted` is false or the system refuses a thread: then join() does it.
  Beside(bool wanted, std::function<void()> work) : work_(std::move(work)) {
    try {
      if (wanted) thread_ = std::thread(work_);
    } catch (const std::system_error&) {
      return;
    }
  }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;
  ~Beside() {
    if (thread_.joinable()) thread_.join();
  }

  // Returns when the work is done.
  void join() {
    if (thread_.joinable()) {
      thread_.join();
    } else if (work_) {
      work_();
    }
    work_ = nullptr;
  }

 private:
  std::function<void()> work_;
  std::thread thread_;
};

}  // namespace tool
