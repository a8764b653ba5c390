#include "segface/tensors/strided_view.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <utility>
#include <vector>

using segface::Status;
using segface::core::Shape;
using segface::core::StridedView;

namespace {

StridedView view(const Shape& shape, std::size_t offset, std::initializer_list<std::size_t> strides) {
  StridedView result;
  result.shape = shape;
  result.offset = offset;
  std::size_t i = 0;
  for (const std::size_t stride : strides) result.strides[i++] = stride;
  return result;
}

// The positions that gather() visits in a source that holds 0, 1, 2, ...; and how often it fetched.
std::vector<std::uint32_t> gathered(const StridedView& where, std::size_t elements, int* fetches = nullptr) {
  std::vector<std::uint32_t> out(where.shape.count());
  const auto fetch = [&](std::size_t first, std::size_t count, std::uint8_t* bytes) {
    CHECK(first + count <= elements);
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = static_cast<std::uint32_t>(first + i);
      std::memcpy(bytes + 4 * i, &value, 4);
    }
    if (fetches != nullptr) ++*fetches;
    return Status();
  };
  CHECK(where.gather(4, elements, fetch, reinterpret_cast<std::uint8_t*>(out.data())).ok());
  return out;
}

}  // namespace

TEST_CASE("a strided view gathers transposed, expanded, offset and overlapping elements") {
  using Positions = std::vector<std::uint32_t>;
  CHECK(gathered(view({2, 3}, 0, {1, 2}), 6) == Positions{0, 2, 4, 1, 3, 5});
  CHECK(gathered(view({2, 3}, 1, {0, 1}), 4) == Positions{1, 2, 3, 1, 2, 3});
  CHECK(gathered(view({3, 2}, 2, {1, 0}), 5) == Positions{2, 2, 3, 3, 4, 4});
  CHECK(gathered(view({3, 3}, 0, {1, 1}), 5) == Positions{0, 1, 2, 1, 2, 3, 2, 3, 4});
  CHECK(gathered(view({1, 2, 2, 2}, 0, {99, 1, 4, 2}), 8) == Positions{0, 2, 4, 6, 1, 3, 5, 7});
  CHECK(gathered(view({}, 3, {}), 4) == Positions{3});
}

TEST_CASE("gathering a large tensor passes over its source once, whatever the order of its strides") {
  for (const auto& strides : {std::pair<std::uint32_t, std::uint32_t>(1, 1000), {501, 1}}) {
    int fetches = 0;
    const auto out = gathered(view({1000, 500}, 0, {strides.first, strides.second}), 501000, &fetches);
    bool equal = true;
    for (std::uint32_t i = 0; i < 1000; ++i) {
      for (std::uint32_t j = 0; j < 500; ++j) {
        equal = equal && out[i * 500 + j] == i * strides.first + j * strides.second;
      }
    }
    CHECK(equal);
    CHECK(fetches == 31);  // 2 MB through a window of 64 KB
  }
}

TEST_CASE("elements far from each other are fetched alone") {
  const auto fetched = [](const StridedView& where, std::size_t elements) {
    std::size_t bytes = 0;
    std::vector<std::uint32_t> out(where.shape.count());
    const auto fetch = [&](std::size_t, std::size_t count, std::uint8_t*) {
      bytes += 4 * count;
      return Status();
    };
    CHECK(where.gather(4, elements, fetch, reinterpret_cast<std::uint8_t*>(out.data())).ok());
    return bytes;
  };
  CHECK(fetched(view({1000}, 0, {5000}), 5000 * 1000) == 4 * 1000);
  CHECK(fetched(view({1000, 1}, 0, {5000, 1}), 5000 * 1000) == 4 * 1000);
}

TEST_CASE("rows that interlock are told from transposed, sliced and expanded ones") {
  for (const auto& good :
       {view({2, 3}, 0, {3, 1}), view({2, 3}, 0, {1, 2}), view({2, 3}, 0, {0, 1}), view({3, 2}, 0, {7, 0}),
        view({1, 5}, 0, {1, 1}), view({}, 0, {}), view({2, 2, 2}, 0, {1, 4, 2})}) {
    CHECK_FALSE(good.interlocks());
  }
  for (const auto& bad : {view({3, 3}, 0, {1, 1}), view({2, 3}, 0, {2, 1}), view({2, 2, 3}, 0, {5, 3, 2})}) {
    CHECK(bad.interlocks());
  }
}

TEST_CASE("a strided view knows whether it is contiguous and whether it fits") {
  CHECK(view({2, 3}, 5, {3, 1}).is_contiguous());
  CHECK(view({2, 1, 3}, 0, {3, 77, 1}).is_contiguous());
  CHECK(view({}, 0, {}).is_contiguous());
  CHECK_FALSE(view({2, 3}, 0, {1, 2}).is_contiguous());
  CHECK_FALSE(view({2, 3}, 0, {4, 1}).is_contiguous());

  CHECK(view({2, 3}, 1, {3, 1}).fits_in(7));
  CHECK_FALSE(view({2, 3}, 1, {3, 1}).fits_in(6));
  CHECK(view({}, 0, {}).fits_in(1));
  CHECK_FALSE(view({}, 1, {}).fits_in(1));
  CHECK(view({0, 3}, 4, {3, 1}).fits_in(4));
  CHECK_FALSE(view({0, 3}, 5, {3, 1}).fits_in(4));
  CHECK(view({1}, 0, {~std::size_t{0}}).fits_in(1));
  CHECK_FALSE(view({3}, 0, {~std::size_t{0}}).fits_in(100));
  CHECK_FALSE(view({3}, 0, {~(~std::size_t{0} >> 1)}).fits_in(100));
  CHECK_FALSE(view({2, 2}, 0, {~std::size_t{0} / 2 + 1, ~std::size_t{0} / 2 + 1}).fits_in(100));

  constexpr segface::Index kHuge = segface::Index{1} << sizeof(segface::Index) * 4;
  CHECK(view({1000, 1000}, 0, {}).fits_in_memory(4));
  CHECK_FALSE(view({kHuge, kHuge}, 0, {}).fits_in_memory(4));
  CHECK_FALSE(view({0, kHuge, kHuge}, 0, {}).fits_in_memory(4));
}
