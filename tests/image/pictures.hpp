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

// Position of a JPEG's marker FF `marker`; the end where there is none.
inline std::size_t find_marker(const File& file, std::uint8_t marker) {
  std::size_t at = 0;
  while (at + 1 < file.size() && !(file[at] == 0xff && file[at + 1] == marker)) ++at;
  return at + 1 < file.size() ? at : file.size();
}

inline File with(File file, std::size_t at, const File& inserted) {
  file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), inserted.begin(), inserted.end());
  return file;
}

// A copy with `segment` put right after the start marker.
inline File with_segment(const File& jpeg, const File& segment) {
  return with(jpeg, 2, segment);
}

// A copy without any segment of this kind.
inline File without(File jpeg, std::uint8_t marker) {
  for (std::size_t at; (at = find_marker(jpeg, marker)) < jpeg.size();) {
    const int size = 2 + 256 * jpeg[at + 2] + jpeg[at + 3];
    jpeg.erase(jpeg.begin() + static_cast<std::ptrdiff_t>(at), jpeg.begin() + static_cast<std::ptrdiff_t>(at) + size);
  }
  return jpeg;
}

inline std::uint64_t fnv1a(const std::uint8_t* data, std::size_t size) {
  std::uint64_t value = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < size; ++i) value = (value ^ data[i]) * 0x100000001b3u;
  return value;
}

}  // namespace pictures
