#include "segface/base/crc32.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <string>

using segface::core::crc32;

namespace {
std::uint32_t crc_of(const std::string& text) {
  return crc32(0, reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}
}  // namespace

TEST_CASE("crc32 equals the published check values") {
  CHECK(crc_of("") == 0u);
  CHECK(crc_of("a") == 0xE8B7BE43u);
  CHECK(crc_of("123456789") == 0xCBF43926u);
  CHECK(crc_of("The quick brown fox jumps over the lazy dog") == 0x414FA339u);
}

TEST_CASE("crc32 may be computed in parts of any length") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    CHECK(crc32(crc32(0, bytes, cut), bytes + cut, text.size() - cut) == crc_of(text));
  }
}
