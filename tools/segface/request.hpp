// What `segface parse` is asked for: the words of its command line, read and checked.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "segface/base/file.hpp"
#include "segface/faces/landmark_file.hpp"
#include "segface/image/crop.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "commands.hpp"
#include "photo_list.hpp"

namespace tool {

// What the command line asks for.
struct Request {
  std::vector<std::string> photos;
  std::string weights;
  std::string directory;              // of the files named after their photo; with a slash at the end, or empty
  bool names_mask = false;            // a mask and an overlay named after each photo
  bool names_overlay = false;         //
  std::string mask, overlay, logits;  // names of the files of a single photo; empty where not given
  std::string sheet;                  // of one photo, or the contact sheet of several; empty where not given
  std::string class_names;            // of --classes, as written
  struct Class {
    std::uint8_t label;
    std::string word;  // in names of files
  };
  std::vector<Class> classes;  // that get pictures of their own; known once the network is
  bool probabilities = false;  // of these classes too, or of all
  bool legend = false;         // beside the overlay
  bool gray = false;           // the mask without a palette
  std::optional<Box> box;
  std::optional<Landmarks> landmarks;
  std::optional<HelenPoints> helen;                              // all points of a file of Helen
  enum class Align { none, celeba, helen } align = Align::none;  // the square of the landmarks that is looked at
  Index threads = 0;
  std::size_t backend = 0;
  bool fail_fast = false;
};

// The files of one photo; empty where not wanted.
struct Outputs {
  std::string mask, overlay, logits;
  std::vector<std::string> masks, probabilities;  // one for each of Request::classes
};

// "image-left eye" -> "image-left-eye"
inline std::string file_word(std::string_view class_name) {
  std::string word(class_name);
  std::replace(word.begin(), word.end(), ' ', '-');
  return word;
}

#if defined(SEGFACE_WITH_LIBJPEG)
inline constexpr bool kWritesJpeg = true;
#else
inline constexpr bool kWritesJpeg = false;
#endif

// Whether the ending of a path says JPEG.
inline bool is_jpeg_name(const std::string& path) {
  std::string ending = path.substr(std::min(path.rfind('.'), path.size()));
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c < 'a' ? static_cast<char>(c | 32) : c; });
  return ending == ".jpg" || ending == ".jpeg";
}

// Whether a file begins as JPEGs do.
inline bool is_jpeg(const std::string& path) {
  const auto file = InputFile::open(path);
  unsigned char front[2] = {};
  return file.ok() && file->size() > sizeof front && file->read_at(0, front, sizeof front).ok() && front[0] == 0xff &&
         front[1] == 0xd8;
}

inline Outputs outputs_of(const Request& request, const std::string& photo) {
  const std::string front = request.directory + stem(photo);
  Outputs outputs = {request.names_mask ? front + "_mask.png" : request.mask,
                     request.names_overlay ? front + (kWritesJpeg && is_jpeg(photo) ? "_overlay.jpg" : "_overlay.png")
                                           : request.overlay,
                     request.logits,
                     {},
                     {}};
  for (const Request::Class& wanted : request.classes) {
    const std::string name = front + "_" + wanted.word;
    if (!request.class_names.empty()) outputs.masks.push_back(name + ".png");
    if (request.probabilities) outputs.probabilities.push_back(name + "_probability.png");
  }
  return outputs;
}

// Fills request.classes: those that --classes names by full or official name or by label, all for "all", and for
// --probabilities alone.
inline Status find_classes(Request& request, Dataset dataset) {
  const Span<const ClassInfo> known = classes(dataset);
  const bool all = request.class_names == "all" || (request.class_names.empty() && request.probabilities);
  const auto want = [&](std::size_t label) {
    request.classes.push_back({static_cast<std::uint8_t>(label), file_word(known[label].name)});
  };
  for (std::size_t label = 0; all && label < known.size(); ++label) want(label);
  if (all) return {};
  for (std::size_t begin = 0; begin < request.class_names.size();) {
    const std::size_t end = std::min(request.class_names.find(',', begin), request.class_names.size());
    const std::string word = request.class_names.substr(begin, end - begin);
    begin = end + 1;
    std::size_t label = 0;
    const auto is_named = [&](const ClassInfo& info) {
      return word == info.name || word == file_word(info.name) || word == info.official;
    };
    while (label < known.size() && !is_named(known[label]) && word != std::to_string(label)) ++label;
    if (label == known.size()) {
      return error(Errc::invalid_argument, "--classes: this network has no class '", word, "'", suggestion(word, known),
                   "; `segface info` lists its classes");
    }
    const auto is_wanted = [&](const Request::Class& wanted) { return wanted.label == label; };
    if (std::none_of(request.classes.begin(), request.classes.end(), is_wanted)) want(label);
  }
  return {};
}

