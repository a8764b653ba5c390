#include "segface/base/status.hpp"

#include <doctest/doctest.h>

#include <climits>
#include <memory>
#include <string>
#include <vector>

using namespace segface;
using namespace segface::core;
using namespace std::string_literals;

namespace {

std::string shown(const std::string& text) {
  Message message;
  message.append(text);
  return message.c_str();
}

struct Point {
  int x, y;
};
void append_to(Message& message, const Point& point) {
  append_parts(message, '(', point.x, ", ", point.y, ')');
}

Result<int> half_of(int value) {
  if (value % 2 != 0) return error(Errc::invalid_argument, value, " is odd");
  return value / 2;
}
Status check_quarter(int value, int& quarter) {
  SEGFACE_ASSIGN(half, half_of(value));
  const Result<int> result = half_of(half);
  SEGFACE_RETURN_IF_ERROR(result.error());
  quarter = *result;
  return {};
}

}  // namespace

TEST_CASE("a message is made of parts") {
  const Status status = error(Errc::truncated, "a"s, ": ", 8, " bytes at ", Point{3, -4}, ", found ", SIZE_MAX, '.');
  CHECK(status.code() == Errc::truncated);
  CHECK_FALSE(status.ok());
  CHECK(status.message() == "a: 8 bytes at (3, -4), found "s + std::to_string(SIZE_MAX) + ".");
  CHECK(error(Errc::io, LLONG_MIN).message() == std::to_string(LLONG_MIN));
  CHECK(error(Errc::io, 0).message() == "0"s);
  CHECK(Status().ok());
  CHECK(Status().message() == ""s);
  CHECK(in_context(status, "b").message() == "b: "s + status.message());
  CHECK(in_context(status, "b").code() == Errc::truncated);
  CHECK(in_context(Status(), "b").ok());
  CHECK(sizeof(Status) <= 2 * sizeof(void*));
}

TEST_CASE("a status is copied, moved and assigned with its message") {
  Status failure = error(Errc::io, "a"), copy = failure;
  CHECK(copy.message() == "a"s);
  CHECK(failure.message() == "a"s);
  const Status moved = std::move(copy);
  CHECK(moved.message() == "a"s);
  failure = error(Errc::busy, "b");
  CHECK(failure.code() == Errc::busy);
  CHECK(failure.message() == "b"s);
  failure = Status();
  CHECK(failure.ok());
  CHECK(failure.message() == ""s);
  const Status& itself = moved;
  failure = itself;
  CHECK(failure.message() == "a"s);
}

TEST_CASE("nothing in a message can disturb a terminal") {
  CHECK(shown("plain ~ \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") == "plain ~ \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(shown("\x1b[31m\r\n\t\x7f"s) == "\\x1b[31m\\x0d\\x0a\\x09\\x7f");
  CHECK(shown("a\0b"s) == "a\\x00b");
  CHECK(shown("\xc2\x9b") == "\\xc2\\x9b");                    // a control character of two bytes
  CHECK(shown("\xc0\xaf \xff") == "\\xc0\\xaf \\xff");         // overlong; never UTF-8
  CHECK(shown("\xe0\x80\xaf") == "\\xe0\\x80\\xaf");           // overlong
  CHECK(shown("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(shown("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  CHECK(shown("\xe2\x82") == "\\xe2\\x82");                    // cut
  CHECK(shown("\xf0\x8f\xbf\xbf") == "\\xf0\\x8f\\xbf\\xbf");  // overlong
}

TEST_CASE("a message that is too long is cut, and never overflows") {
  const std::string text = shown(std::string(5000, 'x'));
  CHECK(text.size() < Message::kCapacity);
  CHECK(text.substr(text.size() - 4) == "x...");
  Message message;
  for (int i = 0; i < 5000; ++i) message.append("\x01");
  CHECK(message.view().size() < Message::kCapacity);
  CHECK(message.c_str()[message.view().size()] == '\0');
  message.append("more");
  CHECK(message.view().substr(message.view().size() - 3) == "...");
}

TEST_CASE("a result is a value or a reason, and the macros pass the reason on") {
  CHECK(half_of(4).ok());
  CHECK(*half_of(4) == 2);
  CHECK(half_of(3).error().message() == "3 is odd"s);
  CHECK(half_of(4).error().ok());
  if (const auto half = half_of(8)) {
    CHECK(*half == 4);
  } else {
    FAIL("a value is true");
  }
  CHECK_FALSE(half_of(3));
  int quarter = 0;
  CHECK(check_quarter(12, quarter).ok());
  CHECK(quarter == 3);
  CHECK(check_quarter(7, quarter).message() == "7 is odd"s);
  CHECK(check_quarter(6, quarter).message() == "3 is odd"s);
  CHECK(quarter == 3);

  Result<std::unique_ptr<int>> pointer(std::make_unique<int>(5));
  const std::unique_ptr<int> taken = *std::move(pointer);
  CHECK(*taken == 5);
}

TEST_CASE("every code has its name") {
  CHECK(errc_name(Errc::ok) == "ok"s);
  CHECK(errc_name(Errc::bad_layout) == "bad_layout"s);
  CHECK(errc_name(Errc::out_of_memory) == "out_of_memory"s);
  CHECK(errc_name(Errc::internal) == "internal"s);
}

#if SEGFACE_EXCEPTIONS
TEST_CASE("guarded turns exhausted memory into a status") {
  const Status status = guarded([]() -> Status { throw std::bad_alloc(); });
  CHECK(status.code() == Errc::out_of_memory);
  const auto result = guarded([]() -> Result<std::string> { return std::string(std::string().max_size() + 1, 'x'); });
  CHECK(result.error().code() == Errc::out_of_memory);
  CHECK(guarded([]() -> Result<int> { return 3; }).ok());
}

TEST_CASE("value and or_throw throw code and message") {
  CHECK(half_of(4).value() == 2);
  Result<int> changed = half_of(4);
  changed.value() = 7;
  CHECK(*changed == 7);
  const Result<int>& same = changed;
  CHECK(same.value() == 7);
  const Result<int> none = half_of(3);
  CHECK_THROWS_AS(static_cast<void>(none.value()), Error);
  CHECK_THROWS_AS(error(Errc::io, "x").or_throw(), Error);
  CHECK_NOTHROW(Status().or_throw());
  try {
    static_cast<void>(half_of(3).value());
    FAIL("did not throw");
  } catch (const Error& failure) {
    CHECK(failure.code() == Errc::invalid_argument);
    CHECK(failure.what() == "3 is odd"s);
  }
}
#endif
