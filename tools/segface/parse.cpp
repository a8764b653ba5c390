// segface parse: photos to masks, overlays, logits, maps of single classes, and sheets of them.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "segface/faces/label_png.hpp"
#include "segface/faces/probability.hpp"
#include "segface/faces/region.hpp"
#include "segface/faces/render.hpp"
#include "segface/faces/sheet.hpp"
#include "segface/image/file.hpp"
#include "segface/segface.hpp"
#if defined(SEGFACE_WITH_LIBJPEG)
#include "segface/image/jpeg_write.hpp"
#endif

#include "backends.hpp"
#include "beside.hpp"
#include "npy.hpp"
#include "output.hpp"
#include "request.hpp"

namespace tool {
namespace {

// A logit whose class has no share.
constexpr float kImpossible = -10000.0f;

// The part of a photo that the request asks for.
Result<Region> region_of(const Request& request, const ImageView& photo) {
  const auto hinted = [](Result<Region> region, const char* option) -> Result<Region> {
    if (!region.ok() && region.error().code() == Errc::limit_exceeded) return in_context(region.error(), option);
    return region;
  };
  if (request.box) return hinted(Region::box(*request.box, photo.width, photo.height), "--box");
  switch (request.align) {
    case Request::Align::celeba:
      return hinted(Region::aligned(*request.landmarks, photo.width, photo.height), "--align");
    case Request::Align::helen:
      return hinted(Region::helen(*request.helen, photo.width, photo.height), "--align");
    case Request::Align::none:
      break;
  }
  return Region::whole(photo.width, photo.height);
}

// 255 where a label is, 0 elsewhere.
Result<Image> pixels_of_class(const ImageView& labels, std::uint8_t label) {
  SEGFACE_ASSIGN(picture, Image::make(labels.width, labels.height, PixelOrder::gray));
  for (Index y = 0; y < labels.height; ++y) {
    std::transform(labels.row(y), labels.row(y) + labels.width, picture.row(y),
                   [&](std::uint8_t value) { return value == label ? std::uint8_t{255} : std::uint8_t{0}; });
  }
  return std::move(picture);
}

// An RGB picture whose row y is written by row(y, out); PNG or JPEG, by the ending of the path.
template <class Row>
Status save_rows(const std::string& path, Index width, Index height, const Row& row) {
#if defined(SEGFACE_WITH_LIBJPEG)
  if (is_jpeg_name(path)) {
    const auto file = encode_jpeg(width, height, row);
    return file.ok() ? save_file(path, file->span()) : in_context(file.error(), path);
  }
#endif
  SEGFACE_ASSIGN(picture, Image::make(width, height, PixelOrder::rgb));
  for (Index y = 0; y < height; ++y) row(y, picture.row(y));
  return save_png(path, picture.view());
}

struct ReadPhoto {
  Result<Image> image;
  double milliseconds;
};
ReadPhoto read_photo(const std::string& path) noexcept {
  Stopwatch watch;
  auto image = load_image(path);
  return {std::move(image), watch.lap()};
}

// Parses photo after photo with one workspace.
template <class Workspace>
class Session {
 public:
  Session(const Request& request, const NetworkInfo& info, Workspace& workspace)
      : request_(request), dataset_(info.dataset), resolution_(info.resolution), workspace_(workspace) {
    for (const std::string& path : {request.mask, request.overlay, request.logits, request.sheet}) {
      if (path == "/dev/stdout") report_ = stderr;
    }
  }

  std::FILE* report() const { return report_; }

  // `title` is shown in front: the photo's name, and its number where there are several.
  Status parse(const std::string& path, const std::string& title, const ReadPhoto& read) {
    if (!read.image.ok()) return read.image.error();
    const ImageView photo = read.image->view();
    const Outputs outputs = outputs_of(request_, path);
    const bool one_sheet = !request_.sheet.empty() && request_.photos.size() == 1;
    Stopwatch watch;
    SEGFACE_ASSIGN(region, region_of(request_, photo));
    Image cut, pasted;
    SEGFACE_ASSIGN(part, region.cut(photo, cut));
    Buffer<float> logits;
    LogitsShape shape;
    const bool with_logits = !outputs.logits.empty() || one_sheet || request_.probabilities;
    SEGFACE_RETURN_IF_ERROR(run(region, part, title, with_logits, logits, shape));
    const double parsing = watch.lap();

    SEGFACE_ASSIGN(labels, region.paste_labels(mask_.view(), pasted));
    SEGFACE_RETURN_IF_ERROR(write_labels(outputs, photo, labels));
    if (one_sheet || request_.probabilities) {
      SEGFACE_RETURN_IF_ERROR(write_maps(outputs, region, photo, labels, logits, shape, one_sheet));
    }
    if (!outputs.logits.empty()) {
      SEGFACE_RETURN_IF_ERROR(write_logits(outputs.logits, region, photo.width, photo.height, logits, shape));
    }
    if (!request_.sheet.empty() && !one_sheet) {
      SEGFACE_ASSIGN(mixed, overlay(photo, labels, dataset_));
      SEGFACE_ASSIGN(small, shrink(mixed.view(), thumbnail_side()));
      contacts_.push_back({base_name(path), std::move(small)});
    }
    print(outputs, photo, title, read.milliseconds, parsing, watch.lap());
    return {};
  }