// "x,y,w,h"
inline Result<Box> parse_box(const std::string& text) {
  Index numbers[4] = {};
  std::size_t begin = 0, count = 0;
  bool good = true;
  while (good && begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    good = count < 4 && parse_integer(text.substr(begin, end - begin), numbers[count++]) &&
           std::abs(numbers[count - 1]) < (Index{1} << 30);
    begin = end + 1;
  }
  const Box box = {numbers[0], numbers[1], numbers[2], numbers[3]};
  if (!good || count != 4 || box.width < 1 || box.height < 1) {
    return error(Errc::invalid_argument, "--box is '", text,
                 "', expected x,y,width,height in pixels of the photo, as 120,80,256,256");
  }
  return box;
}

// "x,y x,y x,y x,y x,y"
inline Result<Landmarks> parse_landmarks(const std::string& text) {
  const auto landmarks = read_five_landmarks(text);
  if (!landmarks.ok()) {
    return error(Errc::invalid_argument, "--landmarks is '", text,
                 "', expected five points as \"x,y x,y x,y x,y x,y\": ", kLandmarkOrder);
  }
  return landmarks;
}

// The value of --landmarks: five points, or a file with five, or one of LaPa, or one of Helen, where the photo is found by its name.
inline Status read_landmarks(const std::string& text, Request& request) {
  const bool points = text.find_first_not_of("0123456789.,-+eE \t") == std::string::npos;
  if (points) {
    SEGFACE_ASSIGN(landmarks, parse_landmarks(text));
    request.landmarks = landmarks;
    return {};
  }
  const auto bytes = read_file(text, std::size_t{1} << 26);
  if (!bytes.ok()) {
    return error(Errc::invalid_argument, "--landmarks is neither five points, as \"x,y x,y x,y x,y x,y\", nor a file: ",
                 bytes.error().message());
  }
  const std::string_view content(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  if (is_face_text(content)) {
    const auto landmarks = read_face_landmarks(content);
    if (!landmarks.ok()) return in_context(landmarks.error(), text);
    request.landmarks = *landmarks;
    return {};
  }
  std::string name = stem(request.photos[0]);  // Helen's photos are called NAME_image.jpg
  const std::size_t ending = name.rfind("_image");
  if (ending != std::string::npos && ending + 6 == name.size()) name.resize(ending);
  const auto helen = read_helen_points(content, name);
  if (!helen.ok()) return in_context(helen.error(), text);
  request.helen = *helen;
  request.landmarks = helen_landmarks(*helen);
  return {};
}

// Refuses a name that says another format: a photo named by mistake must not be lost.
inline Status check_ending(const Arguments& arguments, const std::string& option, const std::string& ending) {
  const std::string name = base_name(arguments.value(option));
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0 || name.substr(dot) == ending) return {};
  return error(Errc::invalid_argument, option, " writes ", ending.substr(1), " files, but '", arguments.value(option),
               "' is named otherwise");
}

