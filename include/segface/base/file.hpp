// Files: InputFile reads at positions, OutputFile appears under its name only when it is complete (POSIX).
//
// InputFile accepts regular files alone, so that no path can block (a pipe) or never end (a device), and has no
// position, so that threads may share it. OutputFile collects its bytes in a PendingFile, which gets the name at the
// end: whatever happens before commit(), the target stays as it was.
//
// Traps: programs may start with descriptors 0 to 2 closed; a file that got one of these numbers would receive what
// others print, so such numbers are never kept. Failures of open and of OutputFile name the path; those of
// InputFile::read_at do not, its callers know better what they were reading. A file that is replaced passes its mode
// and, where allowed, its owner on; other hard links to it keep the old content, as a backup made of them must.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/mman.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_NAMESPACE

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

  // As ::open; where it fails, none is open and errno says why.
  static FileDescriptor open(const std::string& path, int flags) noexcept {
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

  // Writes all bytes where the file's position is; errno where that fails, else 0.
  int write(Bytes bytes) noexcept {
    constexpr std::size_t kLargestWrite = std::size_t{1} << 30;
    while (!bytes.empty()) {
      const ssize_t got = ::write(number_, bytes.data(), std::min(bytes.size(), kLargestWrite));
      if (got < 0 && errno != EINTR) return errno;
      if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got), bytes.size() - static_cast<std::size_t>(got));
    }
    return 0;
  }
  // Makes what was written survive a power cut, where the file system can do that; errno where that fails, else 0.
  int sync() noexcept {
    if (::fsync(number_) == 0) return 0;
    const bool unknown = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EROFS;
    return unknown ? 0 : errno;
  }
  // False where the system reports a failure, such as a late write error; closed in any case.
  bool close() noexcept {
    const int number = std::exchange(number_, -1);
    return number < 0 || ::close(number) == 0 || errno == EINTR;
  }

 private:
  int number_ = -1;
};

// Refuses paths that the system would misread. Errors: `code`.
inline Status check_path(const std::string& path, Errc code) noexcept {
  if (path.empty()) return error(code, "the path of a file is empty");
  if (path.find('\0') != std::string::npos) return error(code, path, ": a path cannot hold a zero byte");
  return {};
}

// A regular file, open for reading. Move-only; const calls are safe from several threads.
class InputFile {
 public:
  // Errors: io (the message has the system's words); not_regular_file.
  static Result<InputFile> open(const std::string& path) noexcept {
    return guarded([&]() -> Result<InputFile> {
      SEGFACE_RETURN_IF_ERROR(check_path(path, Errc::io));
      InputFile file;
      file.path_ = path;
      file.file_ = FileDescriptor::open(path, O_RDONLY | O_NONBLOCK);  // a pipe must not block here
      struct stat description;
      if (!file.file_.is_open() || ::fstat(file.file_.number(), &description) != 0) {
        return error(Errc::io, path, ": cannot open: ", std::strerror(errno));
      }
      if (!S_ISREG(description.st_mode)) {
        return error(Errc::not_regular_file, path, ": ", S_ISDIR(description.st_mode) ? "a directory" : "not a file",
                     ", expected a file");
      }
      file.size_ = static_cast<std::uint64_t>(description.st_size);
      char probe;
      if (file.size_ == 0 && ::pread(file.file_.number(), &probe, 1, 0) != 0) {  // as many under /proc
        return error(Errc::not_regular_file, path, ": a file of the system that has no size, expected a plain file");
      }
      return Result<InputFile>(std::move(file));
    });
  }

  const std::string& path() const noexcept { return path_; }
  // Bytes in the file when it was opened.
  std::uint64_t size() const noexcept { return size_; }

  // Copies bytes [offset, offset + bytes) of the file to `out`. Errors: truncated (the file is shorter, or has
  // become so); io. Then `out` holds anything.
  Status read_at(std::uint64_t offset, void* out, std::size_t bytes) const noexcept {
    constexpr std::size_t kLargestRead = std::size_t{1} << 30;
    if (bytes > size_ || offset > size_ - bytes) return too_short(offset, bytes, size_);
    auto* to = static_cast<std::uint8_t*>(out);
    for (std::size_t done = 0; done < bytes;) {
      const std::uint64_t position = offset + done;
      const ssize_t got =
          ::pread(file_.number(), to + done, std::min(bytes - done, kLargestRead), static_cast<off_t>(position));
      if (got == 0) return too_short(offset, bytes, position);
      if (got > 0) {
        done += static_cast<std::size_t>(got);
      } else if (errno != EINTR) {
        return error(Errc::io, "cannot read ", bytes, " bytes at offset ", offset, ": ", std::strerror(errno));
      }
    }
    return {};
  }

