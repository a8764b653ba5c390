#include "segface/tensors/zip_archive.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tensors/torch_writer.hpp"

using segface::Bytes;
using segface::Errc;
using segface::Result;
using segface::core::ByteReader;
using segface::core::ZipArchive;
using torch_writer::put_little;

namespace {

constexpr std::uint32_t kLocal = 0x04034B50, kDescriptor = 0x08074B50, kCentral = 0x02014B50, kEnd = 0x06054B50;

Bytes view(const std::string& bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}
Result<ZipArchive> open(const std::string& bytes) {
  return ZipArchive::open(ByteReader(view(bytes)));
}
Errc failure(const std::string& bytes) {
  return open(bytes).error().code();
}

// The file as any reader would get it: names and contents, or the first failure.
struct Content {
  Errc code = Errc::ok;
  std::vector<std::pair<std::string, std::string>> files;
};
Content content_of(const std::string& bytes) {
  Content content;
  const auto archive = open(bytes);
  content.code = archive.error().code();
  for (std::size_t i = 0; archive.ok() && i < archive->size(); ++i) {
    std::string data(static_cast<std::size_t>((*archive)[i].size), '\0');
    const auto status = archive->read(i, reinterpret_cast<std::uint8_t*>(data.data()));
    if (!status.ok()) content.code = status.code();
    content.files.emplace_back((*archive)[i].name, data);
  }
  return content;
}

std::string archive_of(const std::vector<std::pair<std::string, std::string>>& files) {
  torch_writer::MemorySink sink;
  torch_writer::ZipWriter zip(sink);
  for (const auto& file : files) zip.add(file.first, file.second);
  zip.finish();
  return sink.content;
}
const std::string kPlain = archive_of({{"x/first", "hello"}, {"x/second", std::string(100, 's')}, {"x/empty", ""}});

// The position of occurrence `nth` of a record's signature.
std::size_t find(const std::string& bytes, std::uint32_t signature, int nth = 0) {
  std::string magic;
  put_little(magic, signature, 4);
  std::size_t at = bytes.find(magic);
  while (nth-- > 0) at = bytes.find(magic, at + 1);
  return at;
}

// A copy in which the field of `width` bytes at `offset` in occurrence `nth` of a record holds `value`.
std::string patched(std::string bytes, std::uint32_t signature, int nth, std::size_t offset, std::uint64_t value,
                    int width) {
  std::string field;
  put_little(field, value, width);
  return bytes.replace(find(bytes, signature, nth) + offset, field.size(), field);
}
std::string patched(std::uint32_t signature, std::size_t offset, std::uint64_t value, int width) {
  return patched(kPlain, signature, 0, offset, value, width);
}

// One entry "x/a" holding "abc", described with zip64 sizes in an extra field and a 64-bit end record.
std::string zip64_archive(const std::string& extra) {
  std::string out;
  const std::uint32_t crc = segface::core::crc32(0, reinterpret_cast<const std::uint8_t*>("abc"), 3);
  put_little(out, kLocal, 4);
  put_little(out, 0x0808002D, 4);
  put_little(out, 0, 18);
  put_little(out, 3, 2);
  put_little(out, 0, 2);
  out += "x/aabc";
  put_little(out, kDescriptor, 4);
  put_little(out, crc, 4);
  put_little(out, 3, 8);
  put_little(out, 3, 8);
  const std::size_t directory = out.size();
  put_little(out, kCentral, 4);
  put_little(out, 0x002D002D, 4);
  put_little(out, 0x808, 2);
  put_little(out, 0, 6);
  put_little(out, crc, 4);
  put_little(out, ~std::uint64_t{0}, 8);
  put_little(out, 3, 2);
  put_little(out, extra.size(), 2);
  put_little(out, 0, 10);
  put_little(out, 0xFFFFFFFF, 4);
  out += "x/a" + extra;
  const std::size_t end = out.size();
  put_little(out, 0x06064B50, 4);
  put_little(out, 44, 8);
  put_little(out, 0x002D002D, 4);
  put_little(out, 0, 8);
  put_little(out, 1, 8);
  put_little(out, 1, 8);
  put_little(out, end - directory, 8);
  put_little(out, directory, 8);
  put_little(out, 0x07064B50, 4);
  put_little(out, 0, 4);
  put_little(out, end, 8);
  put_little(out, 1, 4);
  put_little(out, kEnd, 4);
  put_little(out, 0, 4);
  put_little(out, ~std::uint64_t{0}, 8);
  put_little(out, ~std::uint64_t{0}, 4);
  put_little(out, 0, 2);
  return out;
}
std::string zip64_extra(int fields) {
  std::string extra;
  put_little(extra, 1, 2);
  put_little(extra, static_cast<std::uint64_t>(8 * fields), 2);
  for (int i = 0; i < fields; ++i) put_little(extra, i < 2 ? 3 : 0, 8);
  return extra;
}

}  // namespace

