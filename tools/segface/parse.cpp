// segface parse: any photo to masks, overlays, logits, maps of single classes, and sheets of them.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "segface/image/file.hpp"
#include "segface/photo.hpp"

#include "backends.hpp"
#include "batch.hpp"
#include "json_line.hpp"
#include "output.hpp"
#include "outputs.hpp"
#include "parsed.hpp"
#include "request.hpp"
#include "weight_places.hpp"
#include "writing.hpp"

namespace tool {
namespace {

struct ReadPhoto {
  Result<Image> image;
  double milliseconds;
};
Result<Image> read_standard_input() {
  std::vector<std::uint8_t> bytes(std::size_t{1} << 20);
  std::size_t size = 0;
  const std::size_t most = ImageLimits().max_file_bytes;
  while (const std::size_t got = std::fread(bytes.data() + size, 1, bytes.size() - size, stdin)) {
    size += got;
    if (size > most) break;
    if (size == bytes.size()) bytes.resize(2 * size);
  }
  return decode_image({bytes.data(), size}, "standard input");
}
ReadPhoto read_photo(const std::string& path) {
  Stopwatch watch;
  auto image = path == PhotoSelection::kStandardInput ? read_standard_input() : load_image(path);
  return {std::move(image), watch.lap()};
}

template <class... Values>
std::string line(const char* format, const Values&... values) {
  char text[512];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}

// What is said of a photo that was parsed.
std::string told(const Photo& photo, const Parsed& parsed, const Outputs& outputs, const std::string& sheet,
                 double reading, double parsing, double writing, bool finds) {
  const Mask& mask = parsed.photo.mask;
  std::string text =
      shown(photo.path) + line(": %td x %td pixels; read in %.0f ms, parsed in %.0f ms, written in %.0f ms\n",
                               mask.width(), mask.height(), reading, parsing, writing);
  Index looked_at = 0;
  for (Index y = 0; y < mask.height(); ++y) {
    for_each_run(parsed.photo.coverage.view().row(y), mask.width(), [&](Index first, Index last, std::uint8_t cover) {
      if (cover != 0) looked_at += last - first;
    });
  }
  for (std::size_t i = 0; i < parsed.photo.faces.size(); ++i) {
    const ParsedFace& face = parsed.photo.faces[i];
    text += line(
        "  face %zu: %.0f x %.0f pixels at %.0f, %.0f, turned by %.0f degrees; score %.2f, mean confidence %.1f %%\n",
        i + 1, face.face.box.width, face.face.box.height, face.face.box.x, face.face.box.y, face.face.roll,
        face.face.score, 100 * face.confidence);
  }
  for (const SkippedFace& face : parsed.photo.skipped) {
    text += line("  skipped: %.0f x %.0f pixels at %.0f, %.0f: %s\n", face.box.width, face.box.height, face.box.x,
                 face.box.y, skip_reason(face.reason));
  }
  const Index outside = mask.width() * mask.height() - looked_at;
  for (Index label = 0; label < class_count(mask.dataset()); ++label) {
    const Index count = mask.count(static_cast<std::uint8_t>(label)) - (label == 0 ? outside : 0);
    if (count == 0) continue;
    const ClassInfo& info = classes(mask.dataset())[static_cast<std::size_t>(label)];
    text += line("  %6.2f %%  %2td  %s\n", 100 * static_cast<double>(count) / static_cast<double>(looked_at), label,
                 std::string(info.name).c_str());
  }
  if (looked_at != 0) {
    text += line("  %6.2f %%  mean confidence%s\n", 100 * mask.mean_confidence(),
                 outside == 0 ? ""
                 : finds      ? "; shares are of what was looked at, around the faces"
                              : "; shares are of the part that was looked at");
  }
  outputs.for_each(
      [&](const char* what, const std::string& path) { text += std::string("  ") + what + ": " + shown(path) + '\n'; });
  if (!sheet.empty()) text += "  sheet: " + shown(sheet) + '\n';
  return text;
}

// All photos of a call. Those that are parsed at a time share the networks and their threads.
template <class Backend>
class ParseCall {
 public:
  ParseCall(const Request& request, const BasicPhotoParser<Backend>& parser)
      : request_(request), parser_(parser), small_(request.photos.size()) {
    const bool to_output = [&] {
      for (const std::string& path :
           {request.mask, request.overlay, request.logits, request.coverage, request.sheet, request.out}) {
        if (path == kStandardStream || path == "/dev/stdout") return true;
      }
      return false;
    }();
    if (to_output) stream_ = stderr;
    const std::size_t count = request.photos.size();
    const auto threads = static_cast<std::size_t>(granted_threads(request.threads));
    lanes_ = std::max<std::size_t>(1, std::min({count, threads, kMostLanes}));
  }

