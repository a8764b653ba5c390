// The tables of a JPEG: quantization steps and Huffman codes, as its DQT and DHT segments define them.
//
// Motion JPEG (webcams) leaves out the Huffman codes and means those of Annex K.3 of the standard (ITU-T T.81), which
// add_standard() puts where none were defined, as libjpeg-turbo does. A code of ones only is none of JPEG's: a table
// that needs it is damaged.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

struct JpegQuantization {
  bool defined = false;
  std::uint16_t steps[64] = {};  // in the order of the file (zigzag)
};

// Codes are numbered from the shortest on: counts[n] of them have n + 1 bits; symbols are those they stand for.
struct JpegHuffman {
  int version = 0;  // 0: not defined; a new one with each definition
  std::uint8_t counts[16] = {};
  std::uint8_t symbols[256] = {};

  int size() const noexcept {
    int sum = 0;
    for (const std::uint8_t count : counts) sum += count;
    return sum;
  }
};

struct JpegTables {
  JpegQuantization quantization[4];
  JpegHuffman means[4], details[4];  // for DC and AC coefficients

  // A DQT segment. Each table: precision (0: bytes, 1: pairs of bytes) and place, then 64 numbers. Errors: bad_format.
  Status read_quantization(Bytes body) noexcept {
    for (std::size_t at = 0; at < body.size();) {
      const int precision = body[at] >> 4, place = body[at] & 15;
      if (precision > 1 || place > 3) return bad("a quantization table is damaged");
      const std::size_t bytes = precision == 0 ? 1 : 2, size = 1 + 64 * bytes;
      if (size > body.size() - at) return bad("a quantization table ends too early");
      JpegQuantization& table = quantization[place];
      table.defined = true;
      for (std::size_t i = 0; i < 64; ++i) {
        const std::uint8_t* step = body.data() + at + 1 + i * bytes;
        table.steps[i] = precision == 0 ? *step : big<std::uint16_t>(step);
      }
      at += size;
    }
    return Status();
  }

  // A DHT segment. Each table: class and place, the number of codes of 1 to 16 bits, and their symbols.
  // Errors: bad_format.
  Status read_huffman(Bytes body) noexcept {
    constexpr std::size_t kLengths = 16;
    for (std::size_t at = 0; at < body.size();) {
      if (body.size() - at < 1 + kLengths) return bad("a Huffman table ends too early");
      const int kind = body[at] >> 4, place = body[at] & 15;
      const std::uint8_t* counts = body.data() + at + 1;
      std::size_t symbols = 0;
      int left = 1;  // codes of this length that are still free
      for (std::size_t i = 0; i < kLengths; ++i) {
        left = 2 * left - counts[i];
        symbols += counts[i];
        if (left < 1) return bad("a Huffman table holds more codes than there are");
      }
      if (kind > 1 || place > 3 || symbols > 256) return bad("a Huffman table is damaged");
      at += 1 + kLengths;
      if (symbols > body.size() - at) return bad("a Huffman table ends too early");
      const std::uint8_t* const first = body.data() + at;
      const auto is_size = [](std::uint8_t bits) { return bits <= 15; };
      if (kind == 0 && !std::all_of(first, first + symbols, is_size)) return bad("a Huffman table is damaged");
      define((kind == 0 ? means : details)[place], counts, first, symbols);
      at += symbols;
    }
    return Status();
  }

  // The codes of Annex K.3 for light (place 0) and colour (place 1), where the file has none.
  void add_standard() noexcept {
    static constexpr std::uint8_t kMeanCounts[2][16] = {{0, 1, 5, 1, 1, 1, 1, 1, 1}, {0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}};
    static constexpr std::uint8_t kMeanSymbols[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    static constexpr std::uint8_t kDetailCounts[2][16] = {{0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d},
                                                          {0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77}};
    static constexpr std::uint8_t kDetailSymbols[2][162] = {
        {0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
         0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
         0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
         0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
         0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
         0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
         0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
         0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
         0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa},
        {0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
         0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
         0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
         0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
         0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
         0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
         0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
         0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
         0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa}};
    for (int place = 0; place < 2; ++place) {
      if (means[place].version == 0) define(means[place], kMeanCounts[place], kMeanSymbols, 12);
      if (details[place].version == 0) define(details[place], kDetailCounts[place], kDetailSymbols[place], 162);
    }
  }

 private:
  static Status bad(std::string_view what) noexcept { return error(Errc::bad_format, "JPEG: ", what); }
  static void define(JpegHuffman& table, const std::uint8_t* counts, const std::uint8_t* symbols,
                     std::size_t size) noexcept {
    ++table.version;
    std::copy_n(counts, 16, table.counts);
    std::copy_n(symbols, size, table.symbols);
  }
};

SEGFACE_END_CORE
