// segface parse: photos to masks, overlays and logits.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "segface/image/align.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/file.hpp"
#include "segface/image/landmark_file.hpp"
#include "segface/image/render.hpp"
#include "segface/segface.hpp"

#include "arguments.hpp"
#include "backends.hpp"
#include "commands.hpp"
#include "npy.hpp"
#include "output.hpp"

namespace tool {
namespace {

// What the command line asks for.
struct Request {
  std::vector<std::string> photos;
  std::string weights;
  std::string directory;              // of the files named after their photo; with a slash at the end, or empty
  bool names_mask = false;            // a mask and an overlay named after each photo
  bool names_overlay = false;         //
  std::string mask, overlay, logits;  // names of the files of a single photo; empty where not given
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
};

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// "a/photo.jpg" -> "photo"
std::string stem(const std::string& path) {
  const std::string name = base_name(path);
  const std::size_t dot = name.rfind('.');
  return dot == 0 ? name : name.substr(0, dot);
}

Outputs outputs_of(const Request& request, const std::string& photo) {
  const std::string front = request.directory + stem(photo);
  return {request.names_mask ? front + "_mask.png" : request.mask,
          request.names_overlay ? front + "_overlay.png" : request.overlay, request.logits};
}

// "x,y,w,h"
Result<Box> parse_box(const std::string& text) {
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
Result<Landmarks> parse_landmarks(const std::string& text) {
  double numbers[10] = {};
  const char* at = text.data();
  const char* const end = at + text.size();
  std::size_t count = 0;
  while (count < 10) {
    while (at != end && (*at == ' ' || *at == ',')) ++at;
    const auto [next, failure] = std::from_chars(at, end, numbers[count]);
    if (failure != std::errc()) break;
    at = next;
    ++count;
  }
  if (count != 10 || at != end) {
    return error(Errc::invalid_argument, "--landmarks is '", text,
                 "', expected five points as \"x,y x,y x,y x,y x,y\": ", kLandmarkOrder);
  }
  const auto point = [&](std::size_t i) { return Point{numbers[2 * i], numbers[2 * i + 1]}; };
  return Landmarks{point(0), point(1), point(2), point(3), point(4)};
}

// The result, an error saying which file it is about.
template <class T>
Result<T> named(const std::string& path, Result<T> result) {
  if (!result.ok()) return in_context(result.status(), path);
  return result;
}

// The value of --landmarks: five points, or a file of LaPa, or one of Helen, where the photo is found by its name.
Status read_landmarks(const std::string& text, Request& request) {
  const bool points = text.find_first_not_of("0123456789.,-+eE \t") == std::string::npos;
  if (points) {
    SEGFACE_ASSIGN(landmarks, parse_landmarks(text));
    request.landmarks = landmarks;
    return {};
  }
  const auto bytes = read_file(text, std::size_t{1} << 26);
  if (!bytes.ok()) {
    return error(Errc::invalid_argument, "--landmarks is neither five points, as \"x,y x,y x,y x,y x,y\", nor a file: ",
                 bytes.status().message());
  }
  const std::string_view content(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  if (content.substr(0, 3) == "106") {
    SEGFACE_ASSIGN(landmarks, named(text, read_lapa_landmarks(content)));
    request.landmarks = landmarks;
    return {};
  }
  std::string name = stem(request.photos[0]);  // Helen's photos are called NAME_image.jpg
  const std::size_t ending = name.rfind("_image");
  if (ending != std::string::npos && ending + 6 == name.size()) name.resize(ending);
  SEGFACE_ASSIGN(helen, named(text, read_helen_points(content, name)));
  request.helen = helen;
  request.landmarks = helen_landmarks(helen);
  return {};
}

// Refuses a name that says another format: a photo named by mistake must not be lost.
Status check_ending(const Arguments& arguments, const std::string& option, const std::string& ending) {
  const std::string name = base_name(arguments.value(option));
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0 || name.substr(dot) == ending) return {};
  return error(Errc::invalid_argument, option, " writes ", ending.substr(1), " files, but '", arguments.value(option),
               "' is named otherwise");
}

Result<Request> read_request(const Arguments& arguments) {
  Request request;
  request.photos = arguments.operands();
  request.weights = arguments.value("--weights");
  request.mask = arguments.value("--mask");
  request.overlay = arguments.value("--overlay");
  request.logits = arguments.value("--logits");
  request.fail_fast = arguments.has("--fail-fast");
  const bool one_file = arguments.has("--mask") || arguments.has("--overlay") || arguments.has("--logits");
  if (one_file && request.photos.size() > 1) {
    return error(Errc::invalid_argument, "--mask, --overlay and --logits name the files of one photo, but ",
                 request.photos.size(), " are given; use -o DIRECTORY");
  }
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--mask", ".png"));
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--overlay", ".png"));
  SEGFACE_RETURN_IF_ERROR(check_ending(arguments, "--logits", ".npy"));
  const bool named = arguments.has("-o") || !one_file;
  request.names_mask = named && !arguments.has("--mask");
  request.names_overlay = named && !arguments.has("--overlay");
  if (arguments.has("-o")) {
    request.directory = arguments.value("-o");
    if (request.directory.back() != '/') request.directory += '/';
  }
  if (arguments.has("--box")) {
    SEGFACE_ASSIGN(box, parse_box(arguments.value("--box")));
    request.box = box;
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
Status check_outputs(const Request& request) {
  std::map<std::string, std::string> writers;
  std::set<std::pair<dev_t, ino_t>> inputs;
  for (const std::string& photo : request.photos) {
    if (const FileId id = file_id(photo)) inputs.insert(*id);
  }
  if (const FileId id = file_id(request.weights)) inputs.insert(*id);
  for (const std::string& photo : request.photos) {
    const Outputs outputs = outputs_of(request, photo);
    for (const std::string& path : {outputs.mask, outputs.overlay, outputs.logits}) {
      if (path.empty()) continue;
      const auto [earlier, fresh] = writers.emplace(path, photo);
      if (!fresh) {
        return error(Errc::invalid_argument, "'", earlier->second, "' and '", photo, "' would both write '", path,
                     "'; rename one, or give each a call of its own");
      }
      const FileId id = file_id(path);
      if (id && inputs.count(*id) != 0) {
        return error(Errc::output, path, ": is one of the files that are read; name another, or a directory with -o");
      }
    }
  }
  return {};
}

Status make_directory(const std::string& path) {
  if (path.empty() || ::mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return error(Errc::output, path, ": cannot make the directory: ", std::strerror(errno));
}

// Parses photo after photo with one workspace.
template <class Workspace>
class Session {
 public:
  Session(const Request& request, Index resolution, Workspace& workspace)
      : request_(request), resolution_(resolution), workspace_(workspace) {
    for (const std::string& path : {request.mask, request.overlay, request.logits}) {
      if (path == "/dev/stdout") report_ = stderr;
    }
  }

  std::FILE* report() const { return report_; }

  // `title` is shown in front: the photo's name, and its number where there are several.
  Status parse(const std::string& path, const std::string& title) {
    const Outputs outputs = outputs_of(request_, path);
    Stopwatch watch;
    SEGFACE_ASSIGN(photo, load_image(path));
    const double reading = watch.lap();

    Image cut;
    std::optional<Landmarks> landmarks = request_.landmarks;
    std::optional<AlignedSquare> square;
    std::optional<Box> box = request_.box;
    if (request_.align == Request::Align::helen) box = helen_box(*request_.helen, photo.width(), photo.height());
    if (request_.align == Request::Align::celeba) {
      SEGFACE_RETURN_IF_ERROR(check_landmarks(*landmarks, photo.width(), photo.height()));
      square.emplace(*landmarks);
      SEGFACE_RETURN_IF_ERROR(in_context(check_sides(square->side(), square->side(), {}), "--align"));
      SEGFACE_ASSIGN(inside, square->cut(photo.view()));
      cut = std::move(inside);
      landmarks = square->from_photo(*landmarks);
    }
    if (box) {
      SEGFACE_RETURN_IF_ERROR(in_context(check_sides(box->width, box->height, {}), "--box"));
      SEGFACE_ASSIGN(inside, crop(photo.view(), *box));
      cut = std::move(inside);
      if (landmarks) landmarks = landmarks->moved(-static_cast<double>(box->x), -static_cast<double>(box->y));
    }
    const bool is_cut = box || square;
    const ImageView face = is_cut ? cut.view() : photo.view();
    Buffer<float> logits;
    LogitsShape shape;
    SEGFACE_RETURN_IF_ERROR(run(face, landmarks, title, !outputs.logits.empty(), logits, shape));
    const double parsing = watch.lap();

    Image pasted;
    if (box) {
      SEGFACE_ASSIGN(whole, paste_labels(mask_.view(), *box, photo.width(), photo.height()));
      pasted = std::move(whole);
    }
    if (square) {
      SEGFACE_ASSIGN(whole, square->paste_labels(mask_.view(), photo.width(), photo.height()));
      pasted = std::move(whole);
    }
    const ImageView labels = is_cut ? pasted.view() : mask_.view();
    SEGFACE_RETURN_IF_ERROR(write(outputs, photo.view(), labels, logits, shape));
    print(outputs, photo.view(), title, reading, parsing, watch.lap());
    return {};
  }

 private:
  // Fills mask_, and logits where they are wanted, in a second pass.
  Status run(const ImageView& face, const std::optional<Landmarks>& landmarks, const std::string& title,
             bool with_logits, Buffer<float>& logits, LogitsShape& shape) {
    Progress progress(title);
    workspace_.on_progress([&](double done) { return progress(done); });
    if (with_logits) {
      SEGFACE_ASSIGN(expected, workspace_.logits_shape(1, resolution_, resolution_));
      shape = expected;
      SEGFACE_ASSIGN(values, Buffer<float>::make(shape.count()));
      logits = std::move(values);
    }
    return landmarks ? workspace_.parse(face, *landmarks, mask_, logits.span())
                     : workspace_.parse(face, mask_, logits.span());
  }

  Status write(const Outputs& outputs, const ImageView& photo, const ImageView& labels, const Buffer<float>& logits,
               const LogitsShape& shape) {
    constexpr auto kReplace = OutputFile::Existing::replace;
    const auto proceed = [] { return interrupted() ? error(Errc::cancelled, "interrupted") : Status(); };
    SEGFACE_RETURN_IF_ERROR(proceed());
    if (!outputs.mask.empty()) {
      SEGFACE_RETURN_IF_ERROR(save_label_png(outputs.mask, labels, mask_.dataset(), kReplace));
    }
    SEGFACE_RETURN_IF_ERROR(proceed());
    if (!outputs.overlay.empty()) {
      SEGFACE_ASSIGN(picture, overlay(photo, labels, mask_.dataset()));
      SEGFACE_RETURN_IF_ERROR(save_png(outputs.overlay, picture.view(), kReplace));
    }
    SEGFACE_RETURN_IF_ERROR(proceed());
    if (outputs.logits.empty()) return {};
    return save_npy(outputs.logits, logits.data(), {shape.classes, shape.height, shape.width}, kReplace);
  }

  void print(const Outputs& outputs, const ImageView& photo, const std::string& title, double reading, double parsing,
             double writing) const {
    std::fprintf(report_, "%s: %td x %td pixels; read in %.0f ms, parsed in %.0f ms, written in %.0f ms\n",
                 shown(title).c_str(), photo.width, photo.height, reading, parsing, writing);
    const double pixels = static_cast<double>(mask_.width() * mask_.height());
    for (Index label = 0; label < class_count(mask_.dataset()); ++label) {
      const Index count = mask_.count(static_cast<std::uint8_t>(label));
      if (count == 0) continue;
      const ClassInfo& info = classes(mask_.dataset())[static_cast<std::size_t>(label)];
      std::fprintf(report_, "  %6.2f %%  %2td  %s\n", 100 * static_cast<double>(count) / pixels, label,
                   std::string(info.name).c_str());
    }
    std::fprintf(
        report_, "  %6.2f %%  mean confidence%s\n", 100 * mask_.mean_confidence(),
        request_.align != Request::Align::none || request_.box ? "; shares are of the part that was looked at" : "");
    for (const auto& [what, path] : {std::pair<const char*, const std::string&>{"mask", outputs.mask},
                                     {"overlay", outputs.overlay},
                                     {"logits", outputs.logits}}) {
      if (!path.empty()) std::fprintf(report_, "  %s: %s\n", what, shown(path).c_str());
    }
    std::fflush(report_);  // so that it keeps its place among messages
  }

  const Request& request_;
  Index resolution_;
  Workspace& workspace_;
  Mask mask_;
  std::FILE* report_ = stdout;
};

template <class Backend>
int parse_all(const Request& request, const Backend& backend) {
  Stopwatch watch;
  Options options;
  options.threads = request.threads;
  auto parser = BasicParser<Backend>::try_load(request.weights, options, backend);
  if (!parser.ok()) return fail(explain_weights(parser.status(), request.weights), kWeights);
  auto workspace = parser->try_workspace();
  if (!workspace.ok()) return fail(workspace.status(), kLimits);
  const Status directory = make_directory(request.directory);
  if (!directory.ok()) return fail(directory, kOutput);
  Session<BasicWorkspace<Backend>> session(request, parser->info().resolution, *workspace);
  std::fprintf(session.report(), "%s: loaded in %.0f ms\n", shown(request.weights).c_str(), watch.lap());

  int code = kDone;
  std::size_t failed = 0;
  const std::size_t count = request.photos.size();
  for (std::size_t i = 0; i < count && !interrupted(); ++i) {
    const std::string& photo = request.photos[i];
    const std::string number = "[" + std::to_string(i + 1) + "/" + std::to_string(count) + "] ";
    const Status status = session.parse(photo, (count > 1 ? number : "") + photo);
    if (status.ok()) continue;
    const int failure = fail(status, kImage);
    if (code == kDone) code = failure;
    ++failed;
    if (request.fail_fast) break;
  }
  if (interrupted()) return 128 + caught_signal;
  if (failed != 0 && count > 1) std::fprintf(stderr, "segface: %zu of %zu photos failed\n", failed, count);
  return code;
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"--weights", true},
                                                  {"-o", true},
                                                  {"--mask", true},
                                                  {"--overlay", true},
                                                  {"--logits", true},
                                                  {"--box", true},
                                                  {"--landmarks", true},
                                                  {"--align", true},
                                                  {"--threads", true},
                                                  {"--backend", true},
                                                  {"--fail-fast", false}});
  if (!arguments.ok()) return misuse(kParse, arguments.status());
  const auto request = read_request(*arguments);
  if (!request.ok()) return misuse(kParse, request.status());
  const Status free = check_outputs(*request);
  if (free.code() == Errc::invalid_argument) return misuse(kParse, free);
  if (!free.ok()) return fail(free, kOutput);
  return with_backend(request->backend, [&](const auto& backend) { return parse_all(*request, backend); });
}

}  // namespace

const Command kParse = {
    "parse", "photos to masks",
    "usage: segface parse PHOTO... --weights FILE [options]\n"
    "\n"
    "Labels every pixel of photos (JPEG or PNG) and writes, for each photo,\n"
    "  NAME_mask.png     the labels: an indexed PNG of the photo's size, the value is the label\n"
    "  NAME_overlay.png  the photo with the labels' colours over it\n"
    "into the current directory. Existing results are replaced.\n"
    "\n"
    "  --weights FILE      the network; `segface convert` makes such files\n"
    "  -o DIRECTORY        where the results go; made if missing\n"
    "  --mask FILE.png     name of the mask; then only named files are written, unless -o is given too\n"
    "  --overlay FILE.png  name of the overlay\n"
    "  --logits FILE.npy   the network's output before it is resized: float32, classes x height x width\n"
    "  --box X,Y,W,H       looks only at this part of the photo; labels are 0 outside it\n"
    "  --landmarks POINTS  five points of the face, \"x,y x,y x,y x,y x,y\" in pixels of the photo: left eye,\n"
    "                      right eye, nose, left and right mouth corner, left being the picture's left; or a\n"
    "                      landmark file of LaPa or Helen. Networks trained on LaPa need them\n"
    "  --align celeba      looks only at the square that CelebAMask-HQ would cut around the landmarks;\n"
    "                      labels are 0 outside it. helen: the square of a landmark file of Helen. The\n"
    "                      default, none, looks at the whole photo\n"
    "  --threads N         0, the default, is one a processor\n"
    "  --backend NAME      cpu, the default, or reference: plain, slow, to compare with\n"
    "  --fail-fast         stops at the first photo that fails\n",
    run};

}  // namespace tool
