// Numbers of either byte order in bytes of any alignment, on any host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE

// The unsigned number in the sizeof(T) bytes at p, least significant byte first.
template <class T>
T little(const std::uint8_t* p) noexcept {
  static_assert(std::is_unsigned_v<T>, "a pattern of bits has no sign");
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(T{p[i]} << (8 * i)));
  return value;
}

// The same, most significant byte first.
template <class T>
T big(const std::uint8_t* p) noexcept {
  static_assert(std::is_unsigned_v<T>, "a pattern of bits has no sign");
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(static_cast<T>(value << 8) | T{p[i]});
  return value;
}

SEGFACE_END_CORE
