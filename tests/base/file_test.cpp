#include "segface/base/file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <utility>

#include "segface/base/byte_reader.hpp"

#include "base/temp_directory.hpp"

using segface::ByteReader;
using segface::Bytes;
using segface::Errc;
using segface::InputFile;
using segface::OutputFile;
using segface::Status;
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
  if (::geteuid() != 0) {
    REQUIRE(::chmod(directory.write("secret", "x").c_str(), 0) == 0);
    CHECK(open_failure(directory.file("secret")) == Errc::io);
  }

  const Status hostile = InputFile::open(directory.file("\x1b[2J\n\xff")).error();
  CHECK(hostile.code() == Errc::io);
  CHECK(says(hostile, "\\x1b[2J\\x0a\\xff"));
  const std::string strange = directory.write("new\nline\xff", "x");
  CHECK(InputFile::open(strange).ok());
}

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
    CHECK(::access(file->temporary_path().c_str(), F_OK) == 0);
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
    CHECK(directory.entries() == 1);
  }
  CHECK(directory.entries() == 0);
}

TEST_CASE("OutputFile replaces a file only where it is told to") {
  const TempDirectory directory;
  const std::string path = directory.write("out", "old");
  const Status refused = OutputFile::open(path, Existing::refuse).error();
  CHECK(refused.code() == Errc::output);
  CHECK(says(refused, path + ": exists already; pass --force"));

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
