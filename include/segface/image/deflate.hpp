// Writes zlib streams (RFC 1950, 1951): what a PNG's pixels are packed in. Quick rather than small.
//
// A position is compared with the byte before it (runs, of which masks are full) and with the last place that began
// with the same eight bytes; where nothing was found for a while, as in photos, most positions are not asked. Each block
// gets the shortest of a Huffman code of its own, the fixed code, and plain bytes.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/inflate.hpp"

SEGFACE_BEGIN_CORE
namespace deflate_detail {

// Bits to a byte string, least significant first.
class BitWriter {
 public:
  explicit BitWriter(std::uint8_t* out) noexcept : out_(out) {}

  // At most 56 bits. Writes 8 bytes, of which the next call overwrites what is too much.
  void put(std::uint64_t bits, int count) noexcept {
    bits_ |= bits << count_;
    count_ += count;
    for (int i = 0; i < 8; ++i) out_[i] = static_cast<std::uint8_t>(bits_ >> (8 * i));
    out_ += count_ / 8;
    bits_ >>= count_ & ~7;
    count_ %= 8;
  }
  void to_byte_boundary() noexcept {
    if (count_ != 0) put(0, 8 - count_);
  }
  void append(Bytes bytes) noexcept { out_ = std::copy(bytes.begin(), bytes.end(), out_); }
  std::uint8_t* end() const noexcept { return out_; }

 private:
  std::uint8_t* out_;
  std::uint64_t bits_ = 0;
  int count_ = 0;
};

// A Huffman code of `Symbols` symbols, made of how often each occurs.
template <int Symbols>
struct SymbolCode {
  std::uint8_t length[Symbols] = {};  // 0: does not occur
  std::uint16_t bits[Symbols] = {};   // the code word, its first bit lowest

  // No word longer than `longest`. At least two symbols must occur.
  void fit(const std::uint32_t (&counts)[Symbols], int longest) noexcept {
    std::uint16_t order[Symbols];  // of the symbols that occur, the rarest first
    int used = 0;
    for (int s = 0; s < Symbols; ++s) {
      if (counts[s] != 0) order[used++] = static_cast<std::uint16_t>(s);
    }
    std::sort(order, order + used,
              [&](int a, int b) { return counts[a] != counts[b] ? counts[a] < counts[b] : a < b; });
    // Leaves, then inner nodes, each list sorted by weight: the two lightest of their fronts are joined.
    std::uint64_t weight[2 * Symbols];
    std::uint16_t parent[2 * Symbols];
    for (int i = 0; i < used; ++i) weight[i] = counts[order[i]];
    int leaf = 0, inner = used;
    for (int node = used; node < 2 * used - 1; ++node) {
      weight[node] = 0;
      for (int child = 0; child < 2; ++child) {
        const int light = leaf < used && (inner == node || weight[leaf] <= weight[inner]) ? leaf++ : inner++;
        weight[node] += weight[light];
        parent[light] = static_cast<std::uint16_t>(node);
      }
    }
    // Words of each length; those that are too long are shortened, which others pay for.
    int words[Symbols] = {};
    std::uint16_t depth[2 * Symbols];
    depth[2 * used - 2] = 0;
    for (int node = 2 * used - 3; node >= 0; --node) {
      depth[node] = static_cast<std::uint16_t>(depth[parent[node]] + 1);
      if (node < used) ++words[std::min<int>(depth[node], longest)];
    }
    std::uint32_t total = 0;  // of the code space, in words of the longest length
    for (int l = 1; l <= longest; ++l) total += static_cast<std::uint32_t>(words[l]) << (longest - l);
    for (; total > 1u << longest; --total) {
      int l = longest - 1;
      while (words[l] == 0) --l;
      --words[l];
      words[l + 1] += 2;
      --words[longest];
    }
    std::fill(std::begin(length), std::end(length), std::uint8_t{0});
    for (int l = longest, i = 0; l >= 1; --l) {
      for (int n = words[l]; n > 0; --n) length[order[i++]] = static_cast<std::uint8_t>(l);
    }
    assign();
  }

