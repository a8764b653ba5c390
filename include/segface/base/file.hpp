// Files: InputFile reads at positions, OutputFile appears under its name only when it is complete (POSIX).
//
// InputFile accepts regular files alone, so that no path can block (a pipe) or never end (a device), and has no
// position, so that threads may share it. OutputFile writes beside its target and renames at the end: whatever
// happens before commit(), the target stays as it was.
//
// Traps: programs may start with descriptors 0 to 2 closed; a file that got one of these numbers would receive what
// others print, so such numbers are never kept. Failures of open and of OutputFile name the path; those of
// InputFile::read_at do not, its callers know better what they were reading.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
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

  // As ::open, never 0, 1 or 2; where it fails, none is open and errno says why.
  static FileDescriptor open(const std::string& path, int flags) noexcept {
    constexpr int kFirst = 3;
    FileDescriptor file;
    do {
      file.number_ = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0666);
    } while (file.number_ < 0 && errno == EINTR);
    if (file.is_open() && file.number_ < kFirst) {
      FileDescriptor higher;
      higher.number_ = ::fcntl(file.number_, F_DUPFD_CLOEXEC, kFirst);
      const int reason = errno;
      static_cast<void>(file.close());
      errno = reason;
      return higher;
    }
    return file;
  }

  bool is_open() const noexcept { return number_ >= 0; }
  int number() const noexcept { return number_; }

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

// A file being written. Move-only; without commit(), the destructor leaves the target as it was.
class OutputFile {
 public:
  enum class Existing { refuse, replace };

  // Makes a temporary file in the directory of `path`; where `path` is a link to a file, beside that file. Pipes,
  // devices and /dev/stdout are written to directly. Errors: output.
  static Result<OutputFile> open(const std::string& path, Existing existing) noexcept {
    return guarded([&]() -> Result<OutputFile> {
      SEGFACE_RETURN_IF_ERROR(check_path(path, Errc::output));
      OutputFile file;
      file.path_ = path;
      file.existing_ = existing;
      SEGFACE_RETURN_IF_ERROR(file.prepare());
      auto pending = Buffer<std::uint8_t>::make(kPendingBytes);
      if (!pending.ok()) return pending.error();
      file.pending_ = std::move(*pending);
      return Result<OutputFile>(std::move(file));
    });
  }

  OutputFile(OutputFile&& other) noexcept { *this = std::move(other); }
  OutputFile& operator=(OutputFile&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(pending_, other.pending_);
    std::swap(pending_size_, other.pending_size_);
    std::swap(existing_, other.existing_);
    path_.swap(other.path_);
    target_.swap(other.target_);
    temporary_path_.swap(other.temporary_path_);
    return *this;
  }
  ~OutputFile() { discard(); }

  const std::string& path() const noexcept { return path_; }
  // The file to remove where the process must end at once, as at a signal; empty where nothing is to be removed.
  const std::string& temporary_path() const noexcept { return temporary_path_; }

  // Adds bytes at the end. Errors: output, which ends the file; invalid_argument (not open any more).
  Status append(Bytes bytes) noexcept {
    if (!file_.is_open()) return not_open();
    if (bytes.size() > pending_.size() - pending_size_) {
      SEGFACE_RETURN_IF_ERROR(flush());
      if (bytes.size() >= pending_.size()) return write(bytes);
    }
    if (!bytes.empty()) std::memcpy(pending_.data() + pending_size_, bytes.data(), bytes.size());
    pending_size_ += bytes.size();
    return {};
  }

  // Makes the file durable and gives it its name. Errors: output, and the target is as it was; invalid_argument.
  Status commit() noexcept {
    if (!file_.is_open()) return not_open();
    Status status = finish();
    discard();
    return status;
  }

 private:
  static constexpr std::size_t kPendingBytes = std::size_t{1} << 16;

  OutputFile() noexcept = default;

  // Decides between a temporary file and writing directly, and opens it.
  Status prepare() {
    struct stat description;
    const bool exists = ::stat(path_.c_str(), &description) == 0;
    if (!exists && errno != ENOENT) return failure("cannot write there", errno);
    if (exists && (!S_ISREG(description.st_mode) || is_standard_stream(path_))) {
      file_ = FileDescriptor::open(path_, O_WRONLY | O_APPEND);
      return file_.is_open() ? Status() : failure("cannot open for writing", errno);
    }
    if (exists && existing_ == Existing::refuse) return already_exists();
    return make_temporary(exists);
  }