  // The contact sheet of the photos that were parsed, where one is wanted.
  Status finish() const {
    if (contacts_.empty()) return {};
    SEGFACE_ASSIGN(picture, grid({contacts_.data(), contacts_.size()}, columns()));
    SEGFACE_RETURN_IF_ERROR(save_png(request_.sheet, picture.view(), kReplace));
    std::fprintf(report_, "sheet: %s\n", shown(request_.sheet).c_str());
    return {};
  }

 private:
  static constexpr auto kReplace = OutputFile::Existing::replace;

  static Status proceed() { return interrupted() ? error(Errc::cancelled, "interrupted") : Status(); }

  // A contact sheet is about as wide as it is high, and at most some 4000 pixels.
  Index columns() const {
    return static_cast<Index>(std::ceil(std::sqrt(static_cast<double>(request_.photos.size()))));
  }
  Index thumbnail_side() const { return std::clamp<Index>(4000 / columns(), 48, 240); }

  // Fills mask_, and logits where they are wanted.
  Status run(const Region& region, const ImageView& part, const std::string& title, bool with_logits,
             Buffer<float>& logits, LogitsShape& shape) {
    Progress progress(title);
    workspace_.on_progress([&](double done) { return progress(done); });
    if (with_logits) {
      SEGFACE_ASSIGN(expected, workspace_.logits_shape(1, resolution_, resolution_));
      shape = expected;
      SEGFACE_ASSIGN(values, Buffer<float>::make(shape.count()));
      logits = std::move(values);
    }
    return request_.landmarks ? workspace_.parse(part, region.from_photo(*request_.landmarks), mask_, logits.span())
                              : workspace_.parse(part, mask_, logits.span());
  }

  // Mask and overlay side by side.
  Status write_labels(const Outputs& outputs, const ImageView& photo, const ImageView& labels) const {
    SEGFACE_RETURN_IF_ERROR(proceed());
    Status mask;
    Beside masking(request_.threads != 1 && !outputs.mask.empty() && !outputs.overlay.empty(), [&] {
      if (outputs.mask.empty()) return;
      mask = request_.gray ? save_png(outputs.mask, labels) : save_label_png(outputs.mask, labels, dataset_);
    });
    const Status overlaid = outputs.overlay.empty() ? Status() : write_overlay(outputs.overlay, photo, labels);
    masking.join();
    SEGFACE_RETURN_IF_ERROR(std::move(mask));
    SEGFACE_RETURN_IF_ERROR(overlaid);
    for (std::size_t i = 0; i < outputs.masks.size(); ++i) {
      SEGFACE_RETURN_IF_ERROR(proceed());
      SEGFACE_ASSIGN(picture, pixels_of_class(labels, request_.classes[i].label));
      SEGFACE_RETURN_IF_ERROR(save_png(outputs.masks[i], picture.view(), kReplace));
    }
    return proceed();
  }

  Status write_overlay(const std::string& path, const ImageView& photo, const ImageView& labels) const {
    if (request_.legend) {
      SEGFACE_ASSIGN(picture, overlay_with_legend(photo, labels, dataset_));
      return save_rows(path, picture.width(), picture.height(),
                       [&](Index y, std::uint8_t* out) { picture.view().rgb_row(y, out); });
    }
    SEGFACE_ASSIGN(mixed, Overlay::make(photo, labels, dataset_));
    return save_rows(path, mixed.width(), mixed.height(), [&](Index y, std::uint8_t* out) { mixed.row(y, out); });
  }

