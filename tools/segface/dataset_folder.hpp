// The folder of a data set: which photos belong to a split, and where the files of each are.
//
//   CelebAMask-HQ  CelebA-HQ-img/ID.jpg, CelebAMask-HQ-mask-anno/(ID / 2000)/%05d_PART.png; the split:
//                  CelebA-HQ-to-CelebA-mapping.txt ("ID number original.jpg") joined with list_eval_partition.txt
//                  ("original.jpg 0, 1 or 2": train, val, test)
//   LaPa           SPLIT/images/NAME.jpg, SPLIT/labels/NAME.png, SPLIT/landmarks/NAME.txt
//   Helen          SPLIT/NAME_image.jpg, SPLIT/NAME_label.png, landmarks.txt
//   plain          images/NAME.jpg or .png, labels/NAME.png, landmarks/NAME.txt (for networks that need them)
// A file that should be there is listed whether it is or not: reading it tells. Endings may be written in capitals.
#pragma once

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/file.hpp"
#include "segface/faces/labels.hpp"
#include "segface/faces/landmark_file.hpp"

#include "request.hpp"

namespace tool {

enum class Layout { celeb, lapa, helen, plain };

inline const char* layout_name(Layout layout) {
  constexpr const char* kNames[] = {"CelebAMask-HQ", "LaPa", "Helen", "images and labels"};
  return kNames[static_cast<int>(layout)];
}

struct Sample {
  std::string name;    // as the folder calls it
  std::string photo;   // paths
  std::string labels;  // CelebAMask-HQ: the front of the parts' paths, up to their names
  std::string landmarks;
};

struct DatasetFolder {
  Layout layout;
  std::vector<Sample> samples;  // in the order of their names
  std::string points;           // Helen: the content of landmarks.txt
};

// Whether a name ends so, in small letters or capitals: cameras write .JPG.
inline bool ends_with(std::string_view text, std::string_view end) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return text.size() > end.size() &&
         std::equal(end.begin(), end.end(), text.end() - static_cast<std::ptrdiff_t>(end.size()),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

// Columns of a text file: words(line number, words) for each line with `count` words; other lines are refused.
template <class Use>
Status for_each_line(const std::string& path, std::size_t count, const Use& use) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 23;  // three times CelebA's
  SEGFACE_ASSIGN(bytes, read_file(path, kMostBytes));
  std::string_view text = landmark_file::without_mark({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    std::vector<std::string> words;
    std::size_t found = 0;
    for (std::string_view word = landmark_file::next_word(line); !word.empty(); word = landmark_file::next_word(line)) {
      if (found++ < count) words.emplace_back(word);
    }
    if (words.empty()) continue;
    if (found != count) {
      return error(Errc::bad_format, path, ": line ", number, " has ", found, " words, expected ", count);
    }
    SEGFACE_RETURN_IF_ERROR(in_context(use(number, words), path, ": line ", number));
  }
  return {};
}

// The IDs of a split of CelebAMask-HQ.
inline Result<std::vector<Index>> celeb_split(const std::string& root, const std::string& split) {
  const std::vector<std::string> splits = {"train", "val", "test"};
  const auto group = std::find(splits.begin(), splits.end(), split);
  if (group == splits.end()) {
    return error(Errc::invalid_argument, "--split is '", split, "', expected train, val or test: this is ",
                 "CelebAMask-HQ");
  }
  const std::string partition = root + "list_eval_partition.txt", mapping = root + "CelebA-HQ-to-CelebA-mapping.txt";
  std::map<std::string, std::string> groups;
  SEGFACE_RETURN_IF_ERROR(
      for_each_line(partition, 2, [&](std::size_t, const std::vector<std::string>& words) -> Status {
        groups[words[0]] = words[1];
        return {};
      }));
  std::vector<Index> ids;
  const std::string wanted = std::to_string(group - splits.begin());
  SEGFACE_RETURN_IF_ERROR(
      for_each_line(mapping, 3, [&](std::size_t number, const std::vector<std::string>& words) -> Status {
        Index id = 0;
        if (!parse_integer(words[0], id) || id < 0) {
          if (number == 1) return {};  // the names of the columns
          return error(Errc::bad_format, "begins with '", words[0], "', expected the number of a photo");
        }
        const auto found = groups.find(words[2]);
        if (found == groups.end()) {
          return error(Errc::bad_format, "photo '", words[2], "' is missing in ", partition);
        }
        if (found->second == wanted) ids.push_back(id);
        return {};
      }));
  std::sort(ids.begin(), ids.end());
  return ids;
}

// Pairs the photos and labels of two directories by what is left of their names without the endings. A photo of
// another format is paired too: reading it tells which. Errors: io; bad_format (two files for one).
inline Result<std::vector<Sample>> pair_files(const std::string& photos, const std::vector<std::string>& photo_endings,
                                              const std::string& labels, const std::string& label_ending,
                                              const std::string& landmarks) {
  struct Found {
    std::string photo, labels;
  };
  std::map<std::string, Found> pairs;
  const auto put = [](std::string& place, const std::string& directory, const std::string& file) -> Status {
    if (place.empty()) {
      place = file;
      return {};
    }
    return error(Errc::bad_format, directory, ": both '", place, "' and '", file,
                 "' are there, and nothing tells which is meant; move one away");
  };
  SEGFACE_ASSIGN(photo_files, list_directory(photos));
  for (const std::string& file : photo_files) {
    for (const std::string& ending : photo_endings) {
      if (!ends_with(file, ending)) continue;
      SEGFACE_RETURN_IF_ERROR(put(pairs[file.substr(0, file.size() - ending.size())].photo, photos, file));
    }
  }
  SEGFACE_ASSIGN(label_files, list_directory(labels));
  for (const std::string& file : label_files) {
    if (!ends_with(file, label_ending)) continue;
    SEGFACE_RETURN_IF_ERROR(put(pairs[file.substr(0, file.size() - label_ending.size())].labels, labels, file));
  }
  for (const std::string& file : photo_files) {
    const auto pair = pairs.find(file.substr(0, file.rfind('.')));
    if (pair != pairs.end() && pair->second.photo.empty()) pair->second.photo = file;
  }
  std::vector<Sample> samples;
  for (const auto& [name, found] : pairs) {
    const std::string photo = found.photo.empty() ? name + photo_endings[0] : found.photo;
    const std::string label = found.labels.empty() ? name + label_ending : found.labels;
    samples.push_back({name, photos + photo, labels + label, landmarks + name + ".txt"});
  }
  return samples;
}

// Recognises the layout by what the folder holds. Errors: invalid_argument (no layout, no photo of the split),
// bad_format and io (of the files that say which photos belong to the split, and of directories).
inline Result<DatasetFolder> open_dataset(const std::string& path, const std::string& split) {
  const std::string root = ends_with(path, "/") ? path : path + "/", part = root + split + "/";
  DatasetFolder folder = {Layout::plain, {}, {}};
  if (!is_directory(root)) return error(Errc::invalid_argument, path, ": no such directory");
  if (is_directory(root + "CelebA-HQ-img")) {
    folder.layout = Layout::celeb;
    SEGFACE_ASSIGN(ids, celeb_split(root, split));
    for (const Index id : ids) {
      char front[64];
      std::snprintf(front, sizeof front, "%td/%05td_", id / 2000, id);
      folder.samples.push_back({std::to_string(id), root + "CelebA-HQ-img/" + std::to_string(id) + ".jpg",
                                root + "CelebAMask-HQ-mask-anno/" + front, ""});
    }
  } else if (is_directory(part + "images") && is_directory(part + "labels")) {
    folder.layout = Layout::lapa;
    SEGFACE_ASSIGN(samples, pair_files(part + "images/", {".jpg"}, part + "labels/", ".png", part + "landmarks/"));
    folder.samples = std::move(samples);
  } else if (file_id(root + "landmarks.txt") && is_directory(part)) {
    folder.layout = Layout::helen;
    SEGFACE_ASSIGN(samples, pair_files(part, {"_image.jpg"}, part, "_label.png", ""));
    folder.samples = std::move(samples);
    SEGFACE_ASSIGN(bytes, read_file(root + "landmarks.txt", std::size_t{1} << 26));
    folder.points.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  } else if (is_directory(root + "images") && is_directory(root + "labels")) {
    SEGFACE_ASSIGN(samples, pair_files(root + "images/", {".jpg", ".png", ".jpeg"}, root + "labels/", ".png",
                                       root + "landmarks/"));
    folder.samples = std::move(samples);
  } else {
    return error(Errc::invalid_argument, path, ": no data set with a split '", split,
                 "' is seen here; expected CelebA-HQ-img/ (CelebAMask-HQ), ", split, "/images/ and ", split,
                 "/labels/ (LaPa), landmarks.txt and ", split, "/ (Helen), or images/ and labels/");
  }
  if (folder.samples.empty()) {
    return error(Errc::invalid_argument, path, ": ", layout_name(folder.layout), ", but no photo of the split '", split,
                 "' is named there");
  }
  return Result<DatasetFolder>(std::move(folder));
}

}  // namespace tool
