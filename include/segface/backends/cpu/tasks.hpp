// How the cpu backend cuts its work into tasks: by sizes alone.
#pragma once

#include <algorithm>

#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"
#include "segface/base/map.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

using In = Map<const float>;
using Out = Map<float>;

// Rows of one image that one task works on.
inline constexpr Index kRowBlock = 112;  // 8 tiles of 14 rows
struct RowBlock {
  Index image, first, rows;
};
inline Index blocks(const In& x) noexcept {
  return x.batch * ((x.pixels() + kRowBlock - 1) / kRowBlock);
}
inline RowBlock row_block(const In& x, Index task) noexcept {
  const Index per_image = (x.pixels() + kRowBlock - 1) / kRowBlock;
  const Index image = task / per_image, begin = task % per_image * kRowBlock;
  return {image, image * x.pixels() + begin, std::min(kRowBlock, x.pixels() - begin)};
}

// Where a block begins in its image, and its rows as a map of their own.
inline Index first_pixel(const In& x, const RowBlock& block) noexcept {
  return block.first - block.image * x.pixels();
}
inline Out rows_of(const Out& y, const RowBlock& block) noexcept {
  return {y.row(block.first), 1, 1, block.rows, y.channels, y.stride};
}

// Tasks that are blocks of rows and, where these are fewer than `wanted`, also groups of at least `least` panels.
// Blocks follow each other for a group: weights larger than the image come from memory once.
struct PanelGroups {
  Index blocks, panels, group;  // group: panels in one

  PanelGroups(Index block_count, Index panel_count, Index wanted, Index least) noexcept
      : blocks(block_count), panels(panel_count) {
    const Index groups = std::max<Index>(1, wanted / blocks);
    group = std::max(std::min(panels, least), (panels + groups - 1) / groups);
  }

  Index tasks() const noexcept { return blocks * ((panels + group - 1) / group); }
  Index block(Index task) const noexcept { return task % blocks; }
  Index first_panel(Index task) const noexcept { return task / blocks * group; }
  Index last_panel(Index task) const noexcept { return std::min(panels, first_panel(task) + group); }
};

}  // namespace cpu
SEGFACE_END_CORE
