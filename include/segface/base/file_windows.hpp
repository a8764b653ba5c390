// Files of Windows: what base/file.hpp is made of. Names are UTF-8, and bytes pass as they are (binary mode).
//
// Traps: <windows.h> defines far, small, min and more, so the few functions of it that are called here are declared as
// it declares them. A file that is open cannot be renamed: a pending one is closed first. What is written lies in a
// file called .segface-*.tmp, which a killed process leaves behind. A link is replaced, not followed.
#pragma once

#include <fcntl.h>
#include <io.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/file_common.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

extern "C" {
struct _OVERLAPPED;
__declspec(dllimport) int __stdcall MultiByteToWideChar(unsigned int, unsigned long, const char*, int, wchar_t*, int);
__declspec(dllimport) int __stdcall ReadFile(void*, void*, unsigned long, unsigned long*, struct _OVERLAPPED*);
__declspec(dllimport) int __stdcall MoveFileExW(const wchar_t*, const wchar_t*, unsigned long);
__declspec(dllimport) unsigned long __stdcall GetCurrentProcessId(void);
__declspec(dllimport) unsigned long __stdcall GetLastError(void);
}

SEGFACE_BEGIN_CORE

// What stands between the parts of a path.
inline constexpr const char* kPathSeparators = "/\\:";

// A path as Windows takes it; empty where it is not UTF-8, and then no file is found under it.
inline std::wstring wide_path(const std::string& path) {
  constexpr unsigned kUtf8 = 65001;
  constexpr unsigned long kNothingInvalid = 8;
  const auto convert = [&](wchar_t* to, int room) {
    return ::MultiByteToWideChar(kUtf8, kNothingInvalid, path.data(), static_cast<int>(path.size()), to, room);
  };
  std::wstring wide(static_cast<std::size_t>(path.empty() ? 0 : convert(nullptr, 0)), L'\0');
  if (!wide.empty()) static_cast<void>(convert(wide.data(), static_cast<int>(wide.size())));
  return wide;
}

// What the system says about a path.
inline FileInfo file_info(const struct _stat64& description) noexcept {
  using Kind = FileInfo::Kind;
  const int kind = description.st_mode & _S_IFMT;
  FileInfo info;
  info.kind = kind == _S_IFREG ? Kind::regular : kind == _S_IFDIR ? Kind::directory : Kind::other;
  if (info.kind == Kind::regular) info.size = static_cast<std::uint64_t>(description.st_size);
  return info;
}
// The same of a path; none where nothing is there. errno where that fails, else 0.
inline int describe_path(const std::string& path, FileInfo& info) {
  struct _stat64 description;
  info = FileInfo();
  if (::_wstat64(wide_path(path).c_str(), &description) != 0) return errno == ENOENT ? 0 : errno;
  info = file_info(description);
  return 0;
}
// Streams of the process have no path.
inline bool is_standard_stream(const std::string&) noexcept {
  return false;
}