inline Result<Request> read_request(const Arguments& arguments) {
  Request request;
  request.photos = arguments.operands();
  request.weights = arguments.value("--weights");
  request.mask = arguments.value("--mask");
  request.overlay = arguments.value("--overlay");
  request.logits = arguments.value("--logits");
  request.sheet = arguments.value("--sheet");
  request.class_names = arguments.value("--classes");
  request.probabilities = arguments.has("--probabilities");
  request.legend = arguments.has("--legend");
  request.gray = arguments.has("--gray");
  request.fail_fast = arguments.has("--fail-fast");
  const bool one_file = arguments.has("--mask") || arguments.has("--overlay") || arguments.has("--logits");
  if (one_file && request.photos.size() > 1) {
    return error(Errc::invalid_argument, "--mask, --overlay and --logits name the files of one photo, but ",
                 request.photos.size(), " are given; use -o DIRECTORY");
  }
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--mask", ".png"));
  if (!kWritesJpeg || !is_jpeg_name(request.overlay)) {
    SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--overlay", ".png"));
  }
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--logits", ".npy"));
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--sheet", ".png"));
  const bool named = arguments.has("-o") || !(one_file || arguments.has("--sheet"));
  request.names_mask = named && !arguments.has("--mask");
  request.names_overlay = named && !arguments.has("--overlay");
  if (arguments.has("-o")) {
    request.directory = as_folder(arguments.value("-o"));
  }
  if (arguments.has("--box")) {
    SEGFACE_ASSIGN(box, parse_box(arguments.value("--box")));
    request.box = box;
  }
  if (arguments.has("--square")) {
    if (!request.box) return error(Errc::invalid_argument, "--square widens a box, but --box is missing");
    SEGFACE_ASSIGN(percent, arguments.number("--square", 1, 1000, 0));
    SEGFACE_ASSIGN(square, square_box(*request.box, static_cast<double>(percent) / 100));
    request.box = square;
  }
  if (arguments.has("--landmarks")) {
    if (request.photos.size() != 1) {
      return error(Errc::invalid_argument, "--landmarks are those of one photo, but ", request.photos.size(),
                   " are given; parse them one by one");
    }
    SEGFACE_RETURN_IF_ERROR(read_landmarks(arguments.value("--landmarks"), request));
  }
  SEGFACE_ASSIGN(alignment, arguments.choice("--align", {"none", "celeba", "helen"}));
  request.align = static_cast<Request::Align>(alignment);
  if (request.align == Request::Align::celeba && !request.landmarks) {
    return error(Errc::invalid_argument, "--align celeba needs --landmarks, the five points of the face");
  }
  if (request.align == Request::Align::helen && !request.helen) {
    return error(Errc::invalid_argument, "--align helen needs --landmarks FILE, with the 68 points that Helen has");
  }
  if (request.align != Request::Align::none && request.box) {
    return error(Errc::invalid_argument, "--align and --box would both cut the photo; leave one out");
  }
  if (arguments.has("--whole") && (request.box || request.align != Request::Align::none)) {
    return error(Errc::invalid_argument, "--whole looks at all of the photo, ", request.box ? "--box" : "--align",
                 " at a part of it; leave one out");
  }
  SEGFACE_ASSIGN(threads, arguments.number("--threads", 0, kMaxThreads, 0));
  request.threads = threads;
  SEGFACE_ASSIGN(backend, arguments.choice("--backend", backend_names()));
  request.backend = backend;
  if (request.photos.empty()) return error(Errc::invalid_argument, "no photo is given");
  if (request.weights.empty()) {
    return error(Errc::invalid_argument, "--weights is missing; weight files are made by `segface convert`");
  }
  return request;
}

// No two results under one name, and none in place of a photo or the weights.
inline Status check_outputs(const Request& request) {
  std::map<std::string, std::string> writers;
  std::set<FileId::value_type> inputs;
  for (const std::string& photo : request.photos) {
    if (const FileId id = file_id(photo)) inputs.insert(*id);
  }
  if (const FileId id = file_id(request.weights)) inputs.insert(*id);
  const auto check = [&](const std::string& path, const std::string& writer) -> Status {
    if (path.empty()) return {};
    const auto [earlier, fresh] = writers.emplace(path, writer);
    if (!fresh) {
      return error(Errc::invalid_argument, "'", earlier->second, "' and '", writer, "' would both write '", path,
                   "'; rename one, or give each a call of its own");
    }
    const FileId id = file_id(path);
    if (id && inputs.count(*id) != 0) {
      return error(Errc::output, path, ": is one of the files that are read; name another, or a directory with -o");
    }
    return {};
  };
  for (const std::string& photo : request.photos) {
    const Outputs outputs = outputs_of(request, photo);
    for (const std::string& path : {outputs.mask, outputs.overlay, outputs.logits}) {
      SEGFACE_RETURN_IF_ERROR(check(path, photo));
    }
    for (const auto* paths : {&outputs.masks, &outputs.probabilities}) {
      for (const std::string& path : *paths) SEGFACE_RETURN_IF_ERROR(check(path, photo));
    }
  }
  return check(request.sheet, "--sheet");
}

}  // namespace tool
