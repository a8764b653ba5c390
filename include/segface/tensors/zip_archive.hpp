// ZipArchive: the stored (uncompressed) entries of a zip file, read strictly.
//
// A zip file describes every entry twice: in a header before its payload and in the central directory at the end.
// The directory is the authority here, and whatever disagrees with it is refused: readers that believe different
// copies see different files in the same bytes. Compressed entries are listed but not read, so no small file can
// unpack into a large one. Covers what torch.save writes: data descriptors (sizes after the payload), zip64,
// payloads aligned by padding in the extra field. Format: PKWARE APPNOTE 6.3.
//
// Traps: an end record may also stand inside a comment, so comments and trailing bytes are refused; CRC fields are
// all zero where torch.serialization.set_crc32_options(False) was on, and then nothing can be checked.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/byte_reader.hpp"
#include "segface/base/config.hpp"
#include "segface/base/crc32.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

struct ZipEntry {
  static constexpr std::uint16_t kStored = 0;

  std::string name;
  std::uint16_t method = kStored;
  std::uint32_t crc = 0;
  std::uint64_t size = 0;         // bytes of content
  std::uint64_t stored_size = 0;  // bytes in the file; equal to size where method is kStored
  std::uint64_t header = 0;       // position of the local header
  std::uint64_t payload = 0;      // position of the content
  std::uint64_t end = 0;          // position after the payload and its data descriptor
};

class ZipArchive {
 public:
  static constexpr std::size_t kMaxEntries = 65536;
  static constexpr std::size_t kMaxDirectoryBytes = std::size_t{16} << 20;
  static constexpr std::size_t kMaxNameBytes = 512;

  // Reads the directory and compares every local header with it.
  // Errors: bad_format; limit_exceeded; unsupported_format (encrypted, several disks); those of the reader.
  static Result<ZipArchive> open(ByteReader reader) noexcept {
    return guarded([&]() -> Result<ZipArchive> {
      ZipArchive archive(std::move(reader));
      SEGFACE_RETURN_IF_ERROR(archive.read_directory());
      SEGFACE_RETURN_IF_ERROR(archive.check_names());
      SEGFACE_RETURN_IF_ERROR(archive.check_overlaps());
      archive.has_checksums_ = std::any_of(archive.entries_.begin(), archive.entries_.end(),
                                           [](const ZipEntry& entry) { return entry.crc != 0; });
      archive.verified_ = std::make_unique<std::atomic<bool>[]>(archive.entries_.size());
      return Result<ZipArchive>(std::move(archive));
    });
  }

  std::size_t size() const noexcept { return entries_.size(); }
  const ZipEntry& operator[](std::size_t index) const noexcept { return entries_[index]; }

  // The index of the entry with exactly this name.
  std::optional<std::size_t> find(std::string_view name) const noexcept {
    const auto at = std::lower_bound(
        by_name_.begin(), by_name_.end(), name,
        [&](std::size_t index, std::string_view wanted) { return less(entries_[index].name, wanted); });
    if (at == by_name_.end() || entries_[*at].name != name) return std::nullopt;
    return *at;
  }

  // Writes the whole content, entry.size bytes, to `out`, and checks it. Errors: corrupt; unsupported_format.
  Status read(std::size_t index, std::uint8_t* out) const noexcept {
    return for_each_chunk(index, [&](std::uint64_t done) { return out + static_cast<std::size_t>(done); });
  }

  // Checks the content against its CRC, the first time it is asked; afterwards it is known.
  Status verify(std::size_t index) const noexcept {
    if (verified_[index].load(std::memory_order_relaxed)) return {};
    SEGFACE_ASSIGN(scratch, Buffer<std::uint8_t>::make(kChunk));
    return for_each_chunk(index, [&](std::uint64_t) { return scratch.data(); });
  }

  // Writes the content's bytes [offset, offset + bytes) to `out`; their CRC is verify()'s business.
  Status read_at(std::size_t index, std::uint64_t offset, std::uint8_t* out, std::size_t bytes) const noexcept {
    const ZipEntry& entry = entries_[index];
    SEGFACE_RETURN_IF_ERROR(require_stored(index));
    if (bytes > entry.size || offset > entry.size - bytes) {
      return error(Errc::truncated, "'", entry.name, "' has ", entry.size, " bytes; [", offset, ", +", bytes,
                   ") is outside");
    }
    return reader_.read_at(entry.payload + offset, out, bytes);
  }

