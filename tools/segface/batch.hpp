// A batch: photos side by side, each on a lane of its own from reading to writing, their reports in the order of the photos.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "beside.hpp"
#include "output.hpp"

namespace tool {

// What is said of a photo once it is done: on standard output or in its place, and what failed.
struct Report {
  std::string text;
  Status status;
};

class Batch {
 public:
  // Reports go to `stream`; progress is shown where that is wanted and standard error a terminal.
  Batch(std::size_t photos, std::FILE* stream, bool shows_progress)
      : done_(photos), stream_(stream), shows_(shows_progress && photos > 1 && is_terminal(stderr)) {}

  // Calls work(photo) for each photo on `lanes` threads, the caller's among them, until all are done, a signal
  // came, or, with fail_fast, one failed. Returns the exit code of the first that failed.
  int run(std::size_t lanes, bool fail_fast, const std::function<Report(std::size_t photo)>& work) {
    fail_fast_ = fail_fast;
    const auto lane = [&] {
      for (std::optional<std::size_t> photo; (photo = next());) finish(*photo, work(*photo));
    };
    {
      std::vector<std::unique_ptr<Beside>> others;
      while (others.size() + 1 < lanes) others.push_back(std::make_unique<Beside>(true, lane));
      lane();
      for (const auto& other : others) other->join();
    }
    clear_line();
    if (failed_ != 0 && done_.size() > 1) {
      std::fprintf(stderr, "segface: %zu of %zu photos failed\n", failed_, done_.size());
    }
    return code_;
  }

 private:
  std::optional<std::size_t> next() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (begun_ == done_.size() || interrupted() || (fail_fast_ && failed_ != 0)) return {};
    return begun_++;
  }

  // Says all that can be said in order.
  void finish(std::size_t photo, Report report) {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_[photo] = std::move(report);
    if (!done_[photo]->status.ok()) ++failed_;
    ++finished_;
    clear_line();
    for (; said_ < done_.size() && done_[said_]; ++said_) {
      const Report& next = *done_[said_];
      std::fputs(next.text.c_str(), stream_);
      std::fflush(stream_);  // so that it keeps its place among messages
      if (!next.status.ok()) {
        const int code = fail(next.status, kImage);
        if (code_ == kDone) code_ = code;
      }
      done_[said_]->text.clear();
    }
    show_line();
  }

  void clear_line() {
    if (shows_) std::fputs("\r\x1b[K", stderr);
  }
  void show_line() {
    if (!shows_ || finished_ == done_.size()) return;
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    const double rate = static_cast<double>(finished_) / seconds;
    std::fprintf(stderr, "\r%zu of %zu photos, %.1f a second, %.0f s left\x1b[K", finished_, done_.size(), rate,
                 static_cast<double>(done_.size() - finished_) / rate);
    std::fflush(stderr);
  }

  std::vector<std::optional<Report>> done_;
  std::FILE* stream_;
  bool shows_;
  bool fail_fast_ = false;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::size_t begun_ = 0, finished_ = 0, said_ = 0, failed_ = 0;
  int code_ = kDone;
};

}  // namespace tool
