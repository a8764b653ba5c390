// segface video: the frames of a video, their labels, mattes or cutouts, or the labels' colours over them.
#include "segface/video.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "segface/faces/label_png.hpp"
#include "segface/faces/render.hpp"
#include "segface/faces/sheet.hpp"
#include "segface/image/cutout.hpp"

#include "backends.hpp"
#include "background.hpp"
#include "commands.hpp"
#include "output.hpp"
#include "outputs.hpp"
#include "request.hpp"
#include "video_files.hpp"
#include "weight_places.hpp"

namespace tool {
namespace {

enum class Shows { overlay, labels, matte, cutout };

struct VideoRequest {
  Request common;  // weights, finding, processor
  std::string input = PhotoSelection::kStandardInput, output;
  Shows shows = Shows::overlay;
  std::string class_names;    // of the matte or the cutout
  std::uint32_t classes = 0;  // the same as labels; known once the network is
  TrackOptions track;
  double rate = 0;  // 0: the stream's
  std::optional<ColorMatrix> matrix;
};

// "25", "29.97" or "30000/1001".
Result<double> read_number(const Arguments& arguments, const std::string& option, double least, double most,
                           const char* expected) {
  const std::string text = arguments.value(option);
  char* end = nullptr;
  double number = std::strtod(text.c_str(), &end);
  if (end != text.c_str() && *end == '/') {
    const char* const below = end + 1;
    number /= std::strtod(below, &end);
    if (end == below) number = -1;
  }
  if (text.find_first_not_of("0123456789./") == std::string::npos && *end == '\0' && number >= least &&
      number <= most) {
    return number;
  }
  return error(Errc::invalid_argument, option, " is '", text, "', expected ", expected);
}

Status read_shows(const Arguments& arguments, VideoRequest& request) {
  const char* const options[] = {"--overlay", "--labels", "--matte", "--cutout"};
  const char* chosen = nullptr;
  for (std::size_t i = 0; i < 4; ++i) {
    if (!arguments.has(options[i])) continue;
    if (chosen != nullptr) {
      return error(Errc::invalid_argument, "a video shows one thing: ", chosen, " or ", options[i], "; leave one out");
    }
    chosen = options[i];
    request.shows = static_cast<Shows>(i);
  }
  request.class_names = arguments.value(request.shows == Shows::matte ? "--matte" : "--cutout");
  if (!arguments.has("--background")) return {};
  if (request.shows != Shows::cutout) {
    return error(Errc::invalid_argument, "--background is what a cutout is put before, but --cutout is missing");
  }
  SEGFACE_ASSIGN(background, Background::read(arguments.value("--background")));
  request.common.background = std::move(background);
  if (!parse_color(arguments.value("--background"))) request.common.background_file = arguments.value("--background");
  return {};
}

Result<VideoRequest> read_video_request(const Arguments& arguments) {
  VideoRequest request;
  Request& common = request.common;
  if (arguments.operands().size() > 1) {
    return error(Errc::invalid_argument, "one video at a time, but ", arguments.operands().size(), " are given");
  }
  if (!arguments.operands().empty()) request.input = arguments.operands()[0];
  if (request.input == PhotoSelection::kStandardInput && is_terminal(stdin)) {
    return error(Errc::invalid_argument, "no video: name a file or a folder, or pipe a stream in");
  }
  request.output = arguments.value("-o");
  if (request.output.empty()) return error(Errc::invalid_argument, "-o is missing: where the frames go, - for a pipe");
  if (request.output == kStandardStream && is_terminal(stdout)) {
    return error(Errc::invalid_argument, "frames are no text: pipe them on, or name a file with -o");
  }
  SEGFACE_RETURN_IF_ERROR(read_shows(arguments, request));
  SEGFACE_RETURN_IF_ERROR(read_finding(arguments, common));
  common.weights = arguments.value("--weights");
  common.refine = arguments.has("--refine");
  common.force = arguments.has("--force");
  common.quiet = arguments.has("-q");
  SEGFACE_ASSIGN(every, arguments.number("--every", 1, 1000, 5));
  request.track.every = every;
  if (arguments.has("--smooth")) {
    SEGFACE_ASSIGN(smooth, read_number(arguments, "--smooth", 0, 10, "a number from 0, nothing, to 10"));
    request.track.smooth = smooth;
  }
  if (arguments.has("--fps")) {
    SEGFACE_ASSIGN(rate, read_number(arguments, "--fps", 0.01, 10000, "frames a second, as 25, 29.97 or 30000/1001"));
    request.rate = rate;
  }
  if (arguments.has("--matrix")) {
    SEGFACE_ASSIGN(matrix, arguments.choice("--matrix", {"601", "709"}));
    request.matrix = matrix == 0 ? ColorMatrix::bt601 : ColorMatrix::bt709;
  }
  SEGFACE_RETURN_IF_ERROR(read_machine(arguments, common));
  return Result<VideoRequest>(std::move(request));
}

// One line of standard error, where that is a terminal: frames done, how many a second, and how long it will last.
class VideoProgress {
 public:
  explicit VideoProgress(bool wanted) : shows_(wanted && is_terminal(stderr)) {}
  ~VideoProgress() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }

  double rate(Index frames) const {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    return static_cast<double>(frames) / std::max(seconds, 1e-6);
  }
  void tell(Index frames, Index total) {
    if (!shows_) return;
    shown_ = true;
    std::fprintf(stderr, "\rframe %td", frames);
    if (total > 0) std::fprintf(stderr, " of %td", total);
    std::fprintf(stderr, ", %.1f a second", rate(frames));
    if (total > frames) std::fprintf(stderr, ", %.0f s left", static_cast<double>(total - frames) / rate(frames));
    std::fputs("\x1b[K", stderr);
    std::fflush(stderr);
  }

 private:
  bool shows_, shown_ = false;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

template <class Backend>
class VideoCall {
 public:
  VideoCall(const VideoRequest& request, const BasicPhotoParser<Backend>& parser)
      : request_(request), parser_(parser), dataset_(parser.parser().info().dataset) {}

  Status run(VideoInput& input) {
    TrackOptions track = request_.track;
    const double told = input.is_folder() ? 0 : input.format().rate();
    track.rate = request_.rate > 0 ? request_.rate : told >= 0.01 && told <= 10000 ? told : kUsualRate;
    track.photo.find = request_.common.find;
    track.photo.surroundings = request_.common.surroundings;
    track.photo.refine = request_.common.refine;
    if (request_.classes != 0) track.photo.mattes = {request_.classes};
    SEGFACE_ASSIGN(tracker, BasicTracker<Backend>::make(parser_, track));
    if (!input.is_folder()) SEGFACE_RETURN_IF_ERROR(begin(input.format()));
    VideoProgress progress(!request_.common.quiet);
    Status status;
    while (!interrupted()) {
      const Result<bool> read = input.next();
      status = read.error();
      if (!read.ok() || !*read) break;
      status = in_context(frame(tracker, input), "frame ", input.count());
      if (!status.ok()) break;
      ++written_;
      progress.tell(written_, input.total());
    }
    rate_ = progress.rate(written_);
    if (output_) {
      const Status closed = output_->close();
      if (status.ok()) status = closed;
    }
    return status;
  }

  Index written() const { return written_; }
  double rate() const { return rate_; }

 private:
  static constexpr double kUsualRate = 30;  // of a stream that tells none

  Executor& executor() const { return parser_.parser().executor(); }
  bool has_alpha() const { return request_.shows == Shows::cutout && !request_.common.background; }

  Status begin(const FrameFormat& format) {
    const bool avx2 = cpu::best_isa() != cpu::Isa::baseline;
    colors_ = FrameColors(format, request_.matrix.value_or(likely_matrix(format)), avx2);
    out_ = request_.shows == Shows::labels || request_.shows == Shows::matte ? format.gray()
           : has_alpha()                                                     ? format.with_alpha()
                                                                             : format;
    SEGFACE_ASSIGN(output, VideoOutput::open(request_.output));
    output_ = std::move(output);
    return out_.header.empty() ? Status() : output_->write(out_.header, {});
  }