TEST_CASE("entries are found by name and read whole or in part") {
  const auto archive = open(kPlain);
  REQUIRE(archive.ok());
  CHECK(archive->size() == 3);
  CHECK_FALSE(archive->find("x/third").has_value());
  CHECK_FALSE(archive->find("X/FIRST").has_value());
  REQUIRE(archive->find("x/first").has_value());
  const std::size_t first = *archive->find("x/first");
  CHECK((*archive)[first].size == 5);
  CHECK((*archive)[first].payload % 64 == 0);
  CHECK(archive->verify(first).ok());
  std::uint8_t bytes[5];
  CHECK(archive->read_at(first, 1, bytes, 3).ok());
  CHECK(std::string(bytes, bytes + 3) == "ell");
  CHECK(archive->read_at(first, 5, bytes, 0).ok());
  CHECK(archive->read_at(first, 3, bytes, 3).code() == Errc::truncated);
  CHECK(archive->read_at(first, ~std::uint64_t{0}, bytes, 2).code() == Errc::truncated);
  const Content content = content_of(kPlain);
  CHECK(content.code == Errc::ok);
  CHECK(content.files[1].second == std::string(100, 's'));
}

TEST_CASE("an archive cut anywhere is refused") {
  for (std::size_t size = 0; size < kPlain.size(); ++size) CHECK(failure(kPlain.substr(0, size)) == Errc::bad_format);
}

TEST_CASE("whatever byte is damaged, no wrong content comes out") {
  const Content original = content_of(kPlain);
  for (std::size_t i = 0; i < kPlain.size(); ++i) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string damaged = kPlain;
      damaged[i] = static_cast<char>(damaged[i] ^ mask);
      const Content content = content_of(damaged);
      CHECK((content.code != Errc::ok || content.files == original.files));
    }
  }
}

TEST_CASE("what contradicts itself is refused") {
  CHECK(failure(kPlain + "x") == Errc::bad_format);                                                  // appended
  CHECK(failure(patched(kEnd, 20, 1, 2) + "x") == Errc::bad_format);                                 // a comment
  CHECK(failure(patched(kEnd, 20, 22, 2) + kPlain.substr(kPlain.size() - 22)) == Errc::bad_format);  // with an end
  CHECK(failure("x" + kPlain) == Errc::bad_format);                                                  // prepended
  CHECK(failure(patched(kEnd, 8, 2, 2)) == Errc::bad_format);                                        // two counts
  CHECK(failure(patched(kEnd, 8, 0x20002, 4)) == Errc::bad_format);                                  // too few
  CHECK(failure(patched(kEnd, 8, 0x40004, 4)) == Errc::bad_format);                                  // too many
  CHECK(failure(patched(kEnd, 16, 0, 4)) == Errc::bad_format);                  // directory elsewhere
  CHECK(failure(patched(kEnd, 12, kPlain.size(), 4)) == Errc::bad_format);      // directory too large
  CHECK(failure(patched(kEnd, 8, 0xFFFFFFFF, 4)) == Errc::bad_format);          // zip64 promised, absent
  CHECK(failure(patched(kLocal, 26, 6, 2)) == Errc::bad_format);                // another name's length
  CHECK(failure(patched(kLocal, 30, 'y', 1)) == Errc::bad_format);              // another name
  CHECK(failure(patched(kLocal, 8, 8, 2)) == Errc::bad_format);                 // another method
  CHECK(failure(patched(kLocal, 6, 0x008, 2)) == Errc::bad_format);             // other flags
  CHECK(failure(patched(kLocal, 18, 4, 4)) == Errc::bad_format);                // another size
  CHECK(failure(patched(kLocal, 14, 4, 4)) == Errc::bad_format);                // another CRC
  CHECK(failure(patched(kLocal, 28, 65535, 2)) == Errc::bad_format);            // an extra field past the directory
  CHECK(failure(patched(kDescriptor, 4, 4, 4)) == Errc::bad_format);            // another CRC behind
  CHECK(failure(patched(kDescriptor, 8, 4, 4)) == Errc::bad_format);            // another size behind
  CHECK(failure(patched(kCentral, 42, kPlain.size(), 4)) == Errc::bad_format);  // a header past the end
  CHECK(failure(patched(kCentral, 42, 0xFFFFFFFE, 4)) == Errc::bad_format);
  CHECK(failure(patched(kCentral, 20, 0xFFFFFFF000000005, 8)) == Errc::bad_format);  // stored, of two sizes
  CHECK(failure(patched(kCentral, 28, 65535, 2)) == Errc::bad_format);               // a name past the directory
  CHECK(failure(patched(kCentral, 30, 3, 2)) == Errc::bad_format);                   // an extra field cut short
}

TEST_CASE("what is known but not read here is refused as such") {
  CHECK(failure(patched(kEnd, 4, 1, 2)) == Errc::unsupported_format);       // several disks
  CHECK(failure(patched(kCentral, 34, 1, 2)) == Errc::unsupported_format);  // on another disk
  CHECK(failure(patched(kCentral, 8, 0x809, 2)) == Errc::unsupported_format);
  CHECK(std::string(open(patched(kCentral, 8, 0x809, 2)).error().message()).find("encrypted") != std::string::npos);
  CHECK(failure(patched(kCentral, 8, 0x828, 2)) == Errc::unsupported_format);
  const std::string compressed = patched(patched(kCentral, 10, 8, 2), kLocal, 0, 8, 8, 2);
  CHECK(failure(compressed) == Errc::ok);
  CHECK(content_of(compressed).code == Errc::unsupported_format);
  std::uint8_t byte = 0;
  CHECK(open(compressed)->read_at(0, 0, &byte, 1).code() == Errc::unsupported_format);
  CHECK(open(compressed)->verify(0).code() == Errc::unsupported_format);
}

