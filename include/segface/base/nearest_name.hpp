// The known name nearest to one that was mistyped: fewest letters to insert, leave out or change.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

// Letters to insert, leave out or change to make b of a.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // of the prefixes of a and b
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({changed, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// The first of the nearest; names must not be empty.
template <class Names>
std::string_view nearest_name(std::string_view name, const Names& names) {
  const std::string_view short_name = name.substr(0, 64);  // no name is longer, and the cost is bounded
  std::string_view best = *std::begin(names);
  for (const std::string_view known : names) {
    if (edit_distance(short_name, known) < edit_distance(short_name, best)) best = known;
  }
  return best;
}

SEGFACE_END_CORE