  std::FILE* stream() const { return stream_; }

  // `first`: the first photo, where it is read already.
  int run(std::optional<ReadPhoto> first) {
    first_ = std::move(first);
    if (request_.photos.size() > 1) keep_memory();
    Batch batch(request_.photos.size(), stream_, !request_.quiet);
    int code = batch.run(lanes_, request_.fail_fast, [&](std::size_t i) { return work(i); });
    if (interrupted()) return 128 + caught_signal;
    const Status finished = write_contacts();
    return finished.ok() ? code : fail(finished, kOutput);
  }

 private:
  static constexpr std::size_t kMostLanes = 4;  // a photo of 12 megapixels takes some 100 MB on its way

  Report work(std::size_t i) {
    const Photo& photo = request_.photos[i];
    Report report;
    try {
      report.status = request_.draws_faces ? draw(photo, i, report.text) : parse(photo, i, report.text);
    } catch (const std::bad_alloc&) {
      report.status = error(Errc::out_of_memory, photo.path, ": out of memory");
    }
    if (!report.status.ok() && request_.json) report.text = json_line(photo.path, report.status) + '\n';
    return report;
  }

  ReadPhoto read(std::size_t i) {
    if (i == 0 && first_) return *std::exchange(first_, std::nullopt);
    return read_photo(request_.photos[i].path);
  }
  std::string title(const Photo& photo, std::size_t i) const {
    const std::size_t count = request_.photos.size();
    return (count > 1 ? "[" + std::to_string(i + 1) + "/" + std::to_string(count) + "] " : "") + photo.path;
  }

  Status parse(const Photo& photo, std::size_t i, std::string& text) {
    const Outputs outputs = outputs_of(request_, photo);
    if (request_.skip_existing && all_exist(outputs)) {
      if (!request_.json && !request_.quiet) text = shown(photo.path) + ": has its results, left as it is\n";
      return {};
    }
    const ReadPhoto source = read(i);
    if (!source.image.ok()) return source.image.error();
    const ImageView view = source.image->view();
    const bool one_sheet = !request_.sheet.empty() && request_.photos.size() == 1;
    const bool logits = !outputs.logits.empty() || !outputs.probabilities.empty();
    Stopwatch watch;
    std::optional<Progress> progress;
    if (request_.photos.size() == 1 && !request_.quiet) progress.emplace(photo.path);
    SEGFACE_ASSIGN(parsed, parse_photo(parser_, request_, view, logits, one_sheet,
                                       [&](double share) { return progress ? (*progress)(share) : !interrupted(); }));
    progress.reset();
    const double parsing = watch.lap();
    const Writer writer(request_, parsed.photo.mask.dataset(), lanes_ == 1 && request_.threads != 1);
    SEGFACE_RETURN_IF_ERROR(writer.write(outputs, view, parsed));
    if (one_sheet) SEGFACE_RETURN_IF_ERROR(writer.write_sheet(view, parsed));
    if (!request_.sheet.empty() && !one_sheet) SEGFACE_RETURN_IF_ERROR(keep_small(photo, i, view, parsed));
    if (request_.finds_faces() && parsed.photo.faces.empty() && !request_.json) {
      std::fprintf(stderr, "segface: %s: no face was found%s\n", shown(photo.path).c_str(),
                   parsed.photo.skipped.empty() ? "" : " that counts");
    }
    if (request_.json) {
      WrittenFiles written;
      outputs.for_each([&](const char* what, const std::string& path) { written.push_back({what, path}); });
      text = json_line(photo.path, parsed.photo, written) + '\n';
    } else if (!request_.quiet) {
      Photo named = photo;
      named.path = title(photo, i);
      text = told(named, parsed, outputs, one_sheet ? request_.sheet : std::string(), source.milliseconds, parsing,
                  watch.lap(), request_.finds_faces());
    }
    return {};
  }

