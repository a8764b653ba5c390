// What an arena counts, where sizes of maps do not fit in a size.
#include "segface/base/arena.hpp"

#include <doctest/doctest.h>

#include <cstdint>

using namespace segface;
using namespace segface::core;

TEST_CASE("a size that cannot be counted is no small one") {
  constexpr Index kHalf = Index{1} << (sizeof(Index) * 4);  // its square is 0 in as many bits
  const auto refused = [](const Arena& arena) {
    return arena.high_water() == SIZE_MAX &&
           Buffer<std::uint8_t>::make(arena.high_water()).error().code() == Errc::overflow;
  };
  Arena elements;
  elements.allocate<float>(PTRDIFF_MAX);
  CHECK(refused(elements));
  Arena map;
  map.map<float>(1, kHalf, kHalf, 1);
  CHECK(refused(map));
  Arena sum;  // each fits
  sum.allocate<char>(PTRDIFF_MAX);
  sum.allocate<char>(PTRDIFF_MAX);
  sum.allocate<char>(100);
  CHECK(refused(sum));
  {
    const Arena::Scope scope(map);
    map.allocate<char>(100);
  }
  CHECK(refused(map));
}

TEST_CASE("a real arena hands out nothing beyond its block") {
  std::uint8_t block[4 * kAlignment];
  Arena arena({block, sizeof block});
  CHECK(arena.allocate<char>(1) == reinterpret_cast<char*>(block));
  CHECK(arena.allocate<char>(PTRDIFF_MAX) == nullptr);
  CHECK(arena.exhausted());
  CHECK(arena.allocate<char>(1) == nullptr);
}
