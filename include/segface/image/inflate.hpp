// Reads zlib streams (RFC 1950, 1951): what a PNG's pixels are packed in.
//
// inflate_zlib fills a buffer whose size is known beforehand, exactly, or fails: a stream that would grow beyond it
// is stopped there, so a bomb costs nothing. Nothing is allocated.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

// Checksum at the end of a zlib stream: the sum of the bytes, and the sum of those sums, modulo 65521.
inline std::uint32_t adler32(Bytes data) noexcept {
  constexpr std::size_t kRun = 5536;    // about as many bytes as the sums hold without overflow
  constexpr std::uint32_t kBlock = 16;  // of which sums do not wait for each other
  std::uint32_t a = 1, b = 0;
  for (std::size_t i = 0; i < data.size();) {
    const std::size_t end = std::min(data.size(), i + kRun);
    for (; i + kBlock <= end; i += kBlock) {
      std::uint32_t sum = 0, weighted = 0;
      for (std::uint32_t k = 0; k < kBlock; ++k) {
        sum += data[i + k];
        weighted += (kBlock - k) * data[i + k];
      }
      b += kBlock * a + weighted;
      a += sum;
    }
    for (; i < end; ++i) {
      a += data[i];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b << 16 | a;
}

namespace deflate_detail {

// Lengths and distances are written as a symbol (257 + i, or i) and extra bits added to its base.
inline constexpr std::uint16_t kLengthBase[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                  31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
inline constexpr std::uint8_t kLengthExtra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                  2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
inline constexpr std::uint16_t kDistanceBase[30] = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                                    33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                                    1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
inline constexpr std::uint8_t kDistanceExtra[30] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                                    6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
inline constexpr int kEndOfBlock = 256;
// In which order a block says the lengths of the code that its code lengths are written in.
inline constexpr std::uint8_t kLengthOrder[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

inline std::uint32_t reverse_bits(std::uint32_t code, int length) noexcept {
  std::uint32_t reversed = 0;
  for (int i = 0; i < length; ++i) reversed |= ((code >> i) & 1u) << (length - 1 - i);
  return reversed;
}

// Bits of a byte string, least significant first. Past the end there are none, and take() says so.
class BitReader {
 public:
  explicit BitReader(Bytes data) noexcept : data_(data) {}

  // At least 48 bits are at hand afterwards, or all that are left.
  void refill() noexcept {
    for (; count_ <= 56 && at_ < data_.size(); count_ += 8) bits_ |= std::uint64_t{data_[at_++]} << count_;
  }
  std::uint32_t peek(int count) const noexcept {
    return static_cast<std::uint32_t>(bits_ & ((std::uint64_t{1} << count) - 1));
  }
  bool skip(int count) noexcept {
    if (count > count_) return false;
    bits_ >>= count;
    count_ -= count;
    return true;
  }
  bool take(int count, std::uint32_t& value) noexcept {
    refill();
    value = peek(count);
    return skip(count);
  }
  void to_byte_boundary() noexcept { static_cast<void>(skip(count_ % 8)); }
  // Bytes not read yet; only on a byte boundary.
  Bytes rest() const noexcept {
    const std::size_t at = at_ - static_cast<std::size_t>(count_ / 8);
    return data_.subspan(at, data_.size() - at);
  }

 private:
  Bytes data_;
  std::size_t at_ = 0;
  std::uint64_t bits_ = 0;
  int count_ = 0;
};

// A canonical Huffman code: codes of up to 9 bits by one look-up, longer ones bit by bit.
class HuffmanCode {
 public:
  // lengths[symbol], 0 for unused. False for a code with too many words, or too few: only a code of at most one
  // symbol may be incomplete, and only where the format allows it.
  bool build(const std::uint8_t* lengths, int symbols, bool may_be_incomplete) noexcept {
    std::fill(std::begin(count_), std::end(count_), std::uint16_t{0});
    std::memset(fast_, 0, sizeof fast_);
    for (int s = 0; s < symbols; ++s) ++count_[lengths[s]];
    const int used = symbols - count_[0];
    count_[0] = 0;
    int left = 1;
    std::uint32_t next_code[kMaxLength + 1] = {};
    std::uint16_t next_at[kMaxLength + 1] = {};
    for (int length = 1; length <= kMaxLength; ++length) {
      left = 2 * left - count_[length];
      if (left < 0) return false;
      next_code[length] = (next_code[length - 1] + count_[length - 1]) << 1;
      next_at[length] = static_cast<std::uint16_t>(next_at[length - 1] + count_[length - 1]);
    }
    if (left > 0 && !(may_be_incomplete && used <= 1 && count_[1] == used)) return false;
    for (int s = 0; s < symbols; ++s) {
      const int length = lengths[s];
      if (length == 0) continue;
      symbol_[next_at[length]++] = static_cast<std::uint16_t>(s);
      const std::uint32_t code = next_code[length]++;
      if (length > kFastBits) continue;
      for (std::uint32_t i = reverse_bits(code, length); i < 1u << kFastBits; i += 1u << length) {
        fast_[i] = static_cast<std::uint16_t>(s << 4 | length);
      }
    }
    return true;
  }

  // The next symbol, or -1 where the bits are no code word or end too early. `bits` was refilled.
  int decode(BitReader& bits) const noexcept {
    if (const std::uint16_t entry = fast_[bits.peek(kFastBits)]; entry != 0) {
      return bits.skip(entry & 15) ? entry >> 4 : -1;
    }
    const std::uint32_t window = bits.peek(kMaxLength);
    std::uint32_t code = 0, first = 0, at = 0;
    for (int length = 1; length <= kMaxLength; ++length) {
      code = code << 1 | ((window >> (length - 1)) & 1u);
      if (code < first + count_[length]) return bits.skip(length) ? symbol_[at + code - first] : -1;
      first = (first + count_[length]) << 1;
      at += count_[length];
    }
    return -1;
  }

 private:
  static constexpr int kMaxLength = 15, kFastBits = 9;
  std::uint16_t count_[kMaxLength + 1];  // code words of each length
  std::uint16_t symbol_[288];            // in the order of their code words
  std::uint16_t fast_[1u << kFastBits];  // symbol << 4 | length; 0 for none
};

class Inflater {
 public:
  Inflater(Bytes stream, Span<std::uint8_t> out) noexcept : bits_(stream), out_(out) {}

  // Null when all went well, else what is wrong. Afterwards `rest` is what follows the last block.
  const char* run(Bytes& rest) noexcept {
    for (std::uint32_t last = 0; last == 0;) {
      std::uint32_t type = 0;
      if (!bits_.take(1, last) || !bits_.take(2, type)) return kEnds;
      const char* problem = type == 0   ? stored_block()
                            : type == 1 ? fixed_block()
                            : type == 2 ? dynamic_block()
                                        : "a block has the reserved type 3";
      if (problem != nullptr) return problem;
    }
    if (size_ != out_.size()) return "it holds fewer bytes than expected";
    bits_.to_byte_boundary();
    rest = bits_.rest();
    return nullptr;
  }

 private:
  static constexpr const char* kEnds = "it ends too early";
  static constexpr const char* kTooLong = "it holds more bytes than expected";
  static constexpr const char* kBadCode = "a Huffman code is damaged";

  const char* stored_block() noexcept {
    bits_.to_byte_boundary();
    std::uint32_t size = 0, inverted = 0;
    if (!bits_.take(16, size) || !bits_.take(16, inverted)) return kEnds;
    if (size != (~inverted & 0xffffu)) return "the length of a stored block is damaged";
    const Bytes rest = bits_.rest();
    if (size > rest.size()) return kEnds;
    if (size > out_.size() - size_) return kTooLong;
    std::copy_n(rest.data(), size, out_.data() + size_);
    size_ += size;
    bits_ = BitReader(rest.subspan(size, rest.size() - size));
    return nullptr;
  }

  const char* fixed_block() noexcept {
    std::uint8_t lengths[288];
    for (int s = 0; s < 288; ++s) lengths[s] = static_cast<std::uint8_t>(s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8);
    std::uint8_t distance_lengths[32];
    std::fill(std::begin(distance_lengths), std::end(distance_lengths), std::uint8_t{5});
    literals_.build(lengths, 288, false);
    distances_.build(distance_lengths, 32, false);
    return symbols();
  }

  const char* dynamic_block() noexcept {
    std::uint32_t literal_count = 0, distance_count = 0, length_count = 0;
    if (!bits_.take(5, literal_count) || !bits_.take(5, distance_count) || !bits_.take(4, length_count)) return kEnds;
    literal_count += 257;
    distance_count += 1;
    length_count += 4;
    if (literal_count > 286 || distance_count > 30) return kBadCode;
    std::uint8_t lengths[286 + 30] = {};
    for (std::uint32_t i = 0; i < length_count; ++i) {
      std::uint32_t length = 0;
      if (!bits_.take(3, length)) return kEnds;
      lengths[kLengthOrder[i]] = static_cast<std::uint8_t>(length);
    }
    if (!literals_.build(lengths, 19, false)) return kBadCode;
    std::uint8_t repeated = 0;
    for (std::uint32_t at = 0; at < literal_count + distance_count;) {
      bits_.refill();
      const int symbol = literals_.decode(bits_);
      if (symbol < 0) return kBadCode;
      std::uint32_t times = 0;
      if (symbol < 16) {
        repeated = static_cast<std::uint8_t>(symbol);
        lengths[at++] = repeated;
        continue;
      }
      if (symbol == 16 && at == 0) return kBadCode;  // nothing to repeat
      if (symbol != 16) repeated = 0;
      if (!bits_.take(symbol == 16 ? 2 : symbol == 17 ? 3 : 7, times)) return kEnds;
      times += symbol == 18 ? 11 : 3;
      if (times > literal_count + distance_count - at) return kBadCode;
      std::memset(lengths + at, repeated, times);
      at += times;
    }
    if (lengths[kEndOfBlock] == 0) return kBadCode;
    if (!literals_.build(lengths, static_cast<int>(literal_count), true) ||
        !distances_.build(lengths + literal_count, static_cast<int>(distance_count), true)) {
      return kBadCode;
    }
    return symbols();
  }

  // Literals and matches up to the end of the block.
  const char* symbols() noexcept {
    for (;;) {
      bits_.refill();  // 48 bits: a length with its extra bits and a distance with its own
      const int symbol = literals_.decode(bits_);
      if (symbol < 0) return kBadCode;
      if (symbol < kEndOfBlock) {
        if (size_ == out_.size()) return kTooLong;
        out_[size_++] = static_cast<std::uint8_t>(symbol);
        continue;
      }
      if (symbol == kEndOfBlock) return nullptr;
      if (symbol > 285) return kBadCode;
      std::uint32_t extra = 0;
      if (!bits_.take(kLengthExtra[symbol - 257], extra)) return kEnds;
      const std::size_t length = kLengthBase[symbol - 257] + extra;
      const int far = distances_.decode(bits_);
      if (far < 0 || far > 29) return kBadCode;
      if (!bits_.take(kDistanceExtra[far], extra)) return kEnds;
      const std::size_t distance = kDistanceBase[far] + extra;
      if (distance > size_) return "a match begins before the first byte";
      if (length > out_.size() - size_) return kTooLong;
      for (std::size_t i = 0; i < length; ++i, ++size_) out_[size_] = out_[size_ - distance];
    }
  }

  BitReader bits_;
  Span<std::uint8_t> out_;
  std::size_t size_ = 0;
  HuffmanCode literals_, distances_;
};

}  // namespace deflate_detail

// Unpacks a whole zlib stream into `out`, which it must fill exactly. Errors: bad_format, corrupt (checksum).
inline Status inflate_zlib(Bytes stream, Span<std::uint8_t> out) noexcept {
  const auto bad = [](const char* problem) { return error(Errc::bad_format, "zlib stream: ", problem); };
  if (stream.size() < 6) return bad("it ends too early");
  const int method = stream[0], flags = stream[1];
  if ((method & 15) != 8 || method >> 4 > 7 || (method * 256 + flags) % 31 != 0) return bad("its header is damaged");
  if ((flags & 32) != 0) return bad("it needs a preset dictionary");
  deflate_detail::Inflater inflater(stream.subspan(2, stream.size() - 2), out);
  Bytes rest;
  if (const char* problem = inflater.run(rest); problem != nullptr) return bad(problem);
  if (rest.size() != 4) return bad(rest.size() < 4 ? "it ends too early" : "bytes follow its checksum");
  const std::uint32_t expected = std::uint32_t{rest[0]} << 24 | std::uint32_t{rest[1]} << 16 |
                                 std::uint32_t{rest[2]} << 8 | std::uint32_t{rest[3]};
  if (adler32(out) != expected) return error(Errc::corrupt, "zlib stream: its checksum does not match");
  return Status();
}

SEGFACE_END_CORE
