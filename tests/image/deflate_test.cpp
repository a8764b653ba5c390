#include "segface/image/deflate.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

using namespace segface;
using namespace segface::core;

namespace {

using Data = std::vector<std::uint8_t>;

Data text(std::size_t size, std::uint32_t letters) {
  Data data;
  std::uint32_t state = 7;
  for (std::size_t i = 0; i < size; ++i) {
    state = state * 1664525u + 1013904223u;
    data.push_back(static_cast<std::uint8_t>((state >> 16) % letters));
  }
  return data;
}

Status unpack(const Data& stream, std::size_t size, Data& out) {
  out.assign(size, 0);
  return inflate_zlib({stream.data(), stream.size()}, {out.data(), out.size()});
}

Data pack(const Data& data) {
  auto stream = deflate_zlib({data.data(), data.size()});
  REQUIRE(stream.ok());
  return Data(stream->bytes().begin(), stream->bytes().end());
}

// Of b"segface " * 5 + bytes(range(40)), by zlib: a block of the fixed code.
const Data kFixed = {0x78, 0x01, 0x2b, 0x4e, 0x4d, 0x4f, 0x4b, 0x4c, 0x4e, 0x55, 0x28, 0x26, 0x40, 0x33, 0x30,
                     0x32, 0x31, 0xb3, 0xb0, 0xb2, 0xb1, 0x73, 0x70, 0x72, 0x71, 0xf3, 0xf0, 0xf2, 0xf1, 0x0b,
                     0x08, 0x0a, 0x09, 0x8b, 0x88, 0x8a, 0x89, 0x4b, 0x48, 0x4a, 0x49, 0xcb, 0xc8, 0xca, 0xc9,
                     0x2b, 0x28, 0x2a, 0x29, 0xab, 0xa8, 0xaa, 0xa9, 0x03, 0x00, 0xa6, 0x33, 0x11, 0xb3};
// Of 600 letters of unequal frequency, by zlib: a block with a code of its own.
const Data kDynamic = {
    0x78, 0x01, 0x05, 0xc1, 0x41, 0x0a, 0x00, 0x20, 0x0c, 0x03, 0xc1, 0xb7, 0xe6, 0xb0, 0x50, 0x2f, 0x0d, 0xe8, 0xfe,
    0x1f, 0x67, 0xc8, 0x02, 0x53, 0x7a, 0x11, 0xd6, 0x45, 0x65, 0x72, 0x4d, 0x23, 0x25, 0xdd, 0x13, 0x9f, 0x7d, 0x33,
    0x47, 0xb2, 0xc0, 0x94, 0x5e, 0x84, 0x75, 0x51, 0x99, 0x5c, 0xd3, 0x48, 0x49, 0xf7, 0xc4, 0x67, 0xdf, 0xcc, 0x91,
    0x2c, 0x30, 0xa5, 0x17, 0x61, 0x5d, 0x54, 0x26, 0xd7, 0x34, 0x52, 0xd2, 0x3d, 0xf1, 0xd9, 0x37, 0x73, 0x24, 0x0b,
    0x4c, 0xe9, 0x45, 0x58, 0x17, 0x95, 0xc9, 0x35, 0x8d, 0x94, 0x74, 0x4f, 0x7c, 0xf6, 0xcd, 0x1c, 0xc9, 0x02, 0x53,
    0x7a, 0x11, 0xd6, 0x45, 0x65, 0x72, 0x4d, 0x23, 0x25, 0xdd, 0x13, 0x9f, 0x7d, 0x33, 0x47, 0xb2, 0xc0, 0x94, 0x5e,
    0x84, 0x75, 0x51, 0x99, 0x5c, 0xd3, 0x48, 0x49, 0xf7, 0xc4, 0x67, 0xdf, 0xcc, 0x91, 0x2c, 0x30, 0xa5, 0x17, 0x61,
    0x5d, 0x54, 0x26, 0xd7, 0x34, 0x52, 0xd2, 0x3d, 0xf1, 0xd9, 0x37, 0x73, 0x24, 0x0b, 0x4c, 0xe9, 0x45, 0x58, 0x17,
    0x95, 0xc9, 0x35, 0x8d, 0x94, 0x74, 0x4f, 0x7c, 0xf6, 0xcd, 0x1c, 0xc9, 0x02, 0x53, 0x7a, 0x11, 0xd6, 0x45, 0x65,
    0x72, 0x4d, 0x23, 0x25, 0xdd, 0x13, 0x9f, 0x7d, 0x33, 0x47, 0xb2, 0xc0, 0x94, 0x5e, 0x84, 0x75, 0x51, 0x99, 0x5c,
    0xd3, 0x48, 0x49, 0xf7, 0xc4, 0x67, 0xdf, 0xcc, 0x91, 0x2c, 0x30, 0xa5, 0x17, 0x61, 0x5d, 0x54, 0x26, 0xd7, 0x34,
    0x52, 0xd2, 0x3d, 0xf1, 0xd9, 0x37, 0x73, 0x24, 0x0b, 0x4c, 0xe9, 0x45, 0x58, 0x17, 0x95, 0xc9, 0x35, 0x8d, 0x94,
    0x74, 0x4f, 0x7c, 0xf6, 0xcd, 0x1c, 0xc9, 0x02, 0x53, 0x7a, 0x11, 0xd6, 0x45, 0x65, 0x3e, 0xb9, 0x87, 0xfb, 0x22};

// Letter i of the text behind kDynamic.
std::uint8_t letter(unsigned i) {
  return static_cast<std::uint8_t>("eeeetttaaooinshr"[(i * i * 7 + i / 3) % 16]);
}

}  // namespace

