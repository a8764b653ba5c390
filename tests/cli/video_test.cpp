// `segface video`: streams and folders in and out, what is drawn and what keeps its bytes, and all that can go wrong.
#include "segface/video.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "segface/faces/label_png.hpp"
#include "segface/faces/sheet.hpp"
#include "segface/image/cutout.hpp"
#include "segface/image/file.hpp"
#include "segface/image/frame_colors.hpp"
#include "segface/image/frame_reader.hpp"

#include "image/frames.hpp"
#include "workshop.hpp"

using namespace segface;
using namespace segface::core;
using test::check_refused;
using test::contains;
using test::Outcome;
using test::samples;
using test::Workshop;
using test::workshop;

namespace {

const std::string kFinder =
    " --finder '" SEGFACE_TEST_DATA "/../../weights/finder.safetensors' --weights w.safetensors ";
constexpr Index kWidth = 225, kHeight = 223;  // odd

// The photo, moved a little in each frame, with an edge of gray.
Image picture(int frame) {
  static const Image photo = load_image(workshop().path("photo.png")).value();
  Image image = Image::make(kWidth, kHeight, PixelOrder::rgb).value();
  std::fill_n(image.data(), image.size_bytes(), std::uint8_t{90});
  for (Index y = 0; y + 4 < kHeight; ++y) {
    std::copy_n(photo.row(y), 3 * (kWidth - 20), image.row(y + 4) + 3 * (4 + frame));
  }
  return image;
}
FrameFormat ppm_format() {
  FrameFormat format;
  format.kind = FrameFormat::Kind::ppm, format.width = kWidth, format.height = kHeight, format.channels = 3;
  return format;
}
std::string ppm(int frames) {
  std::string stream;
  for (int i = 0; i < frames; ++i) {
    const Image image = picture(i);
    stream += ppm_format().frame_header() + std::string(image.data(), image.data() + image.size_bytes());
  }
  return stream;
}
FrameFormat y4m_format() {
  FrameFormat format;
  format.width = kWidth, format.height = kHeight, format.frames = 25, format.chroma = &kChromaLayouts[1];
  return format;
}
std::string y4m(int frames) {
  const FrameFormat format = y4m_format();
  const FrameColors colors(format, likely_matrix(format));
  Image black = Image::make(kWidth, kHeight, PixelOrder::rgb).value();
  std::fill_n(black.data(), black.size_bytes(), std::uint8_t{0});
  SerialExecutor serial;
  std::string stream = "YUV4MPEG2 W225 H223 F25:1 Ip C420mpeg2 XMINE\n";
  for (int i = 0; i < frames; ++i) {
    std::vector<std::uint8_t> planes(format.frame_bytes(), 128);
    colors.put(black.view(), picture(i).view(), {0, 0, black.width(), black.height()}, {planes.data(), planes.size()},
               serial);
    stream += "FRAME\n" + std::string(planes.begin(), planes.end());
  }
  return stream;
}

struct Stream {
  FrameFormat format;
  std::vector<std::string> headers, frames;
};
Stream read_stream(const std::string& bytes) {
  auto reader = FrameReader::open(test::source_of(bytes, 1 << 20));
  CAPTURE(reader.error().message());
  REQUIRE(reader.ok());
  Stream stream = {reader->format(), {}, {}};
  Frame frame;
  while (reader->next(frame).value()) {
    stream.headers.push_back(frame.header);
    stream.frames.emplace_back(test::text_of(frame));
  }
  return stream;
}

// What a program gets of the same frames.
Tracker tracker(std::vector<std::uint32_t> mattes = {}, double rate = 30) {
  static const PhotoParser parser =
      PhotoParser::make(Finder::load(SEGFACE_TEST_DATA "/../../weights/finder.safetensors").value(),
                        Parser::load(workshop().path("w.safetensors")).value())
          .value();
  TrackOptions options;
  options.photo.find.most = 255;
  options.photo.mattes = std::move(mattes);
  options.rate = rate;
  return Tracker::make(parser, options).value();
}

}  // namespace

