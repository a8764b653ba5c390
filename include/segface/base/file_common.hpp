// What the files of every operating system share, see base/file.hpp.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE

// What a path leads to.
struct FileInfo {
  enum class Kind : std::uint8_t { none, regular, directory, other } kind = Kind::none;
  std::uint64_t size = 0;  // bytes of a regular one
};

// The systems take no more at a time.
inline constexpr std::size_t kLargestTransfer = std::size_t{1} << 30;

// What pending files have in common: bytes in an open file, which may have a name of their own until they get the
// target's. Move-only; bytes that never got that name are lost. Functions that can fail return errno, 0 where all is
// well. kRemove takes the file away that is called so.
template <class Descriptor, void (*kRemove)(const std::string& path) noexcept>
class PendingBytes {
 public:
  PendingBytes() noexcept = default;
  PendingBytes(PendingBytes&& other) noexcept { *this = std::move(other); }
  PendingBytes& operator=(PendingBytes&& other) noexcept {
    std::swap(file_, other.file_);
    target_.swap(other.target_);
    temporary_path_.swap(other.temporary_path_);
    return *this;
  }
  ~PendingBytes() { discard(); }

  Descriptor& descriptor() noexcept { return file_; }
  // The name of the bytes; empty where they have none.
  const std::string& temporary_path() const noexcept { return temporary_path_; }

  void discard() noexcept {
    static_cast<void>(file_.close());
    if (!temporary_path_.empty()) kRemove(temporary_path_);
    temporary_path_.clear();
  }

 protected:
  Descriptor file_;
  std::string target_;
  std::string temporary_path_;
};

// Calls take(name) with names in `directory`, which ends with a separator or is empty, that are most likely free, until
// it answers 0, and puts that name into `taken`; or until it fails for another reason than EEXIST, which is returned.
template <class Take>
int take_temporary_name(const std::string& directory, std::uint64_t process, std::string& taken, const Take& take) {
  static std::atomic<std::uint32_t> calls{0};
  constexpr int kAttempts = 8;
  int reason = EEXIST;
  for (int attempt = 0; attempt < kAttempts && reason == EEXIST; ++attempt) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    const std::uint64_t seed = static_cast<std::uint64_t>(now) ^ process << 40;
    const std::uint64_t number = (seed + ++calls) * 0x9E3779B97F4A7C15u;
    std::string name = directory + ".segface-";
    for (int shift = 60; shift >= 0; shift -= 4) name += "0123456789abcdef"[number >> shift & 15];
    name += ".tmp";
    reason = take(name);
    if (reason == 0) taken = std::move(name);
  }
  return reason;
}

SEGFACE_END_CORE