  static bool is_standard_stream(const std::string& path) noexcept {
    return path == "/dev/stdout" || path == "/dev/stderr" || path.compare(0, 8, "/dev/fd/") == 0;
  }

  Status make_temporary(bool exists) {
    constexpr int kAttempts = 8;
    target_ = path_;
    if (exists) {
      const std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path_.c_str(), nullptr), std::free);
      if (resolved == nullptr) return failure("cannot resolve the path", errno);
      target_ = resolved.get();
    }
    const std::size_t slash = target_.rfind('/');
    const std::string directory = slash == std::string::npos ? std::string() : target_.substr(0, slash + 1);
    for (int attempt = 0; attempt < kAttempts && !file_.is_open(); ++attempt) {
      std::uint8_t random[8];
      if (::getentropy(random, sizeof random) != 0) break;
      std::string name = directory + ".segface-";
      for (const std::uint8_t byte : random) {
        for (const int nibble : {byte >> 4, byte & 15}) name += "0123456789abcdef"[nibble];
      }
      name += ".tmp";
      file_ = FileDescriptor::open(name, O_WRONLY | O_CREAT | O_EXCL);
      if (file_.is_open()) {
        temporary_path_ = std::move(name);
      } else if (errno != EEXIST) {
        break;
      }
    }
    return file_.is_open() ? Status() : failure("cannot create a file in its directory", errno);
  }

  Status finish() noexcept {
    SEGFACE_RETURN_IF_ERROR(flush());
    if (!temporary_path_.empty() && ::fsync(file_.number()) != 0) return failure("cannot write", errno);
    if (!file_.close()) return failure("cannot write", errno);
    return temporary_path_.empty() ? Status() : give_name();
  }

  // rename() replaces what is there; link() does not, though some file systems lack it.
  Status give_name() noexcept {
    if (existing_ == Existing::refuse) {
      if (::link(temporary_path_.c_str(), target_.c_str()) == 0) return {};  // discard() removes the other name
      if (errno == EEXIST) return already_exists();
    }
    if (std::rename(temporary_path_.c_str(), target_.c_str()) != 0) return failure("cannot rename to it", errno);
    temporary_path_.clear();
    return {};
  }

  Status flush() noexcept {
    const std::size_t size = std::exchange(pending_size_, 0);
    return write(pending_.span().subspan(0, size));
  }

  Status write(Bytes bytes) noexcept {
    constexpr std::size_t kLargestWrite = std::size_t{1} << 30;
    while (!bytes.empty()) {
      const ssize_t got = ::write(file_.number(), bytes.data(), std::min(bytes.size(), kLargestWrite));
      if (got < 0 && errno != EINTR) {
        const int reason = errno;
        discard();  // a file with a hole in it must not be committed
        return failure("cannot write", reason);
      }
      if (got > 0) bytes = bytes.subspan(static_cast<std::size_t>(got), bytes.size() - static_cast<std::size_t>(got));
    }
    return {};
  }

  void discard() noexcept {
    static_cast<void>(file_.close());
    if (!temporary_path_.empty()) static_cast<void>(::unlink(temporary_path_.c_str()));
    temporary_path_.clear();
  }

  Status failure(const char* what, int reason) const noexcept {
    return error(Errc::output, path_, ": ", what, ": ", std::strerror(reason));
  }
  Status already_exists() const noexcept {
    return error(Errc::output, path_, ": exists already; pass --force to replace it, or choose another name");
  }
  Status not_open() const noexcept {
    return error(Errc::invalid_argument, "the output file '", path_,
                 "' is not open: it was committed, moved from, or has failed before");
  }

  FileDescriptor file_;
  Buffer<std::uint8_t> pending_;  // bytes appended and not yet written
  std::size_t pending_size_ = 0;
  Existing existing_ = Existing::refuse;
  std::string path_;            // as the caller wrote it
  std::string target_;          // where it leads
  std::string temporary_path_;  // empty where the target is written to directly, and when nothing is left to remove
};

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