TEST_CASE("video: labels of PPM leave as PGM, mattes too, cutouts as PAM with alpha, each as a program gets them") {
  const Workshop& w = workshop();
  w.write("v.ppm", ppm(7));
  REQUIRE(w.run("video v.ppm --labels -o l.pgm" + kFinder).code == 0);
  REQUIRE(w.shell("segface video --matte hair,skin -o - " + kFinder + "< v.ppm > m.pgm").code == 0);
  REQUIRE(
      w.shell("segface video - --cutout hair,skin -o c.pam --every 5 --smooth 1 --fps 30/1 -q " + kFinder + "< v.ppm")
          .code == 0);
  const Stream labels = read_stream(w.read("l.pgm")), matte = read_stream(w.read("m.pgm")),
               cut = read_stream(w.read("c.pam"));
  REQUIRE(labels.frames.size() == 7);
  REQUIRE(matte.frames.size() == 7);
  REQUIRE(cut.frames.size() == 7);
  CHECK(labels.headers[6] == "P5\n225 223\n255\n");
  CHECK(cut.headers[6] == ppm_format().with_alpha().frame_header());
  Tracker expected = tracker({1u << 14 | 1u << 2});
  for (int i = 0; i < 7; ++i) {
    const Image image = picture(i);
    REQUIRE(expected.next(image.view()).ok());
    const ParsedPhoto& parsed = expected.parsed();
    CHECK(parsed.faces.size() == 1);
    const auto at = static_cast<std::size_t>(i);
    CHECK(labels.frames[at] == std::string(parsed.mask.labels().begin(), parsed.mask.labels().end()));
    const Image gray = gray_of_shares(parsed.mattes[0].span(), kWidth, kHeight).value();
    CHECK(matte.frames[at] == std::string(gray.data(), gray.data() + gray.size_bytes()));
    const Image alone = cutout(image.view(), parsed.mattes[0].span()).value();
    CHECK(cut.frames[at] == std::string(alone.data(), alone.data() + alone.size_bytes()));
  }
  for (const char* name : {"v.ppm", "l.pgm", "m.pgm", "c.pam"}) w.remove(name);
}