TEST_CASE("deflate: streams of zlib are read") {
  Data out;
  REQUIRE(unpack(kFixed, 80, out).ok());
  CHECK(std::string(out.begin(), out.begin() + 16) == "segface segface ");
  CHECK(int{out[79]} == 39);
  REQUIRE(unpack(kDynamic, 600, out).ok());
  for (unsigned i = 0; i < 600; ++i) CHECK(out[i] == letter(i));
  // A stored block.
  REQUIRE(unpack({0x78, 0x01, 1, 2, 0, 0xfd, 0xff, 'h', 'i', 0x01, 0x3b, 0x00, 0xd2}, 2, out).ok());
  CHECK(out == Data{'h', 'i'});
}

TEST_CASE("deflate: everything comes back") {
  for (const std::uint32_t letters : {1u, 2u, 5u, 256u}) {
    for (const std::size_t size : {0u, 1u, 2u, 3u, 4u, 257u, 258u, 259u, 5000u, 100000u}) {
      CAPTURE(letters);
      CAPTURE(size);
      const Data data = text(size, letters), stream = pack(data);
      Data out;
      REQUIRE(unpack(stream, size, out).ok());
      CHECK(out == data);
      if (size != 100000) continue;
      if (letters == 1) CHECK(stream.size() < 200);
      if (letters == 5) CHECK(stream.size() < 33000);  // 2.4 bits each are 30000 bytes
      if (letters == 256) CHECK(stream.size() <= size + 20);
    }
  }
}

TEST_CASE("deflate: a code whose rarest words would be too long is shortened") {
  // Symbol i occurs as often as Fibonacci's number i: words of up to 23 bits would be best.
  Data data;
  for (std::size_t i = 0, a = 1, b = 1; i < 24; ++i) {
    data.insert(data.end(), a, static_cast<std::uint8_t>(i * 7));
    b = std::exchange(a, b) + b;
  }
  std::uint32_t state = 3;
  for (std::size_t i = data.size() - 1; i > 0; --i) {  // no runs
    state = state * 1664525u + 1013904223u;
    std::swap(data[i], data[(state >> 8) % (i + 1)]);
  }
  const Data stream = pack(data);
  CHECK(stream.size() < data.size() * 35 / 100);
  Data out;
  REQUIRE(unpack(stream, data.size(), out).ok());
  CHECK(out == data);
}

TEST_CASE("deflate: matches of every length and distance come back") {
  Data data = text(33000, 256);
  for (std::size_t length = 8; length <= 600; ++length) {
    const std::size_t distance = 1 + (length * length * 97 + length) % 32768;
    for (std::size_t i = 0; i < length; ++i) data.push_back(data[data.size() - distance]);
    data.push_back(static_cast<std::uint8_t>(length));
  }
  const Data stream = pack(data);
  CHECK(stream.size() < data.size() / 2);
  Data out;
  REQUIRE(unpack(stream, data.size(), out).ok());
  CHECK(out == data);
}