TEST_CASE("overlapping entries are refused") {
  // The content of "x/aa" is a whole header and payload of "x/bb", which the directory lists, too.
  const std::string inner = archive_of({{"x/bb", "content"}});
  const std::string entry = inner.substr(0, find(inner, kCentral));
  std::string outer = archive_of({{"x/aa", entry}, {"x/bb", "content"}});
  CHECK(failure(outer) == Errc::ok);
  outer = patched(outer, kCentral, 1, 42, find(outer, kLocal, 1), 4);
  CHECK(failure(outer) == Errc::bad_format);
  CHECK(std::string(open(outer).error().message()).find("overlap") != std::string::npos);
}

TEST_CASE("names: unique in any case, relative, plain") {
  CHECK(failure(archive_of({{"x/a", ""}, {"x/b", ""}})) == Errc::ok);
  CHECK(failure(archive_of({{"x/a", ""}, {"x/a", ""}})) == Errc::bad_format);
  CHECK(failure(archive_of({{"x/a", ""}, {"x/b", ""}, {"X/A", ""}})) == Errc::bad_format);
  for (const std::string& name :
       {std::string("../x"), std::string("x/../y"), std::string("x/.."), std::string("/etc/x"), std::string("C:/x"),
        std::string("x\\y"), std::string("x\0y", 3), std::string("x\ny"), std::string(), std::string(513, 'x'),
        std::string(65535, 'x')}) {
    CHECK(failure(archive_of({{name, ""}})) == Errc::bad_format);
  }
  CHECK(failure(archive_of({{"x/..y", ""}, {"x/.data/serialization_id", ""}, {std::string(512, 'x'), ""}})) ==
        Errc::ok);
}

TEST_CASE("a wrong CRC is seen on reading; zero everywhere means that none was computed") {
  std::string damaged = kPlain;
  damaged[kPlain.find("hello")] = 'j';
  CHECK(failure(damaged) == Errc::ok);
  CHECK(content_of(damaged).code == Errc::corrupt);
  CHECK(open(damaged)->verify(0).code() == Errc::corrupt);
  CHECK(open(damaged)->verify(1).ok());

  std::string unchecked = kPlain;
  for (int i = 0; i < 3; ++i) {
    unchecked = patched(unchecked, kCentral, i, 16, 0, 4);
    unchecked = patched(unchecked, kDescriptor, i, 4, 0, 4);
    if (i == 0) CHECK(content_of(unchecked).code == Errc::corrupt);
  }
  CHECK(content_of(unchecked).code == Errc::ok);
  CHECK(content_of(unchecked).files == content_of(kPlain).files);
}

TEST_CASE("zip64 sizes, positions and end records") {
  const std::string good = zip64_archive(zip64_extra(3));
  const Content content = content_of(good);
  REQUIRE(content.code == Errc::ok);
  CHECK(content.files[0].second == "abc");
  for (std::size_t size = 0; size < good.size(); ++size) CHECK(failure(good.substr(0, size)) == Errc::bad_format);

  CHECK(failure(zip64_archive("")) == Errc::bad_format);
  CHECK(failure(zip64_archive(zip64_extra(2))) == Errc::bad_format);
  CHECK(failure(zip64_archive(zip64_extra(3) + zip64_extra(3))) == Errc::bad_format);
  CHECK(failure(zip64_archive(zip64_extra(3).substr(0, 20))) == Errc::bad_format);
  CHECK(failure(zip64_archive(zip64_extra(3) + "abc")) == Errc::bad_format);
  constexpr std::uint32_t kEnd64 = 0x06064B50, kLocator = 0x07064B50;
  CHECK(failure(patched(good, kEnd64, 0, 4, 45, 8)) == Errc::bad_format);
  CHECK(failure(patched(good, kEnd64, 0, 24, 2, 8)) == Errc::bad_format);
  CHECK(failure(patched(good, kEnd64, 0, 40, ~std::uint64_t{0}, 8)) == Errc::bad_format);
  CHECK(failure(patched(good, kEnd64, 0, 48, 1, 8)) == Errc::bad_format);
  CHECK(failure(patched(good, kEnd64, 0, 16, 1, 4)) == Errc::unsupported_format);
  CHECK(failure(patched(good, kLocator, 0, 8, 1, 8)) == Errc::bad_format);
  CHECK(failure(patched(good, kLocator, 0, 16, 2, 4)) == Errc::unsupported_format);
  CHECK(failure(patched(good, kEnd, 0, 16, 7, 4)) == Errc::bad_format);
  std::string many = patched(good, kEnd64, 0, 24, 1000000, 8);
  CHECK(failure(patched(many, kEnd64, 0, 32, 1000000, 8)) == Errc::limit_exceeded);
}
