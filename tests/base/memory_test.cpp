#include "segface/base/memory.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

using namespace segface;
using namespace segface::core;

TEST_CASE("products of sizes are checked") {
  std::size_t product = 1;
  CHECK(multiply_fits(0, SIZE_MAX, product));
  CHECK(product == 0);
  CHECK(multiply_fits(SIZE_MAX, 1, product));
  CHECK(product == SIZE_MAX);
  CHECK_FALSE(multiply_fits(SIZE_MAX, 2, product));
  CHECK_FALSE(multiply_fits(SIZE_MAX / 2 + 1, 2, product));
  CHECK(multiply_fits(SIZE_MAX / 3, 3, product));
  CHECK_FALSE(multiply_fits(SIZE_MAX / 3 + 1, 3, product));
}

TEST_CASE("a buffer is aligned, moves and refuses what cannot be") {
  auto made = Buffer<float>::make(100);
  REQUIRE(made.ok());
  Buffer<float> buffer = std::move(*made);
  CHECK(buffer.size() == 100);
  CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % kAlignment == 0);
  for (float& value : buffer) value = 1;
  buffer[99] = 2;

  float* const data = buffer.data();
  Buffer<float> moved = std::move(buffer);
  CHECK(moved.data() == data);
  CHECK(moved.span()[99] == 2);
  CHECK(buffer.size() == 0);  // NOLINT: moved from is empty by contract
  CHECK(buffer.data() == nullptr);
  Buffer<float> other = Buffer<float>::make(7).value();
  other = std::move(moved);
  CHECK(other.data() == data);
  CHECK(moved.size() == 0);  // NOLINT: not what the other held
  CHECK(moved.data() == nullptr);

  CHECK(Buffer<float>::make(0)->size() == 0);
  CHECK(Buffer<float>::make(SIZE_MAX).error().code() == Errc::overflow);
  CHECK(Buffer<float>::make(SIZE_MAX / 4 + 2).error().code() == Errc::overflow);  // wraps to a few bytes
  CHECK(Buffer<char>::make(std::size_t{PTRDIFF_MAX} + 1).error().code() == Errc::overflow);
}

TEST_CASE("a buffer over somebody's memory leaves it where it is, whatever it is moved to") {
  float memory[3] = {1, 2, 3};
  {
    Buffer<float> over = Buffer<float>::over(memory);
    CHECK(over.size() == 3);
    over[1] = 7;
    Buffer<float> moved = std::move(over);
    Buffer<float> assigned = Buffer<float>::make(5).value();
    assigned = std::move(moved);
    CHECK(assigned.data() == memory);
    assigned = Buffer<float>::make(5).value();  // which is its own again
    assigned[4] = 1;
  }
  CHECK(memory[1] == 7);
}

TEST_CASE("huge pages are asked for in memory of our own only, which goes back to the system") {
  constexpr std::size_t kSize = 3 * HugePages::kPage + 5;
  for (const std::size_t size : {std::size_t{100}, HugePages::kPage - 1, HugePages::kPage, kSize}) {
    auto buffer = Buffer<std::uint8_t, HugePages>::make(size).value();
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % kAlignment == 0);
    for (std::uint8_t& value : buffer) value = 1;
  }
  if (sizeof(void*) > 4) {  // where there may be 2 GB
    CHECK(Buffer<char, HugePages>::make(PTRDIFF_MAX).error().code() == Errc::out_of_memory);
  }
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__)
  // Whether the pages of an address may become huge ones: "hg" among its mapping's flags.
  const auto wants_huge_pages = [](const void* address) {
    std::ifstream maps("/proc/self/smaps");
    bool inside = false;
    for (std::string line; std::getline(maps, line);) {
      unsigned long long begin = 0, end = 0;
      if (std::sscanf(line.c_str(), "%llx-%llx ", &begin, &end) == 2) {
        const auto at = reinterpret_cast<std::uintptr_t>(address);
        inside = begin <= at && at < end;
      } else if (inside && line.rfind("VmFlags:", 0) == 0) {
        return line.find(" hg") != std::string::npos;
      }
    }
    return false;
  };
  const auto heap = Buffer<std::uint8_t>::make(kSize).value();
  CHECK_FALSE(wants_huge_pages(heap.data()));
  const auto own = Buffer<std::uint8_t, HugePages>::make(kSize).value();
  CHECK(reinterpret_cast<std::uintptr_t>(own.data()) % HugePages::kPage == 0);
  CHECK(wants_huge_pages(own.data()));
#endif
}

TEST_CASE("a span is a view") {
  int values[] = {1, 2, 3, 4};
  const Span<int> all(values);
  const Span<const int> constant = all;
  CHECK(all.size() == 4);
  CHECK(constant.data() == values);
  const Span<int> middle = all.subspan(1, 2);
  middle[0] = 7;
  CHECK(values[1] == 7);
  int sum = 0;
  for (const int value : middle) sum += value;
  CHECK(sum == 10);
  CHECK(Span<int>().empty());
}