  // Boxes and points instead of labels.
  Status draw(const Photo& photo, std::size_t i, std::string& text) {
    const Outputs outputs = outputs_of(request_, photo);
    if (request_.skip_existing && all_exist(outputs)) return {};
    const ReadPhoto source = read(i);
    if (!source.image.ok()) return source.image.error();
    SEGFACE_ASSIGN(faces, parser_.finder().find(source.image->view(), request_.find));
    SEGFACE_ASSIGN(picture, draw_faces(source.image->view(), {faces.found.data(), faces.found.size()}));
    SEGFACE_RETURN_IF_ERROR(save_picture(outputs.faces, picture.view()));
    ParsedPhoto known;
    SEGFACE_RETURN_IF_ERROR(known.mask.resize(Dataset::celeb, picture.width(), picture.height()));
    for (const Face& face : faces.found) known.faces.push_back({face, 0, {}});
    known.skipped = std::move(faces.skipped);
    if (request_.json) {
      text = json_line(photo.path, known, {{"faces", outputs.faces}}) + '\n';
    } else if (!request_.quiet) {
      text = shown(title(photo, i)) + line(": %zu faces\n", known.faces.size()) + "  faces: " + shown(outputs.faces) +
             '\n';
    }
    return {};
  }

  // A contact sheet is about as wide as it is high, and at most some 4000 pixels.
  Index columns() const {
    return static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(request_.photos.size()))));
  }
  Status keep_small(const Photo& photo, std::size_t i, const ImageView& view, const Parsed& parsed) {
    SEGFACE_ASSIGN(mixed, overlay(view, parsed.photo.mask.view(), parsed.photo.mask.dataset()));
    SEGFACE_ASSIGN(small, shrink(mixed.view(), std::clamp<Index>(4000 / columns(), 48, 240)));
    small_[i] = Panel{base_name(photo.path), std::move(small)};
    return {};
  }
  // The contact sheet of the photos that were parsed, where one is wanted.
  Status write_contacts() {
    std::vector<Panel> panels;
    for (std::optional<Panel>& panel : small_) {
      if (panel) panels.push_back(std::move(*panel));
    }
    if (panels.empty()) return {};
    SEGFACE_ASSIGN(picture, grid({panels.data(), panels.size()}, columns()));
    SEGFACE_RETURN_IF_ERROR(save_png(request_.sheet, picture.view()));
    if (!request_.quiet && !request_.json) std::fprintf(stream_, "sheet: %s\n", shown(request_.sheet).c_str());
    return {};
  }

  const Request& request_;
  const BasicPhotoParser<Backend>& parser_;
  std::vector<std::optional<Panel>> small_;  // overlays of several photos
  std::optional<ReadPhoto> first_;
  std::FILE* stream_ = stdout;
  std::size_t lanes_ = 1;
};

Status make_folders(const Request& request) {
  std::string last;
  for (const Photo& photo : request.photos) {
    if (photo.folder.empty() || photo.folder == last) continue;
    last = photo.folder;
    // One level after the other, from where the photos' or the named folder is.
    for (std::size_t at = photo.folder.find_first_of(kPathSeparators, 1); at != std::string::npos;
         at = photo.folder.find_first_of(kPathSeparators, at + 1)) {
      const std::string level = photo.folder.substr(0, at);
      if (!is_directory(level)) SEGFACE_RETURN_IF_ERROR(make_directory(level));
    }
  }
  return {};
}