  // Canonical words of the lengths.
  void assign() noexcept {
    std::uint32_t next[17] = {};
    for (const std::uint8_t l : length) next[l + 1] += l != 0;
    for (int l = 1; l <= 16; ++l) next[l] = l == 1 ? 0 : (next[l - 1] + next[l]) << 1;
    for (int s = 0; s < Symbols; ++s) {
      if (length[s] != 0) bits[s] = static_cast<std::uint16_t>(reverse_bits(next[length[s]]++, length[s]));
    }
  }
};

// What symbol a length and a distance have.
struct MatchSymbols {
  std::uint8_t length[259] = {};
  std::uint8_t close[257] = {}, coarse[256] = {};  // of distance d, and of those of which (d - 1) / 128 is the index

  constexpr MatchSymbols() {
    for (int l = 3, s = 0; l <= 258; ++l) {
      while (s < 28 && kLengthBase[s + 1] <= l) ++s;
      length[l] = static_cast<std::uint8_t>(s);
    }
    for (int d = 1, s = 0; d <= 32768; ++d) {
      while (s < 29 && kDistanceBase[s + 1] <= d) ++s;
      if (d <= 256) close[d] = static_cast<std::uint8_t>(s);
      coarse[(d - 1) / 128] = static_cast<std::uint8_t>(s);
    }
  }
  int distance(std::uint32_t d) const noexcept { return d <= 256 ? close[d] : coarse[(d - 1) / 128]; }
};
inline constexpr MatchSymbols kMatchSymbols;

class Deflater {
 public:
  static constexpr int kHeadBits = 13;  // the heads stay in the first cache
  static constexpr std::size_t kHeads = std::size_t{1} << kHeadBits, kTokens = std::size_t{1} << 14;

  // `heads` and `tokens` are scratch of kHeads and kTokens.
  Deflater(Bytes in, std::uint8_t* out, Span<std::int32_t> heads, Span<std::uint32_t> tokens) noexcept
      : in_(in), out_(out), heads_(heads), tokens_(tokens) {
    std::fill(heads_.begin(), heads_.end(), -1);
  }

  // Most bytes that are written for so many.
  static constexpr std::size_t bound(std::size_t size) noexcept {
    return size + (size / kMostStored + size / (kTokens / 2) + 2) * 6 + 64;
  }

  // Bytes written.
  std::size_t run() noexcept {
    const std::uint8_t* const begin = out_.end();
    do {
      const std::size_t first = at_;
      find_tokens();
      write_block(in_.subspan(first, at_ - first), at_ == in_.size());
    } while (at_ < in_.size());
    out_.to_byte_boundary();
    return static_cast<std::size_t>(out_.end() - begin);
  }

 private:
  static constexpr std::size_t kWindow = 32768, kMostStored = 65535, kMostMatch = 258;
  static constexpr std::size_t kLeastMatch = 8;  // shorter ones cost more than their bytes in photos
  static constexpr std::size_t kPatience = 32, kLongestStep = 8;
  static constexpr std::size_t kBlock = std::size_t{1} << 17;  // bytes for which a code is made, about
  static constexpr int kLengthBits = 9;
  static constexpr std::uint32_t kIsLiterals = 1u << 31;

  using Literals = SymbolCode<288>;
  using Distances = SymbolCode<32>;

  std::uint64_t eight(std::size_t at) const noexcept {
    std::uint64_t value;
    std::memcpy(&value, in_.data() + at, sizeof value);
    return value;
  }

  // Bytes from `at` on that equal those from `from` on, up to kMostMatch.
  std::size_t equal_bytes(std::size_t from, std::size_t at) const noexcept {
    const std::size_t most = std::min(kMostMatch, in_.size() - at);
    std::size_t length = 0;
    while (length + 8 <= most && eight(from + length) == eight(at + length)) length += 8;
    while (length < most && in_[from + length] == in_[at + length]) ++length;
    return length;
  }

