// What operator new was asked for in this process, and a way to make it refuse.
#pragma once

#include <atomic>
#include <cstddef>

namespace test {

extern std::atomic<long> allocations;           // calls so far
extern std::atomic<std::size_t> largest_block;  // bytes; set it to 0 to begin anew
extern std::atomic<long> blocks_until_refusal;  // that many more succeed, then all are refused; negative: never

}  // namespace test
