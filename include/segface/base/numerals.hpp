// Whole numbers as text: decimal, and hexadecimal with a fixed number of digits. No locale is asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

inline std::string decimal(std::uint64_t value) {
  Message text;
  text.append(value);
  return std::string(text.view());
}
inline bool parse_decimal(std::string_view text, std::uint64_t& value) noexcept {
  value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || value > (UINT64_MAX - 9) / 10) return false;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return !text.empty();
}
inline std::string hexadecimal(std::uint64_t value, int digits) {
  std::string text(static_cast<std::size_t>(digits), '0');
  for (std::size_t i = text.size(); i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}
inline bool parse_hexadecimal(std::string_view text, std::uint64_t& value) noexcept {
  value = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if ((!digit && !(c >= 'a' && c <= 'f')) || value >> 60 != 0) return false;
    value = value << 4 | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return !text.empty();
}

SEGFACE_END_CORE
