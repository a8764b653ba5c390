// What the picture tests share: files of tests/data/images, and a short fingerprint of many bytes.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "segface/base/memory.hpp"

namespace pictures {

using File = std::vector<std::uint8_t>;

inline File read(const std::string& name) {
  std::ifstream in(std::string(SEGFACE_TEST_DATA) + "/images/" + name, std::ios::binary);
  return File(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

inline segface::Bytes bytes(const File& file) {
  return {file.data(), file.size()};
}

inline std::uint64_t fnv1a(const std::uint8_t* data, std::size_t size) {
  std::uint64_t value = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < size; ++i) value = (value ^ data[i]) * 0x100000001b3u;
  return value;
}

}  // namespace pictures