  // An error where the entry is compressed.
  Status require_stored(std::size_t index) const noexcept {
    const ZipEntry& entry = entries_[index];
    if (entry.method == ZipEntry::kStored) return {};
    return error(Errc::unsupported_format, "'", entry.name, "' is compressed (zip method ", entry.method,
                 "), expected stored; torch.save never compresses, so unpack the archive and save it again");
  }

 private:
  static constexpr std::size_t kChunk = std::size_t{1} << 18;  // stays in the second-level cache for the CRC

  static constexpr std::uint32_t kLocalHeader = 0x04034B50;
  static constexpr std::uint32_t kDescriptor = 0x08074B50;
  static constexpr std::uint32_t kCentralHeader = 0x02014B50;
  static constexpr std::uint32_t kEnd = 0x06054B50;
  static constexpr std::uint32_t kZip64End = 0x06064B50;
  static constexpr std::uint32_t kZip64Locator = 0x07064B50;
  static constexpr std::size_t kLocalHeaderBytes = 30;
  static constexpr std::size_t kCentralHeaderBytes = 46;
  static constexpr std::size_t kEndBytes = 22;
  static constexpr std::size_t kZip64EndBytes = 56;
  static constexpr std::size_t kZip64LocatorBytes = 20;
  static constexpr std::uint16_t kZip64Extra = 1;
  static constexpr std::uint16_t kEncrypted = 1;
  static constexpr std::uint16_t kHasDescriptor = 8;
  static constexpr std::uint16_t kUtf8 = 0x800;
  static constexpr std::uint16_t kFull16 = 0xFFFF;  // "see the zip64 record"
  static constexpr std::uint32_t kFull32 = 0xFFFFFFFF;

  struct Directory {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::uint64_t count = 0;
  };

  explicit ZipArchive(ByteReader reader) noexcept : reader_(std::move(reader)) {}

  // Where the central directory lies, by the end record and, where present, its zip64 counterpart.
  Result<Directory> locate_directory() const noexcept {
    std::uint8_t end[kEndBytes];
    if (reader_.size() < kEndBytes) {
      return error(Errc::bad_format, "not a zip archive: ", reader_.size(), " bytes, expected at least ", kEndBytes);
    }
    const std::uint64_t end_at = reader_.size() - kEndBytes;
    SEGFACE_RETURN_IF_ERROR(reader_.read_at(end_at, end, sizeof end));
    if (little<std::uint32_t>(end) != kEnd || little<std::uint16_t>(end + 20) != 0) {
      return error(Errc::bad_format,
                   "no zip end record in the last 22 bytes: the file was cut short, or something was appended; "
                   "fetch it again");
    }
    const std::uint16_t disk = little<std::uint16_t>(end + 4);
    const std::uint16_t directory_disk = little<std::uint16_t>(end + 6);
    const std::uint16_t count_here = little<std::uint16_t>(end + 8);
    const std::uint16_t count = little<std::uint16_t>(end + 10);
    const std::uint32_t size = little<std::uint32_t>(end + 12);
    const std::uint32_t offset = little<std::uint32_t>(end + 16);

    Directory directory{offset, size, count};
    std::uint64_t directory_end = end_at;
    std::uint8_t locator[kZip64LocatorBytes] = {};
    if (end_at >= sizeof locator) {
      SEGFACE_RETURN_IF_ERROR(reader_.read_at(end_at - sizeof locator, locator, sizeof locator));
    }
    if (little<std::uint32_t>(locator) == kZip64Locator) {
      const std::uint64_t locator_at = end_at - sizeof locator;
      std::uint8_t record[kZip64EndBytes];
      directory_end = little<std::uint64_t>(locator + 8);
      if (locator_at < sizeof record || directory_end != locator_at - sizeof record) {
        return error(Errc::bad_format, "the zip64 end record is said to start at ", directory_end,
                     ", expected 56 bytes before ", locator_at);
      }
      SEGFACE_RETURN_IF_ERROR(reader_.read_at(directory_end, record, sizeof record));
      if (little<std::uint32_t>(record) != kZip64End || little<std::uint64_t>(record + 4) != sizeof record - 12) {
        return error(Errc::bad_format, "no zip64 end record of 56 bytes at ", directory_end);
      }
      if (little<std::uint32_t>(locator + 4) != 0 || little<std::uint32_t>(locator + 16) > 1 ||
          little<std::uint32_t>(record + 16) != 0 || little<std::uint32_t>(record + 20) != 0) {
        return error(Errc::unsupported_format, "a zip archive in several parts; join them first");
      }
      directory = {little<std::uint64_t>(record + 48), little<std::uint64_t>(record + 40),
                   little<std::uint64_t>(record + 32)};
      const bool agree =
          little<std::uint64_t>(record + 24) == directory.count && (count == kFull16 || count == directory.count) &&
          (size == kFull32 || size == directory.size) && (offset == kFull32 || offset == directory.offset);
      if (!agree) return error(Errc::bad_format, "the zip end record and the zip64 end record disagree");
    } else if (count == kFull16 || size == kFull32 || offset == kFull32) {
      return error(Errc::bad_format, "the zip end record refers to a zip64 end record, which is missing");
    }
    const bool zip64 = directory_end != end_at;
    const auto first_disk = [&](std::uint16_t number) { return number == 0 || (zip64 && number == kFull16); };
    if (!first_disk(disk) || !first_disk(directory_disk)) {
      return error(Errc::unsupported_format, "a zip archive in several parts; join them first");
    }
    if (count_here != count) {
      return error(Errc::bad_format, "the zip end record counts ", count, " entries and ", count_here, " entries");
    }
    if (directory.size > directory_end || directory.offset != directory_end - directory.size) {
      return error(Errc::bad_format, "the zip directory of ", directory.size, " bytes is said to start at ",
                   directory.offset, ", expected to end at ", directory_end);
    }
    if (directory.count > kMaxEntries || directory.size > kMaxDirectoryBytes) {
      return error(Errc::limit_exceeded, "the zip directory has ", directory.count, " entries in ", directory.size,
                   " bytes, at most ", kMaxEntries, " in ", kMaxDirectoryBytes, " are read");
    }
    if (directory.count * kCentralHeaderBytes > directory.size) {
      return error(Errc::bad_format, directory.count, " entries do not fit into a zip directory of ", directory.size,
                   " bytes");
    }
    return directory;
  }

