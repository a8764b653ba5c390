// Streams in memory for the tests of frames.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "segface/image/frame_reader.hpp"

namespace test {

// A source that gives a text, so many bytes at a time.
inline segface::core::FrameReader::Source source_of(std::string text, std::size_t at_a_time = 7) {
  return [text = std::move(text), at = std::size_t{0},
          at_a_time](segface::Span<std::uint8_t> out) mutable -> segface::Result<std::size_t> {
    const std::size_t count = std::min({at_a_time, out.size(), text.size() - at});
    std::copy_n(text.data() + at, count, reinterpret_cast<char*>(out.data()));
    at += count;
    return count;
  };
}

// So many bytes that differ.
inline std::string samples(std::size_t count, unsigned seed = 1) {
  std::string bytes(count, '\0');
  for (char& byte : bytes) byte = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
  return bytes;
}

inline std::string_view text_of(const segface::core::Frame& frame) {
  return {reinterpret_cast<const char*>(frame.data.data()), frame.data.size()};
}

}  // namespace test
