// Packed weights in blocks that layers share.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "segface/backends/cpu/weight_blocks.hpp"

namespace {

using segface::Buffer;
using segface::core::cpu::PackedWeights;
using segface::core::cpu::WeightBlocks;

constexpr std::size_t kHuge = 4 * segface::core::HugePages::kPage / sizeof(float);  // a block

TEST_CASE("weights: rooms begin at cache lines and do not overlap") {
  WeightBlocks blocks;
  const std::vector<std::size_t> sizes = {1, 15, 16, 17, 100000, kHuge / 2, kHuge / 2, 5, kHuge + 3, 7};
  std::vector<PackedWeights> rooms;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    rooms.push_back(blocks.take(sizes[i]).value());
    CHECK(reinterpret_cast<std::uintptr_t>(rooms[i].data()) % segface::core::kAlignment == 0);
    std::fill_n(rooms[i].data(), sizes[i], static_cast<float>(i));
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const float* const data = rooms[i].data();
    CHECK(std::all_of(data, data + sizes[i], [&](float value) { return value == static_cast<float>(i); }));
  }
}

TEST_CASE("weights: small ones share a block, and a copy begins another") {
  WeightBlocks blocks;
  const PackedWeights first = blocks.take(10).value(), second = blocks.take(10).value();
  CHECK(second.data() == first.data() + 16);
  WeightBlocks copy = blocks;
  const PackedWeights other = copy.take(10).value(), third = blocks.take(10).value();
  CHECK(third.data() == second.data() + 16);
  CHECK(other.data() != third.data());
}

TEST_CASE("weights: they outlive what handed them out") {
  PackedWeights kept;
  {
    WeightBlocks blocks;
    kept = blocks.take(1000).value();
    std::fill_n(kept.data(), 1000, 2.0f);
  }
  CHECK(std::count(kept.data(), kept.data() + 1000, 2.0f) == 1000);
}

TEST_CASE("weights: what no memory can hold is refused, and the next room is as before") {
  WeightBlocks blocks;
  const PackedWeights first = blocks.take(16).value();
  const auto refused = blocks.take(SIZE_MAX / 2);
  REQUIRE(!refused.ok());
  CHECK(refused.error().code() == segface::Errc::overflow);
  CHECK(blocks.take(16).value().data() == first.data() + 16);
}

}  // namespace