  Status read_directory() {
    SEGFACE_ASSIGN(directory, locate_directory());
    SEGFACE_ASSIGN(bytes, Buffer<std::uint8_t>::make(static_cast<std::size_t>(directory.size)));
    SEGFACE_RETURN_IF_ERROR(reader_.read_at(directory.offset, bytes.data(), bytes.size()));
    entries_.reserve(static_cast<std::size_t>(directory.count));
    std::size_t at = 0;
    for (std::uint64_t i = 0; i < directory.count; ++i) {
      std::size_t used = 0;
      const Status status = read_entry(bytes.span().subspan(at, bytes.size() - at), directory.offset, used);
      if (!status.ok()) return in_context(status, "zip directory entry ", i, " at ", directory.offset + at);
      at += used;
    }
    if (at != bytes.size()) {
      return error(Errc::bad_format, "the zip directory ends after ", at, " bytes, expected ", bytes.size());
    }
    return {};
  }

  // One entry of the directory and its local header; payloads lie before `limit`.
  Status read_entry(Bytes bytes, std::uint64_t limit, std::size_t& used) {
    const std::uint8_t* const header = bytes.data();
    if (bytes.size() < kCentralHeaderBytes || little<std::uint32_t>(header) != kCentralHeader) {
      return error(Errc::bad_format, "no directory header");
    }
    const std::uint16_t flags = little<std::uint16_t>(header + 8);
    const std::size_t name_bytes = little<std::uint16_t>(header + 28);
    const std::size_t extra_bytes = little<std::uint16_t>(header + 30);
    const std::size_t comment_bytes = little<std::uint16_t>(header + 32);
    used = kCentralHeaderBytes + name_bytes + extra_bytes + comment_bytes;
    if (used > bytes.size()) return error(Errc::bad_format, "its name, extra field and comment leave the directory");

    ZipEntry entry;
    entry.name.assign(reinterpret_cast<const char*>(header + kCentralHeaderBytes), name_bytes);
    if (!is_harmless(entry.name)) {
      return error(Errc::bad_format, "the name '", entry.name, "' is not a plain relative path");
    }
    if ((flags & ~(kHasDescriptor | kUtf8)) != 0) {
      return error(Errc::unsupported_format, "'", entry.name, "' ",
                   (flags & kEncrypted) != 0 ? "is encrypted" : "has flags that are not read", " (flags ", flags, ")");
    }
    entry.method = little<std::uint16_t>(header + 10);
    entry.crc = little<std::uint32_t>(header + 16);
    entry.stored_size = little<std::uint32_t>(header + 20);
    entry.size = little<std::uint32_t>(header + 24);
    entry.header = little<std::uint32_t>(header + 42);
    const std::uint16_t disk = little<std::uint16_t>(header + 34);
    SEGFACE_RETURN_IF_ERROR(widen(entry, bytes.subspan(kCentralHeaderBytes + name_bytes, extra_bytes)));
    if (disk != 0) return error(Errc::unsupported_format, "'", entry.name, "' lies in another part of the archive");
    if (entry.method == ZipEntry::kStored && entry.size != entry.stored_size) {
      return error(Errc::bad_format, "'", entry.name, "' is stored, yet has ", entry.size, " bytes in ",
                   entry.stored_size);
    }
    SEGFACE_RETURN_IF_ERROR(check_local_header(entry, header, limit));
    entries_.push_back(std::move(entry));
    return {};
  }

