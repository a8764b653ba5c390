// What a file is, by its first bytes: to choose a decoder, and to name what is not read.
#pragma once

#include <cstdint>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

// "JPEG", "PNG", the name of another known format, "text", or "an unknown format"; "empty" for no bytes.
inline std::string_view sniff_format(Bytes file) noexcept {
  using namespace std::string_view_literals;
  const std::string_view head(reinterpret_cast<const char*>(file.data()), file.size() < 512 ? file.size() : 512);
  const auto has = [&](std::size_t at, std::string_view magic) {
    return head.size() >= at + magic.size() && head.substr(at, magic.size()) == magic;
  };
  struct Magic {
    std::size_t at;
    std::string_view bytes, name;
  };
  constexpr Magic kMagics[] = {
      {0, "\xff\xd8\xff"sv, "JPEG"},
      {0, "\x89PNG\r\n\x1a\n"sv, "PNG"},
      {0, "GIF8"sv, "GIF"},
      {0, "8BPS"sv, "PSD"},
      {0, "II*\0"sv, "TIFF"},
      {0, "MM\0*"sv, "TIFF"},
      {0, "II+\0"sv, "TIFF"},
      {0, "MM\0+"sv, "TIFF"},
      {8, "WEBP"sv, "WebP"},
      {4, "ftypavif"sv, "AVIF"},
      {4, "ftypavis"sv, "AVIF"},
      {4, "ftypheic"sv, "HEIC"},
      {4, "ftypheix"sv, "HEIC"},
      {4, "ftypheim"sv, "HEIC"},
      {4, "ftypheis"sv, "HEIC"},
      {4, "ftyphevc"sv, "HEIC"},
      {4, "ftyphevx"sv, "HEIC"},
      {4, "ftypmif1"sv, "HEIC"},
      {4, "ftypmsf1"sv, "HEIC"},
      {4, "ftyp"sv, "a video"},
      {0, "\0\0\0\x0cJXL "sv, "JPEG XL"},
      {0, "\xff\x0a"sv, "JPEG XL"},
      {0, "\0\0\0\x0cjP  "sv, "JPEG 2000"},
      {0, "\xff\x4f\xff\x51"sv, "JPEG 2000"},
      {0, "#?RADIANCE"sv, "HDR"},
      {0, "#?RGBE"sv, "HDR"},
      {0, "v/1\x01"sv, "OpenEXR"},
      {0, "\x53\x80\xf6\x34"sv, "PIC"},
      {0, "\0\0\x01\0"sv, "ICO"},
      {0, "qoif"sv, "QOI"},
      {0, "%PDF"sv, "PDF"},
      {0, "PK\x03\x04"sv, "a zip archive"},
      {0, "\x1f\x8b"sv, "gzip"},
      {0, "version https://git-lfs"sv, "a git-lfs pointer"},
      {0, "BM"sv, "BMP"},
  };
  if (head.empty()) return "empty";
  for (const Magic& magic : kMagics) {
    if (has(magic.at, magic.bytes)) return magic.name;
  }
  if (head[0] == 'P' && head.size() > 2 && head[1] >= '1' && head[1] <= '7' && (head[2] == '\n' || head[2] == ' ')) {
    return "PNM";
  }
  // TGA has no magic; its colour map, type and depth leave few values.
  if (file.size() > 18 && file[1] <= 1 && (file[2] == 1 || file[2] == 2 || file[2] == 3 || file[2] == 10) &&
      (file[16] == 8 || file[16] == 24 || file[16] == 32) && (file[17] & 0xc0) == 0) {
    return "TGA";
  }
  const std::size_t start = head.find_first_not_of(" \t\r\n");
  if (start < head.size() - 1 && head[start] == '<' &&
      (head[start + 1] == '!' || head[start + 1] == '?' || (head[start + 1] >= 'A' && head[start + 1] <= 'z'))) {
    return head.find("<svg") != std::string_view::npos ? "SVG" : "HTML or XML";
  }
  for (const char c : head) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') return "an unknown format";
    if (byte == 0x7f) return "an unknown format";
  }
  return "text";
}

SEGFACE_END_CORE