TEST_CASE("deflate: matches reach back through the whole window") {
  Data data = text(32768, 256);
  const Data again = data;
  data.insert(data.end(), again.begin(), again.end());
  const Data stream = pack(data);
  CHECK(stream.size() < 40000);
  Data out;
  REQUIRE(unpack(stream, data.size(), out).ok());
  CHECK(out == data);
}

TEST_CASE("deflate: a stream of another size is refused") {
  Data out;
  for (const Data& stream : {kFixed, kDynamic}) {
    const std::size_t size = &stream == &kFixed ? 80 : 600;
    for (const std::size_t wrong : {size - 1, size + 1, std::size_t{0}}) {
      CHECK(unpack(stream, wrong, out).code() == Errc::bad_format);
    }
  }
  Data longer = kFixed;
  longer.push_back(0);
  CHECK(unpack(longer, 80, out).code() == Errc::bad_format);
}

TEST_CASE("deflate: cut anywhere it is refused; with any bit changed, or nothing else comes out") {
  Data out;
  for (const Data& stream : {Data(kFixed), Data(kDynamic)}) {
    const std::size_t size = stream.size() == kFixed.size() ? 80 : 600;
    Data original;
    REQUIRE(unpack(stream, size, original).ok());
    for (std::size_t cut = 0; cut < stream.size(); ++cut) {
      CHECK_FALSE(unpack(Data(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(cut)), size, out).ok());
    }
    for (std::size_t bit = 16; bit < stream.size() * 8; ++bit) {
      Data damaged = stream;
      damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1u << bit % 8));
      // Padding may change, and the distance to an equal match.
      if (unpack(damaged, size, out).ok()) CHECK(out == original);
    }
  }
}

TEST_CASE("deflate: damage is named") {
  Data out;
  const auto message = [&](const Data& stream) { return std::string(unpack(stream, 2, out).message()); };
  CHECK(message({0x78, 0x20, 0, 0, 0, 0, 0}).find("dictionary") != std::string::npos);
  CHECK(message({0x79, 0x01, 0, 0, 0, 0, 0}).find("header") != std::string::npos);
  CHECK(message({0x78, 0x01, 7, 0, 0, 0, 0}).find("reserved") != std::string::npos);
  // A match at the very beginning: fixed block, length 3, distance 1.
  CHECK(message({0x78, 0x01, 0x03, 0x02, 0, 0, 0, 0}).find("before the first byte") != std::string::npos);
  Data wrong_sum = kFixed;
  wrong_sum.back() = static_cast<std::uint8_t>(wrong_sum.back() ^ 1);
  CHECK(unpack(wrong_sum, 80, out).code() == Errc::corrupt);
}

TEST_CASE("deflate: the first code length cannot repeat one before it") {
  // A block with no bytes and a code of its own; `first` are the bits that make the leading zero lengths.
  const auto stream = [](std::initializer_list<std::pair<unsigned, int>> first) {
    Data bytes = {0x78, 0x01};
    int used = 0;
    const auto put = [&](unsigned value, int count) {
      for (int i = 0; i < count; ++i, ++used) {
        if (used % 8 == 0) bytes.push_back(0);
        bytes.back() = static_cast<std::uint8_t>(bytes.back() | (value >> i & 1u) << used % 8);
      }
    };
    put(1, 1), put(2, 2), put(0, 5), put(0, 5), put(14, 4);
    // Lengths of the length code, in the order 16 17 18 0 .. 1: symbols 0, 1, 16 and 18 get two bits each.
    for (int i = 0; i < 18; ++i) put(i == 0 || i == 2 || i == 3 || i == 17 ? 2 : 0, 3);
    for (const auto& [value, count] : first) put(value, count);
    put(3, 2), put(127, 7);  // 18: 138 zeros
    put(2, 2), put(0, 2);    // the lengths of end-of-block, 1, and of the only distance, 0
    put(0, 1);               // end of block
    bytes.insert(bytes.end(), {0, 0, 0, 1});
    return bytes;
  };
  Data out;
  CHECK(unpack(stream({{3, 2}, {107, 7}}), 0, out).ok());                        // 118 zeros
  CHECK_FALSE(unpack(stream({{1, 2}, {0, 2}, {3, 2}, {104, 7}}), 0, out).ok());  // 3 times what?, 115 zeros
}
