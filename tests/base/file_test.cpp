#include "segface/base/file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "segface/base/byte_reader.hpp"

#include "base/temp_directory.hpp"
#include "base/threads/cancelled.hpp"
#ifdef __linux__
#include "base/refused_calls.hpp"
#endif

using segface::Bytes;
using segface::Errc;
using segface::OutputFile;
using segface::Status;
using segface::core::ByteReader;
using segface::core::InputFile;
using Existing = OutputFile::Existing;

namespace {

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
bool says(const Status& status, const std::string& words) {
  return std::string(status.message()).find(words) != std::string::npos;
}
Errc open_failure(const std::string& path) {
  return InputFile::open(path).error().code();
}

Status write_file(const std::string& path, Existing existing, const std::string& content) {
  auto file = OutputFile::open(path, existing);
  if (!file.ok()) return file.error();
  SEGFACE_RETURN_IF_ERROR(file->append(bytes_of(content)));
  return file->commit();
}

// While alive, descriptor `number` is closed, as in a program started with `<&-`.
class Closed {
 public:
  explicit Closed(int number) : number_(number), saved_(::fcntl(number, F_DUPFD_CLOEXEC, 10)) { ::close(number_); }
  ~Closed() {
    ::dup2(saved_, number_);
    ::close(saved_);
  }
  bool still() const { return ::fcntl(number_, F_GETFD) < 0; }

 private:
  int number_, saved_;
};

}  // namespace

TEST_CASE("InputFile reads at positions") {
  const TempDirectory directory;
  auto file = InputFile::open(directory.write("a", "0123456789"));
  REQUIRE(file.ok());
  CHECK(file->size() == 10);
  CHECK(file->path() == directory.file("a"));
  char text[4] = {};
  CHECK(file->read_at(6, text, 4).ok());
  CHECK(std::string(text, 4) == "6789");
  CHECK(file->read_at(10, text, 0).ok());

  for (const std::uint64_t offset : {std::uint64_t{7}, std::uint64_t{11}, UINT64_MAX, std::uint64_t{1} << 63}) {
    CHECK(file->read_at(offset, text, 4).code() == Errc::truncated);
  }
  CHECK(file->read_at(2, text, SIZE_MAX).code() == Errc::truncated);

  InputFile moved = std::move(*file);
  CHECK(moved.read_at(0, text, 4).ok());
  CHECK(std::string(text, 4) == "0123");
}

TEST_CASE("a file that shrinks is truncated, one that is replaced stays as it was") {
  const TempDirectory directory;
  const std::string path = directory.write("a", "0123456789");
  const auto file = InputFile::open(path);
  REQUIRE(file.ok());
  char text[10];
  REQUIRE(::rename(directory.write("b", "abcdefghij").c_str(), path.c_str()) == 0);
  CHECK(file->read_at(0, text, 10).ok());
  CHECK(std::string(text, 10) == "0123456789");

  const auto other = InputFile::open(path);
  REQUIRE(other.ok());
  REQUIRE(::truncate(path.c_str(), 20) == 0);
  CHECK(other->size() == 10);
  CHECK(other->read_at(8, text, 4).code() == Errc::truncated);  // what came later is not read
  REQUIRE(::truncate(path.c_str(), 4) == 0);
  const Status status = other->read_at(2, text, 8);
  CHECK(status.code() == Errc::truncated);
  CHECK(says(status, "ends at byte 4, expected 8 bytes at offset 2"));
}

