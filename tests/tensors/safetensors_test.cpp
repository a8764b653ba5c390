#include "segface/tensors/safetensors.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "allocations.hpp"
#include "base/temp_directory.hpp"

using namespace segface;
using namespace segface::core;
using namespace std::string_literals;
using test::blocks_until_refusal;
using test::largest_block;

// --- Files made by hand --------------------------------------------------------------------------------------

namespace {

std::string length_of(std::uint64_t bytes) {
  std::string text;
  for (int i = 0; i < 8; ++i) text += static_cast<char>(bytes >> (8 * i));
  return text;
}
std::string file_of(const std::string& header, const std::string& data = "") {
  return length_of(header.size()) + header + data;
}
Bytes view(const std::string& bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}
Status outcome(const std::string& bytes, const SafetensorsLimits& limits = {}) {
  return SafetensorsFile::from_memory(view(bytes), "w", limits).error();
}
// The outcome of a header with `data` bytes behind it.
Errc header(const std::string& text, std::size_t data = 0) {
  return outcome(file_of(text, std::string(data, 'd'))).code();
}
// One tensor of U8.
std::string entry(const std::string& name, const std::string& shape, std::uint64_t begin, std::uint64_t end,
                  const std::string& dtype = "U8") {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}
bool says(const Status& status, const std::string& words) {
  return std::string(status.message()).find(words) != std::string::npos;
}
std::string content(const TensorSource& source, std::size_t index) {
  std::string bytes(source.info(index).bytes(), '\0');
  const Status status = source.read(index, reinterpret_cast<std::uint8_t*>(bytes.data()));
  return status.ok() ? bytes : "error: "s + status.message();
}

const std::string kSmall =
    file_of("{" + entry("a", "[2,3]", 0, 6) + "," + entry("b", "[]", 6, 10, "F32") + "}", "abcdef\x01\x02\x03\x04");

}  // namespace

TEST_CASE("a file is a list of tensors and a list of texts") {
  const std::string bytes =
      file_of(R"( { "__metadata__" : {"k":"v","\u006b2":"\"x\""},)" + entry("b", "[2]", 4, 8, "BF16") + "," +
                  entry("a", "[]", 0, 4, "F32") + ", " + entry("none", "[3,0]", 8, 8, "I64") + " } \n",
              "wxyzABCD");
  const auto file = SafetensorsFile::from_memory(view(bytes), "w");
  REQUIRE_MESSAGE(file.ok(), file.error().message());
  CHECK(file->name() == "w");
  REQUIRE(file->size() == 3);
  CHECK(file->info(0).name == "b");  // the order of the header, not of the data
  CHECK(file->info(0).dtype == DType::bf16);
  CHECK(file->info(0).shape == Shape{2});
  CHECK(file->info(1).shape == Shape{});
  CHECK(file->info(2).shape == Shape{3, 0});
  CHECK(content(*file, 0) == "ABCD");
  CHECK(content(*file, 1) == "wxyz");
  CHECK(content(*file, 2) == "");
  REQUIRE(file->metadata("k") != nullptr);
  CHECK(*file->metadata("k") == "v");
  CHECK(*file->metadata("k2") == "\"x\"");
  CHECK(file->metadata("absent") == nullptr);
  CHECK(file->metadata().size() == 2);
}

TEST_CASE("every number format is read") {
  for (const char* name : {"F32", "F16", "BF16", "F64", "I64", "I32", "I16", "I8", "U8", "BOOL"}) {
    CAPTURE(name);
    const std::string width = name == "BOOL"s || name == "U8"s || name == "I8"s ? "1"
                              : name[std::strlen(name) - 2] == '1'              ? "2"
                              : name[std::strlen(name) - 2] == '3'              ? "4"
                                                                                : "8";
    const std::string bytes =
        file_of("{" + entry("a", "[1]", 0, std::stoul(width), name) + "}", "12345678"s.substr(0, std::stoul(width)));
    const auto file = SafetensorsFile::from_memory(view(bytes));
    REQUIRE_MESSAGE(file.ok(), file.error().message());
    CHECK(dtype_name(file->info(0).dtype) == std::string(name));
  }
}