  // The tokens of a block, from at_ on, and how often each symbol occurs in it.
  void find_tokens() noexcept {
    std::fill(std::begin(literal_counts_), std::end(literal_counts_), 0u);
    std::fill(std::begin(distance_counts_), std::end(distance_counts_), 0u);
    literal_counts_[kEndOfBlock] = literal_counts_[0] = 1;
    distance_counts_[0] = distance_counts_[1] = 1;  // a code has two words at least; some readers want as many
    count_ = 0;
    const std::size_t end = std::min(in_.size(), at_ + kBlock);
    std::size_t literals = at_, misses = 0;  // where the bytes begin that are no match
    while (at_ < end && count_ + 2 < kTokens) {
      std::size_t length = 0, distance = 0;
      if (at_ + sizeof(std::uint64_t) <= in_.size()) {
        const std::uint64_t here = eight(at_);
        std::int32_t& head = heads_[static_cast<std::size_t>((here * 0x9E3779B97F4A7C15u) >> (64 - kHeadBits))];
        const auto from = static_cast<std::size_t>(head);
        if (head >= 0 && at_ - from <= kWindow && eight(from) == here) {
          length = equal_bytes(from, at_);
          distance = at_ - from;
        }
        head = static_cast<std::int32_t>(at_);
        if (at_ > 0 && eight(at_ - 1) == here) {
          const std::size_t run = equal_bytes(at_ - 1, at_);
          if (run >= length) length = run, distance = 1;
        }
      }
      if (length < kLeastMatch) {
        at_ += std::min(1 + misses++ / kPatience, kLongestStep);
        continue;
      }
      add_literals(literals, at_);
      tokens_[count_++] = static_cast<std::uint32_t>(distance << kLengthBits | length);
      ++literal_counts_[257 + kMatchSymbols.length[length]];
      ++distance_counts_[kMatchSymbols.distance(static_cast<std::uint32_t>(distance))];
      literals = at_ += length;
      misses = 0;
    }
    at_ = std::min(at_, in_.size());
    add_literals(literals, at_);
  }

  // The bytes [begin, end) become a token. Counted in four tables: equal bytes in a row would wait for each other.
  void add_literals(std::size_t begin, std::size_t end) noexcept {
    if (begin == end) return;
    tokens_[count_++] = static_cast<std::uint32_t>(end - begin) | kIsLiterals;
    if (end - begin < 64) {
      for (; begin < end; ++begin) ++literal_counts_[in_[begin]];
      return;
    }
    std::uint32_t counts[4][256] = {};
    for (; begin + 4 <= end; begin += 4) {
      for (std::size_t k = 0; k < 4; ++k) ++counts[k][in_[begin + k]];
    }
    for (; begin < end; ++begin) ++counts[0][in_[begin]];
    for (int s = 0; s < 256; ++s) literal_counts_[s] += counts[0][s] + counts[1][s] + counts[2][s] + counts[3][s];
  }

  // Bits of the block's tokens in a code.
  std::uint64_t cost(const Literals& literals, const Distances& distances) const noexcept {
    std::uint64_t bits = 0;
    for (int s = 0; s < 288; ++s) {
      const int extra = s > 257 && s < 286 ? kLengthExtra[s - 257] : 0;
      bits += std::uint64_t{literal_counts_[s]} * static_cast<std::uint64_t>(literals.length[s] + extra);
    }
    for (int s = 0; s < 30; ++s) {
      bits += std::uint64_t{distance_counts_[s]} * static_cast<std::uint64_t>(distances.length[s] + kDistanceExtra[s]);
    }
    return bits;
  }