  // Replaces sizes and the position by those of the zip64 extra field where they did not fit into 32 bits.
  static Status widen(ZipEntry& entry, Bytes extra) noexcept {
    std::uint64_t* wide[3];
    std::size_t count = 0;
    for (std::uint64_t* field : {&entry.size, &entry.stored_size, &entry.header}) {
      if (*field == kFull32) wide[count++] = field;
    }
    bool found = false;
    while (!extra.empty()) {
      const std::size_t bytes = extra.size() < 4 ? 0 : little<std::uint16_t>(extra.data() + 2);
      if (extra.size() < 4 || bytes > extra.size() - 4) {
        return error(Errc::bad_format, "the extra field of '", entry.name, "' is cut short");
      }
      if (little<std::uint16_t>(extra.data()) == kZip64Extra) {
        if (found || bytes < 8 * count) {
          return error(Errc::bad_format, "the zip64 field of '", entry.name, "' has ", bytes,
                       " bytes, expected one of ", 8 * count);
        }
        found = true;
        for (std::size_t i = 0; i < count; ++i) *wide[i] = little<std::uint64_t>(extra.data() + 4 + 8 * i);
      }
      extra = extra.subspan(4 + bytes, extra.size() - 4 - bytes);
    }
    if (count != 0 && !found) return error(Errc::bad_format, "'", entry.name, "' lacks its zip64 field");
    return {};
  }

  // Finds the payload and compares the copy of the description in front of it, and the one behind, with `central`.
  Status check_local_header(ZipEntry& entry, const std::uint8_t* central, std::uint64_t limit) const {
    std::uint8_t header[kLocalHeaderBytes + kMaxNameBytes];
    const std::size_t name_bytes = entry.name.size();
    const std::size_t header_bytes = kLocalHeaderBytes + name_bytes;
    if (header_bytes > limit || entry.header > limit - header_bytes) {
      return error(Errc::bad_format, "the header of '", entry.name, "' at ", entry.header, " leaves the ", limit,
                   " bytes before the directory");
    }
    SEGFACE_RETURN_IF_ERROR(reader_.read_at(entry.header, header, header_bytes));
    const std::uint16_t flags = little<std::uint16_t>(header + 6);
    const auto absent_or_equal = [&](const std::uint8_t* field, std::uint64_t wanted) {
      const std::uint64_t value = little<std::uint32_t>(field);
      return value == wanted || ((flags & kHasDescriptor) != 0 && value == 0);
    };
    const auto size_agrees = [&](const std::uint8_t* field, std::uint64_t wanted) {
      return absent_or_equal(field, wanted) || little<std::uint32_t>(field) == kFull32;  // in its zip64 field
    };
    const bool agree = little<std::uint32_t>(header) == kLocalHeader && flags == little<std::uint16_t>(central + 8) &&
                       little<std::uint16_t>(header + 8) == entry.method &&
                       little<std::uint16_t>(header + 26) == name_bytes &&
                       std::memcmp(header + kLocalHeaderBytes, entry.name.data(), name_bytes) == 0 &&
                       absent_or_equal(header + 14, entry.crc) && size_agrees(header + 18, entry.stored_size) &&
                       size_agrees(header + 22, entry.size);
    if (!agree) {
      return error(Errc::bad_format, "the header at ", entry.header, " contradicts the directory on '", entry.name,
                   "'");
    }
    entry.payload = entry.header + header_bytes + little<std::uint16_t>(header + 28);
    if (entry.payload > limit || entry.stored_size > limit - entry.payload) {
      return error(Errc::bad_format, "the ", entry.stored_size, " bytes of '", entry.name, "' at ", entry.payload,
                   " leave the ", limit, " bytes before the directory");
    }
    entry.end = entry.payload + entry.stored_size;
    return (flags & kHasDescriptor) != 0 ? check_descriptor(entry, limit) : Status();
  }

