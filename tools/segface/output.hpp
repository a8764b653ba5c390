// What the tool tells: exit codes, messages, a line of progress, and how it ends at a signal.
//
// Results go to standard output, failures and progress to standard error. Names of files are escaped wherever they
// are shown. No locale is ever set, so printf writes numbers the same way everywhere.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "segface/base/status.hpp"

#include "system.hpp"

namespace tool {

using namespace segface;
using namespace segface::core;

enum Exit : int { kDone = 0, kUsage = 2, kImage = 3, kWeights = 4, kOutput = 5, kLimits = 6, kNoDevice = 7 };

// The exit code of a failure; `otherwise` where the code does not tell whose fault it is: of an unreadable photo
// kImage, of an unreadable weight file kWeights.
inline int exit_code(Errc code, Exit otherwise) {
  constexpr struct {
    Errc code;
    Exit exit;
  } kCodes[] = {
      {Errc::invalid_argument, kUsage},   {Errc::unsupported_image, kImage},
      {Errc::mismatch, kWeights},         {Errc::output, kOutput},
      {Errc::limit_exceeded, kLimits},    {Errc::out_of_memory, kLimits},
      {Errc::unsupported_cpu, kNoDevice}, {Errc::no_device, kNoDevice},
  };
  for (const auto& row : kCodes) {
    if (row.code == code) return row.exit;
  }
  return otherwise;
}

// Text as it may be shown on a terminal.
inline std::string shown(std::string_view text) {
  Message message;
  return std::string(message.append(text).view());
}

// The same as a word of a shell command.
inline std::string shell_word(const std::string& text) {
  const bool plain =
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+=:,@") ==
      std::string::npos;
  if (plain && !text.empty()) return text;
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

// ---- terminal -------------------------------------------------------------------------------------------------

inline bool interrupted() {
  return caught_signal != 0;
}
inline bool shows_colors(std::FILE* stream) {
  return is_terminal(stream) && std::getenv("NO_COLOR") == nullptr;
}

// Says what failed and returns the exit code; after a signal it says nothing, the user knows.
inline int fail(const Status& status, Exit otherwise) {
  if (interrupted()) return 128 + caught_signal;
  std::fprintf(stderr, "segface: %s\n", status.message());
  return exit_code(status.code(), otherwise);
}

// One line of standard error that is written again and again while something lasts; nothing where that is no
// terminal.
class Progress {
 public:
  explicit Progress(const std::string& what) : shows_(is_terminal(stderr)), what_(shown(what.substr(0, kMostBytes))) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (percent_ >= 0) std::fputs("\r\x1b[K", stderr);
  }

  // `share` is 0 to 1; false asks to stop.
  bool operator()(double share) {
    const int percent = static_cast<int>(share * 100);
    if (shows_ && percent != percent_) {
      percent_ = percent;
      std::fprintf(stderr, "\r%s %3d %%\x1b[K", what_.c_str(), percent);
      std::fflush(stderr);
    }
    return !interrupted();
  }

 private:
  static constexpr std::size_t kMostBytes = 48;  // the line must not wrap

  bool shows_;
  std::string what_;
  int percent_ = -1;
};

// Milliseconds since it was made or asked last.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double milliseconds = std::chrono::duration<double, std::milli>(now - last_).count();
    last_ = now;
    return milliseconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// "3.2 MB"
inline std::string megabytes(std::size_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) / 1e6);
  return text;
}

}  // namespace tool
