#include "shared_memory.hpp"

#include <algorithm>
#include <string>

#include "block.hpp"

namespace emulation {

void SharedMemory::begin_block(std::size_t threads, const void* dynamic, std::size_t bytes) {
  if (arrays_.empty()) {
    statics_ = static_memory();
    arrays_.push_back({{0, 0, "dynamic shared memory"}, {}});
    for (const SharedArray& array : shared_arrays()) arrays_.push_back({array, {}});
  }
  const auto begin = reinterpret_cast<std::uintptr_t>(dynamic);
  dynamic_ = {begin, begin + bytes + kSpareBytes / 2};
  arrays_.front().where.begin = begin;
  arrays_.front().where.end = begin + bytes;
  ++blocks_;
  ++barriers_;
  warp_meetings_.assign(threads / 32 + 1, 0);
}

SharedMemory::Array* SharedMemory::find(std::uintptr_t address) {
  const auto inside = [&](const Array& array) { return address >= array.where.begin && address < array.where.end; };
  if (last_ != nullptr && inside(*last_)) return last_;
  if (inside(arrays_.front())) return last_ = &arrays_.front();
  auto after = std::upper_bound(arrays_.begin() + 1, arrays_.end(), address,
                                [](std::uintptr_t a, const Array& array) { return a < array.where.begin; });
  --after;
  return inside(*after) ? last_ = &*after : nullptr;
}

const SharedMemory::Touch* SharedMemory::conflict(const std::vector<Touch>& touches, unsigned thread,
                                                  std::uint8_t bytes) const {
  for (const Touch& touch : touches) {
    const bool met = touch.thread / 32 == thread / 32 && touch.warp_meetings < warp_meetings_[thread / 32];
    if (touch.thread != thread && (touch.bytes & bytes) != 0 && !met) return &touch;
  }
  return nullptr;
}

void SharedMemory::check(unsigned thread, const Access& access) {
  Array* const array = find(access.address);
  if (array == nullptr || access.address + access.bytes > array->where.end) {
    abandon_kernel("an address beside the arrays of shared memory");  // it may be the host's
  }
  const std::size_t offset = access.address - array->where.begin;
  array->words.resize((array->where.end - array->where.begin + 3) / 4);
  if (access.bytes < 4) {
    const auto bytes = static_cast<std::uint8_t>(((1u << access.bytes) - 1) << offset % 4);
    return check(array->words[offset / 4], thread, bytes, access.write, *array);
  }
  for (std::size_t word = 0; word < access.bytes / 4; ++word) {
    check(array->words[offset / 4 + word], thread, 0xf, access.write, *array);
  }
}

void SharedMemory::check(Word& word, unsigned thread, std::uint8_t bytes, bool write, const Array& array) {
  if (word.block != blocks_) word.written = 0;
  if (word.barriers != barriers_) {
    word.reads.clear();
    word.writes.clear();
  }
  word.block = blocks_;
  word.barriers = barriers_;
  const auto fail = [&](const std::string& why) {
    fail_kernel(why + " " + demangled(array.where.symbol) + " of shared memory");
  };
  if (!write && (word.written & bytes) != bytes) return fail("nobody has written yet what is read of");
  const Touch* other = conflict(word.writes, thread, bytes);
  if (other == nullptr && write) other = conflict(word.reads, thread, bytes);
  if (other != nullptr) {
    return fail("no barrier between this and thread " + std::to_string(other->thread) + "'s use of");
  }
  if (write) word.written |= bytes;
  std::vector<Touch>& touches = write ? word.writes : word.reads;
  const Touch touch = {thread, warp_meetings_[thread / 32], bytes};
  if (touches.empty() || touches.back().thread != thread || touches.back().warp_meetings != touch.warp_meetings) {
    touches.push_back(touch);
  } else {
    touches.back().bytes |= bytes;
  }
}

}  // namespace emulation
