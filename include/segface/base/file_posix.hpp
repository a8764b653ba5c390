// Files of POSIX: what base/file.hpp is made of.
//
// Traps: programs may start with descriptors 0 to 2 closed; a file that got one of these numbers would receive what
// others print, so such numbers are never kept. Opening, reading, writing and closing are points where a thread may be
// cancelled, hence the guards. A file that is replaced passes its mode and, where allowed, its owner on; other hard links
// to it keep the old content, as a backup made of them must.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/file_common.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/threads/process.hpp"

SEGFACE_BEGIN_CORE

// What stands between the parts of a path.
inline constexpr const char* kPathSeparators = "/";

// What the system says about a path.
inline FileInfo file_info(const struct stat& description) noexcept {
  using Kind = FileInfo::Kind;
  FileInfo info;
  info.kind = S_ISREG(description.st_mode)   ? Kind::regular
              : S_ISDIR(description.st_mode) ? Kind::directory
                                             : Kind::other;
  if (info.kind == Kind::regular) info.size = static_cast<std::uint64_t>(description.st_size);
  return info;
}
// The same of a path, following links; none where nothing is there. errno where that fails, else 0.
inline int describe_path(const std::string& path, FileInfo& info) noexcept {
  struct stat description;
  info = FileInfo();
  if (::stat(path.c_str(), &description) != 0) return errno == ENOENT ? 0 : errno;
  info = file_info(description);
  return 0;
}
// Whether what is written to a path goes to a stream of the process, whatever that leads to.
inline bool is_standard_stream(const std::string& path) noexcept {
  return path == "/dev/stdout" || path == "/dev/stderr" || path.compare(0, 8, "/dev/fd/") == 0;
}

// An open file of the operating system, closed at the end; -1 where there is none. Move-only.
class FileDescriptor {
 public:
  FileDescriptor() noexcept = default;
  FileDescriptor(FileDescriptor&& other) noexcept { *this = std::move(other); }
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor() { static_cast<void>(close()); }

  // To read; a pipe does not wait for who writes. Where it fails, none is open and errno says why, as below.
  static FileDescriptor open_input(const std::string& path) noexcept { return open(path, O_RDONLY | O_NONBLOCK); }
  // To write behind what a device or a pipe holds already.
  static FileDescriptor open_device(const std::string& path) noexcept { return open(path, O_WRONLY | O_APPEND); }
  // To write from the beginning; what was there is gone.
  static FileDescriptor create(const std::string& path) noexcept { return open(path, O_WRONLY | O_CREAT | O_TRUNC); }
  // As ::open.
  static FileDescriptor open(const std::string& path, int flags) noexcept {
    const CancellationGuard guard;
    int number = -1;
    do {
      number = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0666);
    } while (number < 0 && errno == EINTR);
    return adopt(number);
  }
  // The owner of `number`, which is never 0, 1 or 2 afterwards; of nothing where it is -1.
  static FileDescriptor adopt(int number) noexcept {
    constexpr int kFirst = 3;
    FileDescriptor file;
    file.number_ = number;
    if (!file.is_open() || number >= kFirst) return file;
    FileDescriptor higher;
    higher.number_ = ::fcntl(number, F_DUPFD_CLOEXEC, kFirst);
    const int reason = errno;
    static_cast<void>(file.close());
    errno = reason;
    return higher;
  }

  bool is_open() const noexcept { return number_ >= 0; }
  int number() const noexcept { return number_; }

  // errno where that fails, else 0.
  int describe(FileInfo& info) const noexcept {
    struct stat description;
    if (::fstat(number_, &description) != 0) return errno;
    info = file_info(description);
    return 0;
  }
  // Reads bytes from `position` on, fewer than asked for at the end of the file, 0 behind it; -1 and errno where that
  // fails. Safe from several threads.
  std::ptrdiff_t read_at(std::uint64_t position, void* out, std::size_t bytes) const noexcept {
    const CancellationGuard guard;
    ssize_t got = -1;
    do {
      got = ::pread(number_, out, std::min(bytes, kLargestTransfer), static_cast<off_t>(position));
    } while (got < 0 && errno == EINTR);
    return got;
  }
  // Writes all bytes where the file's position is; errno where that fails, else 0.
  int write(Bytes bytes) noexcept {
    const CancellationGuard guard;
    while (!bytes.empty()) {
      const ssize_t got = ::write(number_, bytes.data(), std::min(bytes.size(), kLargestTransfer));
      if (got < 0 && errno != EINTR) return errno;
      if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got), bytes.size() - static_cast<std::size_t>(got));
    }
    return 0;
  }
  // Leaves so many bytes of it; errno where that fails, else 0.
  int cut(std::uint64_t bytes) noexcept { return ::ftruncate(number_, static_cast<off_t>(bytes)) == 0 ? 0 : errno; }
  // Makes what was written survive a power cut, where the file system can do that; errno where that fails, else 0.
  int sync() noexcept {
    const CancellationGuard guard;
    if (::fsync(number_) == 0) return 0;
    const bool unknown = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EROFS;
    return unknown ? 0 : errno;
  }
  // False where the system reports a failure, such as a late write error; closed in any case.
  bool close() noexcept {
    const CancellationGuard guard;
    const int number = std::exchange(number_, -1);
    return number < 0 || ::close(number) == 0 || errno == EINTR;
  }

 private:
  int number_ = -1;
};

