// Runs of equal bytes: of labels, which change rarely along a row.
#pragma once

#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

// The end of the run that begins at values[first], first < size.
inline Index run_end(const std::uint8_t* values, Index first, Index size) noexcept {
  std::uint64_t expected;
  std::memset(&expected, values[first], sizeof expected);
  Index end = first + 1;
  for (std::uint64_t eight; end + 8 <= size; end += 8) {
    std::memcpy(&eight, values + end, sizeof eight);
    if (eight != expected) break;
  }
  while (end < size && values[end] == values[first]) ++end;
  return end;
}

// use(first, last, value) for each run of a row, from the left.
template <class Use>
void for_each_run(const std::uint8_t* values, Index size, const Use& use) noexcept {
  for (Index first = 0, last = 0; first < size; first = last) {
    last = run_end(values, first, size);
    use(first, last, values[first]);
  }
}

SEGFACE_END_CORE
