// segface parse: photos to masks, overlays and logits.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "segface/image/align.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/file.hpp"
#include "segface/image/render.hpp"
#include "segface/segface.hpp"

#include "backends.hpp"
#include "npy.hpp"
#include "output.hpp"
#include "request.hpp"

namespace tool {
namespace {

Status make_directory(const std::string& path) {
  if (path.empty() || ::mkdir(path.c_str(), 0777) == 0 || errno == EEXIST) return {};
  return error(Errc::output, path, ": cannot make the directory: ", std::strerror(errno));
}

// A logit whose class has no share.
constexpr float kImpossible = -10000.0f;

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
    if (is_cut && logits.size() != 0) {
      SEGFACE_RETURN_IF_ERROR(paste_logits(box, square, photo.width(), photo.height(), logits, shape));
    }
    const ImageView labels = is_cut ? pasted.view() : mask_.view();
    SEGFACE_RETURN_IF_ERROR(write(outputs, photo.view(), labels, logits, shape));
    print(outputs, photo.view(), title, reading, parsing, watch.lap());
    return {};
  }

 private:
  // Fills mask_, and logits where they are wanted.
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

  // The logits of a cut become those of the photo: outside the cut, background is certain.
  static Status paste_logits(const std::optional<Box>& box, const std::optional<AlignedSquare>& square, Index width,
                             Index height, Buffer<float>& logits, LogitsShape& shape) {
    const LogitsShape whole = {1, shape.classes, height, width};
    const auto pixels = static_cast<std::size_t>(width * height);
    SEGFACE_ASSIGN(values, Buffer<float>::make(whole.count()));
    for (Index c = 0; c < shape.classes; ++c) {
      const PlaneView plane = {logits.data() + c * shape.height * shape.width, shape.width, shape.height};
      const Span<float> out = values.span().subspan(static_cast<std::size_t>(c) * pixels, pixels);
      const float outside = c == 0 ? 0.0f : kImpossible;
      SEGFACE_RETURN_IF_ERROR(box ? paste_plane(plane, *box, outside, width, height, out)
                                  : square->paste_plane(plane, outside, width, height, out));
    }
    logits = std::move(values);
    shape = whole;
    return {};
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
                                                  {"--square", true},
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
    "  --logits FILE.npy   the network's output before it is resized: float32, classes x height x width;\n"
    "                      with --box or --align brought back to the photo's size, 0 for the background\n"
    "                      and -10000 for the other classes outside the part that was looked at\n"
    "  --box X,Y,W,H       looks only at this part of the photo; labels are 0 outside it\n"
    "  --square PERCENT    makes the box a square around its middle, whose side is so much of the box's longer\n"
    "                      one: a detector's box is cut close to the face, and 150 or 200 show all of the head\n"
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
