// Writes float32 arrays as .npy, the format of NumPy: magic, version 1.0, a header of Python text, the values.
#pragma once

#include <array>
#include <string>

#include "segface/base/endian.hpp"
#include "segface/base/file.hpp"
#include "segface/base/memory.hpp"

namespace tool {

using namespace segface;
using namespace segface::core;

// values [a, b, c], the last index fastest. Errors: output.
inline Status save_npy(const std::string& path, const float* values, const std::array<Index, 3>& shape,
                       OutputFile::Existing existing) {
  constexpr std::size_t kAlign = 64;  // where the values begin
  constexpr std::size_t kFront = 10;  // magic, version, length of the header
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(shape[0]) + ", " +
                       std::to_string(shape[1]) + ", " + std::to_string(shape[2]) + "), }";
  header.append(kAlign - (kFront + header.size() + 1) % kAlign, ' ');
  header += '\n';
  std::string front("\x93NUMPY\x01\x00", 8);
  front += static_cast<char>(header.size() & 255);
  front += static_cast<char>(header.size() >> 8);
  front += header;
  const auto count = static_cast<std::size_t>(shape[0] * shape[1] * shape[2]);
  SEGFACE_ASSIGN(file, OutputFile::open(path, existing));
  SEGFACE_RETURN_IF_ERROR(file.append({reinterpret_cast<const std::uint8_t*>(front.data()), front.size()}));
  SEGFACE_RETURN_IF_ERROR(file.append({reinterpret_cast<const std::uint8_t*>(values), count * sizeof(float)}));
  return file.commit();
}

}  // namespace tool