  // The data descriptor: signature, CRC and the two sizes, in 32 or (zip64) 64 bits.
  Status check_descriptor(ZipEntry& entry, std::uint64_t limit) const noexcept {
    std::uint8_t bytes[24] = {};
    const std::uint64_t room = std::min<std::uint64_t>(limit - entry.end, sizeof bytes);
    SEGFACE_RETURN_IF_ERROR(reader_.read_at(entry.end, bytes, static_cast<std::size_t>(room)));
    const bool starts =
        little<std::uint32_t>(bytes) == kDescriptor && little<std::uint32_t>(bytes + 4) == entry.crc && room >= 16;
    if (starts && little<std::uint32_t>(bytes + 8) == entry.stored_size &&
        little<std::uint32_t>(bytes + 12) == entry.size) {
      entry.end += 16;
      return {};
    }
    if (starts && room == sizeof bytes && little<std::uint64_t>(bytes + 8) == entry.stored_size &&
        little<std::uint64_t>(bytes + 16) == entry.size) {
      entry.end += 24;
      return {};
    }
    return error(Errc::bad_format, "the data descriptor at ", entry.end, " contradicts the directory on '", entry.name,
                 "'");
  }

  // Sorts the names without regard to case, as some file systems compare them, and refuses two alike.
  Status check_names() {
    by_name_.resize(entries_.size());
    for (std::size_t i = 0; i < by_name_.size(); ++i) by_name_[i] = i;
    std::sort(by_name_.begin(), by_name_.end(),
              [&](std::size_t a, std::size_t b) { return less(entries_[a].name, entries_[b].name); });
    for (std::size_t i = 1; i < by_name_.size(); ++i) {
      const ZipEntry& before = entries_[by_name_[i - 1]];
      const ZipEntry& entry = entries_[by_name_[i]];
      if (!less(before.name, entry.name)) {
        return error(Errc::bad_format, "two zip entries share a name: '", before.name, "' and '", entry.name, "'");
      }
    }
    return {};
  }

  Status check_overlaps() const {
    std::vector<std::size_t> order(by_name_);
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return entries_[a].header < entries_[b].header; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const ZipEntry& before = entries_[order[i - 1]];
      const ZipEntry& entry = entries_[order[i]];
      if (before.end > entry.header) {
        return error(Errc::bad_format, "the zip entries '", before.name, "' and '", entry.name, "' overlap at ",
                     entry.header);
      }
    }
    return {};
  }

  // Not absolute, not upwards, no control characters, not a Windows path.
  static bool is_harmless(std::string_view name) noexcept {
    if (name.empty() || name.size() > kMaxNameBytes || name[0] == '/' || (name.size() > 1 && name[1] == ':')) {
      return false;
    }
    for (const char c : name) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte < 0x20 || byte == 0x7f || c == '\\') return false;
    }
    for (std::size_t begin = 0; begin <= name.size();) {
      const std::size_t end = std::min(name.find('/', begin), name.size());
      if (name.substr(begin, end - begin) == "..") return false;
      begin = end + 1;
    }
    return true;
  }

  static bool less(std::string_view a, std::string_view b) noexcept {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                        [&](char x, char y) { return lower(x) < lower(y); });
  }

  // Reads the content piece by piece to where `place(bytes before it)` says, and checks the CRC.
  template <class Place>
  Status for_each_chunk(std::size_t index, const Place& place) const noexcept {
    const ZipEntry& entry = entries_[index];
    SEGFACE_RETURN_IF_ERROR(require_stored(index));
    std::uint32_t crc = 0;
    for (std::uint64_t done = 0; done < entry.size;) {
      const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(entry.size - done, kChunk));
      std::uint8_t* const chunk = place(done);
      SEGFACE_RETURN_IF_ERROR(reader_.read_at(entry.payload + done, chunk, bytes));
      crc = crc32(crc, chunk, bytes);
      done += bytes;
    }
    if (has_checksums_ && crc != entry.crc) {
      return error(Errc::corrupt, "'", entry.name, "' has CRC ", crc, ", expected ", entry.crc,
                   "; the file is damaged, fetch it again");
    }
    verified_[index].store(true, std::memory_order_relaxed);
    return {};
  }

  ByteReader reader_;
  std::vector<ZipEntry> entries_;     // in the directory's order
  std::vector<std::size_t> by_name_;  // indices into entries_, sorted by less()
  bool has_checksums_ = true;
  std::unique_ptr<std::atomic<bool>[]> verified_;  // contents whose CRC has been seen to match
};

SEGFACE_END_CORE
