// Which way up a picture is, in every form that OpenCV's imread or Pillow understands, and turning it.
//
// The orientation is entry 0x0112 of a TIFF block (EXIF), which stands in a JPEG's APP1 segment, in a PNG's eXIf chunk
// or, in hexadecimal digits, in a text chunk of ImageMagick's; or it is `tiff:Orientation` in an XMP packet. Phones and
// editors write it as any type of integer, with the head "Exif\0\0" never, once or twice, after a block that is broken.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/deflate.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

// The orientation in an EXIF block: 1 .. 8, which is 1 also where the entry's value makes no sense; 0 where the block has
// no such entry or is damaged.
inline int exif_orientation(Bytes tiff) noexcept {
  constexpr std::string_view kHead("Exif\0\0", 6);
  const auto begins_with_head = [&] {
    return std::string_view(reinterpret_cast<const char*>(tiff.data()), tiff.size()).substr(0, 6) == kHead;
  };
  while (begins_with_head()) tiff = tiff.subspan(kHead.size(), tiff.size() - kHead.size());
  if (tiff.size() < 8) return 0;
  const bool little_endian = tiff[0] == 'I' && tiff[1] == 'I';
  if (!little_endian && !(tiff[0] == 'M' && tiff[1] == 'M')) return 0;
  const auto u16 = [&](std::size_t at) {
    const std::uint8_t* p = tiff.data() + at;
    return little_endian ? little<std::uint16_t>(p) : big<std::uint16_t>(p);
  };
  const auto u32 = [&](std::size_t at) -> std::size_t {
    const std::uint8_t* p = tiff.data() + at;
    return little_endian ? little<std::uint32_t>(p) : big<std::uint32_t>(p);
  };
  constexpr std::size_t kEntry = 12;
  constexpr std::uint16_t kMagic = 42, kSwappedMagic = 42 << 8, kOrientation = 0x0112;
  constexpr std::size_t kSizes[] = {0, 1, 0, 2, 4, 0, 1, 1, 2, 4};  // of the types of integers
  const std::size_t directory = u32(4);
  if ((u16(2) != kMagic && u16(2) != kSwappedMagic) || directory > tiff.size() - 2) return 0;
  const std::size_t entries = u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + i * kEntry;
    if (at > tiff.size() || tiff.size() - at < kEntry) return 0;
    if (u16(at) != kOrientation) continue;
    const std::size_t type = u16(at + 2), size = type < 10 ? kSizes[type] : 0, count = u32(at + 4);
    if (size == 0 || count == 0) return 1;
    // Of several values the first counts; what does not fit into four bytes stands elsewhere.
    const std::size_t place = count <= 4 / size ? at + 8 : u32(at + 8);
    if (place > tiff.size() - size) return 1;
    const std::size_t value = size == 1 ? tiff[place] : size == 2 ? u16(place) : u32(place);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 0;
}