TEST_CASE("1, 2: no room for the length") {
  for (std::size_t size = 0; size < 8; ++size) {
    const Status status = outcome(std::string(size, 'P'));
    CHECK(status.code() == Errc::truncated);
    CHECK(says(status, "w: need 8 header bytes, found " + std::to_string(size)));
  }
}

TEST_CASE("3: the shortest headers") {
  CHECK(outcome(file_of("")).code() == Errc::bad_format);
  CHECK(outcome(file_of("{")).code() == Errc::bad_format);
  const std::string empty = file_of("{}");
  const auto file = SafetensorsFile::from_memory(view(empty));
  REQUIRE(file.ok());
  CHECK(file->size() == 0);
}

TEST_CASE("4, 6, 16: an absurd length is refused before anything is allocated") {
  for (const std::uint64_t length :
       {std::uint64_t{1} << 63, UINT64_MAX, UINT64_MAX - 7, std::uint64_t{100000001}, (std::uint64_t{16} << 20) + 1}) {
    const std::string bytes = length_of(length) + "{}" + std::string(100, ' ');
    largest_block = 0;
    const auto file = SafetensorsFile::from_memory(view(bytes));
    CHECK(largest_block < 65536);
    CHECK(file.error().code() == Errc::limit_exceeded);
  }
}

TEST_CASE("5: a header longer than the file") {
  for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{16} << 20}) {
    const std::string bytes = length_of(length) + "{}";
    largest_block = 0;
    const Status status = outcome(bytes);
    CHECK(largest_block < 65536);
    CHECK(status.code() == Errc::truncated);
    CHECK(says(status, std::to_string(length)));
  }
}

TEST_CASE("7: text that is not UTF-8") {
  for (const std::string& name : {"\xff"s, "\xc0\xaf"s, "\xed\xa0\x80"s, "\\ud800"s, "\\u0000"s, "\0"s, "\n"s}) {
    CAPTURE(name);
    const Status status = outcome(file_of("{" + entry("a" + name, "[]", 0, 1) + "}", "d"));
    CHECK(status.code() == Errc::bad_format);
    CHECK(says(status, "w: header: byte 3: "));
  }
}

TEST_CASE("8: white space is accepted, a byte order mark is not") {
  CHECK(header(" \t{}  ") == Errc::ok);
  CHECK(header("\xef\xbb\xbf{}") == Errc::bad_format);
}

TEST_CASE("9, 10: nesting without end, and ends that are missing") {
  for (const std::string& start : {""s, "{\"a\":"s, R"({"a":{"shape":)"s, R"({"__metadata__":)"s, R"({"a":{"dtype":)"s,
                                   R"({"a":{"data_offsets":[)"s}) {
    CHECK(header(start + std::string(100000, '[')) == Errc::bad_format);
    std::string objects = start;
    for (int i = 0; i < 100000; ++i) objects += "{\"a\":";
    CHECK(header(objects) == Errc::bad_format);
  }
  const std::string whole = R"({"__metadata__":{"k":"v"},)" + entry("a", "[12]", 0, 12) + "}";
  REQUIRE(header(whole, 12) == Errc::ok);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(header(whole.substr(0, size), 12) == Errc::bad_format);
  }
}

TEST_CASE("11: what looks like JSON and is not") {
  const std::string a = entry("a", "[1]", 0, 1);
  REQUIRE(header("{" + a + "}", 1) == Errc::ok);
  for (const std::string& text : {"{" + a + ",}",
                                  "{," + a + "}",
                                  "{" + a + "} x",
                                  "{" + a + "}{}",
                                  "{" + a + "}//",
                                  "/**/{" + a + "}",
                                  "{" + a + "}\0"s,
                                  "{" + entry("a", "[1,]", 0, 1) + "}",
                                  "{" + entry("a", "[,1]", 0, 1) + "}",
                                  "{" + entry("a", "[NaN]", 0, 1) + "}",
                                  "{'a':1}"s,
                                  "[]"s,
                                  "null"s,
                                  "\"\""s,
                                  "{\"a\"}"s,
                                  "{\"a\":}"s,
                                  "{a:1}"s,
                                  "{" + a + " " + entry("b", "[]", 1, 1) + "}",
                                  R"({"a":null})"s,
                                  R"({"a":[]})"s}) {
    CAPTURE(text);
    CHECK(header(text, 1) == Errc::bad_format);
  }
}