 private:
  InputFile() noexcept = default;

  static Status too_short(std::uint64_t offset, std::size_t bytes, std::uint64_t end) noexcept {
    return error(Errc::truncated, "the file ends at byte ", end, ", expected ", bytes, " bytes at offset ", offset);
  }

  FileDescriptor file_;
  std::uint64_t size_ = 0;
  std::string path_;
};

// The whole of a regular file. Errors: limit_exceeded (nothing was allocated); as InputFile; out_of_memory.
inline Result<Buffer<std::uint8_t>> read_file(const std::string& path, std::size_t max_bytes) noexcept {
  SEGFACE_ASSIGN(file, InputFile::open(path));
  if (file.size() > max_bytes) {
    return error(Errc::limit_exceeded, path, ": ", file.size(), " bytes, at most ", max_bytes, " are read");
  }
  auto buffer = Buffer<std::uint8_t>::make(static_cast<std::size_t>(file.size()));
  if (!buffer.ok()) return in_context(buffer.error(), path);
  SEGFACE_RETURN_IF_ERROR(in_context(file.read_at(0, buffer->data(), buffer->size()), path));
  return buffer;
}

// Bytes that are to become the file `target`, which stays as it is until then. Move-only; bytes that never got the
// name are lost.
//
// They lie in a file without a name in the target's directory, which goes with the process even where that is killed;
// else in one called .segface-*.tmp; else, where the directory takes no new files but the target can be written to, in
// one without a name elsewhere. Functions that can fail return errno, 0 where all is well.
class PendingFile {
 public:
  PendingFile() noexcept = default;
  PendingFile(PendingFile&& other) noexcept { *this = std::move(other); }
  PendingFile& operator=(PendingFile&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(elsewhere_, other.elsewhere_);
    target_.swap(other.target_);
    temporary_path_.swap(other.temporary_path_);
    return *this;
  }
  ~PendingFile() { discard(); }

  // `existing` describes the target, null where there is none.
  int open(const std::string& target, const struct stat* existing) {
    target_ = target;
#if defined(O_TMPFILE)
    file_ = FileDescriptor::open(directory(), O_RDWR | O_TMPFILE);
#endif
    int reason = file_.is_open() ? 0 : make_named(file_);
    if (reason != 0 && existing != nullptr && FileDescriptor::open(target_, O_WRONLY).is_open()) {
      elsewhere_ = true;
      reason = make_elsewhere();
    }
    if (reason == 0 && existing != nullptr) keep_mode(*existing);
    return reason;
  }

  FileDescriptor& descriptor() noexcept {
    return file_;
  }
  // The name of the bytes; empty where they have none.
  const std::string& temporary_path() const noexcept {
    return temporary_path_;
  }

  // Gives the bytes the target's name. EEXIST: the name is taken, and is not to be replaced.
  int publish(bool replace) {
    int reason = elsewhere_ ? EACCES : replace ? replace_target() : claim_target();
    // A target that cannot be renamed over, as a file that is mounted, still can be written to.
    const bool fixed = reason == EACCES || reason == EPERM || reason == EBUSY || reason == EXDEV;
    if (replace && fixed) reason = copy_into(FileDescriptor::open(target_, O_WRONLY | O_TRUNC));
    if (reason == 0) sync_directory();
    discard();
    return reason;
  }

  void discard() noexcept {
    static_cast<void>(file_.close());
    if (!temporary_path_.empty()) static_cast<void>(::unlink(temporary_path_.c_str()));
    temporary_path_.clear();
  }

 private:
  std::string directory() const {
    const std::size_t slash = target_.rfind('/');
    return slash == std::string::npos ? "./" : target_.substr(0, slash + 1);
  }

