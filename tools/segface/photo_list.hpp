// The photos of a call: files, folders, lists of files, and standard input; and where the results of each go.
//
// A folder gives the photos in it, in the order of their names, and with `recursive` those of its folders; hidden ones
// and FOLDER/segface, where its results go, are left out. Results are named after their photo, without its ending where
// that tells it from the others.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/file.hpp"
#include "segface/base/numerals.hpp"
#include "segface/base/status.hpp"

#include "system.hpp"

namespace tool {

using namespace segface;
using namespace segface::core;

inline std::string base_name(const std::string& path) {
  return path.substr(path.find_last_of(kPathSeparators) + 1);
}
// "a/photo.jpg" -> "photo"
inline std::string stem(const std::string& path) {
  const std::string name = base_name(path);
  const std::size_t dot = name.rfind('.');
  return dot == 0 ? name : name.substr(0, dot);
}
// "a/photo.JPG" -> ".jpg"; empty where there is none
inline std::string ending(const std::string& path) {
  const std::string name = base_name(path);
  std::string end = name.substr(std::min(name.rfind('.'), name.size()));
  std::transform(end.begin(), end.end(), end.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; });
  return end;
}
// Whether the ending of a path says JPEG.
inline bool is_jpeg_name(const std::string& path) {
  return ending(path) == ".jpg" || ending(path) == ".jpeg";
}
// Whether a file begins as JPEGs do.
inline bool begins_as_jpeg(const std::string& path) {
  const auto file = InputFile::open(path);
  unsigned char front[2] = {};
  return file.ok() && file->size() > sizeof front && file->read_at(0, front, sizeof front).ok() && front[0] == 0xff &&
         front[1] == 0xd8;
}
// With a slash at the end; empty stays empty.
inline std::string as_folder(std::string path) {
  const bool ends = path.empty() || std::string_view(kPathSeparators).find(path.back()) != std::string_view::npos;
  return ends ? path : path + '/';
}

struct Photo {
  std::string path;      // "-" is standard input
  std::string folder;    // of its results; with a slash at the end, or empty
  std::string name;      // in front of their names
  bool is_jpeg = false;  // asked where that names its results, once
};

// What photos are wanted.
struct PhotoSelection {
  static constexpr const char* kStandardInput = "-";

  std::vector<std::string> operands;  // files, folders, or "-"
  std::string list;                   // a file with a path a line; empty: none
  std::string folder;  // of all results; empty: FOLDER/segface, and for single files the working directory
  bool recursive = false;
  Index shard = 0, shards = 1;  // only each photo whose number, of 0, leaves this remainder
};

// "I/N", 1 <= I <= N. Errors: invalid_argument.
inline Status read_shard(const std::string& text, PhotoSelection& selection) {
  const std::size_t slash = text.find('/');
  std::uint64_t number = 0, count = 0;
  if (slash == std::string::npos || !parse_decimal(std::string_view(text).substr(0, slash), number) ||
      !parse_decimal(std::string_view(text).substr(slash + 1), count) || number < 1 || number > count ||
      count > 1'000'000) {
    return error(Errc::invalid_argument, "--shard is '", text,
                 "', expected I/N, the part of this call and the number of parts, as 1/4 to 4/4");
  }
  selection.shard = static_cast<Index>(number) - 1;
  selection.shards = static_cast<Index>(count);
  return {};
}

class PhotoList {
 public:
  // Errors: invalid_argument (no photo at all, a folder without one, standard input twice); io (a folder or a list that
  // cannot be read). Whether single files can be read shows when they are.
  static Result<std::vector<Photo>> make(const PhotoSelection& selection) {
    PhotoList list(selection);
    for (const std::string& operand : selection.operands) SEGFACE_RETURN_IF_ERROR(list.add(operand));
    if (!selection.list.empty()) SEGFACE_RETURN_IF_ERROR(list.add_listed());
    if (list.photos_.empty()) return error(Errc::invalid_argument, "no photo is given");
    list.tell_apart();
    return list.shard();
  }

 private:
  explicit PhotoList(const PhotoSelection& selection) : selection_(selection) {}

  static bool is_photo(const std::string& name) { return is_jpeg_name(name) || ending(name) == ".png"; }

  void add_photo(const std::string& path, const std::string& folder) { photos_.push_back({path, folder, stem(path)}); }

  Status add(const std::string& operand) {
    const std::string all_results = as_folder(selection_.folder);
    if (operand == PhotoSelection::kStandardInput) {
      if (std::exchange(reads_input_, true))
        return error(Errc::invalid_argument, "standard input is one photo, but '-' is given twice");
      photos_.push_back({operand, all_results, "stdin"});
      return {};
    }
    if (!is_directory(operand)) {
      add_photo(operand, all_results);
      return {};
    }
    const std::string folder = as_folder(operand), own = folder + "segface";
    const std::size_t before = photos_.size();
    SEGFACE_RETURN_IF_ERROR(add_folder(folder, selection_.folder.empty() ? own + '/' : all_results, own));
    if (photos_.size() > before) return {};
    return error(Errc::invalid_argument, operand, ": a folder without photos; looked for .jpg, .jpeg and .png",
                 selection_.recursive ? ", in its folders too" : ", not in its folders: --recursive does");
  }

  // Folders keep their place under the results.
  Status add_folder(const std::string& folder, const std::string& results, const std::string& skipped) {
    SEGFACE_ASSIGN(names, list_directory(folder));
    for (const std::string& name : names) {
      const std::string path = folder + name;
      if (path == skipped || path + '/' == as_folder(selection_.folder)) continue;
      if (!is_directory(path)) {
        if (is_photo(name)) add_photo(path, results);
      } else if (selection_.recursive) {
        SEGFACE_RETURN_IF_ERROR(add_folder(path + '/', results + name + '/', skipped));
      }
    }
    return {};
  }

  Status add_listed() {
    constexpr std::size_t kMostBytes = std::size_t{1} << 28;
    SEGFACE_ASSIGN(bytes, read_file(selection_.list, kMostBytes));
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
      if (!line.empty()) SEGFACE_RETURN_IF_ERROR(add(std::string(line)));
    }
    return {};
  }

  // Photos whose results would have the same names keep their endings: IMG.jpg and IMG.png.
  void tell_apart() {
    std::map<std::string, int> sharing;
    for (const Photo& photo : photos_) ++sharing[photo.folder + photo.name];
    for (Photo& photo : photos_) {
      if (sharing[photo.folder + photo.name] > 1) photo.name = base_name(photo.path);
    }
  }

  std::vector<Photo> shard() const {
    std::vector<Photo> mine;
    for (std::size_t i = 0; i < photos_.size(); ++i) {
      if (static_cast<Index>(i) % selection_.shards == selection_.shard) mine.push_back(photos_[i]);
    }
    return mine;
  }

  const PhotoSelection& selection_;
  std::vector<Photo> photos_;
  bool reads_input_ = false;
};

}  // namespace tool
