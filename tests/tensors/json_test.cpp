#include "segface/tensors/json.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using segface::Errc;
using segface::core::JsonCursor;
using namespace std::string_literals;

namespace {

// The value of the string or number that is all of `text`; "error" where it is none, at(): where.
struct String {
  explicit String(const std::string& text) {
    JsonCursor cursor(text);
    status = cursor.read_string(value);
    if (status.ok()) status = cursor.expect_end();
  }
  std::string value;
  segface::Status status;
};
std::string string_of(const std::string& text) {
  const String result(text);
  return result.status.ok() ? result.value : "error: "s + result.status.message();
}
bool is_number(const std::string& text, std::uint64_t expected) {
  JsonCursor cursor(text);
  std::uint64_t value = 0;
  return cursor.read_number(value).ok() && cursor.expect_end().ok() && value == expected;
}

}  // namespace

TEST_CASE("strings and their escapes") {
  CHECK(string_of(" \t\r\n\"abc\" ") == "abc");
  CHECK(string_of("\"\"") == "");
  CHECK(string_of(R"("\"\\\/\b\f\n\r\t")") == "\"\\/\b\f\n\r\t");
  CHECK(string_of(R"("\u0061\u00E9\u20ac\uD83D\uDE00")") == "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  CHECK(string_of("\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf\"") ==
        "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf");
}

TEST_CASE("strings that are none are refused with the byte") {
  for (const std::string& text : {"\"abc"s,
                                  "\""s,
                                  "\"\\"s,
                                  "\"\\\""s,
                                  R"("\u12")"s,
                                  R"("\u12g4")"s,
                                  R"("\x41")"s,
                                  R"("\U0041")"s,
                                  "'abc'"s,
                                  "abc"s,
                                  ""s,
                                  "\"\n\""s,
                                  "\"\0\""s,
                                  R"("\u0000")"s,
                                  R"("\ud83d")"s,
                                  R"("\ud83dx")"s,
                                  R"("\ud83d\u0061")"s,
                                  R"("\ude00")"s,
                                  R"("\ud83d\)"s,
                                  "\"\xff\""s,
                                  "\"\xc0\xaf\""s,
                                  "\"\xe0\x80\xaf\""s,
                                  "\"\xed\xa0\x80\""s,
                                  "\"\xf4\x90\x80\x80\""s,
                                  "\"\xf0\x8f\xbf\xbf\""s,
                                  "\"\xe2\x82\""s,
                                  "\"a\"\"b\""s}) {
    CAPTURE(text);
    CHECK(String(text).status.code() == Errc::bad_format);
  }
  CHECK(string_of("\"ab\xff\"") == "error: byte 3: not UTF-8");
  CHECK(string_of("\"ab\\q\"") == "error: byte 3: an escape that JSON does not have");
  CHECK(string_of(" \"ab") == "error: byte 1: a string without its end");
  CHECK(string_of(" x") == "error: byte 1: expected a string, found 'x'");
}

TEST_CASE("numbers are unsigned and below 2^64") {
  CHECK(is_number("0", 0));
  CHECK(is_number(" 1024 ", 1024));
  CHECK(is_number("18446744073709551615", UINT64_MAX));
  for (const char* text : {"-1", "+1", "1.0", "1e3", "01", "00", "0x10", "18446744073709551616", "NaN", "Infinity", "",
                           "1234567890123456789012345678901234567890", "\"1\"", "1 2"}) {
    CAPTURE(text);
    JsonCursor cursor(text);
    std::uint64_t value = 0;
    const bool number = cursor.read_number(value).ok() && cursor.expect_end().ok();
    CHECK_FALSE(number);
  }
}

TEST_CASE("a writer's string is what the reader reads") {
  std::string all = "\"\\/ \xc3\xa9\x7f";
  for (char c = 1; c < 0x20; ++c) all += c;
  std::string json;
  segface::core::append_json_string(all, json);
  CHECK(json.substr(0, 7) == R"("\"\\/ )");
  CHECK(json.find("\\u001f\"") == json.size() - 7);
  CHECK(string_of(json) == all);
}
