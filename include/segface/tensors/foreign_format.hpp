// What a file is that is not what a reader expected, told by its first bytes, and what helps.
//
// Trap: pages and messages of a server may begin with white space or a byte order mark, so texts are compared behind
// them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE

struct ForeignFormat {
  std::size_t offset;
  std::string_view magic;  // '?' stands for any byte
  std::string_view what, advice;
};

inline constexpr std::size_t kForeignFormatBytes = 512;  // of a file, that are worth showing to foreign_format()

// Null where nothing is recognised. `front` is the beginning of the file.
inline const ForeignFormat* foreign_format(std::string_view front) noexcept {
  using namespace std::string_view_literals;
  constexpr auto kUnpack = "unpack it first"sv;
  constexpr auto kFetch = "the download went wrong, fetch the file again"sv;
  constexpr auto kExport = "start from the PyTorch checkpoint (.pt) and convert that"sv;
  constexpr auto kSwapped = "are photo and weights swapped?"sv;
  constexpr auto kSaveAgain =
      "load it in PyTorch 1.6 or later and save it again: torch.save(torch.load(path, map_location='cpu'), path)"sv;
  static constexpr ForeignFormat kBinaries[] = {
      {0, "PK\x03\x04"sv, "a PyTorch checkpoint or another zip archive"sv, "convert the checkpoint to a weight file"sv},
      {0, "PK"sv, "an empty or split zip archive"sv, kUnpack},
      {0, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv,
       "a checkpoint in PyTorch's format before 1.6, a pickle"sv, kSaveAgain},
      {0, "\x80?"sv, "a pickle, as old PyTorch checkpoints are"sv, kSaveAgain},
      {257, "ustar"sv, "a tar archive (a bundle, or PyTorch's format before 0.1.10)"sv, kUnpack},
      {0, "\x1f\x8b"sv, "a gzip archive"sv, kUnpack},
      {0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive"sv, kUnpack},
      {0, "\x28\xb5\x2f\xfd"sv, "a zstd archive"sv, kUnpack},
      {0, "BZh"sv, "a bzip2 archive"sv, kUnpack},
      {1, "7zXZ"sv, "an xz archive"sv, kUnpack},
      {0, "\x89HDF"sv, "an HDF5 (Keras) model"sv, kExport},
      {0, "GGUF"sv, "a GGUF model"sv, kExport},
      {4, "TFL3"sv, "a TensorFlow Lite model"sv, kExport},
      {0, "\x08?\x12"sv, "an ONNX model"sv, kExport},  // field 1, its version; field 2, its producer
      {0, "\x93NUMPY"sv, "a NumPy array"sv, kExport},
      {0, "\x89PNG"sv, "a PNG image"sv, kSwapped},
      {0, "\xff\xd8\xff"sv, "a JPEG image"sv, kSwapped},
  };
  static constexpr ForeignFormat kTexts[] = {
      {0, "version https://git-lfs"sv, "a git-lfs pointer"sv, "run `git lfs pull` to get the file itself"sv},
      {0, "<"sv, "a web page (HTML)"sv, kFetch},
      {0, "{"sv, "JSON, the index of a split model or an error message"sv, kFetch},
  };
  const auto begins = [](std::string_view bytes, const ForeignFormat& format) {
    bytes = bytes.substr(std::min(format.offset, bytes.size()), format.magic.size());
    return std::equal(format.magic.begin(), format.magic.end(), bytes.begin(), bytes.end(),
                      [](char wanted, char byte) { return wanted == '?' || wanted == byte; });
  };
  for (const ForeignFormat& format : kBinaries) {
    if (begins(front, format)) return &format;
  }
  front.remove_prefix(std::min(front.find_first_not_of(" \t\r\n\xef\xbb\xbf"sv), front.size()));
  for (const ForeignFormat& format : kTexts) {
    if (begins(front, format)) return &format;
  }
  return nullptr;
}

SEGFACE_END_CORE