// An open file of the C library, closed at the end; -1 where there is none. Move-only.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  FileDescriptor(FileDescriptor&& other) noexcept { *this = std::move(other); }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() { static_cast<void>(close()); }

  // To read. Where it fails, none is open and errno says why, as below.
  static FileDescriptor open_input(const std::string& path) { return open(path, _O_RDONLY); }
  // To write behind what a device or a pipe holds already.
  static FileDescriptor open_device(const std::string& path) { return open(path, _O_WRONLY | _O_APPEND); }
  // To write from the beginning; what was there is gone.
  static FileDescriptor create(const std::string& path) { return open(path, _O_WRONLY | _O_CREAT | _O_TRUNC); }
  // As _open.
  static FileDescriptor open(const std::string& path, int flags) {
    FileDescriptor file;
    file.number_ = ::_wopen(wide_path(path).c_str(), flags | _O_BINARY | _O_NOINHERIT, _S_IREAD | _S_IWRITE);
    return file;
  }

  bool is_open() const noexcept { return number_ >= 0; }

  // errno where that fails, else 0.
  int describe(FileInfo& info) const noexcept {
    struct _stat64 description;
    if (::_fstat64(number_, &description) != 0) return errno;
    info = file_info(description);
    return 0;
  }
  // Reads bytes from `position` on, fewer than asked for at the end of the file, 0 behind it; -1 and errno where that
  // fails. Safe from several threads.
  std::ptrdiff_t read_at(std::uint64_t position, void* out, std::size_t bytes) const noexcept {
    struct {  // OVERLAPPED
      std::uintptr_t state[2];
      std::uint32_t low, high;
      void* event;
    } at = {{0, 0}, static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32), nullptr};
    constexpr unsigned long kBehindTheEnd = 38;
    unsigned long got = 0;
    const auto room = static_cast<unsigned long>(std::min(bytes, kLargestTransfer));
    const auto handle = reinterpret_cast<void*>(::_get_osfhandle(number_));
    if (::ReadFile(handle, out, room, &got, reinterpret_cast<struct _OVERLAPPED*>(&at)) == 0 &&
        ::GetLastError() != kBehindTheEnd) {
      errno = EIO;
      return -1;
    }
    return static_cast<std::ptrdiff_t>(got);
  }
  // Leaves so many bytes of it; errno where that fails, else 0.
  int cut(std::uint64_t bytes) noexcept { return ::_chsize_s(number_, static_cast<std::int64_t>(bytes)); }
  // Writes all bytes where the file's position is; errno where that fails, else 0.
  int write(Bytes bytes) noexcept {
    while (!bytes.empty()) {
      const int got = ::_write(number_, bytes.data(), static_cast<unsigned>(std::min(bytes.size(), kLargestTransfer)));
      if (got < 0) return errno;
      bytes = bytes.subspan(static_cast<std::size_t>(got), bytes.size() - static_cast<std::size_t>(got));
    }
    return 0;
  }
  // Makes what was written survive a power cut; errno where that fails, else 0.
  int sync() noexcept { return ::_commit(number_) == 0 ? 0 : errno; }
  // False where the system reports a failure; closed in any case.
  bool close() noexcept {
    const int number = std::exchange(number_, -1);
    return number < 0 || ::_close(number) == 0;
  }

 private:
  int number_ = -1;
};

// Where there is no memory for the name, the file stays.
inline void remove_file(const std::string& path) noexcept {
  static_cast<void>(guarded([&]() -> Status {
    static_cast<void>(::_wunlink(wide_path(path).c_str()));
    return {};
  }));
}

// Bytes that are to become the file `target`, which stays as it is until then.
class PendingFile : public PendingBytes<FileDescriptor, remove_file> {
 public:
  // `path` leads to a regular file or to nothing yet.
  int open(const std::string& path) {
    target_ = path;
    const std::size_t directory = path.find_last_of(kPathSeparators) + 1;
    return take_temporary_name(path.substr(0, directory), ::GetCurrentProcessId(), temporary_path_,
                               [&](const std::string& name) {
                                 file_ = FileDescriptor::open(name, _O_WRONLY | _O_CREAT | _O_EXCL);
                                 return file_.is_open() ? 0 : errno;
                               });
  }

  // Gives the bytes the target's name. EEXIST: the name is taken, and is not to be replaced.
  int publish(bool replace) {
    constexpr unsigned long kReplaceExisting = 1, kWriteThrough = 8;
    const unsigned long flags = kWriteThrough | (replace ? kReplaceExisting : 0);
    int reason = file_.close() ? 0 : errno;
    if (reason == 0 && ::MoveFileExW(wide_path(temporary_path_).c_str(), wide_path(target_).c_str(), flags) == 0) {
      reason = errno_of(::GetLastError());
    }
    if (reason == 0) temporary_path_.clear();
    discard();
    return reason;
  }

 private:
  static int errno_of(unsigned long reason) noexcept {
    switch (reason) {
      case 2:  // ERROR_FILE_NOT_FOUND, ERROR_PATH_NOT_FOUND
      case 3:
        return ENOENT;
      case 5:  // ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION
      case 32:
        return EACCES;
      case 80:  // ERROR_FILE_EXISTS, ERROR_ALREADY_EXISTS
      case 183:
        return EEXIST;
      case 112:  // ERROR_DISK_FULL
        return ENOSPC;
    }
    return EIO;
  }
};

SEGFACE_END_CORE
