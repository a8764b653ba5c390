// Arena: one block of memory handed out in stack order, and its dry twin that only counts.
//
// A forward pass first runs dry: every allocation is counted, nothing is computed. The high-water mark is the
// block a real pass needs, known before anything is allocated. Results are taken first, temporaries inside a
// Scope that gives them back.
#pragma once

#include <algorithm>
#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/map.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

class Arena {
 public:
  // A dry arena: counts only, its views point nowhere.
  Arena() noexcept = default;
  // Hands out `block`, which stays the caller's.
  explicit Arena(Span<std::uint8_t> block) noexcept : block_(block), dry_(false) {}

  bool dry() const noexcept { return dry_; }
  // Most bytes ever in use; SIZE_MAX, which no block has, where they cannot be counted.
  std::size_t high_water() const noexcept { return high_water_; }
  // True once a real arena was asked for more than it has: the plan did not match, a bug.
  bool exhausted() const noexcept { return exhausted_; }

  // `count` elements, 64-byte aligned, uninitialised; null when dry or exhausted. Fewer than 0: more
  // than can be counted.
  template <class T>
  T* allocate(Index count) noexcept {
    constexpr std::size_t kMost = SIZE_MAX - kAlignment;
    const std::size_t begin = used_;
    std::size_t bytes = 0;
    const bool fits = count >= 0 && multiply_fits(static_cast<std::size_t>(count), sizeof(T), bytes) &&
                      used_ <= kMost && bytes <= kMost - used_;
    used_ = fits ? used_ + (bytes + kAlignment - 1) / kAlignment * kAlignment : SIZE_MAX;
    high_water_ = std::max(high_water_, used_);
    exhausted_ = exhausted_ || (!dry_ && used_ > block_.size());
    return dry_ || exhausted_ ? nullptr : reinterpret_cast<T*>(block_.data() + begin);
  }

  // A map whose rows are padded to whole cache lines, and by one more where they would be a multiple of 2 KB:
  // rows that far apart fall into few cache sets.
  template <class T>
  Map<T> map(Index batch, Index height, Index width, Index channels) noexcept {
    constexpr Index kLine = kAlignment / sizeof(T);
    constexpr Index kBadStride = 2048 / sizeof(T);
    const Index lines = channels < kLine ? channels : (channels + kLine - 1) / kLine * kLine;
    const Index stride = channels >= kBadStride && lines % kBadStride == 0 ? lines + kLine : lines;
    std::size_t count = static_cast<std::size_t>(batch);
    const bool fits = multiply_fits(count, static_cast<std::size_t>(height), count) &&
                      multiply_fits(count, static_cast<std::size_t>(width), count) &&
                      multiply_fits(count, static_cast<std::size_t>(stride), count) && count <= PTRDIFF_MAX;
    return {allocate<T>(fits ? static_cast<Index>(count) : -1), batch, height, width, channels, stride};
  }

  // Gives back, when it ends, everything allocated since it began.
  class Scope {
   public:
    explicit Scope(Arena& arena) noexcept : arena_(arena), mark_(arena.used_) {}
    ~Scope() { arena_.used_ = mark_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Arena& arena_;
    std::size_t mark_;
  };

 private:
  Span<std::uint8_t> block_;
  std::size_t used_ = 0;
  std::size_t high_water_ = 0;
  bool dry_ = true;
  bool exhausted_ = false;
};

SEGFACE_END_CORE
