// Walks through the coded data of a JPEG's scan as a decoder would, and keeps no pixel: whether all data is there, and
// where it ends.
//
// stb_image fills up with zeros what is missing and does not say so. Each interval between restart markers is walked
// block by block: a code, the bits it announces, the next code. Of a progressive picture the walk must remember which
// coefficients are not zero, since later scans hold a bit for each of those: 64 bits a block.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/jpeg.hpp"
#include "segface/image/jpeg_tables.hpp"

SEGFACE_BEGIN_CORE

namespace jpeg_detail {

// Bits of an interval, most significant first. kMargin zeros must be readable behind the bytes: enough for any one block,
// so that it is time to ask short_of() after each.
class BitReader {
 public:
  static constexpr std::size_t kMargin = 512;

  explicit BitReader(Bytes bytes) noexcept : bytes_(bytes), at_(bytes.data()) {}

  // The next 16 bits; a code and the bits it announces, at most 31, may be dropped before the next call.
  SEGFACE_ALWAYS_INLINE std::uint32_t peek() noexcept {
    bits_ |= big<std::uint64_t>(at_) >> count_;
    at_ += (63 - count_) / 8;
    count_ |= 56;
    return static_cast<std::uint32_t>(bits_ >> 48);
  }
  SEGFACE_ALWAYS_INLINE void drop(int count) noexcept {
    bits_ <<= count;
    count_ -= count;
  }
  // At most 16 bits, in the low end.
  std::uint32_t take(int count) noexcept {
    const std::uint32_t bits = peek() >> (16 - count);
    drop(count);
    return bits;
  }
  void skip(int count) noexcept {
    for (; count > 16; count -= 16) static_cast<void>(take(16));
    static_cast<void>(take(count));
  }

  // More bits were taken than there are.
  bool short_of() const noexcept { return left() < 0; }
  Index left() const noexcept { return 8 * static_cast<Index>(bytes_.size()) - used(); }
  // Bytes of which a bit was taken.
  std::size_t used_bytes() const noexcept { return std::min(static_cast<std::size_t>(used() + 7) / 8, bytes_.size()); }

 private:
  Index used() const noexcept { return 8 * (at_ - bytes_.data()) - count_; }

  Bytes bytes_;
  const std::uint8_t* at_;
  std::uint64_t bits_ = 0;  // from the top on; those below count_ are what the next peek() puts there
  int count_ = 0;
};

// A walk over the codes that can be seen at once, with the bits they announce.
struct Steps {
  std::uint8_t bits;          // 0: the first code is longer
  std::uint8_t coefficients;  // passed
  bool last;                  // the block ends there
};

// Symbols by code: codes of up to kFast bits by one look.
class Huffman {
 public:
  void build(const JpegHuffman& table) noexcept {
    std::fill(std::begin(fast_), std::end(fast_), std::uint16_t{0});
    table_ = &table;
    std::uint32_t code = 0;  // the next one, in 16 bits
    int symbol = 0;
    for (int length = 1; length <= 16; ++length) {
      const int count = table.counts[length - 1];
      first_[length] = symbol - static_cast<int>(code >> (16 - length));
      for (int i = 0; i < count; ++i, ++symbol, code += 1u << (16 - length)) {
        if (length > kFast) continue;
        const int entry = length << 8 | table.symbols[symbol];
        std::fill_n(fast_ + (code >> (16 - kFast)), 1 << (kFast - length), static_cast<std::uint16_t>(entry));
      }
      end_[length] = code;
    }
  }

  // For the details of a baseline block, once look_ahead() was called.
  SEGFACE_ALWAYS_INLINE Steps steps(std::uint32_t bits) const noexcept { return steps_[bits >> (16 - kFast)]; }
  void look_ahead() noexcept {
    for (std::uint32_t front = 0; front < 1u << kFast; ++front) {
      Steps& steps = steps_[front];
      steps = {0, 0, false};
      for (;;) {
        const int entry = steps.bits < kFast ? fast_[(front << steps.bits) & ((1u << kFast) - 1)] : 0;
        const int length = entry >> 8, size = entry & 15, zeros = (entry & 255) >> 4;
        if (entry == 0 || steps.bits + length > kFast) break;
        if (steps.coefficients + zeros + 1 > 63) break;
        steps.bits = static_cast<std::uint8_t>(steps.bits + length + size);
        steps.last = size == 0 && zeros != 15;
        if (steps.last) break;
        steps.coefficients = static_cast<std::uint8_t>(steps.coefficients + zeros + 1);
      }
    }
  }

  // The symbol at the front of 16 bits and the length of its code; false where there is no such code.
  SEGFACE_ALWAYS_INLINE bool decode(std::uint32_t bits, int& symbol, int& length) const noexcept {
    if (const int entry = fast_[bits >> (16 - kFast)]; entry != 0) {
      symbol = entry & 255;
      length = entry >> 8;
      return true;
    }
    return decode_long(bits, symbol, length);
  }