  // Probabilities of the classes, and the sheet with that of the winner.
  Status write_maps(const Outputs& outputs, const Region& region, const ImageView& photo, const ImageView& labels,
                    const Buffer<float>& logits, const LogitsShape& shape, bool with_sheet) const {
    const Index width = region.width(), height = region.height();
    SEGFACE_ASSIGN(
        maps, ProbabilityMaps::make(LogitsView<float>::planes(logits.data(), shape.classes, shape.width, shape.height),
                                    width, height));
    SEGFACE_ASSIGN(inside, Buffer<float>::make(static_cast<std::size_t>(width * height)));
    SEGFACE_ASSIGN(whole,
                   Buffer<float>::make(region.is_whole() ? 0 : static_cast<std::size_t>(labels.width * labels.height)));
    const Span<const float> shares = region.is_whole() ? inside.span() : whole.span();
    // What lies outside the part is background for certain.
    const auto paste = [&](float outside) -> Status {
      if (region.is_whole()) return {};
      return region.paste_plane({inside.data(), width, height}, outside, whole.span());
    };
    for (std::size_t i = 0; i < outputs.probabilities.size(); ++i) {
      SEGFACE_RETURN_IF_ERROR(proceed());
      SEGFACE_RETURN_IF_ERROR(maps.of(request_.classes[i].label, inside.span()));
      SEGFACE_RETURN_IF_ERROR(paste(request_.classes[i].label == 0 ? 1.0f : 0.0f));
      SEGFACE_ASSIGN(picture, gray_of_shares(shares, labels.width, labels.height));
      SEGFACE_RETURN_IF_ERROR(save_png(outputs.probabilities[i], picture.view(), kReplace));
    }
    if (!with_sheet) return proceed();
    SEGFACE_RETURN_IF_ERROR(maps.of_winner(inside.span()));
    SEGFACE_RETURN_IF_ERROR(paste(1.0f));
    SEGFACE_ASSIGN(picture, sheet(photo, labels, dataset_, shares));
    return save_png(request_.sheet, picture.view(), kReplace);
  }

  // The logits of a part become those of the photo: outside, background is certain.
  static Status write_logits(const std::string& path, const Region& region, Index width, Index height,
                             const Buffer<float>& logits, const LogitsShape& shape) {
    if (region.is_whole()) return save_npy(path, logits.data(), {shape.classes, shape.height, shape.width}, kReplace);
    const auto pixels = static_cast<std::size_t>(width * height);
    SEGFACE_ASSIGN(values, Buffer<float>::make(static_cast<std::size_t>(shape.classes) * pixels));
    for (Index c = 0; c < shape.classes; ++c) {
      const PlaneView plane = {logits.data() + c * shape.height * shape.width, shape.width, shape.height};
      const Span<float> out = values.span().subspan(static_cast<std::size_t>(c) * pixels, pixels);
      SEGFACE_RETURN_IF_ERROR(region.paste_plane(plane, c == 0 ? 0.0f : kImpossible, out));
    }
    return save_npy(path, values.data(), {shape.classes, height, width}, kReplace);
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
    for (const auto* paths : {&outputs.masks, &outputs.probabilities}) {
      for (const std::string& written : *paths) std::fprintf(report_, "  class: %s\n", shown(written).c_str());
    }
    if (!request_.sheet.empty() && contacts_.empty()) {
      std::fprintf(report_, "  sheet: %s\n", shown(request_.sheet).c_str());
    }
    std::fflush(report_);  // so that it keeps its place among messages
  }