TEST_CASE("12: numbers that are not sizes") {
  for (const char* number : {"-1", "1.0", "1e0", "01", "18446744073709551616", "true", "\"1\"", "[1]", "",
                             "1111111111222222222233333333334444444444"}) {
    CAPTURE(number);
    CHECK(header("{" + entry("a", "["s + number + ",1]", 0, 1) + "}", 1) == Errc::bad_format);
    for (const std::string& offsets : {"["s + number + ",1]", "[0,"s + number + "]"}) {
      CHECK(header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":)" + offsets + "}}", 1) == Errc::bad_format);
    }
  }
  for (const char* offsets : {"[]", "[0]", "[0,1,1]", "[0 1]", "{}", "0"}) {
    CAPTURE(offsets);
    CHECK(header(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":)"s + offsets + "}}", 1) == Errc::bad_format);
  }
}

TEST_CASE("13: two tensors of one name, however it is written") {
  for (const char* again : {"abc", "\\u0061bc"}) {
    const Status status = outcome(
        file_of("{" + entry("abc", "[1]", 0, 1) + "," + entry("x", "[1]", 1, 2) + "," + entry(again, "[1]", 2, 3) + "}",
                "ddd"));
    CHECK(status.code() == Errc::duplicate_tensor);
    CHECK(says(status, "'abc'"));
  }
}

TEST_CASE("14: every field once, and no other") {
  const std::string dtype = R"("dtype":"U8")", shape = R"("shape":[1])", offsets = R"("data_offsets":[0,1])";
  CHECK(header("{\"a\":{" + offsets + "," + shape + "," + dtype + "}}", 1) == Errc::ok);
  for (const std::string& fields :
       {""s, dtype + "," + shape, dtype + "," + offsets, shape + "," + offsets,
        dtype + "," + shape + "," + offsets + "," + dtype, dtype + "," + shape + "," + offsets + "," + shape,
        dtype + "," + shape + "," + offsets + "," + offsets, dtype + "," + shape + "," + offsets + R"(,"x":1)",
        dtype + "," + shape + "," + offsets + R"(,"\u0064type":"U8")"}) {
    CAPTURE(fields);
    const Status status = outcome(file_of("{\"a\":{" + fields + "}}", "d"));
    CHECK(status.code() == Errc::bad_format);
    CHECK(says(status, "tensor 'a'"));
  }
}

TEST_CASE("15: metadata that is not texts by name") {
  CHECK(header(R"({"__metadata__":{}})") == Errc::ok);
  for (const char* metadata :
       {"null", "[]", "\"x\"", R"({"k":1})", R"({"k":null})", R"({"k":{}})", R"({"k":["v"]})", R"({1:"v"})",
        R"({"k":"v","k":"v"})", R"({"k":"v","\u006b":"w"})", R"({"k":"v"},"__metadata__":{})"}) {
    CAPTURE(metadata);
    CHECK(header(R"({"__metadata__":)"s + metadata + "}") == Errc::bad_format);
  }
}

TEST_CASE("16: the limits of the header are the caller's, up to the format's") {
  const std::string large = file_of(R"({"__metadata__":{"k":")" + std::string(17 << 20, 'x') + "\"}}");
  CHECK(outcome(large).code() == Errc::limit_exceeded);
  SafetensorsLimits limits;
  limits.header_bytes = 18 << 20;
  CHECK(outcome(large, limits).code() == Errc::ok);
  limits.header_bytes = SIZE_MAX;
  CHECK(outcome(large, limits).code() == Errc::ok);
  CHECK(outcome(length_of(100000001) + "{}", limits).code() == Errc::limit_exceeded);
  limits.header_bytes = 1;
  CHECK(outcome(kSmall, limits).code() == Errc::limit_exceeded);
}