 private:
  bool decode_long(std::uint32_t bits, int& symbol, int& length) const noexcept {
    for (length = kFast + 1; length <= 16; ++length) {
      if (bits >= end_[length]) continue;
      symbol = table_->symbols[first_[length] + static_cast<int>(bits >> (16 - length))];
      return true;
    }
    return false;
  }

  static constexpr int kFast = 11;
  const JpegHuffman* table_ = nullptr;
  Steps steps_[1 << kFast];
  std::uint16_t fast_[1 << kFast];  // length << 8 | symbol; 0: longer, or none
  std::uint32_t end_[17];           // the first code that is longer, in 16 bits
  int first_[17];                   // symbol number less code
};

}  // namespace jpeg_detail

// Walks the scans of one file, in their order.
class JpegScanWalker {
 public:
  // Calls interval(Bytes) with the bytes that each interval takes, FF 00 written as FF.
  // Errors: truncated (data is missing at the end of the file), corrupt (elsewhere, or it makes no sense), out_of_memory.
  template <class Interval>
  Status walk(const JpegFile& file, const JpegScan& scan, const Interval& interval) noexcept {
    SEGFACE_RETURN_IF_ERROR(prepare(file, scan));
    const Index step = scan.restart_interval == 0 ? scan.units : scan.restart_interval;
    std::size_t at = 0;
    for (Index unit = 0; unit < scan.units; unit += step) {
      const std::size_t begin = at;
      const Bytes bytes = unstuffed(scan.data, at);
      jpeg_detail::BitReader bits(bytes);
      std::fill(std::begin(mean_), std::end(mean_), 0);
      run_ = 0;
      const Index end = std::min(scan.units, unit + step);
      const Index done = units(file, scan, unit, end, bits);
      if (done < end || bits.short_of()) {
        const bool missing = bits.left() < 16;  // else no code begins with what is there
        return error(missing && file.cut() ? Errc::truncated : Errc::corrupt, "JPEG: the coded data from byte ",
                     scan.position + begin, " on ", missing ? "ends too early" : "makes no sense", ", after ", done,
                     " of ", scan.units, " units of its pixels");
      }
      interval(bytes.subspan(0, bits.used_bytes()));
    }
    return Status();
  }

 private:
  Status prepare(const JpegFile& file, const JpegScan& scan) noexcept {
    if (interval_.span().empty()) {
      SEGFACE_ASSIGN(room, Buffer<std::uint8_t>::make(file.bytes().size() + jpeg_detail::BitReader::kMargin));
      interval_ = std::move(room);
    }
    const JpegTables& tables = file.tables();
    for (int i = 0; i < scan.count; ++i) {
      if (scan.means_coded()) means_[i].build(tables.means[scan.means[i]]);
      if (!scan.details_coded()) continue;
      details_[i].build(tables.details[scan.details[i]]);
      if (!file.progressive()) details_[i].look_ahead();
    }
    if (scan.first == 0 || !set_[scan.component[0]].span().empty()) return Status();
    const Index blocks = file.blocks(file.components()[static_cast<std::size_t>(scan.component[0])]);
    SEGFACE_ASSIGN(none, Buffer<std::uint64_t>::make(static_cast<std::size_t>(blocks)));
    std::fill(none.begin(), none.end(), std::uint64_t{0});
    set_[scan.component[0]] = std::move(none);
    return Status();
  }

  // The bytes from `at` to before the next restart marker, behind which `at` is moved, or to the end.
  Bytes unstuffed(Bytes data, std::size_t& at) noexcept {
    std::size_t size = 0;
    while (at < data.size()) {
      const void* next = std::memchr(data.data() + at, 0xff, data.size() - at);
      const std::size_t end = next == nullptr
                                  ? data.size()
                                  : static_cast<std::size_t>(static_cast<const std::uint8_t*>(next) - data.data());
      std::memcpy(interval_.data() + size, data.data() + at, end - at);
      size += end - at;
      for (at = end; at < data.size() && data[at] == 0xff;) ++at;  // fill bytes may stand before what counts
      if (at == data.size() || data[at++] != 0) break;
      interval_[size++] = 0xff;
    }
    std::memset(interval_.data() + size, 0, jpeg_detail::BitReader::kMargin);
    return interval_.span().subspan(0, size);
  }

