// The files of a program that has none (SEGFACE_NO_FILES): what base/file.hpp is made of, and nothing of it works.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>

#include "segface/base/config.hpp"
#include "segface/base/file_common.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

inline constexpr const char* kPathSeparators = "/";

inline int describe_path(const std::string&, FileInfo&) noexcept {
  return ENOSYS;
}
inline bool is_standard_stream(const std::string&) noexcept {
  return false;
}

class FileDescriptor {
 public:
  static FileDescriptor open_input(const std::string&) noexcept { return {}; }
  static FileDescriptor open_device(const std::string&) noexcept { return {}; }
  bool is_open() const noexcept { return false; }
  int describe(FileInfo&) const noexcept { return ENOSYS; }
  std::ptrdiff_t read_at(std::uint64_t, void*, std::size_t) const noexcept { return -1; }
  int write(Bytes) noexcept { return ENOSYS; }
  int sync() noexcept { return ENOSYS; }
  bool close() noexcept { return true; }
};

class PendingFile {
 public:
  int open(const std::string&) noexcept { return ENOSYS; }
  FileDescriptor& descriptor() noexcept { return file_; }
  const std::string& temporary_path() const noexcept { return name_; }
  int publish(bool) noexcept { return ENOSYS; }
  void discard() noexcept {}

 private:
  FileDescriptor file_;
  std::string name_;
};

SEGFACE_END_CORE