  Status frame(BasicTracker<Backend>& tracker, VideoInput& input) {
    if (input.is_folder()) {
      SEGFACE_RETURN_IF_ERROR(tracker.next(input.picture().view()));
      const std::string name = input.names()[static_cast<std::size_t>(input.count() - 1)];
      return save(as_folder(request_.output) + stem(name) + ".png", input.picture().view(), tracker.parsed());
    }
    SEGFACE_ASSIGN(view, colors_.picture(input.frame().data.span(), room_, executor()));
    SEGFACE_RETURN_IF_ERROR(tracker.next(view));
    return write(view, tracker.parsed(), input.frame());
  }

  Status write(const ImageView& picture, const ParsedPhoto& parsed, Frame& frame) {
    if (request_.shows == Shows::labels) return output_->write(out_.frame_header(), parsed.mask.labels());
    if (request_.shows == Shows::matte) {
      SEGFACE_ASSIGN(gray, gray_of_shares(parsed.mattes[0].span(), picture.width, picture.height));
      return output_->write(out_.frame_header(), {gray.data(), gray.size_bytes()});
    }
    if (has_alpha()) {
      SEGFACE_ASSIGN(cut, cutout(picture, parsed.mattes[0].span()));
      return output_->write(out_.frame_header(), {cut.data(), cut.size_bytes()});
    }
    // As it came, but for the pixels that are drawn.
    const Box all = {0, 0, picture.width, picture.height};
    const Box where = request_.shows == Shows::overlay ? labelled(parsed.mask) : all;
    if (where.height > 0) {
      SEGFACE_RETURN_IF_ERROR(draw(picture, parsed, where));
      colors_.put(picture, drawn_.view(), where, frame.data.span(), executor());
    }
    return output_->write(frame.header, frame.data.span());
  }

  // The box around all that is not background.
  static Box labelled(const Mask& mask) {
    Index left = mask.width(), top = mask.height(), right = 0, bottom = 0;
    for (std::uint8_t label = 1; label < kMaxClasses; ++label) {
      if (mask.count(label) == 0) continue;
      const Box box = mask.box(label);
      left = std::min(left, box.x), top = std::min(top, box.y);
      right = std::max(right, box.x + box.width), bottom = std::max(bottom, box.y + box.height);
    }
    return right == 0 ? Box{0, 0, 0, 0} : Box{left, top, right - left, bottom - top};
  }

  // Into drawn_, RGB: the labels' colours over the rows of a box, or what is cut out before the background.
  Status draw(const ImageView& picture, const ParsedPhoto& parsed, const Box& where) {
    if (request_.shows == Shows::overlay) {
      SEGFACE_ASSIGN(mixed, Overlay::make(picture, parsed.mask.view(), dataset_));
      SEGFACE_RETURN_IF_ERROR(drawn_.resize(picture.width, picture.height, PixelOrder::rgb));
      executor().for_each(label_tasks(where.height), [&](Index task, Index) {
        const LabelRows rows(task, where.height);
        for (Index y = where.y + rows.first; y < where.y + rows.last; ++y) mixed.row(y, drawn_.row(y));
      });
      return {};
    }
    SEGFACE_ASSIGN(cut, cutout(picture, parsed.mattes[0].span()));
    SEGFACE_ASSIGN(behind, request_.common.background->fill(picture.width, picture.height));
    SEGFACE_ASSIGN(composed, compose(cut.view(), behind.view()));
    drawn_ = std::move(composed);
    return {};
  }

  Status save(const std::string& path, const ImageView& picture, const ParsedPhoto& parsed) {
    switch (request_.shows) {
      case Shows::labels:
        return save_label_png(path, parsed.mask.view(), dataset_);
      case Shows::matte: {
        SEGFACE_ASSIGN(gray, gray_of_shares(parsed.mattes[0].span(), picture.width, picture.height));
        return save_png(path, gray.view());
      }
      case Shows::cutout:
        if (has_alpha()) {
          SEGFACE_ASSIGN(cut, cutout(picture, parsed.mattes[0].span()));
          return save_png(path, cut.view(), OutputFile::Existing::replace, PngAlpha::keep);
        }
        break;
      case Shows::overlay:
        break;
    }
    SEGFACE_RETURN_IF_ERROR(draw(picture, parsed, {0, 0, picture.width, picture.height}));
    return save_png(path, drawn_.view());
  }