TEST_CASE("InputFile refuses what is not a plain file, without waiting for it") {
  const TempDirectory directory;
  REQUIRE(::mkfifo(directory.file("pipe").c_str(), 0600) == 0);
  CHECK(open_failure(directory.path()) == Errc::not_regular_file);
  CHECK(open_failure(directory.file("pipe")) == Errc::not_regular_file);
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  REQUIRE(directory.file("socket").size() < sizeof name.sun_path);
  std::strcpy(name.sun_path, directory.file("socket").c_str());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  CHECK(open_failure(directory.file("socket")) == Errc::io);  // no open() takes one
  ::close(socket);
  CHECK(open_failure("/dev/zero") == Errc::not_regular_file);
  CHECK(says(InputFile::open(directory.path()).error(), "a directory"));
#ifdef __linux__
  CHECK(open_failure("/proc/self/mem") == Errc::not_regular_file);
  CHECK(open_failure("/proc/self/status") == Errc::not_regular_file);
#endif
  CHECK(InputFile::open(directory.write("empty", "")).ok());
}

TEST_CASE("InputFile says why a path cannot be opened") {
  const TempDirectory directory;
  const Status missing = InputFile::open(directory.file("missing")).error();
  CHECK(missing.code() == Errc::io);
  CHECK(says(missing, directory.file("missing") + ": cannot open: No such file"));

  CHECK(open_failure("") == Errc::io);
  CHECK(open_failure(std::string("a\0b", 3)) == Errc::io);
  CHECK(open_failure(directory.file(std::string(5000, 'x'))) == Errc::io);
  REQUIRE(::symlink("nowhere", directory.file("dangling").c_str()) == 0);
  REQUIRE(::symlink("loop", directory.file("loop").c_str()) == 0);
  CHECK(open_failure(directory.file("dangling")) == Errc::io);
  CHECK(open_failure(directory.file("loop")) == Errc::io);

  const Status hostile = InputFile::open(directory.file("\x1b[2J\n\xff")).error();
  CHECK(hostile.code() == Errc::io);
  CHECK(says(hostile, "\\x1b[2J\\x0a\\xff"));
  const std::string strange = directory.write("new\nline\xff", "x");
  CHECK(InputFile::open(strange).ok());
}