  // Walks from one unit to before another; where it came to.
  Index units(const JpegFile& file, const JpegScan& scan, Index unit, Index end,
              jpeg_detail::BitReader& interval) noexcept {
    jpeg_detail::BitReader bits = interval;  // in registers
    const auto each = [&](const auto& block) {
      for (; unit < end; ++unit) {
        for (int i = 0; i < scan.count; ++i) {
          const JpegComponent& it = file.components()[static_cast<std::size_t>(scan.component[i])];
          for (Index left = scan.count == 1 ? 1 : it.across * it.down; left > 0; --left) {
            if (!block(i) || bits.short_of()) return;
          }
        }
      }
    };
    std::uint64_t* set = set_[scan.component[0]].data();
    if (!file.progressive()) {
      each([&](int i) { return mean(i, bits) && all_details(i, bits); });
    } else if (scan.first == 0) {
      each([&](int i) { return scan.high == 0 ? mean(i, bits) : (bits.skip(1), true); });
    } else if (scan.high == 0) {
      each([&](int) { return first_details(scan, set[unit], bits); });
    } else {
      each([&](int) { return more_details(scan, set[unit], bits); });
    }
    interval = bits;
    return unit;
  }

  // The difference of a block's mean to the one before. False where there is no such code, as in all below, or where
  // the sum leaves 16 bits, in which decoders would lose it.
  SEGFACE_ALWAYS_INLINE bool mean(int i, jpeg_detail::BitReader& bits) noexcept {
    int size = 0, length = 0;
    if (!means_[i].decode(bits.peek(), size, length)) return false;
    bits.drop(length);
    const auto value = static_cast<int>(bits.take(size));
    if (size != 0) mean_[i] += value >> (size - 1) != 0 ? value : value - (1 << size) + 1;
    return mean_[i] >= -0x8000 && mean_[i] <= 0x7fff;
  }

  // Of a baseline block.
  bool all_details(int i, jpeg_detail::BitReader& interval) noexcept {
    jpeg_detail::BitReader bits = interval;  // in registers
    for (int k = 1; k < 64;) {
      const std::uint32_t next = bits.peek();
      if (const jpeg_detail::Steps steps = details_[i].steps(next); steps.bits != 0 && k + steps.coefficients < 64) {
        bits.drop(steps.bits);
        k += steps.coefficients;
        if (steps.last) break;
        continue;
      }
      int symbol = 0, length = 0;
      if (!details_[i].decode(next, symbol, length)) return interval = bits, false;
      const int size = symbol & 15, zeros = symbol >> 4;
      bits.drop(length + size);
      if (size == 0 && zeros != 15) break;
      k += zeros + 1;
    }
    interval = bits;
    return true;
  }

  // The first bits of a progressive block's details; `set` notes which are not zero. Damage too is a value behind the last
  // coefficient of the scan: decoders differ in what they make of it.
  bool first_details(const JpegScan& scan, std::uint64_t& set, jpeg_detail::BitReader& bits) noexcept {
    if (run_ > 0) return --run_, true;
    for (int k = scan.first; k <= scan.last; ++k) {
      int symbol = 0, length = 0;
      if (!details_[0].decode(bits.peek(), symbol, length)) return false;
      const int size = symbol & 15, zeros = symbol >> 4;
      bits.drop(length);
      if (size == 0 && zeros != 15) {
        run_ = (1 << zeros) - 1 + static_cast<int>(bits.take(zeros));
        break;
      }
      bits.drop(size);
      k += zeros;
      if (size == 0) continue;
      if (k > scan.last || size + scan.low > 15) return false;
      set |= std::uint64_t{1} << k;
    }
    return true;
  }

  // One bit more of those that are set, and new ones.
  bool more_details(const JpegScan& scan, std::uint64_t& set, jpeg_detail::BitReader& interval) noexcept {
    jpeg_detail::BitReader bits = interval;  // in registers
    int k = scan.first;
    for (; run_ == 0 && k <= scan.last; ++k) {
      int symbol = 0, length = 0;
      if (!details_[0].decode(bits.peek(), symbol, length)) return interval = bits, false;
      const int size = symbol & 15;
      int zeros = symbol >> 4;
      bits.drop(length);
      if (size > 1) return interval = bits, false;
      if (size == 0 && zeros != 15) {
        run_ = (1 << zeros) + static_cast<int>(bits.take(zeros));
        break;
      }
      bits.drop(size);
      // On to the zero behind so many; a bit for each that is set on the way.
      int corrections = 0;
      for (; k <= scan.last; ++k) {
        const auto is_set = static_cast<int>(set >> k & 1u);
        corrections += is_set;
        zeros -= 1 - is_set;
        if (zeros < 0) break;
      }
      bits.skip(corrections);
      if (size == 0) continue;
      if (k > scan.last) return interval = bits, false;
      set |= std::uint64_t{1} << k;
    }
    if (run_ > 0) {
      int corrections = 0;
      std::uint64_t left = k > scan.last ? 0 : set >> k << k << (63 - scan.last);
      for (; left != 0; left &= left - 1) ++corrections;
      bits.skip(corrections);
      --run_;
    }
    interval = bits;
    return true;
  }

  jpeg_detail::Huffman means_[3], details_[3];
  Buffer<std::uint8_t> interval_;
  Buffer<std::uint64_t> set_[3];  // of each block of a component, coefficients that are not zero
  int mean_[3] = {};
  int run_ = 0;  // blocks to come that hold nothing new
};

SEGFACE_END_CORE