// How a directory is opened to get a file without a name in it. Where that is unknown: as no directory can be opened.
#if defined(O_TMPFILE)
inline constexpr int kNameless = O_RDWR | O_TMPFILE;
#else
inline constexpr int kNameless = O_WRONLY;
#endif

inline void remove_file(const std::string& path) noexcept {
  static_cast<void>(::unlink(path.c_str()));
}

// Bytes that are to become the file `target`, which stays as it is until then.
//
// They lie in a file without a name in the target's directory, which goes with the process even where that is killed;
// else in one called .segface-*.tmp; else, where the directory takes no new files but the target can be written to, in
// one without a name elsewhere.
class PendingFile : public PendingBytes<FileDescriptor, remove_file> {
 public:
  // `path` leads to a regular file or to nothing yet.
  int open(const std::string& path) {
    struct stat description;
    const bool exists = ::stat(path.c_str(), &description) == 0;
    target_ = follow_links(path);
    file_ = FileDescriptor::open(directory(), kNameless);
    int reason = file_.is_open() ? 0 : make_named(file_);
    if (reason != 0 && exists && FileDescriptor::open(target_, O_WRONLY).is_open()) {
      elsewhere_ = true;
      reason = make_elsewhere();
    }
    if (reason == 0 && exists) keep_mode(description, file_);
    return reason;
  }

  // Gives the bytes the target's name. EEXIST: the name is taken, and is not to be replaced.
  int publish(bool replace) {
    int reason = elsewhere_ ? EACCES : replace ? replace_target() : claim_target();
    // A target that cannot be renamed over, as a file that is mounted, still can be written to.
    const bool fixed = reason == EACCES || reason == EPERM || reason == EBUSY || reason == EXDEV;
    if (replace && fixed) {
      FileDescriptor target = FileDescriptor::open(target_, O_WRONLY | O_TRUNC);
      if (target.is_open()) reason = copy_into(std::move(target));
    }
    discard();
    return reason;
  }

 private:
  // Where the last part of `path` leads to, at the end of which nothing need be.
  static std::string follow_links(std::string path) {
    constexpr int kMostLinks = 40;  // as the system; stat() has refused circles
    for (int i = 0; i < kMostLinks; ++i) {
      char link[4096];
      const ssize_t size = ::readlink(path.c_str(), link, sizeof link);
      if (size <= 0 || size == static_cast<ssize_t>(sizeof link)) break;
      const std::string to(link, static_cast<std::size_t>(size));
      path = to[0] == '/' ? to : path.substr(0, path.rfind('/') + 1) + to;
    }
    return path;
  }

  std::string directory() const {
    const std::size_t slash = target_.rfind('/');
    return slash == std::string::npos ? "./" : target_.substr(0, slash + 1);
  }