  const VideoRequest& request_;
  const BasicPhotoParser<Backend>& parser_;
  Dataset dataset_;
  FrameColors colors_;  // of a stream
  FrameFormat out_;
  std::optional<VideoOutput> output_;
  Image room_, drawn_;
  Index written_ = 0;
  double rate_ = 0;
};

// No result in place of what is read, and none in place of an earlier one unless that is wanted.
Status check_output(const VideoRequest& request, const VideoInput& input) {
  const auto replaces = [&](const std::string& path, std::initializer_list<std::string> read) {
    const FileId id = file_id(path);
    return id && std::any_of(read.begin(), read.end(),
                             [&](const std::string& other) { return !other.empty() && file_id(other) == id; });
  };
  const std::string source = request.input == PhotoSelection::kStandardInput ? "/dev/stdin" : request.input;
  const std::string& out = request.output;
  const Request& common = request.common;
  if (!input.is_folder()) {
    if (out == kStandardStream) return {};
    if (is_directory(out)) {
      return error(Errc::output, out, ": a folder, but a stream goes into a file; name one, or - for a pipe");
    }
    if (exists(out) && replaces(out, {source, common.weights, common.finder, common.background_file})) {
      return error(Errc::output, out, ": is one of the files that are read; name another");
    }
    if (exists(out) && !common.force) return error(Errc::output, out, ": exists already; --force replaces it");
    return {};
  }
  if (out == kStandardStream || (file_id(out) && !is_directory(out))) {
    return error(Errc::output, out, ": no folder, but pictures of a folder go into a folder; name another");
  }
  if (replaces(out, {source})) return error(Errc::output, out, ": is the folder that is read; name another");
  std::set<std::string> taken;
  for (const std::string& name : input.names()) {
    const std::string path = as_folder(out) + stem(name) + ".png";
    if (!taken.insert(path).second) {
      return error(Errc::output, path, ": two pictures of the folder would both become this; rename one");
    }
    if (exists(path) && !common.force) return error(Errc::output, path, ": exists already; --force replaces it");
  }
  return make_directory(out);
}

template <class Backend>
int run_video(VideoRequest request) {
  Request& common = request.common;
  auto input = VideoInput::open(request.input);
  if (!input.ok()) return fail(input.error(), kImage);
  const Status free = check_output(request, *input);
  if (!free.ok()) return fail(free, kOutput);
  if (request.shows == Shows::cutout && !common.background && !input->is_folder() && input->format().is_y4m()) {
    return misuse(kVideo, error(Errc::invalid_argument, "Y4M has no alpha: put the cutout before a --background, or ",
                                "pipe PPM in, as `ffmpeg -i FILE -f image2pipe -c:v ppm -` makes, for PAM with alpha"));
  }
  Options options;
  options.threads = common.threads;
  options.precision = common.precision;
  auto parser = load<BasicParser, Backend>(common.weights, options);
  if (!parser.ok()) return fail(explain_weights(parser.error(), common.weights), kWeights);
  const char* const option = request.shows == Shows::matte ? "--matte" : "--cutout";
  const auto classes = read_classes(option, request.class_names, parser->info().dataset);
  if (!classes.ok()) return misuse(kVideo, classes.error());
  for (const Request::Class& wanted : *classes) request.classes |= wanted.labels;
  auto finder = load<BasicFinder, Backend>(common.finder, options);
  if (!finder.ok()) return fail(finder.error(), kWeights);
  const auto photo_parser = BasicPhotoParser<Backend>::make(std::move(*finder), std::move(*parser));
  if (!photo_parser.ok()) return fail(photo_parser.error(), kLimits);
  VideoCall<Backend> call(request, *photo_parser);
  const Status status = call.run(*input);
  if (!common.quiet && call.written() > 0) {
    std::fprintf(stderr, "%s: %td frames, %.1f a second\n", shown(input->shown_path()).c_str(), call.written(),
                 call.rate());
  }
  if (interrupted()) return 128 + caught_signal;
  return status.ok() ? kDone : fail(status, kImage);
}

int run(const std::vector<std::string>& words) {
  const auto arguments = Arguments::parse(
      words, {{"--weights", true},       {"--finder", true},    {"-o", true},        {"--overlay", false},
              {"--labels", false},       {"--matte", true},     {"--cutout", true},  {"--background", true},
              {"--refine", false},       {"--every", true},     {"--smooth", true},  {"--fps", true},
              {"--matrix", true},        {"-q", false},         {"--force", false},  {"--most", true},
              {"--smallest", true},      {"--threshold", true}, {"--turns", true},   {"--small-faces", false},
              {"--surroundings", false}, {"--threads", true},   {"--backend", true}, {"--precision", true}});
  if (!arguments.ok()) return misuse(kVideo, arguments.error());
  auto request = read_video_request(*arguments);
  if (!request.ok()) {
    return request.error().code() == Errc::invalid_argument ? misuse(kVideo, request.error())
                                                            : fail(request.error(), kImage);
  }
  const Status built = check_built(request->common.backend);
  if (!built.ok()) return fail(built, kNoDevice);
  const Status weights = find_weight_files(request->common);
  if (!weights.ok()) return misuse(kVideo, weights);
  keep_going_at_closed_pipes();
  keep_memory();
  return with_backend(request->common.backend,
                      [&](auto type) { return run_video<typename decltype(type)::Backend>(std::move(*request)); });
}

}  // namespace

const Command kVideo = {
    "video", "the frames of a video, labelled",
    "usage: segface video [VIDEO] -o FILE [options]\n"
    "\n"
    "Finds the faces of a video's frames, follows them, and labels their pixels so that labels hold still.\n"
    "VIDEO is a stream of Y4M, PPM or PAM frames in a file or, without a name or as -, from standard input, or a\n"
    "folder of numbered pictures. FILE is a stream of the same kind, - standard output, or a folder. ffmpeg makes\n"
    "and takes such streams of any video:\n"
    "\n"
    "  ffmpeg -i in.mp4 -f yuv4mpegpipe - | segface video -o - | ffmpeg -i - out.mp4\n"
    "\n"
    "  --weights FILE      the network; else what SEGFACE_WEIGHTS names, else the demonstration's\n"
    "  --overlay           the frames with the labels' colours over them: the default. What is not drawn on keeps\n"
    "                      its bytes\n"
    "  --labels            the labels alone: Cmono of Y4M, else PGM; compress them without loss, as FFV1\n"
    "  --matte LIST        how much of each pixel is of these classes, 0 to 255, in the same way\n"
    "  --cutout LIST       these classes and nothing else: PAM with alpha, of PPM and PAM; or with\n"
    "  --background NAME   before a colour, as white, black, gray or 30a0ff, or before the middle of a picture\n"
    "  --every N           looks for faces in every so many frames, 5 unless said otherwise, and follows them in\n"
    "                      between\n"
    "  --smooth S          how much labels and faces are held still: 0 not at all, 1 unless said otherwise, up to 10\n"
    "  --fps F             frames a second, of a stream that tells none, or wrongly; 30 unless one is told\n"
    "  --force             replaces existing results\n"
    "  --threads N         0, the default, is all that this process may keep busy, and the most\n",
    "\n"
    "  --matrix NAME       601 or 709, the colours that Y4M means; 709 from 720 rows on, else 601\n"
    "  --refine            labels along the frames' edges too\n"
    "  -q                  says nothing but failures\n"
    "Faces\n"
    "  --finder FILE       the finder's networks; else finder.safetensors beside the weights or this program\n"
    "  --most N, --smallest PIXELS, --threshold PERCENT, --turns 1, --small-faces, --surroundings: as\n"
    "                      `segface help parse --all` tells\n"
    "Processor\n"
    "  --backend NAME, --precision NAME: as there\n",
    run};

}  // namespace tool
