// Memory for packed weights: many layers share blocks of huge pages.
//
// A network's products go through all of its weights in turn. Matrices of a few hundred kilobytes, each in thousands of
// small pages of its own, miss the page table again and again: huge pages make mobilenet 4 to 5 % faster.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

using Block = Buffer<float, HugePages>;

// Floats in a block that lives as long as any of them. Move-only.
class PackedWeights {
 public:
  PackedWeights() noexcept = default;
  PackedWeights(std::shared_ptr<Block> block, float* data) noexcept : block_(std::move(block)), data_(data) {}
  PackedWeights(PackedWeights&& other) noexcept
      : block_(std::move(other.block_)), data_(std::exchange(other.data_, nullptr)) {}
  PackedWeights& operator=(PackedWeights&& other) noexcept {
    block_ = std::move(other.block_);
    data_ = std::exchange(other.data_, nullptr);
    return *this;
  }

  float* data() noexcept { return data_; }
  const float* data() const noexcept { return data_; }

 private:
  std::shared_ptr<Block> block_;
  float* data_ = nullptr;
};

// Hands out rooms in blocks. A copy begins with no block.
class WeightBlocks {
 public:
  WeightBlocks() noexcept = default;
  WeightBlocks(const WeightBlocks&) noexcept {}
  WeightBlocks& operator=(const WeightBlocks&) noexcept { return *this; }

  // Room for `count` floats, uninitialised, which begins at a cache line. Errors: overflow, out_of_memory.
  Result<PackedWeights> take(std::size_t count) noexcept {
    constexpr std::size_t kBlock = 4 * HugePages::kPage / sizeof(float), kLine = kAlignment / sizeof(float);
    return guarded([&]() -> Result<PackedWeights> {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (block_ == nullptr || count > block_->size() - used_) {
        SEGFACE_ASSIGN(block, Block::make(std::max(count, kBlock)));
        block_ = std::make_shared<Block>(std::move(block));
        used_ = 0;
      }
      float* const room = block_->data() + used_;
      used_ = std::min(block_->size(), used_ + (count + kLine - 1) / kLine * kLine);
      return PackedWeights(block_, room);
    });
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<Block> block_;
  std::size_t used_ = 0;  // floats
};

}  // namespace cpu
SEGFACE_END_CORE