TEST_CASE("names and the number of texts have limits too") {
  CHECK(header("{" + entry(std::string(1024, 'x'), "[0]", 0, 0) + "}") == Errc::ok);
  CHECK(header("{" + entry(std::string(1025, 'x'), "[0]", 0, 0) + "}") == Errc::limit_exceeded);
  const auto texts = [](std::size_t count) {
    std::string text = R"({"__metadata__":{)";
    for (std::size_t i = 0; i < count; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":"")";
    return text + "}}";
  };
  CHECK(header(texts(4096)) == Errc::ok);
  CHECK(header(texts(4097)) == Errc::limit_exceeded);
}

TEST_CASE("17: number formats that are not read") {
  for (const char* dtype : {"F7", "F8_E4M3", "F4", "f32", "", "F3", "F321", "C64"}) {
    CAPTURE(dtype);
    const Status status = outcome(file_of("{" + entry("abc", "[1]", 0, 1, dtype) + "}", "d"));
    CHECK(status.code() == Errc::unsupported_dtype);
    CHECK(says(status, "'abc'"));
    CHECK(says(status, "F32, F16, BF16, F64, I64, I32, I16, I8, U8, BOOL"));
  }
  CHECK(header(R"({"a":{"dtype":1,"shape":[1],"data_offsets":[0,1]}})", 1) == Errc::bad_format);
}

TEST_CASE("18: ranks") {
  CHECK(header("{" + entry("a", "[]", 0, 1) + "}", 1) == Errc::ok);
  CHECK(header("{" + entry("a", "[1,1,1,1,1,1,1,1]", 0, 1) + "}", 1) == Errc::ok);
  CHECK(header("{" + entry("a", "[1,1,1,1,1,1,1,1,1]", 0, 1) + "}", 1) == Errc::bad_format);
  std::string many = "[1";
  for (int i = 1; i < 1000000; ++i) many += ",1";
  CHECK(header("{" + entry("a", many + "]", 0, 1) + "}", 1) == Errc::bad_format);
}

TEST_CASE("19: products that overflow, also behind a zero") {
  for (const char* shape :
       {"[2,9223372036854775808]", "[4294967296,4294967296]", "[0,18446744073709551615]", "[0,4294967296,4294967296]",
        "[4294967296,4294967296,0]", "[9223372036854775807,2]", "[3037000500,3037000500]"}) {
    CAPTURE(shape);
    CHECK(header("{" + entry("a", shape, 0, 0) + "}") == Errc::overflow);
  }
  CHECK(header("{" + entry("a", "[2305843009213693952]", 0, 0, "F64") + "}") == Errc::overflow);  // 2^61 * 8
  CHECK(header("{" + entry("a", "[0," + std::to_string(PTRDIFF_MAX) + "]", 0, 0) + "}") == Errc::ok);
}

TEST_CASE("20: tensors without elements") {
  const std::string a = entry("a", "[4]", 0, 4), b = entry("b", "[2]", 4, 6);
  for (const int at : {0, 4, 6}) {
    CAPTURE(at);
    const std::string none = entry("none", "[0]", static_cast<std::uint64_t>(at), static_cast<std::uint64_t>(at));
    CHECK(header("{" + a + "," + b + "," + none + "}", 6) == Errc::ok);
    CHECK(header("{" + none + "," + b + "," + a + "}", 6) == Errc::ok);
  }
  for (const int at : {1, 3, 5, 7}) {
    CAPTURE(at);
    const std::string none = entry("none", "[0]", static_cast<std::uint64_t>(at), static_cast<std::uint64_t>(at));
    CHECK(header("{" + a + "," + b + "," + none + "}", 6) == Errc::bad_layout);
  }
}

TEST_CASE("21 to 27: tensors tile the data") {
  const std::string a = entry("abc", "[4]", 0, 4);
  struct {
    const char* what;
    std::string second;
    std::size_t data;
    std::string words;
  } const kCases[] = {
      {"begin > end", entry("xyz", "[2]", 6, 4), 6, "tensor 'xyz': data_offsets [6, 4], expected 2 bytes for U8 [2]"},
      {"end past the data", entry("xyz", "[2]", 4, 7), 6, "expected 2 bytes"},
      {"end wraps", entry("xyz", "[2]", UINT64_MAX, 1), 6, "expected 2 bytes"},
      {"overlap", entry("xyz", "[3]", 3, 6), 6,
       "'xyz' begins at byte 3 of the data, expected 4, the end of tensor 'abc': they overlap"},
      {"same place", entry("xyz", "[4]", 0, 4), 4, "they overlap"},
      {"hole", entry("xyz", "[2]", 5, 7), 7,
       "'xyz' begins at byte 5 of the data, expected 4, the end of tensor 'abc': the bytes"},
      {"trailing bytes", entry("xyz", "[2]", 4, 6), 7, "1 bytes follow tensor 'xyz'"},
      {"size and shape", entry("xyz", "[3]", 4, 6), 6, "expected 3 bytes"},
      {"size and type", entry("xyz", "[2]", 4, 6, "F32"), 6, "expected 8 bytes for F32 [2]"},
  };
  for (const auto& row : kCases) {
    CAPTURE(row.what);
    for (const std::string& text : {"{" + a + "," + row.second + "}", "{" + row.second + "," + a + "}"}) {
      const Status status = outcome(file_of(text, std::string(row.data, 'd')));
      CHECK(status.code() == Errc::bad_layout);
      if (row.what != "same place"s) CHECK_MESSAGE(says(status, row.words), status.message());
    }
  }
  const Status first = outcome(file_of("{" + entry("abc", "[4]", 2, 6) + "}", "dddddd"));
  CHECK(first.code() == Errc::bad_layout);
  CHECK(says(first, "'abc' begins at byte 2 of the data, expected 0, the end of the header"));
  CHECK(outcome(file_of("{}", "d")).code() == Errc::bad_layout);
}

TEST_CASE("22, 28: data cut short, at every length") {
  REQUIRE(outcome(kSmall).ok());
  for (std::size_t size = 0; size < kSmall.size(); ++size) {
    CAPTURE(size);
    CHECK(outcome(kSmall.substr(0, size)).code() == Errc::truncated);
  }
  CHECK(header("{" + entry("a", "[1000000000]", 0, 1000000000) + "}", 6) == Errc::truncated);
}

TEST_CASE("29: too many tensors, and soon") {
  const auto file_with = [](std::size_t count) {
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i) {
      text += (i == 0 ? "" : ",") + entry(std::to_string(i), "[0]", 0, 0);
    }
    return file_of(text + "}");
  };
  CHECK(outcome(file_with(65536)).ok());
  const std::string many = file_with(200000);
  const auto start = std::chrono::steady_clock::now();
  const Status status = outcome(many);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
  CHECK(status.code() == Errc::limit_exceeded);
  CHECK(says(status, "65536"));
  SafetensorsLimits limits;
  limits.tensors = 2;
  CHECK(outcome(file_with(2), limits).ok());
  CHECK(outcome(file_with(3), limits).code() == Errc::limit_exceeded);
}

