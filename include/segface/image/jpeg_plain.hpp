// Writes a checked JPEG again, plainly: what decodes it needs nothing but the standard's main road.
//
// Each scan with the tables it uses in front of it and its coded data to the last byte that is used; no text, no
// profile, no byte between, the components named 1, 2, 3, each with a quantization table of its own: the one that stood
// when its first scan came, which is libjpeg's rule where a file defines a table twice. So stb_image reads the same from
// a file as libjpeg-turbo.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/jpeg.hpp"
#include "segface/image/jpeg_scan.hpp"
#include "segface/image/jpeg_tables.hpp"

SEGFACE_BEGIN_CORE

class PlainJpeg {
 public:
  // Room for what becomes of a file of this size: besides its own, the standard's tables, a quantization table for each
  // component, and some markers.
  static Result<PlainJpeg> make(std::size_t file_size) noexcept {
    SEGFACE_ASSIGN(bytes, Buffer<std::uint8_t>::make(file_size + 2048));
    return PlainJpeg(std::move(bytes));
  }

  // For JpegFile::open. Errors: those of JpegScanWalker.
  Status scan(const JpegFile& file, const JpegScan& scan) noexcept {
    if (size_ == 0) frame(file);
    for (int i = 0; i < scan.count; ++i) quantization(file, scan.component[i]);
    huffman(file, scan);
    if (restart_interval_ != scan.restart_interval) {
      restart_interval_ = scan.restart_interval;
      put({0xff, 0xdd, 0, 4});
      put_pair(restart_interval_);
    }
    put({0xff, 0xda, 0, 6 + 2 * scan.count, scan.count});
    const bool means = scan.means_coded(), details = scan.details_coded();  // else the file may say anything
    for (int i = 0; i < scan.count; ++i) {
      put({scan.component[i] + 1, (means ? scan.means[i] << 4 : 0) | (details ? scan.details[i] : 0)});
    }
    put({scan.first, scan.last, scan.high << 4 | scan.low});
    int restarts = 0;
    return walker_.walk(file, scan, [&](Bytes interval) {
      if (restarts != 0) put({0xff, 0xd0 + (restarts - 1) % 8});
      ++restarts;
      append_stuffed(interval);
    });
  }

  // The whole file, once all scans have come.
  Bytes finish() noexcept {
    put({0xff, 0xd9});
    return bytes_.span().subspan(0, std::min(size_, bytes_.size()));
  }

 private:
  explicit PlainJpeg(Buffer<std::uint8_t>&& bytes) noexcept : bytes_(std::move(bytes)) {}

  void append(Bytes bytes) noexcept {
    const std::size_t room = bytes_.size() - std::min(size_, bytes_.size());
    std::copy_n(bytes.data(), std::min(bytes.size(), room), bytes_.data() + size_);
    size_ += std::min(bytes.size(), room);
  }
  // FF becomes FF 00.
  void append_stuffed(Bytes bytes) noexcept {
    while (!bytes.empty()) {
      const void* next = std::memchr(bytes.data(), 0xff, bytes.size());
      const std::size_t size =
          next == nullptr ? bytes.size()
                          : static_cast<std::size_t>(static_cast<const std::uint8_t*>(next) - bytes.data()) + 1;
      append(bytes.subspan(0, size));
      if (next != nullptr) put({0});
      bytes = bytes.subspan(size, bytes.size() - size);
    }
  }
  void put(std::initializer_list<int> numbers) noexcept {
    for (const int number : numbers) {
      const auto byte = static_cast<std::uint8_t>(number);
      append({&byte, 1});
    }
  }
  void put_pair(Index number) noexcept { put({static_cast<int>(number >> 8), static_cast<int>(number & 255)}); }

  void frame(const JpegFile& file) noexcept {
    put({0xff, 0xd8});
    if (file.rgb()) put({0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0});
    const auto count = static_cast<int>(file.components().size());
    put({0xff, file.progressive() ? 0xc2 : 0xc1, 0, 8 + 3 * count, 8});
    put_pair(file.height());
    put_pair(file.width());
    put({count});
    int c = 0;
    for (const JpegComponent& it : file.components()) {
      put({c + 1, static_cast<int>(it.across << 4 | it.down), c});
      ++c;
    }
  }

  void quantization(const JpegFile& file, int component) noexcept {
    if (quantized_[component]) return;
    quantized_[component] = true;
    const auto place = file.components()[static_cast<std::size_t>(component)].quantization;
    const JpegQuantization& table = file.tables().quantization[place];
    put({0xff, 0xdb, 0, 2 + 1 + 128, 1 << 4 | component});
    for (const std::uint16_t step : table.steps) put_pair(step);
  }

  void huffman(const JpegFile& file, const JpegScan& scan) noexcept {
    const bool means = scan.means_coded(), details = scan.details_coded();
    for (int i = 0; i < scan.count; ++i) {
      if (means) huffman(file.tables().means[scan.means[i]], 0, scan.means[i]);
      if (details) huffman(file.tables().details[scan.details[i]], 1, scan.details[i]);
    }
  }
  // Where it is not there in this version yet.
  void huffman(const JpegHuffman& table, int kind, int place) noexcept {
    if (written_[kind][place] == table.version) return;
    written_[kind][place] = table.version;
    const int size = table.size();
    put({0xff, 0xc4});
    put_pair(2 + 17 + size);
    put({kind << 4 | place});
    append(table.counts);
    append({table.symbols, static_cast<std::size_t>(size)});
  }

  Buffer<std::uint8_t> bytes_;
  std::size_t size_ = 0;
  JpegScanWalker walker_;
  bool quantized_[3] = {};
  int written_[2][4] = {};  // versions of Huffman tables
  Index restart_interval_ = 0;
};

SEGFACE_END_CORE
