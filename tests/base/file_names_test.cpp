// What files promise on every system: names in UTF-8, bytes as they are, positions beyond 32 bits, a name at commit.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "segface/base/file.hpp"

#include "base/temp_directory.hpp"

using namespace segface;
using namespace segface::core;
using Existing = OutputFile::Existing;

namespace {

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Status write(const std::string& path, const std::string& content, Existing existing) {
  auto file = OutputFile::open(path, existing);
  if (!file.ok()) return file.error();
  const Status appended = file->append(bytes_of(content));
  return appended.ok() ? file->commit() : appended;
}

std::string read(const std::string& path) {
  const auto file = read_file(path, 1000);
  return file.ok() ? std::string(file->begin(), file->end()) : file.error().message();
}

}  // namespace

TEST_CASE("files: names in UTF-8, and bytes that end a text elsewhere") {
  const TempDirectory directory;
  const std::string content("\r\n a\n\x1a b\0c\r", 12);
  for (const char* name : {"plain",
                           "gr\xc3\xb6\xc3\x9f"
                           "e.png",
                           "\xe5\x86\x99\xe7\x9c\x9f.png", "a b.png"}) {
    const std::string path = directory.file(name);
    CAPTURE(path);
    CHECK(write(path, content, Existing::refuse).ok());
    CHECK(read(path) == content);
    CHECK(directory.read(name) == content);
    CHECK(InputFile::open(path)->size() == content.size());
  }
  CHECK(directory.entries() == 4);
}

TEST_CASE("files: a name is taken at commit, and once unless it may be replaced") {
  const TempDirectory directory;
  const std::string path = directory.file("out");
  {
    auto first = OutputFile::open(path, Existing::refuse), second = OutputFile::open(path, Existing::refuse);
    REQUIRE((first.ok() && second.ok()));
    CHECK(InputFile::open(path).error().code() == Errc::io);
    CHECK(first->append(bytes_of("first")).ok());
    CHECK(first->commit().ok());
    CHECK(second->commit().code() == Errc::output);
    CHECK(read(path) == "first");
    auto dropped = OutputFile::open(path, Existing::replace);
    REQUIRE(dropped.ok());
    CHECK(dropped->append(bytes_of("never")).ok());
  }
  CHECK(write(path, "no", Existing::refuse).code() == Errc::output);
  CHECK(write(path, "yes", Existing::replace).ok());
  CHECK(read(path) == "yes");
  CHECK(directory.entries() == 1);
}

TEST_CASE("files: what is no file") {
  const TempDirectory directory;
  CHECK(InputFile::open(directory.path()).error().code() == Errc::not_regular_file);
  CHECK(InputFile::open(directory.file("none")).error().code() == Errc::io);
  CHECK(InputFile::open(directory.file("none/deeper")).error().code() == Errc::io);
  CHECK(write(directory.file("none/deeper"), "", Existing::replace).code() == Errc::output);
  CHECK(write(directory.path(), "", Existing::replace).code() == Errc::output);
  CHECK(InputFile::open("").error().code() == Errc::io);
  CHECK(InputFile::open(directory.write("empty", "")).ok());
}

TEST_CASE("files: positions beyond 32 bits") {
  if (sizeof(void*) == 4) return;
  const TempDirectory directory;
  const std::string path = directory.write("large", "front");
  constexpr std::uint64_t kSize = (std::uint64_t{5} << 30) + 7;
  std::error_code failed;
  std::filesystem::resize_file(std::filesystem::u8path(path), kSize, failed);  // a hole, which takes no room
  REQUIRE(!failed);
  const auto file = InputFile::open(path);
  REQUIRE(file.ok());
  CHECK(file->size() == kSize);
  char bytes[6] = "xxxxx";
  CHECK(file->read_at(kSize - 5, bytes, 5).ok());
  CHECK(std::string(bytes, 5) == std::string(5, '\0'));
  CHECK(file->read_at(0, bytes, 5).ok());
  CHECK(std::string(bytes, 5) == "front");
  CHECK(file->read_at(kSize - 4, bytes, 5).code() == Errc::truncated);
}