TEST_CASE("a file that its user may not read is refused, with the system's words") {
  const TempDirectory directory;
  const std::string path = directory.write("secret", "x");
  REQUIRE(::chmod(path.c_str(), 0) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  constexpr uid_t kNobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(2);
    const Status status = InputFile::open(path).error();
    ::_exit(status.code() == Errc::io && says(status, path + ": cannot open: Permission denied") ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("a process that has no room for another file says so") {
  const TempDirectory directory;
  const std::string path = directory.write("a", "x");
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const Status input = InputFile::open(path).error();
  const Status output = OutputFile::open(directory.file("b"), Existing::refuse).error();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(input.code() == Errc::io);
  CHECK(says(input, path + ": cannot open: Too many open files"));
  CHECK(output.code() == Errc::output);
  CHECK(directory.entries() == 1);
}

#ifdef __linux__
TEST_CASE("a disk that cannot be read is named; no file is mapped into memory") {
  const TempDirectory directory;
  const std::string path = directory.write("a", "0123456789");
  const auto reads = [&] { return segface::read_file(path, 10).error(); };
  for (const int reason : {EIO, ESTALE}) {
    CHECK(holds_while_refused({{SYS_pread64, reason}}, [&] {
      const Status status = reads();
      return status.code() == Errc::io &&
             says(status, path + ": cannot read 10 bytes at offset 0: " + std::strerror(reason));
    }));
  }
#if !defined(__SANITIZE_ADDRESS__)  // which maps memory of its own
  CHECK(holds_while_refused({{SYS_mmap, EPERM}}, [&] { return reads().ok(); }));
#endif
}
#endif

TEST_CASE("no file becomes standard input, output or error") {
  const TempDirectory directory;
  const std::string path = directory.write("a", "0123");
  {
    const Closed input(0);
    const auto file = InputFile::open(path);
    auto output = OutputFile::open(directory.file("b"), Existing::refuse);
    char text[4];
    CHECK(file.ok());
    CHECK(file->read_at(0, text, 4).ok());
    CHECK(output.ok());
    CHECK(output->append(bytes_of("xyz")).ok());
    CHECK(output->commit().ok());
    CHECK(input.still());
  }
  CHECK(directory.read("b") == "xyz");
}

TEST_CASE("read_file reads the whole, up to a limit") {
  const TempDirectory directory;
  const std::string path = directory.write("a", "0123456789");
  const auto all = segface::read_file(path, 10);
  REQUIRE(all.ok());
  CHECK(std::string(all->begin(), all->end()) == "0123456789");
  const Status status = segface::read_file(path, 9).error();
  CHECK(status.code() == Errc::limit_exceeded);
  CHECK(says(status, path + ": 10 bytes, at most 9"));
  CHECK(segface::read_file(directory.write("empty", ""), 0)->size() == 0);
  CHECK(segface::read_file(directory.path(), 10).error().code() == Errc::not_regular_file);
}

TEST_CASE("ByteReader reads a file and memory alike") {
  const TempDirectory directory;
  const std::string content = "0123456789";
  auto file = InputFile::open(directory.write("a", content));
  REQUIRE(file.ok());
  for (const ByteReader& reader : {ByteReader(std::move(*file)), ByteReader(bytes_of(content))}) {
    CHECK(reader.size() == 10);
    char text[3] = {};
    CHECK(reader.read_at(7, text, 3).ok());
    CHECK(std::string(text, 3) == "789");
    CHECK(reader.read_at(8, text, 3).code() == Errc::truncated);
    CHECK(reader.read_at(UINT64_MAX, text, 3).code() == Errc::truncated);
    CHECK(reader.read_at(10, nullptr, 0).ok());
  }
  CHECK(ByteReader(Bytes()).read_at(0, nullptr, 0).ok());
}

TEST_CASE("OutputFile gives the file its name at commit") {
  const TempDirectory directory;
  std::string expected;
  {
    auto file = OutputFile::open(directory.file("out"), Existing::refuse);
    REQUIRE(file.ok());
    CHECK(directory.entries() == (file->temporary_path().empty() ? 0 : 1));
    for (const std::size_t size : {0u, 1u, 65535u, 2u, 65536u, 70000u, 3u}) {  // around the size of its buffer
      const std::string part(size, static_cast<char>('a' + expected.size() % 26));
      expected += part;
      CHECK(file->append(bytes_of(part)).ok());
    }
    CHECK(::access(directory.file("out").c_str(), F_OK) != 0);
    CHECK(file->commit().ok());
    CHECK(file->temporary_path().empty());
    CHECK(file->append(bytes_of("more")).code() == Errc::invalid_argument);
    CHECK(file->commit().code() == Errc::invalid_argument);
  }
  CHECK(directory.read("out") == expected);
  CHECK(directory.entries() == 1);
}

TEST_CASE("OutputFile leaves nothing behind without commit") {
  const TempDirectory directory;
  {
    auto file = OutputFile::open(directory.file("out"), Existing::refuse);
    REQUIRE(file.ok());
    OutputFile moved = std::move(*file);
    CHECK(file->append(bytes_of("x")).code() == Errc::invalid_argument);
    CHECK(moved.append(bytes_of("x")).ok());
    OutputFile other = OutputFile::open(directory.file("other"), Existing::refuse).value();
    moved = std::move(other);
    CHECK(other.append(bytes_of("x")).code() == Errc::invalid_argument);
    CHECK(moved.path() == directory.file("other"));
    CHECK(directory.entries() == (moved.temporary_path().empty() ? 0 : 1));
  }
  CHECK(directory.entries() == 0);
}

TEST_CASE("OutputFile replaces a file only where it is told to") {
  const TempDirectory directory;
  const std::string path = directory.write("out", "old");
  const Status refused = OutputFile::open(path, Existing::refuse).error();
  CHECK(refused.code() == Errc::output);
  CHECK(says(refused, path + ": exists already; choose another name"));

  auto file = OutputFile::open(path, Existing::replace);
  REQUIRE(file.ok());
  CHECK(file->append(bytes_of("new")).ok());
  CHECK(directory.read("out") == "old");
  CHECK(file->commit().ok());
  CHECK(directory.read("out") == "new");
  CHECK(directory.entries() == 1);

  auto late = OutputFile::open(directory.file("late"), Existing::refuse);
  REQUIRE(late.ok());
  directory.write("late", "somebody else's");
  CHECK(late->commit().code() == Errc::output);
  CHECK(directory.read("late") == "somebody else's");
  CHECK(directory.entries() == 2);
}

TEST_CASE("OutputFile follows a link to a file") {
  const TempDirectory directory;
  directory.write("real", "old");
  REQUIRE(::symlink("real", directory.file("link").c_str()) == 0);
  auto file = OutputFile::open(directory.file("link"), Existing::replace);
  REQUIRE(file.ok());
  CHECK(file->append(bytes_of("new")).ok());
  CHECK(file->commit().ok());
  CHECK(directory.read("real") == "new");
  struct stat description;
  REQUIRE(::lstat(directory.file("link").c_str(), &description) == 0);
  CHECK(S_ISLNK(description.st_mode));
}

TEST_CASE("OutputFile makes the file that a link leads to and that is not there yet") {
  const TempDirectory directory;
  REQUIRE(::mkdir(directory.file("sub").c_str(), 0700) == 0);
  REQUIRE(::symlink("sub/real", directory.file("inner").c_str()) == 0);
  REQUIRE(::symlink(directory.file("inner").c_str(), directory.file("link").c_str()) == 0);
  for (const Existing existing : {Existing::refuse, Existing::replace}) {
    CHECK(write_file(directory.file("link"), existing, "new").ok());
    CHECK(directory.read("sub/real") == "new");
    struct stat description;
    REQUIRE(::lstat(directory.file("link").c_str(), &description) == 0);
    CHECK(S_ISLNK(description.st_mode));
    CHECK(directory.entries() == 3);
  }
}

TEST_CASE("a file that is replaced passes its mode and its owner on; a new one gets what the umask leaves") {
  const TempDirectory directory;
  const std::string path = directory.write("out", "old");
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  const bool root = ::geteuid() == 0;
  if (root) REQUIRE(::chown(path.c_str(), 65534, 65534) == 0);
  CHECK(write_file(path, Existing::replace, "new").ok());
  struct stat description;
  REQUIRE(::stat(path.c_str(), &description) == 0);
  CHECK((description.st_mode & 07777) == 0640);
  if (root) CHECK(description.st_uid == 65534);

  const mode_t before = ::umask(027);
  CHECK(write_file(directory.file("fresh"), Existing::refuse, "new").ok());
  ::umask(before);
  REQUIRE(::stat(directory.file("fresh").c_str(), &description) == 0);
  CHECK((description.st_mode & 07777) == 0640);
}

#ifdef __linux__
TEST_CASE("nothing is left of a process that is killed while it writes") {
  const TempDirectory directory;
  const std::string path = directory.write("old", "old");
  const int nameless = ::open(directory.path().c_str(), O_RDWR | O_TMPFILE, 0600);
  if (nameless < 0) {
    MESSAGE("this file system has no files without a name: not tested");
    return;
  }
  ::close(nameless);
  for (const char* name : {"old", "new"}) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto file = OutputFile::open(directory.file(name), Existing::replace);
      if (file.ok() && file->append(bytes_of(std::string(300000, 'x'))).ok()) std::raise(SIGKILL);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    CHECK(directory.entries() == 1);
    CHECK(directory.read("old") == "old");
  }
}

TEST_CASE("OutputFile writes on file systems that lack what it likes best") {
  const std::vector<RefusedCall> nameless = {nameless_refused()}, no_proc = {{SYS_linkat, ENOENT}};
  const struct {
    const char* what;
    std::vector<RefusedCall> refused;
  } kSystems[] = {
      {"no files without a name", nameless},
      {"no entropy, no files without a name", nameless + std::vector<RefusedCall>{{SYS_getrandom, ENOSYS}}},
      {"no /proc", no_proc},
      {"no hard links", nameless + linking_refused(EPERM)},
      {"no hard links, an older kernel",
       nameless + linking_refused(EPERM) + std::vector<RefusedCall>{{SYS_renameat2, ENOSYS}}},
      {"no hard links, no /proc", linking_refused(EPERM)},
      {"fsync is not known", {{SYS_fsync, EINVAL}}},
      {"fsync is not supported", {{SYS_fsync, EOPNOTSUPP}}},
      {"fsync is not implemented", {{SYS_fsync, ENOSYS}}},
      {"fsync on what cannot be synchronised", {{SYS_fsync, EROFS}}},
  };
  for (const auto& system : kSystems) {
    CAPTURE(system.what);
    const TempDirectory directory;
    REQUIRE(::chmod(directory.write("old", "old").c_str(), 0604) == 0);
    directory.write("kept", "old");
    CHECK(holds_while_refused(system.refused, [&] {
      auto late = OutputFile::open(directory.file("late"), Existing::refuse);
      if (!late.ok()) return false;
      directory.write("late", "somebody else's");
      return late->commit().code() == Errc::output && write_file(directory.file("new"), Existing::refuse, "new").ok() &&
             write_file(directory.file("old"), Existing::replace, "new").ok() &&
             write_file(directory.file("fresh"), Existing::replace, "new").ok() &&
             write_file(directory.file("kept"), Existing::refuse, "new").code() == Errc::output;
    }));
    CHECK(directory.read("late") == "somebody else's");
    CHECK(directory.read("new") == "new");
    CHECK(directory.read("old") == "new");
    struct stat description;
    REQUIRE(::stat(directory.file("old").c_str(), &description) == 0);
    CHECK((description.st_mode & 07777) == 0604);
    CHECK(directory.read("fresh") == "new");
    CHECK(directory.read("kept") == "old");
    CHECK(directory.entries() == 5);
  }
}

TEST_CASE("a disk that fails at the end leaves the target as it was") {
  const TempDirectory directory;
  const std::string path = directory.write("out", "old");
  CHECK(holds_while_refused({{SYS_fsync, EIO}}, [&] {
    const Status status = write_file(path, Existing::replace, "new");
    return status.code() == Errc::output && says(status, path + ": cannot write: Input/output error");
  }));
  CHECK(directory.read("out") == "old");
  CHECK(directory.entries() == 1);
}

TEST_CASE("a file that cannot be renamed over, as one that is mounted, is written in place") {
  const TempDirectory directory;
  const std::string path = directory.write("out", "much longer than what replaces it");
  struct stat before, after;
  REQUIRE(::stat(path.c_str(), &before) == 0);
  CHECK(holds_while_refused(renaming_refused(EBUSY), [&] { return write_file(path, Existing::replace, "new").ok(); }));
  CHECK(directory.read("out") == "new");
  REQUIRE(::stat(path.c_str(), &after) == 0);
  CHECK(before.st_ino == after.st_ino);
  CHECK(directory.entries() == 1);
}

TEST_CASE("a file that may be written in a directory that may not is written in place, at the end") {
  const TempDirectory directory;
  const std::string path = directory.write("out", "old");
  constexpr uid_t kNobody = 65534;
  if (::geteuid() == 0) REQUIRE(::chown(path.c_str(), kNobody, kNobody) == 0);
  REQUIRE(::chmod(directory.path().c_str(), 0555) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(2);
    auto file = OutputFile::open(path, Existing::replace);
    const bool kept =
        file.ok() && file->append(bytes_of(std::string(300000, 'x'))).ok() && directory.read("out") == "old";
    ::_exit(kept && file->commit().ok() ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
  CHECK(status == 0);
  CHECK(directory.read("out") == std::string(300000, 'x'));
  CHECK(directory.entries() == 1);
}
#endif

TEST_CASE("OutputFile refuses impossible places") {
  const TempDirectory directory;
  for (const std::string& path : {std::string(), std::string("a\0b", 3), directory.path(), directory.file("no/where"),
                                  directory.file(std::string(300, 'x')), directory.write("file", "") + "/out"}) {
    for (const Existing existing : {Existing::refuse, Existing::replace}) {
      CHECK(OutputFile::open(path, existing).error().code() == Errc::output);
    }
  }
  CHECK(directory.entries() == 1);
}

TEST_CASE("devices are written to directly") {
  auto null = OutputFile::open("/dev/null", Existing::refuse);
  REQUIRE(null.ok());
  CHECK(null->temporary_path().empty());
  CHECK(null->append(bytes_of("x")).ok());
  CHECK(null->commit().ok());
  CHECK(::access("/dev/null", F_OK) == 0);
}

TEST_CASE("signals that interrupt a slow write lose nothing and repeat nothing") {
  const TempDirectory directory;
  const std::string path = directory.file("pipe");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  std::string content;
  for (int i = 0; content.size() < 600000; ++i) content += std::to_string(i) + ' ';
  const pid_t child = ::fork();
  if (child == 0) {
    static volatile std::sig_atomic_t signals = 0;
    struct sigaction action = {};
    action.sa_handler = [](int) { signals = signals + 1; };  // and without SA_RESTART
    ::sigaction(SIGALRM, &action, nullptr);
    const itimerval often = {{0, 500}, {0, 500}};  // microseconds
    ::setitimer(ITIMER_REAL, &often, nullptr);
    const bool written = write_file(path, Existing::replace, content).ok();
    ::_exit(written && signals > 10 ? 0 : 1);
  }
  std::string got;
  const int reader = ::open(path.c_str(), O_RDONLY);
  char part[10000];
  for (ssize_t bytes; (bytes = ::read(reader, part, sizeof part)) > 0;) {
    got.append(part, static_cast<std::size_t>(bytes));
    std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
  ::close(reader);
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(got == content);
}

#ifdef __linux__
TEST_CASE("a full device is reported at the write or at the end") {
  auto file = OutputFile::open("/dev/full", Existing::refuse);
  REQUIRE(file.ok());
  CHECK(file->append(bytes_of("x")).ok());
  const Status status = file->commit();
  CHECK(status.code() == Errc::output);
  CHECK(says(status, "/dev/full: cannot write: No space left"));

  auto large = OutputFile::open("/dev/full", Existing::refuse);
  REQUIRE(large.ok());
  CHECK(large->append(bytes_of(std::string(100000, 'x'))).code() == Errc::output);
  CHECK(large->append(bytes_of("x")).code() == Errc::invalid_argument);
  CHECK(large->commit().code() == Errc::invalid_argument);
}
#endif

TEST_CASE("a file that could not be written in full never appears") {
  const TempDirectory directory;
  rlimit before;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 100000;
  auto file = OutputFile::open(directory.write("out", "old"), Existing::replace);
  REQUIRE(file.ok());
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const Status first = file->append(bytes_of(std::string(90000, 'x')));
  const Status second = file->append(bytes_of(std::string(90000, 'x')));
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, handler);
  CHECK(first.ok());
  CHECK(second.code() == Errc::output);
  CHECK(file->commit().code() == Errc::invalid_argument);
  CHECK(directory.read("out") == "old");
  CHECK(directory.entries() == 1);
}

#if !defined(__ANDROID__)
TEST_CASE("a thread that is cancelled while it reads and writes files ends after the calls") {
  const TempDirectory directory;
  Status written = {Errc::internal, segface::Message()};
  std::size_t read = 0;
  CHECK(test::ends_after([&] {
    const std::string path = directory.file("cancelled");
    pthread_cancel(pthread_self());
    written = segface::save_file(path, bytes_of("all of it"));
    if (const auto bytes = segface::read_file(path, 100)) read = bytes->size();
  }));
  CHECK(written.ok());
  CHECK(read == 9);
}
#endif
