// The rules of shared memory, checked at each access: inside an array, written before it is read, and no two threads at
// the same bytes, one of them writing, without a meeting of theirs between: a barrier, or, for lanes of one warp,
// __syncwarp or a shuffle of the whole warp.
#pragma once

#include <cstdint>
#include <vector>

#include "access.hpp"
#include "symbols.hpp"

namespace emulation {

class SharedMemory {
 public:
  void begin_block(std::size_t threads, const void* dynamic, std::size_t bytes);
  void meet_block() { ++barriers_; }
  void meet_warp(std::size_t warp) { ++warp_meetings_[warp]; }

  // Whether an address is where shared memory is, inside an array or beside.
  bool near(std::uintptr_t address) const { return statics_.holds(address) || dynamic_.holds(address); }
  // A violation ends the kernel.
  void check(unsigned thread, const Access& access);

 private:
  struct Touch {
    unsigned thread, warp_meetings;
    std::uint8_t bytes;  // of the word, a bit each
  };
  // Four bytes. The touches are those since barrier `barriers`.
  struct Word {
    std::uint64_t block = 0, barriers = 0;
    std::uint8_t written = 0;  // bytes, in this block
    std::vector<Touch> reads, writes;
  };
  struct Array {
    SharedArray where;
    std::vector<Word> words;
  };

  Array* find(std::uintptr_t address);
  void check(Word& word, unsigned thread, std::uint8_t bytes, bool write, const Array& array);
  const Touch* conflict(const std::vector<Touch>& touches, unsigned thread, std::uint8_t bytes) const;

  AddressRange statics_, dynamic_;
  std::vector<Array> arrays_;  // the dynamic one is the first
  Array* last_ = nullptr;      // found
  std::uint64_t blocks_ = 0, barriers_ = 0;
  std::vector<unsigned> warp_meetings_;
};

}  // namespace emulation
