#include "segface/base/memory.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <utility>

using namespace segface;

TEST_CASE("products of sizes are checked") {
  std::size_t product = 1;
  CHECK(multiply_fits(0, SIZE_MAX, product));
  CHECK(product == 0);
  CHECK(multiply_fits(SIZE_MAX, 1, product));
  CHECK(product == SIZE_MAX);
  CHECK_FALSE(multiply_fits(SIZE_MAX, 2, product));
  CHECK_FALSE(multiply_fits(std::size_t{1} << 32, std::size_t{1} << 32, product));
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

  CHECK(Buffer<float>::make(0)->size() == 0);
  CHECK(Buffer<float>::make(SIZE_MAX).error().code() == Errc::overflow);
  CHECK(Buffer<float>::make(SIZE_MAX / 4 + 2).error().code() == Errc::overflow);  // wraps to a few bytes
  CHECK(Buffer<char>::make(std::size_t{PTRDIFF_MAX} + 1).error().code() == Errc::overflow);
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
