// EXIF: only which way up the picture is, and turning it.
#pragma once

#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_NAMESPACE

// The orientation 1 .. 8 in a TIFF block (what follows "Exif\0\0" in a JPEG, or a PNG's eXIf); 1 where there is none
// or the block is damaged: viewers show such a picture as it is stored.
inline int exif_orientation(Bytes tiff) noexcept {
  if (tiff.size() < 8) return 1;
  const bool little_endian = tiff[0] == 'I' && tiff[1] == 'I';
  if (!little_endian && !(tiff[0] == 'M' && tiff[1] == 'M')) return 1;
  const auto u16 = [&](std::size_t at) {
    const std::uint8_t* p = tiff.data() + at;
    return little_endian ? little<std::uint16_t>(p) : big<std::uint16_t>(p);
  };
  const auto u32 = [&](std::size_t at) {
    const std::uint8_t* p = tiff.data() + at;
    return little_endian ? little<std::uint32_t>(p) : big<std::uint32_t>(p);
  };
  constexpr std::size_t kEntry = 12;
  constexpr std::uint16_t kMagic = 42, kOrientation = 0x0112, kShort = 3;
  const std::size_t directory = u32(4);
  if (u16(2) != kMagic || directory > tiff.size() - 2) return 1;
  const std::size_t entries = u16(directory);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + i * kEntry;
    if (at > tiff.size() || tiff.size() - at < kEntry) return 1;
    if (u16(at) != kOrientation) continue;
    const int value = u16(at + 8);
    return u16(at + 2) == kShort && u32(at + 4) == 1 && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

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

SEGFACE_END_NAMESPACE