template <class Backend>
int parse_all(Request request) {
  Stopwatch watch;
  Options options;
  options.threads = request.threads;
  options.precision = request.precision;
  std::optional<ReadPhoto> first;
  const bool reads_beside = request.threads != 1 && !request.photos.empty();
  Beside reading(reads_beside, [&] {
    if (reads_beside) first = read_photo(request.photos[0].path);  // while the weights are loaded
  });
  BasicParser<Backend> parser;
  if (!request.draws_faces) {
    auto loaded = load<BasicParser, Backend>(request.weights, options);
    if (!loaded.ok()) return fail(explain_weights(loaded.error(), request.weights), kWeights);
    parser = std::move(*loaded);
    const Status classes = find_classes(request, parser.info().dataset);
    if (!classes.ok()) return misuse(kParse, classes);
  }
  BasicFinder<Backend> finder;
  if (request.finds_faces()) {
    auto loaded = load<BasicFinder, Backend>(request.finder, options);
    if (!loaded.ok()) return fail(loaded.error(), kWeights);
    finder = std::move(*loaded);
  }
  const Status outputs = check_outputs(request, {request.weights, request.finder, request.background_file});
  if (outputs.code() == Errc::invalid_argument) return misuse(kParse, outputs);
  if (!outputs.ok()) return fail(outputs, kOutput);
  const Status folders = make_folders(request);
  if (!folders.ok()) return fail(folders, kOutput);
  const auto photo_parser = BasicPhotoParser<Backend>::make(std::move(finder), std::move(parser));
  if (!photo_parser.ok()) return fail(photo_parser.error(), kLimits);
  ParseCall<Backend> call(request, *photo_parser);
  if (!request.quiet && !request.json) {
    const std::string& file = request.draws_faces ? request.finder : request.weights;
    std::fprintf(call.stream(), "%s: loaded in %.0f ms\n", shown(file).c_str(), watch.lap());
  }
  reading.join();
  return call.run(std::move(first));
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"--weights", true},
                                                  {"--finder", true},
                                                  {"-o", true},
                                                  {"--out", true},
                                                  {"--mask", true},
                                                  {"--overlay", true},
                                                  {"--logits", true},
                                                  {"--coverage", true},
                                                  {"--sheet", true},
                                                  {"--classes", true},
                                                  {"--cutout", true},
                                                  {"--background", true},
                                                  {"--matte", true},
                                                  {"--matte-bits", true},
                                                  {"--refine", false},
                                                  {"--probabilities", false},
                                                  {"--legend", false},
                                                  {"--gray", false},
                                                  {"--numbering", true},
                                                  {"--json", false},
                                                  {"-q", false},
                                                  {"--force", false},
                                                  {"--skip-existing", false},
                                                  {"--list", true},
                                                  {"--recursive", false},
                                                  {"--shard", true},
                                                  {"--faces", false},
                                                  {"--most", true},
                                                  {"--smallest", true},
                                                  {"--threshold", true},
                                                  {"--turns", true},
                                                  {"--small-faces", false},
                                                  {"--surroundings", false},
                                                  {"--whole", false},
                                                  {"--box", true},
                                                  {"--square", true},
                                                  {"--landmarks", true},
                                                  {"--align", true},
                                                  {"--threads", true},
                                                  {"--backend", true},
                                                  {"--precision", true},
                                                  {"--fail-fast", false}});
  if (!arguments.ok()) return misuse(kParse, arguments.error());
  auto request = read_request(*arguments);
  if (!request.ok()) {
    return request.error().code() == Errc::invalid_argument ? misuse(kParse, request.error())
                                                            : fail(request.error(), kImage);
  }
  const Status built = check_built(request->backend);
  if (!built.ok()) return fail(built, kNoDevice);
  const Status weights = find_weight_files(*request);
  if (!weights.ok()) return misuse(kParse, weights);
  // Asked again once the classes, and so their files, are known.
  const Status free = check_outputs(*request, {request->weights, request->finder, request->background_file});
  if (free.code() == Errc::invalid_argument) return misuse(kParse, free);
  if (!free.ok()) return fail(free, kOutput);
  return with_backend(request->backend,
                      [&](auto type) { return parse_all<typename decltype(type)::Backend>(std::move(*request)); });
}

}  // namespace