  // Calls take(name) for names of this process beside the target.
  template <class Take>
  int take_name(const Take& take) {
    return take_temporary_name(directory(), static_cast<std::uint64_t>(::getpid()), temporary_path_, take);
  }
  int make_named(FileDescriptor& file) {
    return take_name([&](const std::string& name) {
      file = FileDescriptor::open(name, O_RDWR | O_CREAT | O_EXCL);
      return file.is_open() ? 0 : errno;
    });
  }

  int make_elsewhere() noexcept {
    const CancellationGuard guard;
    if (std::FILE* const file = std::tmpfile()) {
      file_ = FileDescriptor::adopt(::fcntl(::fileno(file), F_DUPFD_CLOEXEC, 0));
      std::fclose(file);
    }
#if defined(__linux__)
    if (!file_.is_open()) file_ = FileDescriptor::adopt(::memfd_create("segface", MFD_CLOEXEC));
#endif
    return file_.is_open() ? 0 : errno;
  }

  static void keep_mode(const struct stat& existing, const FileDescriptor& file) noexcept {
    const bool owned = ::fchown(file.number(), existing.st_uid, existing.st_gid) == 0;
    static_cast<void>(::fchmod(file.number(), existing.st_mode & (owned ? 07777 : 0777)));
  }

  // Gives bytes without a name the name `path`, where that is free.
  int link_to(const std::string& path) const {
    const std::string source = "/proc/self/fd/" + std::to_string(file_.number());
    return ::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, path.c_str(), AT_SYMLINK_FOLLOW) == 0 ? 0 : errno;
  }
  int name_temporarily() {
    if (!temporary_path_.empty()) return 0;
    const int reason = take_name([&](const std::string& name) { return link_to(name); });
    if (reason == 0) return 0;
    FileDescriptor named;  // without /proc no link can be made
    const int refused = make_named(named);
    if (refused != 0) return refused;
    struct stat mine;
    if (::fstat(file_.number(), &mine) == 0) keep_mode(mine, named);
    return copy_into(std::move(named));
  }

  int replace_target() {
    if (temporary_path_.empty() && link_to(target_) == 0) return 0;
    const int reason = name_temporarily();
    return reason != 0 ? reason : rename_to_target();
  }
  int claim_target() {
    int reason = temporary_path_.empty() ? link_to(target_) : ENOSYS;
    if (reason == 0 || reason == EEXIST) return reason;
    reason = name_temporarily();
    if (reason != 0) return reason;
#if defined(SYS_renameat2)
    constexpr unsigned kNoReplace = 1;
    if (::syscall(SYS_renameat2, AT_FDCWD, temporary_path_.c_str(), AT_FDCWD, target_.c_str(), kNoReplace) == 0) {
      temporary_path_.clear();
      return 0;
    }
    if (errno == EEXIST) return EEXIST;
#endif
    if (::link(temporary_path_.c_str(), target_.c_str()) == 0) return 0;  // discard() removes the other name
    if (errno == EEXIST) return EEXIST;
    // The file system knows neither: an empty file takes the name, and is replaced.
    if (!FileDescriptor::open(target_, O_WRONLY | O_CREAT | O_EXCL).is_open()) return errno;
    reason = rename_to_target();
    if (reason != 0) static_cast<void>(::unlink(target_.c_str()));
    return reason;
  }
  int rename_to_target() noexcept {
    if (std::rename(temporary_path_.c_str(), target_.c_str()) != 0) return errno;
    temporary_path_.clear();
    return 0;
  }

  int copy_into(FileDescriptor out) const {
    std::uint8_t bytes[std::size_t{1} << 14];
    std::uint64_t position = 0;
    std::ptrdiff_t got = 0;
    while ((got = file_.read_at(position, bytes, sizeof bytes)) > 0) {
      const int reason = out.write({bytes, static_cast<std::size_t>(got)});
      if (reason != 0) return reason;
      position += static_cast<std::uint64_t>(got);
    }
    if (got < 0) return errno;
    const int reason = out.sync();
    return reason != 0 ? reason : out.close() ? 0 : errno;
  }

  bool elsewhere_ = false;
};

SEGFACE_END_CORE