  // A name that is most likely free; whoever takes it asks the system whether it is.
  std::string temporary_name() const {
    static std::atomic<std::uint64_t> calls{0};
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    std::uint64_t number = static_cast<std::uint64_t>(now) ^ static_cast<std::uint64_t>(::getpid()) << 40;
    number = (number + ++calls) * 0x9E3779B97F4A7C15u;
    std::string name = directory() + ".segface-";
    for (int shift = 60; shift >= 0; shift -= 4) name += "0123456789abcdef"[number >> shift & 15];
    return name + ".tmp";
  }

  // Calls take(name) until it succeeds or fails for another reason than that the name is taken.
  template <class Take>
  int take_name(const Take& take) {
    constexpr int kAttempts = 8;
    int reason = EEXIST;
    for (int attempt = 0; attempt < kAttempts && reason == EEXIST; ++attempt) {
      std::string name = temporary_name();
      reason = take(name);
      if (reason == 0) temporary_path_ = std::move(name);
    }
    return reason;
  }
  int make_named(FileDescriptor& file) {
    return take_name([&](const std::string& name) {
      file = FileDescriptor::open(name, O_RDWR | O_CREAT | O_EXCL);
      return file.is_open() ? 0 : errno;
    });
  }

  int make_elsewhere() noexcept {
    if (std::FILE* const file = std::tmpfile()) {
      file_ = FileDescriptor::adopt(::fcntl(::fileno(file), F_DUPFD_CLOEXEC, 0));
      std::fclose(file);
    }
#if defined(__linux__)
    if (!file_.is_open()) file_ = FileDescriptor::adopt(::memfd_create("segface", MFD_CLOEXEC));
#endif
    return file_.is_open() ? 0 : errno;
  }

  void keep_mode(const struct stat& existing) noexcept {
    const bool owned = ::fchown(file_.number(), existing.st_uid, existing.st_gid) == 0;
    static_cast<void>(::fchmod(file_.number(), existing.st_mode & (owned ? 07777 : 0777)));
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
    return refused != 0 ? refused : copy_into(std::move(named));
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
    if (!out.is_open()) return errno;
    std::uint8_t bytes[std::size_t{1} << 14];
    for (off_t at = 0;;) {
      const ssize_t got = ::pread(file_.number(), bytes, sizeof bytes, at);
      if (got == 0) break;
      if (got < 0 && errno != EINTR) return errno;
      if (got < 0) continue;
      const int reason = out.write({bytes, static_cast<std::size_t>(got)});
      if (reason != 0) return reason;
      at += got;
    }
    const int reason = out.sync();
    return reason != 0 ? reason : out.close() ? 0 : errno;
  }

  void sync_directory() const {
    static_cast<void>(FileDescriptor::open(directory(), O_RDONLY).sync());  // the name; the bytes are safe already
  }

  FileDescriptor file_;
  bool elsewhere_ = false;
  std::string target_;
  std::string temporary_path_;
};

// A file being written. Move-only; without commit(), the destructor leaves the target as it was.
class OutputFile {
 public:
  enum class Existing { refuse, replace };

  // Writes beside the target; where `path` is a link, that is beside where it leads to, whether a file is there or
  // not. Pipes, devices and /dev/stdout are written to directly. Errors: output.
  static Result<OutputFile> open(const std::string& path, Existing existing) noexcept {
    return guarded([&]() -> Result<OutputFile> {
      SEGFACE_RETURN_IF_ERROR(check_path(path, Errc::output));
      OutputFile file;
      file.path_ = path;
      file.existing_ = existing;
      SEGFACE_RETURN_IF_ERROR(file.prepare());
      auto buffer = Buffer<std::uint8_t>::make(kBufferBytes);
      if (!buffer.ok()) return buffer.error();
      file.buffer_ = std::move(*buffer);
      return Result<OutputFile>(std::move(file));
    });
  }

  OutputFile(OutputFile&& other) noexcept { swap(other); }
  OutputFile& operator=(OutputFile&& other) noexcept {
    OutputFile moved(std::move(other));
    swap(moved);
    return *this;
  }

  const std::string& path() const noexcept { return path_; }
  // The file to remove where the process must end at once, as at a signal; empty where nothing is to be removed.
  const std::string& temporary_path() const noexcept { return pending_.temporary_path(); }