  const Request& request_;
  Dataset dataset_;
  Index resolution_;
  Workspace& workspace_;
  Mask mask_;
  std::vector<Panel> contacts_;  // small overlays of several photos
  std::FILE* report_ = stdout;
};

template <class Backend>
int parse_all(Request request) {
  Stopwatch watch;
  Options options;
  options.threads = request.threads;
  std::optional<ReadPhoto> read;
  Beside reading(request.threads != 1, [&] { read = read_photo(request.photos[0]); });  // while the weights are loaded
  auto parser = load<Backend>(request.weights, options);
  if (!parser.ok()) return fail(explain_weights(parser.error(), request.weights), kWeights);
  const NetworkInfo& info = parser->info();
  Status classes = find_classes(request, info.dataset);
  if (classes.ok()) classes = check_outputs(request);
  if (classes.code() == Errc::invalid_argument) return misuse(kParse, classes);
  if (!classes.ok()) return fail(classes, kOutput);
  auto workspace = parser->workspace();
  if (!workspace.ok()) return fail(workspace.error(), kLimits);
  const Status directory = request.directory.empty() ? Status() : make_directory(request.directory);
  if (!directory.ok()) return fail(directory, kOutput);
  Session<BasicWorkspace<Backend>> session(request, info, *workspace);
  std::fprintf(session.report(), "%s: loaded in %.0f ms\n", shown(request.weights).c_str(), watch.lap());

  int code = kDone;
  std::size_t failed = 0;
  const std::size_t count = request.photos.size();
  for (std::size_t i = 0; i < count && !interrupted(); ++i) {
    const std::string& photo = request.photos[i];
    if (i == 0) {
      reading.join();
    } else {
      read.reset();  // one photo at a time
      read = read_photo(photo);
    }
    const std::string number = "[" + std::to_string(i + 1) + "/" + std::to_string(count) + "] ";
    const Status status = session.parse(photo, (count > 1 ? number : "") + photo, *read);
    if (status.ok()) continue;
    const int failure = fail(status, kImage);
    if (code == kDone) code = failure;
    ++failed;
    if (request.fail_fast) break;
  }
  if (interrupted()) return 128 + caught_signal;
  const Status finished = session.finish();
  if (!finished.ok()) code = fail(finished, kOutput);
  if (failed != 0 && count > 1) std::fprintf(stderr, "segface: %zu of %zu photos failed\n", failed, count);
  return code;
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(words, {{"--weights", true},
                                                  {"-o", true},
                                                  {"--mask", true},
                                                  {"--overlay", true},
                                                  {"--logits", true},
                                                  {"--sheet", true},
                                                  {"--classes", true},
                                                  {"--probabilities", false},
                                                  {"--legend", false},
                                                  {"--gray", false},
                                                  {"--whole", false},
                                                  {"--box", true},
                                                  {"--square", true},
                                                  {"--landmarks", true},
                                                  {"--align", true},
                                                  {"--threads", true},
                                                  {"--backend", true},
                                                  {"--fail-fast", false}});
  if (!arguments.ok()) return misuse(kParse, arguments.error());
  const auto request = read_request(*arguments);
  if (!request.ok()) return misuse(kParse, request.error());
  const Status built = check_built(request->backend);
  if (!built.ok()) return fail(built, kNoDevice);
  const Status free = check_outputs(*request);  // asked again once the classes, and so their files, are known
  if (free.code() == Errc::invalid_argument) return misuse(kParse, free);
  if (!free.ok()) return fail(free, kOutput);
  return with_backend(request->backend,
                      [&](auto type) { return parse_all<typename decltype(type)::Backend>(*request); });
}

}  // namespace

const Command kParse = {
    "parse", "photos to masks",
    "usage: segface parse PHOTO... --weights FILE [options]\n"
    "\n"
    "Labels every pixel of photos (JPEG or PNG) and writes, for each photo,\n"
    "  NAME_mask.png     the labels: an indexed PNG of the photo's size, the value is the label\n"
    "  NAME_overlay.png  the photo with the labels' colours over it; NAME_overlay.jpg of a JPEG, where this\n"
    "                    program was built with libjpeg-turbo\n"
    "into the current directory. Existing results are replaced.\n"
    "\n"
    "  --weights FILE      the network; `segface convert` makes such files\n"
    "  -o DIRECTORY        where the results go; made if missing\n"
    "  --mask FILE.png     name of the mask; then only named files are written, unless -o is given too\n"
    "  --overlay FILE.png  name of the overlay; FILE.jpg, where built with libjpeg-turbo, is a JPEG\n"
    "  --logits FILE.npy   the network's output before it is resized: float32, classes x height x width;\n"
    "                      with --box or --align brought back to the photo's size, 0 for the background\n"
    "                      and -10000 for the other classes outside the part that was looked at\n"
    "  --sheet FILE.png    photo, labels, overlay and confidence side by side with a legend of the classes;\n"
    "                      of several photos, all their overlays. Like --mask: only named files, unless -o\n"
    "  --classes LIST      NAME_CLASS.png besides, 255 where the class is and 0 elsewhere: classes by name or\n"
    "                      label, as hair,skin or image-left-eye,16, or all; `segface info` has the names\n"
    "  --probabilities     NAME_CLASS_probability.png of these classes, or of all: 0 is 0 %, 255 is 100 %\n"
    "  --legend            names and shares of the classes beside the overlay\n"
    "  --gray              the mask as a gray PNG, for OpenCV, which reads the colours of an indexed one\n"
    "  --whole             looks at the whole photo, as a network does that was trained on such photos; the\n"
    "                      default as long as none of the options below picks a part\n"
    "  --box X,Y,W,H       looks only at this part of the photo; labels are 0 outside it\n"
    "  --square PERCENT    makes the box a square around its middle, whose side is so much of the box's longer\n"
    "                      one: a detector's box is cut close to the face, and 150 or 200 show all of the head\n"
    "  --landmarks POINTS  five points of the face, \"x,y x,y x,y x,y x,y\" in pixels of the photo: left eye,\n"
    "                      right eye, nose, left and right mouth corner, left being the picture's left; or a\n"
    "                      file of five points, or one of LaPa or Helen. Networks trained on LaPa need them\n"
    "  --align celeba      looks only at the square that CelebAMask-HQ would cut around the landmarks;\n"
    "                      labels are 0 outside it. helen: the square of a landmark file of Helen. The\n"
    "                      default, none, looks at the whole photo\n"
    "  --threads N         0, the default, is all that this process may keep busy, and the most\n"
    "  --backend NAME      cpu, the default; cuda, an NVIDIA GPU, where built with it (exit code 7: no GPU), and\n"
    "                      cuda-f16, the same with numbers of 16 bits; reference: plain, slow, to compare with\n"
    "  --fail-fast         stops at the first photo that fails\n",
    run};

}  // namespace tool
