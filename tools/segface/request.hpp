// What `segface parse` is asked for: the words of its command line, read and checked.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/file.hpp"
#include "segface/faces/face.hpp"
#include "segface/faces/landmark_file.hpp"
#include "segface/faces/numbering.hpp"
#include "segface/image/crop.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "background.hpp"
#include "commands.hpp"
#include "photo_list.hpp"

namespace tool {

// Where a file can be named: standard output.
inline constexpr const char* kStandardStream = "-";

// What the command line asks for.
struct Request {
  // One or several labels that get a picture.
  struct Class {
    std::uint32_t labels;  // a bit each
    std::string word;      // in names of files
  };

  std::vector<Photo> photos;
  std::string weights, finder;                  // empty where not given
  bool names_mask = false;                      // a mask and an overlay named after each photo
  bool names_overlay = false;                   //
  std::string mask, overlay, logits, coverage;  // names of the files of a single photo; empty where not given
  std::string sheet;                            // of one photo, or the contact sheet of several; empty where not given
  std::string out;                              // name of the only result of the only photo; empty where not given
  std::string class_names, cutout_names;        // of --classes and --cutout, as written
  std::string matte_names;                      // of --matte
  std::vector<Class> classes;                   // that get pictures of their own; known once the network is
  std::vector<Class> mattes;                    // that get mattes; known once the network is
  Index matte_bits = 8;                         // of a pixel of them
  std::uint32_t cutout = 0;                     // labels that are cut out; known once the network is
  std::optional<Background> background;         // that they are put before
  std::string background_file;                  // where it is a picture's
  bool refine = false;                          // labels along the photo's edges
  bool probabilities = false;                   // of these classes too, or of all
  bool legend = false;                          // beside the overlay
  bool gray = false;                            // the mask without a palette
  std::optional<Numbering> numbering;           // of the mask's labels
  bool draws_faces = false;                     // and parses nothing
  bool json = false, quiet = false;
  bool force = false, skip_existing = false;
  // The part by hand.
  bool whole = false;
  std::optional<Box> box;
  std::optional<Landmarks> landmarks;
  std::optional<HelenPoints> helen;                              // all points of a file of Helen
  enum class Align { none, celeba, helen } align = Align::none;  // the square of the landmarks that is looked at
  // Else faces are found.
  FindOptions find;
  bool surroundings = false;
  Index threads = 0;
  std::size_t backend = 0;
  segface::Precision precision = segface::Precision::float32;
  bool fail_fast = false;