TEST_CASE("video: Y4M keeps its header and every byte that is not drawn on; labels of it are Cmono") {
  const Workshop& w = workshop();
  w.write("v.y4m", y4m(6));
  const Outcome outcome = w.run("video v.y4m -o o.y4m" + kFinder);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "v.y4m: 6 frames"));
  REQUIRE(w.shell("segface video --labels -o l.y4m" + kFinder + "< v.y4m").code == 0);
  const Stream before = read_stream(w.read("v.y4m")), after = read_stream(w.read("o.y4m")),
               labels = read_stream(w.read("l.y4m"));
  CHECK(after.format.header == before.format.header);
  CHECK(labels.format.header == "YUV4MPEG2 W225 H223 F25:1 Ip A0:0 Cmono XCOLORRANGE=FULL\n");
  REQUIRE(after.frames.size() == 6);
  REQUIRE(labels.frames.size() == 6);
  Index drawn = 0, kept = 0, wrong = 0;
  for (std::size_t i = 0; i < 6; ++i) {
    for (Index y = 0; y < kHeight; ++y) {
      for (Index x = 0; x < kWidth; ++x) {
        const auto at = static_cast<std::size_t>(y * kWidth + x);
        const bool same = before.frames[i][at] == after.frames[i][at];
        (labels.frames[i][at] != 0 ? drawn : kept) += 1;
        wrong += labels.frames[i][at] == 0 && !same;
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(drawn > 10000);
  CHECK(kept > 10000);

  // Nothing to draw: not a byte changes, whatever the frames are.
  std::string empty = "YUV4MPEG2 W33 H21 F0:0 C422 XYSCSS=422\n";
  for (unsigned i = 0; i < 3; ++i) empty += "FRAME Ip\n" + samples(33 * 21 + 2 * 17 * 21, i);
  w.write("e.y4m", empty);
  REQUIRE(w.shell("segface video -o - -q" + kFinder + "< e.y4m > e.out").code == 0);
  CHECK(w.read("e.out") == empty);
  std::string rgba;
  for (unsigned i = 0; i < 3; ++i) {
    rgba += "P7\nWIDTH 20\nHEIGHT 11\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + samples(880, i);
  }
  w.write("e.pam", rgba);
  REQUIRE(w.shell("segface video e.pam -o e.out --force" + kFinder).code == 0);
  CHECK(w.read("e.out") == rgba);

  const Outcome cut = w.run("video v.y4m --cutout hair --background 30a0ff -o c.y4m" + kFinder);
  REQUIRE(cut.code == 0);
  const Stream behind = read_stream(w.read("c.y4m"));
  CHECK(behind.format.header == before.format.header);
  const std::uint8_t blue = static_cast<std::uint8_t>(behind.frames[0][static_cast<std::size_t>(220 * kWidth + 5)]);
  CHECK(blue == 134);  // 16 + 219 (0.299 x 48 + 0.587 x 160 + 0.114 x 255) / 255
  for (const char* name : {"v.y4m", "o.y4m", "l.y4m", "e.y4m", "e.out", "e.pam", "c.y4m"}) w.remove(name);
}

TEST_CASE("video: a folder of numbered pictures becomes another, in the order of the numbers") {
  const Workshop& w = workshop();
  std::filesystem::create_directory(w.path("in"));
  for (int i = 0; i < 3; ++i) {
    REQUIRE(save_png(w.path("in/f" + std::to_string(9 + i) + ".png"), picture(4 * i).view()).ok());
  }
  REQUIRE(w.run("video in --labels -o out" + kFinder).code == 0);
  Tracker expected = tracker();
  for (int i = 0; i < 3; ++i) {
    REQUIRE(expected.next(picture(4 * i).view()).ok());
    const Image labels = load_labels(w.path("out/f" + std::to_string(9 + i) + ".png")).value();
    CHECK(std::equal(labels.data(), labels.data() + labels.size_bytes(), expected.parsed().mask.labels().begin()));
  }
  check_refused(w.run("video in -o out" + kFinder), 5, {"f9.png", "exists", "--force"});
  check_refused(w.run("video in -o in" + kFinder), 5, {"folder that is read"});
  check_refused(w.run("video in -o -" + kFinder), 5, {"no folder"});
  REQUIRE(save_png(w.path("in/f10.png"), Image::make(50, 40, PixelOrder::rgb).value().view()).ok());
  const Outcome sized = w.run("video in --labels -q --force -o out" + kFinder);
  check_refused(sized, 3, {"frame 2", "f10.png", "50 x 40", "one size"});
  w.remove("in");
  std::filesystem::create_directory(w.path("in"));
  check_refused(w.run("video in -o out" + kFinder), 3, {"without pictures"});
  w.remove("in"), w.remove("out");
}

TEST_CASE("video: what is no stream, or ends or changes in the middle, is told with the frame's number and code 3") {
  const Workshop& w = workshop();
  const auto fails = [&](const std::string& stream, const std::vector<std::string>& words, int code = 3) {
    w.write("bad", stream);
    check_refused(w.run("video bad --labels -q --force -o o" + kFinder), code, words);
    check_refused(w.shell("segface video --labels -q -o - " + kFinder + "< bad > p"), code, words);
    if (w.has("o")) CHECK(w.read("o") == w.read("p"));
    w.remove("p");
  };
  fails("", {"no bytes"});
  fails(w.read("photo.png"), {"PNG", "expected Y4M"});
  fails("YUV4MPEG2 W16\n", {"no height"});
  fails("YUV4MPEG2 W99999 H99999\n", {"99999"}, 6);
  fails("YUV4MPEG2 W16 H16 C420p10\n", {"420p10", "yuv420p"});
  fails("P6\n16 16\n65535\n", {"65535"});
  const std::string frame = "P6\n16 16\n255\n" + samples(768);
  fails(frame + frame + frame.substr(0, 100), {"frame 3", "ends after"});
  CHECK(read_stream(w.read("o")).frames.size() == 2);  // what was whole stays
  fails(frame + "P6\n16 17\n255\n" + samples(816), {"frame 2", "16 x 17", "one size"});
  const std::string header = "YUV4MPEG2 W16 H16 C420jpeg\n", planes = "FRAME\n" + samples(384);
  fails(header + planes + header + planes, {"frame 2", "another header"});
  fails(header + planes + "FROM\n", {"frame 2", "FRAME"});
  check_refused(w.run("video lost -o o --force" + kFinder), 3, {"lost"});
  w.remove("bad"), w.remove("o");
}

TEST_CASE("video: a closed pipe, a full disk and a result in place of the input are refused; what is whole stays") {
  const Workshop& w = workshop();
  w.write("v.ppm", ppm(3));
  check_refused(w.run("video v.ppm -o v.ppm --force" + kFinder), 5, {"v.ppm", "that are read"});
  check_refused(w.shell("segface video -o v.ppm --force" + kFinder + "< v.ppm"), 5, {"v.ppm", "that are read"});
  check_refused(w.run("video v.ppm -o w.safetensors --force" + kFinder), 5, {"w.safetensors", "that are read"});
  CHECK(w.read("v.ppm") == ppm(3));
  w.write("o.ppm", "mine");
  check_refused(w.run("video v.ppm -o o.ppm" + kFinder), 5, {"o.ppm", "exists", "--force"});
  CHECK(w.read("o.ppm") == "mine");
  check_refused(w.run("video v.ppm -o no/where.ppm" + kFinder), 5, {"no/where.ppm", "open"});
  check_refused(w.run("video v.ppm -o ." + kFinder), 5, {"a folder"});
  check_refused(w.run("video v.ppm -q -o /dev/full" + kFinder), 5, {"frame 1", "/dev/full", "No space left"});
  check_refused(w.shell("segface video v.ppm -q -o - " + kFinder + "> /dev/full"), 5, {"frame 1", "standard output"});
  check_refused(w.shell("{ segface video v.ppm -q -o - " + kFinder + "; echo $? >code; } | head -c 1000 >/dev/null"), 0,
                {"standard output", "Broken pipe"});
  CHECK(w.read("code") == "5\n");
  // A disk that is full in the middle of the second frame.
  const Outcome full = w.shell("( ulimit -f 600; segface video v.ppm -q --force -o o.ppm" + kFinder + ")");
  check_refused(full, 5, {"frame 3", "o.ppm", "File too large"});
  CHECK(read_stream(w.read("o.ppm")).frames.size() == 2);
  for (const char* name : {"v.ppm", "o.ppm", "code"}) w.remove(name);
}

TEST_CASE("video: options that make no sense are usage errors of one line") {
  const Workshop& w = workshop();
  w.write("v.y4m", "YUV4MPEG2 W16 H16\nFRAME\n" + samples(384));
  const auto refused = [&](const std::string& options, const std::vector<std::string>& words) {
    check_refused(w.run("video v.y4m " + options + kFinder), 2, words);
  };
  refused("", {"-o is missing"});
  refused("v.y4m -o o", {"one video", "2"});
  refused("-o o --labels --matte hair", {"--labels", "--matte", "leave one out"});
  refused("-o o --every 0", {"--every", "from 1"});
  refused("-o o --smooth 11", {"--smooth", "10"});
  refused("-o o --smooth x", {"--smooth", "'x'"});
  for (const char* rate : {"0", "-25", "nan", "inf", "30/0", "30/", "1e3", "0x10"}) {
    refused(std::string("-o o --fps ") + rate, {"--fps", rate, "30000/1001"});
  }
  refused("-o o --matrix 2020", {"--matrix", "601, 709"});
  refused("-o o --matte hairs", {"--matte", "did you mean 'hair'?"});
  refused("-o o --background white", {"--background", "--cutout is missing"});
  refused("-o o --cutout hair", {"no alpha", "--background", "PAM"});
  refused("-o o --every", {"--every needs a value"});
  refused("-o o --evry 3", {"--evry", "did you mean '--every'?"});
  CHECK_FALSE(w.has("o"));
  w.remove("v.y4m");
}

// The lines of README.md, where ffmpeg is installed.
TEST_CASE("video: ffmpeg gives frames and takes them, as the README says, and the sound stays") {
  const Workshop& w = workshop();
  if (w.shell("command -v ffmpeg").code != 0) {
    MESSAGE("ffmpeg is not installed: not tried");
    return;
  }
  const auto line_with = [&](const std::string& word) {
    const std::string readme = [] {
      std::ifstream file(SEGFACE_TEST_DATA "/../../README.md", std::ios::binary);
      return std::string(std::istreambuf_iterator<char>(file), {});
    }();
    const std::size_t block = readme.find("\n## Video");
    REQUIRE(block != std::string::npos);
    const std::size_t at = readme.find(word, block);
    REQUIRE(at != std::string::npos);
    const std::size_t begin = readme.rfind('\n', at) + 1;
    std::string line = readme.substr(begin, readme.find('\n', at) - begin);
    const auto put = [&](const std::string& what, const std::string& instead) {
      const std::size_t place = line.find(what);
      if (place != std::string::npos) line.replace(place, what.size(), instead);
    };
    put("build/segface video", "segface video" + kFinder);
    put("-f v4l2 -i /dev/video0", "-i in.mp4");  // there is neither a webcam
    put("ffplay -", "ffmpeg -i - out.mp4");      // nor a screen
    return line;
  };
  const std::string quiet = "ffmpeg() { command ffmpeg -nostdin -v error \"$@\"; }; ";
  REQUIRE(w.shell(quiet + "ffmpeg -f lavfi -i sine=duration=1 -loop 1 -t 1 -r 12 -i photo.png -pix_fmt yuv420p "
                          "-c:v mpeg4 -q:v 3 -c:a aac in.mp4")
              .code == 0);
  const auto streams = [&](const std::string& file) {
    return w
        .shell("ffprobe -v error -count_frames -show_entries stream=codec_type,nb_read_frames,width -of csv=p=0 " +
               file)
        .out;
  };
  const Outcome kept = w.shell(quiet + line_with("1:a?"));
  CAPTURE(kept.err);
  REQUIRE(kept.code == 0);
  CHECK(contains(streams("out.mp4"), "video,224,12"));
  CHECK(contains(streams("out.mp4"), "audio"));
  w.remove("out.mp4");
  const Outcome file = w.shell(quiet + line_with("ffmpeg -i - out.mp4"));
  CAPTURE(file.err);
  REQUIRE(file.code == 0);
  CHECK(contains(streams("out.mp4"), "video,224,12"));
  w.remove("out.mp4");
  const Outcome webcam = w.shell(quiet + line_with("v4l2"));
  CAPTURE(webcam.err);
  REQUIRE(webcam.code == 0);
  CHECK(contains(streams("out.mp4"), "video,224,12"));
  const Outcome labels = w.shell(quiet + line_with("--labels"));
  CAPTURE(labels.err);
  REQUIRE(labels.code == 0);
  REQUIRE(w.shell(quiet + "ffmpeg -i labels.mkv -f yuv4mpegpipe -strict -1 back.y4m").code == 0);
  REQUIRE(w.shell(quiet + "ffmpeg -i in.mp4 -f yuv4mpegpipe in.y4m").code == 0);
  REQUIRE(w.run("video in.y4m --labels -o l.y4m" + kFinder).code == 0);
  CHECK(read_stream(w.read("back.y4m")).frames == read_stream(w.read("l.y4m")).frames);  // no label is lost
  const Outcome cut = w.shell(quiet + line_with("--cutout"));
  CAPTURE(cut.err);
  REQUIRE(cut.code == 0);
  CHECK(contains(streams("cut.mov"), "video,224,12"));
  for (const char* name : {"in.mp4", "out.mp4", "labels.mkv", "back.y4m", "in.y4m", "l.y4m", "cut.mov"}) w.remove(name);
}