  // Adds bytes at the end. Errors: output, which ends the file; invalid_argument (not open any more).
  Status append(Bytes bytes) noexcept {
    if (state_ == State::closed) return not_open();
    if (bytes.size() > buffer_.size() - buffered_) {
      SEGFACE_RETURN_IF_ERROR(flush());
      if (bytes.size() >= buffer_.size()) return write(bytes);
    }
    if (!bytes.empty()) std::memcpy(buffer_.data() + buffered_, bytes.data(), bytes.size());
    buffered_ += bytes.size();
    return {};
  }

  // Makes the file durable and gives it its name. Errors: output, and the target is as it was, unless it is one that
  // can only be written to in place, as a file that is mounted; invalid_argument.
  Status commit() noexcept {
    return guarded([&]() -> Status {
      if (state_ == State::closed) return not_open();
      const Status status = finish();
      close();
      return status;
    });
  }

 private:
  enum class State : std::uint8_t { closed, pending, device };
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 16;

  OutputFile() noexcept = default;

  void swap(OutputFile& other) noexcept {
    std::swap(state_, other.state_);
    std::swap(device_, other.device_);
    std::swap(pending_, other.pending_);
    std::swap(buffer_, other.buffer_);
    std::swap(buffered_, other.buffered_);
    std::swap(existing_, other.existing_);
    path_.swap(other.path_);
  }

  // Decides between a pending file and writing directly, and opens it.
  Status prepare() {
    struct stat description;
    const bool exists = ::stat(path_.c_str(), &description) == 0;
    if (!exists && errno != ENOENT) return failure("cannot write there", errno);
    if (exists && (!S_ISREG(description.st_mode) || is_standard_stream(path_))) {
      device_ = FileDescriptor::open(path_, O_WRONLY | O_APPEND);
      if (!device_.is_open()) return failure("cannot open for writing", errno);
      state_ = State::device;
      return {};
    }
    if (exists && existing_ == Existing::refuse) return already_exists();
    const int reason = pending_.open(follow_links(path_), exists ? &description : nullptr);
    if (reason != 0) return failure("cannot create a file in its directory", reason);
    state_ = State::pending;
    return {};
  }

  static bool is_standard_stream(const std::string& path) noexcept {
    return path == "/dev/stdout" || path == "/dev/stderr" || path.compare(0, 8, "/dev/fd/") == 0;
  }

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

  Status finish() {
    SEGFACE_RETURN_IF_ERROR(flush());
    if (state_ == State::device) return device_.close() ? Status() : failure("cannot write", errno);
    const int late = pending_.descriptor().sync();
    if (late != 0) return failure("cannot write", late);
    const int reason = pending_.publish(existing_ == Existing::replace);
    if (reason == EEXIST) return already_exists();
    return reason == 0 ? Status() : failure("cannot give it its name", reason);
  }

  Status flush() noexcept {
    const std::size_t size = std::exchange(buffered_, 0);
    return write(buffer_.span().subspan(0, size));
  }

  Status write(Bytes bytes) noexcept {
    const int reason = (state_ == State::device ? device_ : pending_.descriptor()).write(bytes);
    if (reason == 0) return {};
    close();  // a file with a hole in it must not be committed
    return failure("cannot write", reason);
  }

  void close() noexcept {
    state_ = State::closed;
    static_cast<void>(device_.close());
    pending_.discard();
  }

  Status failure(const char* what, int reason) const noexcept {
    return error(Errc::output, path_, ": ", what, ": ", std::strerror(reason));
  }
  Status already_exists() const noexcept {
    return error(Errc::output, path_, ": exists already; choose another name, or say that it may be replaced");
  }
  Status not_open() const noexcept {
    return error(Errc::invalid_argument, "the output file '", path_,
                 "' is not open: it was committed, moved from, or has failed before");
  }

  State state_ = State::closed;
  FileDescriptor device_;
  PendingFile pending_;
  Buffer<std::uint8_t> buffer_;  // bytes appended and not yet written
  std::size_t buffered_ = 0;
  Existing existing_ = Existing::refuse;
  std::string path_;  // as the caller wrote it
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