  bool finds_faces() const { return !whole && !box && !landmarks; }
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
  std::string name = stem(request.photos[0].path);  // Helen's photos are called NAME_image.jpg
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

// The part that is picked by hand, if any.
inline Status read_part(const Arguments& arguments, Request& request) {
  request.whole = arguments.has("--whole");
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
  if (request.whole && (request.box || request.align != Request::Align::none)) {
    return error(Errc::invalid_argument, "--whole looks at all of the photo, ", request.box ? "--box" : "--align",
                 " at a part of it; leave one out");
  }
  return {};
}

// What is wanted of the finder.
inline Status read_finding(const Arguments& arguments, Request& request) {
  for (const char* option :
       {"--finder", "--faces", "--most", "--smallest", "--threshold", "--turns", "--small-faces", "--surroundings"}) {
    if (!request.finds_faces() && arguments.has(option)) {
      return error(Errc::invalid_argument, option, " is about faces that are found, but ",
                   request.whole ? "--whole"
                   : request.box ? "--box"
                                 : "--landmarks",
                   " says what to look at; leave one out");
    }
  }
  request.finder = arguments.value("--finder");
  request.surroundings = arguments.has("--surroundings");
  request.find.small_faces = arguments.has("--small-faces");
  SEGFACE_ASSIGN(most, arguments.number("--most", 0, 255, 255));
  request.find.most = most == 0 ? 255 : most;
  SEGFACE_ASSIGN(smallest, arguments.number("--smallest", 0, 100000, 0));
  request.find.smallest = static_cast<double>(smallest);
  SEGFACE_ASSIGN(percent, arguments.number("--threshold", 1, 100, 60));
  request.find.threshold = static_cast<double>(percent) / 100;
  SEGFACE_ASSIGN(turns, arguments.choice("--turns", {"4", "1"}));
  request.find.turns = turns == 0 ? 4 : 1;
  return {};
}

// --faces makes one picture, and nothing that is about labels.
inline Status check_faces(const Arguments& arguments) {
  for (const char* option :
       {"--mask", "--overlay", "--logits", "--coverage", "--sheet", "--classes", "--cutout", "--background", "--matte",
        "--matte-bits", "--refine", "--probabilities", "--legend", "--gray", "--numbering", "--surroundings"}) {
    if (!arguments.has("--faces") || !arguments.has(option)) continue;
    return error(Errc::invalid_argument, "--faces draws the faces that are found and parses nothing, but ", option,
                 " is about what is parsed; leave one out");
  }
  return {};
}

// Mattes, and what is made of them.
inline Status read_mattes(const Arguments& arguments, Request& request) {
  request.matte_names = arguments.value("--matte");
  request.refine = arguments.has("--refine");
  if (arguments.has("--matte-bits") && request.matte_names.empty()) {
    return error(Errc::invalid_argument, "--matte-bits is about the files of --matte, which is missing");
  }
  SEGFACE_ASSIGN(bits, arguments.choice("--matte-bits", {"8", "16"}));
  request.matte_bits = bits == 0 ? 8 : 16;
  if (!arguments.has("--background")) return {};
  if (request.cutout_names.empty()) {
    return error(Errc::invalid_argument, "--background is what a cutout is put before, but --cutout is missing");
  }
  SEGFACE_ASSIGN(background, Background::read(arguments.value("--background")));
  request.background = std::move(background);
  if (!parse_color(arguments.value("--background"))) request.background_file = arguments.value("--background");
  return {};
}

// --out names what has no name of its own, and that alone.
inline Status check_out(const Arguments& arguments, const Request& request) {
  if (request.out.empty()) return {};
  if (request.photos.size() > 1) {
    return error(Errc::invalid_argument, "--out names the result of one photo, but ", request.photos.size(),
                 " are given; use -o DIRECTORY");
  }
  const bool makes_one = request.draws_faces || !request.cutout_names.empty() || !request.class_names.empty() ||
                         !request.matte_names.empty();
  if (makes_one && request.out != kStandardStream && !arguments.has("-o")) return {};
  return error(Errc::invalid_argument,
               "--out FILE names what --cutout, --faces or a class of --classes or --matte makes",
               makes_one ? ", in a file of its own; leave out -o" : "; masks and overlays have --mask and --overlay");
}

inline Status check_endings(const Arguments& arguments, const Request& request) {
  if (request.mask != kStandardStream) SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--mask", ".png"));
  if (!kWritesJpeg || !is_jpeg_name(request.overlay)) {
    SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--overlay", ".png"));
  }
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--logits", ".npy"));
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--coverage", ".png"));
  if (!(kWritesJpeg && request.draws_faces && is_jpeg_name(request.out))) {
    SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--out", ".png"));
  }
  return check_ending(arguments, "--sheet", ".png");
}

inline Result<Request> read_request(const Arguments& arguments) {
  Request request;
  PhotoSelection selection;
  selection.operands = arguments.operands();
  selection.list = arguments.value("--list");
  selection.folder = arguments.value("-o");
  selection.recursive = arguments.has("--recursive");
  if (arguments.has("--shard")) SEGFACE_RETURN_IF_ERROR(read_shard(arguments.value("--shard"), selection));
  SEGFACE_ASSIGN(photos, PhotoList::make(selection));
  request.photos = std::move(photos);
  request.weights = arguments.value("--weights");
  request.mask = arguments.value("--mask");
  request.overlay = arguments.value("--overlay");
  request.logits = arguments.value("--logits");
  request.coverage = arguments.value("--coverage");
  request.sheet = arguments.value("--sheet");
  request.class_names = arguments.value("--classes");
  request.cutout_names = arguments.value("--cutout");
  SEGFACE_RETURN_IF_ERROR(check_faces(arguments));
  SEGFACE_RETURN_IF_ERROR(read_mattes(arguments, request));
  request.probabilities = arguments.has("--probabilities");
  request.legend = arguments.has("--legend");
  request.gray = arguments.has("--gray");
  request.json = arguments.has("--json");
  request.quiet = arguments.has("-q");
  request.force = arguments.has("--force");
  request.skip_existing = arguments.has("--skip-existing");
  request.fail_fast = arguments.has("--fail-fast");
  if (request.force && request.skip_existing) {
    return error(Errc::invalid_argument, "--force replaces results and --skip-existing keeps them; leave one out");
  }
  request.out = arguments.value("--out");
  request.draws_faces = arguments.has("--faces");
  bool one_file = false;
  for (const char* option : {"--mask", "--overlay", "--logits", "--coverage"}) {
    one_file = one_file || arguments.has(option);
  }
  if (one_file && request.photos.size() > 1) {
    return error(Errc::invalid_argument, "--mask, --overlay, --logits and --coverage name the files of one photo, but ",
                 request.photos.size(), " are given; use -o DIRECTORY");
  }
  SEGFACE_RETURN_IF_ERROR(check_out(arguments, request));
  SEGFACE_RETURN_IF_ERROR(check_endings(arguments, request));
  const bool named = arguments.has("-o") || !(one_file || arguments.has("--sheet") || arguments.has("--cutout") ||
                                              arguments.has("--matte") || arguments.has("--out"));
  request.names_mask = named && !arguments.has("--mask");
  request.names_overlay = named && !arguments.has("--overlay");
  if (arguments.has("--numbering")) {
    SEGFACE_ASSIGN(numbering, parse_numbering(arguments.value("--numbering")));
    request.numbering = numbering;
  }
  SEGFACE_RETURN_IF_ERROR(read_part(arguments, request));
  SEGFACE_RETURN_IF_ERROR(read_finding(arguments, request));
  if (kWritesJpeg && (request.names_overlay || request.draws_faces)) {
    for (Photo& photo : request.photos) photo.is_jpeg = begins_as_jpeg(photo.path);
  }
  SEGFACE_RETURN_IF_ERROR(read_machine(arguments, request));
  return request;
}

}  // namespace tool
