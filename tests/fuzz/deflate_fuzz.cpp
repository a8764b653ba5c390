// zlib streams. First byte, modulo 3: 0 packs and unpacks the rest; 1 the same, repeated past the window's end;
// 2 unpacks the rest into as many bytes as the next two say, with its checksum and without one.
#include "segface/image/deflate.hpp"
#include "segface/image/inflate.hpp"

#include "fuzz.hpp"

namespace {

using namespace fuzz;

void check_round_trip(Bytes data) {
  const auto packed = deflate_zlib(data);
  demand(packed.ok(), "to pack", packed.ok() ? "" : packed.error().message());
  std::vector<std::uint8_t> back(data.size());
  const Status status = inflate_zlib(packed->bytes(), {back.data(), back.size()});
  demand(status.ok(), "to unpack", status.message());
  demand(std::equal(back.begin(), back.end(), data.begin()), "the same bytes");
  if (packed->size < 64) return;
  const Bytes cut = packed->bytes().subspan(0, packed->size / 2);
  demand(!inflate_zlib(cut, {back.data(), back.size()}).ok(), "to refuse half a stream");
}

void unpack(Bytes stream, std::size_t size) {
  std::vector<std::uint8_t> out(size);
  const Status status = inflate_zlib(stream, {out.data(), size});
  if (!status.ok()) demand_reason(status);
  if (status.ok()) check_round_trip({out.data(), size});
  Bytes rest;
  const char* problem = deflate_detail::Inflater(stream, {out.data(), size}).run(rest);
  if (problem == nullptr) check_round_trip({out.data(), size});
}

}  // namespace

SEGFACE_FUZZ_TARGET(deflate, 100) {
  Numbers numbers(input);
  const int kind = numbers.byte() % 3;
  if (kind == 0) return check_round_trip(numbers.rest());
  const auto size = static_cast<std::size_t>(numbers.within(0, 0x7fff));
  const Bytes rest = numbers.rest();
  if (kind == 2) return unpack(rest, size);
  std::vector<std::uint8_t> repeated;
  while (!rest.empty() && repeated.size() < 40000) {
    repeated.insert(repeated.end(), rest.begin(), rest.end());
    repeated.insert(repeated.end(), size % 300, static_cast<std::uint8_t>(repeated.size()));
  }
  check_round_trip({repeated.data(), repeated.size()});
}
