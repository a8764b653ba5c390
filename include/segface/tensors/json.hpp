// JsonCursor: the words of a JSON text, one at a time, strictly as RFC 8259 spells them; and quoting for writers.
//
// A format of fixed structure needs no tree: its reader asks for the words it expects ("{", a string, ":", ...) and
// fails at the first that differs. So nesting costs no stack, memory is what the reader keeps, and nothing unknown
// is skipped. Numbers are unsigned integers below 2^64, which is all that weight files hold.
//
// Traps: strings must be UTF-8 without overlong forms, surrogates, raw control characters or the character zero;
// "\u0061" and "a" are the same string.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/base/utf8.hpp"

SEGFACE_BEGIN_CORE

// Every failure is Errc::bad_format and names the byte of the text.
class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) noexcept : text_(text) {}

  std::size_t offset() const noexcept { return at_; }

  // Goes behind `c` if it is the next word.
  bool take(char c) noexcept {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  Status expect(char c) noexcept { return take(c) ? Status() : unexpected("'", c, "'"); }

  // After an element of an object or array that ends with `close`: whether another follows.
  Status expect_next(char close, bool& more) noexcept {
    more = take(',');
    return more || take(close) ? Status() : unexpected("',' or '", close, "'");
  }

  Status expect_end() noexcept {
    skip_space();
    return at_ == text_.size() ? Status() : unexpected("the end");
  }

  // A string, its escapes resolved.
  Status read_string(std::string& value) {
    if (!take('"')) return unexpected("a string");
    const std::size_t start = at_ - 1;
    value.clear();
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\') {
        SEGFACE_RETURN_IF_ERROR(read_escape(value));
        continue;
      }
      const std::size_t length = utf8_length(text_.substr(at_));
      if (length == 0) return malformed(at_, "not UTF-8");
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return malformed(at_, "a control character in a string");
      value.append(text_, at_, length);
      at_ += length;
    }
    return take('"') ? Status() : malformed(start, "a string without its end");
  }

  // Digits without sign, leading zero, fraction or exponent.
  Status read_number(std::uint64_t& value) noexcept {
    skip_space();
    const std::size_t start = at_;
    value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
      if (value > (UINT64_MAX - digit) / 10) return malformed(start, "a number of 2^64 or more");
      value = value * 10 + digit;
    }
    if (at_ == start) return unexpected("an unsigned whole number");
    if (at_ - start > 1 && text_[start] == '0') return malformed(start, "a number that begins with 0");
    return {};
  }

 private:
  void skip_space() noexcept {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  // One escape, from its backslash on.
  Status read_escape(std::string& value) {
    constexpr std::string_view kLetters = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
    const std::size_t start = at_++;
    const std::size_t letter = at_ < text_.size() ? kLetters.find(text_[at_]) : std::string_view::npos;
    if (letter != std::string_view::npos) {
      value += kMeanings[letter];
      ++at_;
      return {};
    }
    std::uint32_t point = 0;
    if (!read_code_unit(point)) return malformed(start, "an escape that JSON does not have");
    if (point >= 0xd800 && point < 0xe000) {  // half of a character beyond 2^16
      std::uint32_t low = 0;
      const bool pair = point < 0xdc00 && at_ < text_.size() && text_[at_++] == '\\' && read_code_unit(low) &&
                        low >= 0xdc00 && low < 0xe000;
      if (!pair) return malformed(start, "half of a surrogate pair");
      point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    if (point == 0) return malformed(start, "the character zero in a string");
    append_utf8(point, value);
    return {};
  }

  // uXXXX
  bool read_code_unit(std::uint32_t& unit) noexcept {
    if (text_.size() - at_ < 5 || text_[at_] != 'u') return false;
    unit = 0;
    for (const char c : text_.substr(at_ + 1, 4)) {
      const char lower = static_cast<char>(c | 0x20);
      const bool digit = c >= '0' && c <= '9';
      if (!digit && (lower < 'a' || lower > 'f')) return false;
      unit = unit << 4 | static_cast<std::uint32_t>(digit ? c - '0' : lower - 'a' + 10);
    }
    at_ += 5;
    return true;
  }

  static void append_utf8(std::uint32_t point, std::string& value) {
    const int tail = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    constexpr std::uint32_t kLead[] = {0x00, 0xc0, 0xe0, 0xf0};
    value += static_cast<char>(kLead[tail] | point >> (6 * tail));
    for (int i = tail - 1; i >= 0; --i) value += static_cast<char>(0x80u | (point >> (6 * i) & 0x3fu));
  }

  static Status malformed(std::size_t offset, const char* what) noexcept {
    return error(Errc::bad_format, "byte ", offset, ": ", what);
  }
  template <class... Parts>
  Status unexpected(const Parts&... expected) const noexcept {
    if (at_ == text_.size())
      return error(Errc::bad_format, "byte ", at_, ": expected ", expected..., ", found the end");
    return error(Errc::bad_format, "byte ", at_, ": expected ", expected..., ", found '", text_[at_], "'");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Appends `text` as a JSON string. What is not UTF-8 stays as it is, for the reader to refuse.
inline void append_json_string(std::string_view text, std::string& json) {
  json += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') json += '\\';
    if (byte >= 0x20) {
      json += c;
    } else {
      json += "\\u00";
      json += byte < 0x10 ? '0' : '1';
      json += "0123456789abcdef"[byte & 15];
    }
  }
  json += '"';
}

SEGFACE_END_CORE