  void write_block(Bytes bytes, bool last) noexcept {
    Literals literals, fixed_literals;
    Distances distances, fixed_distances;
    literals.fit(literal_counts_, 15);
    distances.fit(distance_counts_, 15);
    for (int s = 0; s < 288; ++s) fixed_literals.length[s] = fixed_length(s);
    std::fill(std::begin(fixed_distances.length), std::end(fixed_distances.length), std::uint8_t{5});
    const CodeHeader header(literals, distances);
    const std::uint64_t own = cost(literals, distances) + header.cost(), fixed = cost(fixed_literals, fixed_distances);
    const std::uint64_t plain = 8 * (bytes.size() + 5 * (bytes.size() / kMostStored + 1));
    if (plain < std::min(own, fixed)) return write_plain(bytes, last);
    out_.put(last ? 1 : 0, 1);
    if (own < fixed) {
      out_.put(2, 2);
      header.write(out_);
      return write_tokens(bytes, literals, distances);
    }
    out_.put(1, 2);
    fixed_literals.assign();
    fixed_distances.assign();
    write_tokens(bytes, fixed_literals, fixed_distances);
  }

  void write_plain(Bytes bytes, bool last) noexcept {
    do {
      const std::size_t size = std::min(bytes.size(), kMostStored);
      out_.put(last && size == bytes.size() ? 1 : 0, 3);
      out_.to_byte_boundary();
      out_.put(size | (~size & 0xffffu) << 16, 32);
      out_.append(bytes.subspan(0, size));
      bytes = bytes.subspan(size, bytes.size() - size);
    } while (!bytes.empty());
  }

  void write_tokens(Bytes bytes, const Literals& literals, const Distances& distances) noexcept {
    const std::uint8_t* next = bytes.data();
    for (std::size_t i = 0; i < count_; ++i) {
      const std::uint32_t token = tokens_[i];
      if ((token & kIsLiterals) != 0) {
        const std::uint8_t* const end = next + (token & ~kIsLiterals);
        for (; end - next >= 3; next += 3) {  // 45 bits at most
          const int first = literals.length[next[0]], second = first + literals.length[next[1]];
          out_.put(literals.bits[next[0]] | std::uint64_t{literals.bits[next[1]]} << first |
                       std::uint64_t{literals.bits[next[2]]} << second,
                   second + literals.length[next[2]]);
        }
        for (; next != end; ++next) out_.put(literals.bits[*next], literals.length[*next]);
        continue;
      }
      const std::uint32_t length = token & ((1u << kLengthBits) - 1), distance = token >> kLengthBits;
      const int l = kMatchSymbols.length[length], d = kMatchSymbols.distance(distance);
      out_.put(literals.bits[257 + l], literals.length[257 + l]);
      out_.put(length - kLengthBase[l], kLengthExtra[l]);
      out_.put(distances.bits[d], distances.length[d]);
      out_.put(distance - kDistanceBase[d], kDistanceExtra[d]);
      next += length;
    }
    out_.put(literals.bits[kEndOfBlock], literals.length[kEndOfBlock]);
  }

  static std::uint8_t fixed_length(int symbol) noexcept {
    return static_cast<std::uint8_t>(symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8);
  }

  // How a block says its code: the lengths of all words, their runs shortened, in a small code of its own.
  class CodeHeader {
   public:
    CodeHeader(const Literals& literals, const Distances& distances) noexcept {
      while (literals.length[literal_count_ - 1] == 0) --literal_count_;
      while (distances.length[distance_count_ - 1] == 0) --distance_count_;
      std::uint8_t lengths[286 + 30];
      std::copy_n(literals.length, literal_count_, lengths);
      std::copy_n(distances.length, distance_count_, lengths + literal_count_);
      std::uint32_t counts[19] = {};
      const int all = literal_count_ + distance_count_;
      for (int i = 0; i < all;) {
        int run = 1;
        while (i + run < all && lengths[i + run] == lengths[i]) ++run;
        const auto item = [&](int symbol, int extra) {
          items_[item_count_++] = {static_cast<std::uint8_t>(symbol), static_cast<std::uint8_t>(extra)};
          ++counts[symbol];
        };
        if (lengths[i] == 0 && run >= 3) {
          run = std::min(run, 138);
          item(run <= 10 ? 17 : 18, run <= 10 ? run - 3 : run - 11);
        } else if (i > 0 && lengths[i] == lengths[i - 1] && run >= 3) {
          run = std::min(run, 6);
          item(16, run - 3);
        } else {
          run = 1;
          item(lengths[i], 0);
        }
        i += run;
      }
      counts[0] += counts[0] == 0;  // two words at least
      counts[18] += counts[18] == 0;
      code_.fit(counts, 7);
      while (code_.length[kLengthOrder[order_count_ - 1]] == 0) --order_count_;
    }