const Command kParse = {
    "parse", "any photo to masks",
    "usage: segface parse PHOTO... [options]\n"
    "\n"
    "Finds every face of a photo (JPEG or PNG), labels its pixels, and writes, for each photo,\n"
    "  NAME_mask.png     the labels: an indexed PNG of the photo's size, the value is the label\n"
    "  NAME_overlay.png  the photo with the labels' colours over it; NAME_overlay.jpg of a JPEG, where this\n"
    "                    program was built with libjpeg-turbo\n"
    "into the current directory. PHOTO may be a folder, whose results go to FOLDER/segface, or -, standard\n"
    "input. A photo without faces is no failure: its mask is 0 everywhere.\n"
    "\n"
    "  --weights FILE      the network; else what SEGFACE_WEIGHTS names, else the demonstration's\n"
    "  -o DIRECTORY        where the results go; made if missing\n"
    "  --force             replaces existing results; without it nothing is begun where there are some\n"
    "  --classes LIST      NAME_CLASS.png besides, 255 where the class is and 0 elsewhere: classes by name,\n"
    "                      label or group, as hair,lips or image-left-eye,16, or all; `segface info` has their\n"
    "                      names, groups are face, brows, eyes, ears, lips and mouth\n"
    "  --cutout LIST       NAME_cutout.png, these classes of the photo and nothing else: RGBA, alpha soft at edges\n"
    "  --sheet FILE.png    photo, labels, overlay and confidence side by side with a legend; of several photos,\n"
    "                      all their overlays. Only named files are written then, unless -o is given\n"
    "  --json              a line of JSON a photo instead of text: faces, classes, files\n"
    "  --faces             NAME_faces.png, the faces found, drawn over the photo; nothing is parsed\n"
    "  --whole             looks at the whole photo instead of finding faces: for portraits, as networks are\n"
    "                      trained on\n"
    "  --threads N         0, the default, is all that this process may keep busy, and the most\n",
    "\n"
    "Files\n"
    "  --mask FILE.png     name of the mask; then only named files are written, unless -o is given too; -,\n"
    "                      standard output\n"
    "  --overlay FILE.png  name of the overlay; FILE.jpg, where built with libjpeg-turbo, is a JPEG\n"
    "  --out FILE.png      name of the only result, that of --cutout, --faces, or one class or matte\n"
    "  --coverage FILE.png 255 where a face was looked at, 128 in its surroundings, 0 where the mask says nothing\n"
    "  --logits FILE.npy   the network's output of one part before it is resized: float32, classes x height x\n"
    "                      width; of a face, --box or --align brought back to the photo's size, 0 for the\n"
    "                      background and -10000 for the other classes outside\n"
    "  --probabilities     NAME_CLASS_probability.png of the classes of --classes, or of all, of one part: 0 is\n"
    "                      0 %, 255 is 100 %\n"
    "  --legend            names and shares of the classes beside the overlay\n"
    "  --gray              the mask as a gray PNG, for OpenCV, which reads the colours of an indexed one\n"
    "  --numbering NAME    numbers of the mask's labels: celeb and lapa are the networks' own, celebamask is\n"
    "                      CelebAMask-HQ's, bisenet that of most other programs\n"
    "  -q                  says nothing but failures\n"
    "Edges\n"
    "  --matte LIST        NAME_matte_CLASS.png, how much of each pixel is of these classes, 0 to 255, along the\n"
    "                      photo's own edges, strands of hair too\n"
    "  --matte-bits 16     the same from 0 to 65535; 8 is the default\n"
    "  --background NAME   the cutout before a colour, as white, black, gray or 30a0ff, or before the middle of a\n"
    "                      picture: RGB\n"
    "  --refine            labels along the photo's edges too; without it they are the network's own\n"
    "Photos\n"
    "  --list FILE         photos besides, a path a line\n"
    "  --recursive         folders within folders too\n"
    "  --skip-existing     leaves out photos that have their results\n"
    "  --shard I/N         only the I-th of N parts of the photos, for several machines\n"
    "  --fail-fast         stops at the first photo that fails\n"
    "Faces\n"
    "  --finder FILE       the finder's networks; else finder.safetensors beside the weights or this program\n"
    "  --most N            at most so many faces, the largest; 255, which is the most, unless said otherwise\n"
    "  --smallest PIXELS   leaves out smaller faces\n"
    "  --threshold PERCENT score from which a face counts, 60 unless said otherwise\n"
    "  --turns 1           looks for heads that are about upright only, in less time; 4, the default, for all\n"
    "  --small-faces       looks at the photo in its own size too\n"
    "  --surroundings      looks around each face too, so that hair and clothes do not end at its square\n"
    "A part by hand, instead of finding faces\n"
    "  --box X,Y,W,H       looks only at this part of the photo; labels are 0 outside it\n"
    "  --square PERCENT    makes the box a square around its middle, whose side is so much of the box's longer\n"
    "                      one: a detector's box is cut close to the face, and 150 or 200 show all of the head\n"
    "  --landmarks POINTS  five points of the face, \"x,y x,y x,y x,y x,y\" in pixels of the photo: left eye,\n"
    "                      right eye, nose, left and right mouth corner, left being the picture's left; or a\n"
    "                      file of five points, or one of LaPa or Helen\n"
    "  --align celeba      looks only at the square that CelebAMask-HQ would cut around the landmarks;\n"
    "                      labels are 0 outside it. helen: the square of a landmark file of Helen. The\n"
    "                      default, none, looks at the whole photo\n"
    "Processor\n"
    "  --backend NAME      cpu, the default; cuda, an NVIDIA GPU, where built with it (exit code 7: no GPU), and\n"
    "                      cuda-f16, the same with numbers of 16 bits; reference: plain, slow, to compare with\n"
    "  --precision NAME    what products are of, with the cpu backend: f32, the default; bf16 and int8 are faster\n"
    "                      where the processor has instructions for them, and some pixels at borders of classes\n"
    "                      change; auto, the fastest that the weight file's recipe allows: segface help quantize\n",
    run};

}  // namespace tool
