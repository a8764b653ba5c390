// Files: InputFile reads at positions, OutputFile appears under its name only when it is complete.
//
// InputFile accepts regular files alone, so that no path can block (a pipe) or never end (a device), and has no
// position, so that threads may share it. OutputFile collects its bytes in a PendingFile, which gets the name at the
// end: whatever happens before commit(), the target stays as it was. What systems do differently is in file_posix.hpp
// and file_windows.hpp; under SEGFACE_NO_FILES there is no file, and every call says so.
//
// Trap: failures of open and of OutputFile name the path; those of InputFile::read_at do not, its callers know better
// what they were reading.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#if defined(SEGFACE_NO_FILES)
#include "segface/base/file_none.hpp"
#elif defined(_WIN32)
#include "segface/base/file_windows.hpp"
#else
#include "segface/base/file_posix.hpp"
#endif

SEGFACE_BEGIN_CORE

// Refuses paths that the system would misread. Errors: `code`.
inline Status check_path(const std::string& path, Errc code) noexcept {
#if defined(SEGFACE_NO_FILES)
  return error(code, path, ": this program was compiled without files (SEGFACE_NO_FILES); read and write in memory");
#else
  if (path.empty()) return error(code, "the path of a file is empty");
  if (path.find('\0') != std::string::npos) return error(code, path, ": a path cannot hold a zero byte");
  return {};
#endif
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
      file.file_ = FileDescriptor::open_input(path);
      int reason = file.file_.is_open() ? 0 : errno;
      FileInfo info;
      const int unknown = reason == 0 ? file.file_.describe(info) : describe_path(path, info);
      if (info.kind == FileInfo::Kind::directory || (reason == 0 && info.kind == FileInfo::Kind::other)) {
        return error(Errc::not_regular_file, path, ": ",
                     info.kind == FileInfo::Kind::directory ? "a directory" : "not a file", ", expected a file");
      }
      if (reason == 0) reason = unknown;
      if (reason != 0) return error(Errc::io, path, ": cannot open: ", std::strerror(reason));
      file.size_ = info.size;
      char probe;
      if (file.size_ == 0 && file.file_.read_at(0, &probe, 1) != 0) {  // as many under /proc
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
    if (bytes > size_ || offset > size_ - bytes) return too_short(offset, bytes, size_);
    auto* to = static_cast<std::uint8_t*>(out);
    for (std::size_t done = 0; done < bytes;) {
      const std::uint64_t position = offset + done;
      const std::ptrdiff_t got = file_.read_at(position, to + done, bytes - done);
      if (got == 0) return too_short(offset, bytes, position);
      if (got < 0) {
        return error(Errc::io, "cannot read ", bytes, " bytes at offset ", offset, ": ", std::strerror(errno));
      }
      done += static_cast<std::size_t>(got);
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

  // Makes the bytes durable and gives them their name: after a power cut, it leads to what was there before or to all
  // of the new file. (That the name is durable too would take another 4 ms a file on ext4.) Errors: output, and the
  // target is as it was, unless it is one that can only be written to in place, as a file that is mounted;
  // invalid_argument.
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
    FileInfo info;
    const int unknown = describe_path(path_, info);
    if (unknown != 0) return failure("cannot write there", unknown);
    const bool exists = info.kind != FileInfo::Kind::none;
    if (exists && (info.kind != FileInfo::Kind::regular || is_standard_stream(path_))) {
      device_ = FileDescriptor::open_device(path_);
      if (!device_.is_open()) return failure("cannot open for writing", errno);
      state_ = State::device;
      return {};
    }
    if (exists && existing_ == Existing::refuse) return already_exists();
    const int reason = pending_.open(path_);
    if (reason != 0) return failure("cannot create a file in its directory", reason);
    state_ = State::pending;
    return {};
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

// A whole file at once. Errors: output; the target is then as it was.
inline Status save_file(const std::string& path, Bytes bytes,
                        OutputFile::Existing existing = OutputFile::Existing::replace) noexcept {
  SEGFACE_ASSIGN(file, OutputFile::open(path, existing));
  SEGFACE_RETURN_IF_ERROR(file.append(bytes));
  return file.commit();
}

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

using core::OutputFile;
using core::read_file;
using core::save_file;

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