    std::uint64_t cost() const noexcept {
      std::uint64_t bits = 14 + 3 * static_cast<std::uint64_t>(order_count_);
      for (int i = 0; i < item_count_; ++i) {
        bits += static_cast<std::uint64_t>(code_.length[items_[i].symbol] + extra_bits(items_[i].symbol));
      }
      return bits;
    }
    void write(BitWriter& out) const noexcept {
      out.put(static_cast<std::uint64_t>(literal_count_ - 257), 5);
      out.put(static_cast<std::uint64_t>(distance_count_ - 1), 5);
      out.put(static_cast<std::uint64_t>(order_count_ - 4), 4);
      for (int i = 0; i < order_count_; ++i) out.put(code_.length[kLengthOrder[i]], 3);
      for (int i = 0; i < item_count_; ++i) {
        const Item& item = items_[i];
        out.put(code_.bits[item.symbol], code_.length[item.symbol]);
        out.put(item.extra, extra_bits(item.symbol));
      }
    }

   private:
    struct Item {
      std::uint8_t symbol, extra;
    };
    static int extra_bits(int symbol) noexcept { return symbol < 16 ? 0 : symbol == 16 ? 2 : symbol == 17 ? 3 : 7; }

    int literal_count_ = 286, distance_count_ = 30, order_count_ = 19, item_count_ = 0;
    Item items_[286 + 30];
    SymbolCode<19> code_;
  };

  Bytes in_;
  std::size_t at_ = 0;
  BitWriter out_;
  Span<std::int32_t> heads_;  // the last position of each hash that was asked, -1 for none
  // A block's: so many bytes as they are, with kIsLiterals; or a match, its distance above kLengthBits of length.
  Span<std::uint32_t> tokens_;
  std::size_t count_ = 0;
  std::uint32_t literal_counts_[288], distance_counts_[32];
};

}  // namespace deflate_detail

// A packed stream: the first `size` bytes of a buffer.
struct ZlibStream {
  Buffer<std::uint8_t> buffer;
  std::size_t size = 0;
  Bytes bytes() const noexcept { return {buffer.data(), size}; }
};

// Packs `data`, less than 2 GiB. Allocates a little more than its size. Errors: limit_exceeded, out_of_memory.
inline Result<ZlibStream> deflate_zlib(Bytes data) noexcept {
  using deflate_detail::Deflater;
  if (data.size() > INT32_MAX) {
    return error(Errc::limit_exceeded, "zlib stream: ", data.size(), " bytes; at most 2 GiB");
  }
  ZlibStream stream;
  SEGFACE_ASSIGN(buffer, Buffer<std::uint8_t>::make(Deflater::bound(data.size())));
  SEGFACE_ASSIGN(heads, Buffer<std::int32_t>::make(Deflater::kHeads));
  SEGFACE_ASSIGN(tokens, Buffer<std::uint32_t>::make(Deflater::kTokens));
  buffer[0] = 0x78;  // a window of 32 KiB
  buffer[1] = 0x01;
  std::size_t size = 2 + Deflater(data, buffer.data() + 2, heads.span(), tokens.span()).run();
  const std::uint32_t sum = adler32(data);
  for (int shift = 24; shift >= 0; shift -= 8) buffer[size++] = static_cast<std::uint8_t>(sum >> shift);
  stream.buffer = std::move(buffer);
  stream.size = size;
  return Result<ZlibStream>(std::move(stream));
}

SEGFACE_END_CORE