TEST_CASE("34: data at any address") {
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::string bytes = std::string(shift, 'x') +
                              file_of("{" + entry("a", "[2]", 0, 8, "F32") + "}" + std::string(shift, ' '), "abcdefgh");
    const auto file = SafetensorsFile::from_memory(view(bytes).subspan(shift, bytes.size() - shift));
    REQUIRE(file.ok());
    CHECK(content(*file, 0) == "abcdefgh");
  }
}

TEST_CASE("47: other formats are called by their names") {
  const std::pair<std::string, std::string> kFiles[] = {
      {"PK\x03\x04\x00\x00\x08\x08\x00\x00"s, "convert the checkpoint"},
      {"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20"s, "a pickle"},
      {"\x80\x04\x95\x00\x01\x00\x00\x00\x00\x00"s, "a pickle"},
      {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 and so on"s, "gzip"},
      {"\x1f\x8b\x08\x00\x01\x02\x03\x04\x00\x03 and so on"s, "gzip"},
      {"<!DOCTYPE html><html>"s, "HTML"},
      {"\n  <html lang=en>"s, "HTML"},
      {"\xef\xbb\xbf<html>   "s, "HTML"},
      {"version https://git-lfs.github.com/spec/v1\n"s, "git lfs pull"},
      {"{\"error\": \"no\"}"s, "JSON"},
      {"\x08\x07\x12\x07pytorch"s, "ONNX"},
      {"\x89HDF\r\n\x1a\n and so on"s, "HDF5"},
      {"GGUF\x03\x00\x00\x00\x01"s, "GGUF"},
      {"\x1c\x00\x00\x00TFL3 and so on"s, "TensorFlow Lite"},
      {"\x93NUMPY\x01\x00 and so on"s, "NumPy"},
      {"\x89PNG\r\n\x1a\n and so on"s, "PNG"},
      {"\xff\xd8\xff\xe0\x00\x10JFIF"s, "JPEG"},
      {"7z\xbc\xaf\x27\x1c\x00\x04"s, "7z"},
      {"model.bin" + std::string(248, '\0') + "ustar  and so on", "tar"},
  };
  for (const auto& row : kFiles) {
    const Status status = outcome(row.first);
    CAPTURE(status.message());
    CHECK(status.code() == Errc::bad_format);
    CHECK(says(status, "this looks like "));
    CHECK(says(status, row.second));
  }
  CHECK(outcome("Not Found, sorry").code() == Errc::limit_exceeded);
  // Lengths that begin as a pickle (640), as HTML (60), as JSON (123) and as gzip do.
  for (const std::size_t length : {640u, 60u, 123u, 0x88b1fu}) {
    CAPTURE(length);
    const std::string bytes = file_of("{}" + std::string(length - 2, ' '));
    CHECK(outcome(bytes).ok());
    CHECK(outcome(bytes.substr(0, bytes.size() - 1)).code() == Errc::truncated);
  }
}

TEST_CASE("open reads a file as from_memory reads memory, and moves") {
  const TempDirectory directory;
  auto opened = SafetensorsFile::open(directory.write("w", kSmall));
  REQUIRE(opened.ok());
  const SafetensorsFile file = std::move(*opened);
  CHECK(file.name() == directory.file("w"));
  CHECK(content(file, 0) == "abcdef");
  CHECK(content(file, 1) == "\x01\x02\x03\x04");
  std::filesystem::resize_file(directory.file("w"), kSmall.size() - 1);
  CHECK(content(file, 0) == "abcdef");
  CHECK(content(file, 1).find(directory.file("w") + ": tensor 'b': the file ends") != std::string::npos);
  CHECK(SafetensorsFile::open(directory.file("w")).error().code() == Errc::truncated);
  CHECK(SafetensorsFile::open(directory.path()).error().code() == Errc::not_regular_file);
  CHECK(SafetensorsFile::open(directory.file("none")).error().code() == Errc::io);
  CHECK(says(SafetensorsFile::open(directory.write("bad", "P")).error(), directory.file("bad") + ": need"));
}

TEST_CASE("a file that is cut while it is open is refused when it is read") {
  const TempDirectory directory;
  const std::string path = directory.write("w", kSmall);
  const auto file = SafetensorsFile::open(path);
  REQUIRE(file.ok());
  std::filesystem::resize_file(path, kSmall.size() - 1);
  std::uint8_t out[6];
  CHECK(file->read(0, out).ok());
  const Status cut = file->read(1, out);
  CHECK(cut.code() == Errc::truncated);
  CHECK(says(cut, "tensor 'b'"));
}

TEST_CASE("exhausted memory is an answer, wherever it happens") {
  const std::string name = "a name that is longer than a string's own room";
  long refusals = 0;
  for (long k = 0;; ++k) {
    blocks_until_refusal = k;
    const auto file = SafetensorsFile::from_memory(view(kSmall), name);
    blocks_until_refusal = -1;
    if (file.ok()) break;
    CHECK(file.error().code() == Errc::out_of_memory);
    ++refusals;
  }
  CHECK(refusals > 3);
}

TEST_CASE("the writer writes what the reader reads") {
  const TempDirectory directory;
  const std::vector<TensorInfo> tensors = {{"first.weight", DType::f16, {1, 3}},
                                           {"quoted \" \\ \x01 \xc3\xa9", DType::f32, {}},
                                           {"empty", DType::i64, {0, 4}},
                                           {"last", DType::u8, {70000}}};
  const Metadata metadata = {{"format", "1"}, {"note", "line\nbreak"}};
  const std::string last(70000, 'z');
  auto writer = SafetensorsWriter::open(directory.file("w"), tensors, metadata, OutputFile::Existing::refuse);
  REQUIRE_MESSAGE(writer.ok(), writer.error().message());
  SafetensorsWriter moved = std::move(*writer);
  CHECK(moved.append(view("abcdef")).ok());
  CHECK(moved.append(view("wxy")).code() == Errc::invalid_argument);
  CHECK(moved.append(view("wxyz")).ok());
  CHECK(moved.append(view("")).ok());
  CHECK(moved.commit().code() == Errc::invalid_argument);
  CHECK(moved.append(view(last)).ok());
  CHECK(moved.append(view("")).code() == Errc::invalid_argument);
  CHECK(moved.commit().ok());

  const auto file = SafetensorsFile::open(directory.file("w"));
  REQUIRE_MESSAGE(file.ok(), file.error().message());
  REQUIRE(file->size() == tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    CHECK(file->info(i).name == tensors[i].name);
    CHECK(file->info(i).dtype == tensors[i].dtype);
    CHECK(file->info(i).shape == tensors[i].shape);
  }
  CHECK(file->metadata() == metadata);
  CHECK(content(*file, 0) == "abcdef");
  CHECK(content(*file, 1) == "wxyz");
  CHECK(content(*file, 3) == last);
  const std::string bytes = directory.read("w");
  CHECK((bytes.size() - 6 - 4 - 70000) % 64 == 0);  // where the data begins
  CHECK(directory.entries() == 1);
}

TEST_CASE("the padding aligns the data whatever the header's length") {
  for (std::size_t size = 0; size < 70; ++size) {
    const auto text = SafetensorsHeader::format({{std::string(size, 'n'), DType::u8, {1}}}, {}, 64);
    REQUIRE(text.ok());
    CHECK((text->size() + 8) % 64 == 0);
    CHECK(SafetensorsHeader::parse(*text, 1, 1).ok());
  }
}

TEST_CASE("the writer refuses what the reader would, and leaves no file") {
  const TempDirectory directory;
  const std::vector<TensorInfo> kBad[] = {
      {{"a", DType::u8, {1}}, {"a", DType::u8, {1}}},
      {{"__metadata__", DType::u8, {1}}},
      {{"\xff", DType::u8, {1}}},
      {{std::string(1, '\0'), DType::u8, {1}}},
      {{"a", DType::u8, {-1}}},
      {{"a", DType::u8, {PTRDIFF_MAX / 2, PTRDIFF_MAX / 2}}},
      {{std::string(17 << 20, 'a'), DType::u8, {1}}},
      std::vector<TensorInfo>(65537, {"a", DType::u8, {0}}),
  };
  for (const auto& tensors : kBad) {
    CAPTURE(tensors.front().name.substr(0, 20));
    const Status status =
        SafetensorsWriter::open(directory.file("w"), tensors, {}, OutputFile::Existing::refuse).error();
    CHECK(status.code() == Errc::invalid_argument);
  }
  const std::vector<TensorInfo> good = {{"a", DType::u8, {1}}};
  const Metadata twice = {{"k", "v"}, {"k", "w"}};
  CHECK(SafetensorsWriter::open(directory.file("w"), good, twice, OutputFile::Existing::refuse).error().code() ==
        Errc::invalid_argument);
  CHECK(SafetensorsWriter::open(directory.path(), good, {}, OutputFile::Existing::replace).error().code() ==
        Errc::output);
  {
    const auto dropped = SafetensorsWriter::open(directory.file("w"), good, {}, OutputFile::Existing::refuse);
    CHECK(dropped.ok());
  }
  CHECK(directory.entries() == 0);
}

TEST_CASE("files written by others") {
  const std::string folder = SEGFACE_TEST_DATA "/pt/";
  const auto file = SafetensorsFile::open(folder + "parameter_scalar_empty_bool.expected.safetensors");
  REQUIRE_MESSAGE(file.ok(), file.error().message());
  std::size_t elements = 0;
  for (std::size_t i = 0; i < file->size(); ++i) elements += file->info(i).shape.count();
  CHECK(file->info(0).name == "b");
  CHECK(file->info(0).dtype == DType::i64);
  CHECK(file->info(2).shape == Shape{0, 4});
  CHECK(elements > 4);
  const Status checkpoint = SafetensorsFile::open(folder + "official_layout.pt").error();
  CHECK(checkpoint.code() == Errc::bad_format);
  CHECK(says(checkpoint, "convert the checkpoint"));
  CHECK(says(SafetensorsFile::open(folder + "legacy_not_zip.pt").error(), "a pickle"));
}