// The same of an XMP packet: tiff:Orientation="6" or <tiff:Orientation>6<.
inline int xmp_orientation(std::string_view packet) noexcept {
  constexpr std::string_view kName = "tiff:Orientation";
  for (std::size_t at = 0; (at = packet.find(kName, at)) != packet.npos;) {
    at += kName.size();
    const std::string_view rest = packet.substr(at, 3);
    const std::size_t lead = rest.substr(0, 1) == ">"                                  ? 1
                             : rest.substr(0, 2) == "=\"" || rest.substr(0, 2) == "='" ? 2
                                                                                       : 0;
    if (lead == 0 || rest.size() <= lead || rest[lead] < '0' || rest[lead] > '9') continue;
    const int value = rest[lead] - '0';
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 0;
}

// Gathers what a file says. EXIF goes before XMP, and of either the first that says something.
class Orientation {
 public:
  // 1 .. 8; 1 where nothing was said: viewers show such a picture as it is stored.
  int value() const noexcept { return exif_ != 0 ? exif_ : std::max(xmp_, 1); }

  // A JPEG's APP1 segment.
  void read_app1(Bytes body) noexcept {
    constexpr std::string_view kExif("Exif\0\0", 6), kXmp("http://ns.adobe.com/xap/1.0/\0", 29);
    const std::string_view content = text(body);
    if (content.substr(0, kExif.size()) == kExif) read_exif(body);
    if (content.substr(0, kXmp.size()) == kXmp) read_xmp(content.substr(kXmp.size()));
  }

  // A PNG's chunk, if it is one of eXIf, tEXt, zTXt or iTXt.
  void read_png_chunk(std::string_view type, Bytes body) noexcept {
    if (type == "eXIf") return read_exif(body);
    const std::string_view content = text(body);
    const std::size_t end = std::min(content.find('\0'), content.size());
    const std::string_view keyword = content.substr(0, end), value = content.substr(std::min(end + 1, content.size()));
    const bool profile = keyword == "Raw profile type exif";
    if (type == "tEXt" && profile) read_raw_profile(value);
    if (type == "zTXt" && profile) unpacked(value, 1, [&](std::string_view t) { read_raw_profile(t); });
    if (type != "iTXt" || keyword != "XML:com.adobe.xmp" || value.size() < 2) return;
    // Whether packed, method, then language and translated keyword, both ended by 0.
    std::size_t at = value.find('\0', 2);
    if (at != value.npos) at = value.find('\0', at + 1);
    if (at == value.npos) return;
    if (value[0] == 0) return read_xmp(value.substr(at + 1));
    unpacked(value, at + 1, [&](std::string_view t) { read_xmp(t); });
  }

 private:
  static std::string_view text(Bytes bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  void read_exif(Bytes block) noexcept {
    if (exif_ == 0) exif_ = exif_orientation(block);
  }
  void read_xmp(std::string_view packet) noexcept {
    if (xmp_ == 0) xmp_ = xmp_orientation(packet);
  }

  // ImageMagick's: an empty line, a name, a size, and lines of digits. Only the front is of interest.
  void read_raw_profile(std::string_view lines) noexcept {
    for (int line = 0; line < 3; ++line) lines = lines.substr(std::min(lines.find('\n'), lines.size() - 1) + 1);
    std::uint8_t block[kFront];
    std::size_t digits = 0;
    for (const char c : lines) {
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0 && c != '\n') break;
      if (digit < 0) continue;
      if (digits == 2 * kFront) break;
      std::uint8_t& byte = block[digits / 2];
      byte = static_cast<std::uint8_t>(digits % 2 == 0 ? digit << 4 : byte | digit);
      ++digits;
    }
    read_exif({block, digits / 2});
  }

  // Gives the front of the text that is packed from `at` on.
  template <class Read>
  void unpacked(std::string_view packed, std::size_t at, const Read& read) noexcept {
    if (at >= packed.size() || ++unpacked_ > kMostUnpacked) return;
    auto front = Buffer<char>::make(4 * kFront);
    if (!front.ok()) return;
    std::fill(front->begin(), front->end(), '\0');
    // Text of another length is an error to inflate_zlib, which stops there; what it wrote until then is what is wanted.
    static_cast<void>(inflate_zlib({reinterpret_cast<const std::uint8_t*>(packed.data()) + at, packed.size() - at},
                                   {reinterpret_cast<std::uint8_t*>(front->data()), front->size()}));
    read(std::string_view(front->data(), front->size()));
  }

  static constexpr std::size_t kFront = 4096;
  static constexpr int kMostUnpacked = 8;  // texts; who writes more is up to no good
  int exif_ = 0, xmp_ = 0;                 // 0: nothing said
  int unpacked_ = 0;
};

// The picture as it is meant to be seen. Orientation 1 .. 8 says where the stored row 0 and column 0 belong:
// 1 top left, 2 top right, 3 bottom right, 4 bottom left, 5 left top, 6 right top, 7 right bottom, 8 left bottom.
inline Result<Image> oriented(Image&& stored, int orientation) noexcept {
  if (orientation <= 1 || orientation > 8) return Result<Image>(std::move(stored));
  const bool swapped = orientation >= 5;  // stored rows become columns
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  const Index width = swapped ? stored.height() : stored.width(), height = swapped ? stored.width() : stored.height();
  SEGFACE_ASSIGN(out, Image::make(width, height, stored.order()));
  const Index channels = channels_of(stored.order());
  for (Index y = 0; y < height; ++y) {
    std::uint8_t* to = out.row(y);
    const Index v = mirror_y ? height - 1 - y : y;
    for (Index x = 0; x < width; ++x, to += channels) {
      const Index u = mirror_x ? width - 1 - x : x;
      const std::uint8_t* from = swapped ? stored.row(u) + v * channels : stored.row(v) + u * channels;
      for (Index c = 0; c < channels; ++c) to[c] = from[c];
    }
  }
  return Result<Image>(std::move(out));
}

SEGFACE_END_CORE
