// `segface parse` on photos whose faces it has to find: what it writes and says, for one photo and for many.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "segface/base/crc32.hpp"
#include "segface/faces/label_png.hpp"
#include "segface/faces/numbering.hpp"
#include "segface/image/canvas.hpp"
#include "segface/image/deflate.hpp"
#include "segface/image/exif.hpp"
#include "segface/image/file.hpp"
#include "segface/image/png_write.hpp"
#include "segface/image/resize.hpp"

#include "workshop.hpp"

using namespace segface;
using namespace segface::core;
using test::check_refused;
using test::contains;
using test::data;
using test::Outcome;
using test::Workshop;
using test::workshop;

namespace {

const std::string kWeights = " --weights w.safetensors ";

Image labels_of(const std::string& name) {
  return load_labels(workshop().path(name)).value();
}
bool same(const Image& a, const Image& b) {
  return a.size_bytes() == b.size_bytes() && std::equal(a.data(), a.data() + a.size_bytes(), b.data());
}
std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}
// What follows `front` in a text, up to `end`.
std::string between(const std::string& text, const std::string& front, const std::string& end) {
  const std::size_t begin = text.find(front);
  REQUIRE(begin != std::string::npos);
  return text.substr(begin + front.size(), text.find(end, begin + front.size()) - begin - front.size());
}
// What a line of JSON says of the picture itself.
std::vector<std::string> facts_of(const std::string& lines) {
  std::vector<std::string> facts;
  for (std::size_t at = 0; (at = lines.find("\"width\": ", at)) != std::string::npos; ++at) {
    facts.push_back(lines.substr(at, lines.find(", \"files\"", at) - at));
  }
  return facts;
}

std::string big_endian(std::size_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift & 255);
  return bytes;
}
std::string png_chunk(const std::string& type, const std::string& body) {
  const std::string content = type + body;
  const auto sum = crc32(0, reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  return big_endian(body.size()) + content + big_endian(sum);
}
// A PNG whose samples have 16 bits, with the same bytes above and below.
std::string png_of_16_bits(const ImageView& picture) {
  std::string rows;
  for (Index y = 0; y < picture.height; ++y) {
    rows += '\0';  // no filter
    for (Index x = 0; x < 3 * picture.width; ++x) rows += std::string(2, static_cast<char>(picture.row(y)[x]));
  }
  const auto packed = deflate_zlib({reinterpret_cast<const std::uint8_t*>(rows.data()), rows.size()}).value();
  const std::string data(reinterpret_cast<const char*>(packed.bytes().data()), packed.bytes().size());
  const auto width = static_cast<std::size_t>(picture.width), height = static_cast<std::size_t>(picture.height);
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR", big_endian(width) + big_endian(height) + std::string("\x10\x02\0\0\0", 5)) +
         png_chunk("IDAT", data) + png_chunk("IEND", "");
}
// A PNG that says which way up it is.
std::string png_turned(const ImageView& picture, int orientation) {
  const auto file = encode_png(picture).value();
  std::string bytes(reinterpret_cast<const char*>(file.data()), file.size());
  const std::string tiff = std::string("MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", 19) +
                           static_cast<char>(orientation) + std::string(6, '\0');
  return bytes.insert(33, png_chunk("eXIf", tiff));  // behind IHDR
}
Image turned(const ImageView& picture, int orientation) {
  Image copy = Image::make(picture.width, picture.height, picture.order).value();
  const auto bytes = static_cast<std::size_t>(copy.stride_bytes());
  for (Index y = 0; y < picture.height; ++y) std::memcpy(copy.row(y), picture.row(y), bytes);
  return oriented(std::move(copy), orientation).value();
}
constexpr int kBack[9] = {0, 1, 2, 3, 4, 5, 8, 7, 6};  // the orientation that undoes another

// Two faces, and a picture without any.
void make_pictures() {
  Canvas two = Canvas::make(500, 260, {90, 90, 90}).value();
  const Image face = load_image(data("images/astronaut_256x256.png")).value();
  two.draw(face.view(), 0, 0).or_throw();
  two.draw(face.view(), 250, 4).or_throw();
  save_png(workshop().path("two.png"), two.view()).or_throw();
  save_png(workshop().path("gray.png"), Canvas::make(120, 80, {127, 127, 127}).value().view()).or_throw();
}

}  // namespace

TEST_CASE("a photo is enough: its face is found, and has the labels that its points give by hand") {
  const Workshop& w = workshop();
  const Outcome outcome = w.run("parse photo.png --json --coverage c.png --mask m.png" + kWeights);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(outcome.err.empty());
  CHECK(count(outcome.out, "\n") == 1);
  CHECK(count(outcome.out, "\"score\": ") == 1);
  CHECK(contains(outcome.out, "\"photo\": \"photo.png\", \"width\": 224, \"height\": 224"));
  CHECK(contains(outcome.out, "\"files\": {\"mask\": \"m.png\", \"coverage\": \"c.png\"}"));
  std::string points = between(outcome.out, "\"landmarks\": [[", "]]");
  for (std::size_t at = 0; (at = points.find("], [")) != std::string::npos;) points.replace(at, 4, ";");
  for (std::size_t at = 0; (at = points.find(", ")) != std::string::npos;) points.replace(at, 2, ",");
  std::replace(points.begin(), points.end(), ';', ' ');
  const Outcome by_hand = w.run("parse photo.png --mask h.png --align celeba --landmarks '" + points + "'" + kWeights);
  CAPTURE(by_hand.err);
  REQUIRE(by_hand.code == 0);
  CHECK(same(labels_of("m.png"), labels_of("h.png")));
  const Image covered = labels_of("c.png"), labels = labels_of("m.png");
  Index inside = 0, outside = 0;
  for (std::size_t i = 0; i < labels.size_bytes(); ++i) {
    inside += covered.data()[i] == 255;
    outside += covered.data()[i] == 0 && labels.data()[i] != 0;
  }
  CHECK(inside > 60 * 60);
  CHECK(inside < 110 * 110);
  CHECK(outside == 0);
  for (const char* name : {"m.png", "h.png", "c.png"}) w.remove(name);
}

TEST_CASE("samples of 16 bits: the same faces and labels as of 8") {
  const Workshop& w = workshop();
  w.write("deep.png", png_of_16_bits(load_image(w.path("photo.png")).value().view()));
  const Outcome outcome = w.run("parse photo.png deep.png --json -o d" + kWeights);
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const std::vector<std::string> facts = facts_of(outcome.out);
  REQUIRE(facts.size() == 2);
  CHECK(count(facts[1], "\"score\": ") == 1);
  CHECK(facts[0] == facts[1]);
  CHECK(same(labels_of("d/photo_mask.png"), labels_of("d/deep_mask.png")));
  CHECK(same(load_image(w.path("d/photo_overlay.png")).value(), load_image(w.path("d/deep_overlay.png")).value()));
  for (const char* name : {"deep.png", "d"}) w.remove(name);
}

TEST_CASE("photos that say which way up they are: equal faces, and labels that are turned with them") {
  const Workshop& w = workshop();
  Canvas canvas = Canvas::make(300, 240, {127, 127, 127}).value();
  canvas.draw(load_image(w.path("photo.png")).value().view(), 20, 9).or_throw();
  const ImageView photo = canvas.view();
  std::filesystem::create_directories(w.path("up"));
  std::filesystem::create_directories(w.path("turned"));
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string name = std::to_string(orientation) + ".png";
    // Stored in every way, and all shown upright; stored in one way, and shown in every way.
    w.write("up/" + name, png_turned(turned(photo, kBack[orientation]).view(), orientation));
    w.write("turned/" + name, png_turned(photo, orientation));
  }
  const std::string demo = " --weights '" + data("../../weights/demo.safetensors") + "'";
  const Outcome up = w.run("parse up --json" + demo), aside = w.run("parse turned --json" + demo);
  CAPTURE(aside.err);
  REQUIRE(up.code == 0);
  REQUIRE(aside.code == 0);
  const std::vector<std::string> upright = facts_of(up.out), shown = facts_of(aside.out);
  REQUIRE(upright.size() == 8);
  REQUIRE(shown.size() == 8);
  const Image expected = labels_of("up/segface/1_mask.png");
  CHECK(expected.width() == 300);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    CAPTURE(orientation);
    const auto i = static_cast<std::size_t>(orientation - 1);
    const std::string mask = "/segface/" + std::to_string(orientation) + "_mask.png";
    CHECK(upright[i] == upright[0]);
    CHECK(same(labels_of("up" + mask), expected));
    CHECK(count(shown[i], "\"score\": ") == 1);
    const Image labels = labels_of("turned" + mask);
    CHECK(labels.width() == (orientation >= 5 ? 240 : 300));
    const Image back = turned(labels.view(), kBack[orientation]);
    REQUIRE(back.width() == 300);
    const bool mirrored = orientation == 2 || orientation == 4 || orientation == 5 || orientation == 7;
    Index parsed = 0, different = 0;
    for (std::size_t at = 0; at < expected.size_bytes(); ++at) {
      const int label = back.data()[at];
      const bool has_side = label >= 4 && label <= 9;  // ears, brows, eyes: left and right
      const int meant = mirrored && has_side ? label ^ 1 : label;
      parsed += expected.data()[at] != 0;
      different += meant != expected.data()[at];
    }
    CHECK(parsed > 3000);
    CHECK(different < parsed / (mirrored ? 12 : 20));  // of a mirrored face a network thinks a little otherwise
  }
  for (const char* name : {"up", "turned"}) w.remove(name);
}

TEST_CASE("--out names the only result; groups and classes stand beside each other") {
  const Workshop& w = workshop();
  REQUIRE(w.run("parse photo.png --whole --classes hair,eyes,brows,11 -o d" + kWeights).code == 0);
  REQUIRE(w.run("parse photo.png --whole --classes eyes --cutout face,hair,1 -o cut" + kWeights).code == 0);
  const Image labels = labels_of("d/photo_mask.png");
  const auto pixels = [&](std::uint32_t wanted) {
    Image picture = Image::make(labels.width(), labels.height(), PixelOrder::gray).value();
    for (std::size_t i = 0; i < labels.size_bytes(); ++i) {
      picture.data()[i] = (wanted >> labels.data()[i] & 1u) != 0 ? 255 : 0;
    }
    return picture;
  };
  CHECK(same(labels_of("d/photo_hair.png"), pixels(1u << 14)));
  CHECK(same(labels_of("d/photo_eyes.png"), pixels(label_mask(Dataset::celeb, LabelGroup::eyes))));
  CHECK(same(labels_of("d/photo_brows.png"), pixels(label_mask(Dataset::celeb, LabelGroup::brows))));
  CHECK(same(labels_of("d/photo_inner-mouth.png"), pixels(1u << 11)));
  check_refused(w.run("parse photo.png --whole --classes eyez" + kWeights), 2, {"no class 'eyez'", "'eyes'"});

  REQUIRE(w.run("parse photo.png --whole --classes eyes --out e.png" + kWeights).code == 0);
  CHECK(same(labels_of("e.png"), labels_of("d/photo_eyes.png")));
  REQUIRE(w.run("parse photo.png --whole --cutout face,hair,1 --out c.png" + kWeights).code == 0);
  CHECK(w.read("c.png") == w.read("cut/photo_cutout.png"));
  REQUIRE(w.run("parse photo.png --faces --out f.png").code == 0);
  CHECK(w.has("f.png"));
  for (const char* unwanted : {"photo_mask.png", "photo_overlay.png", "photo_eyes.png", "photo_cutout.png"}) {
    CHECK_FALSE_MESSAGE(w.has(unwanted), unwanted);
  }
  check_refused(w.run("parse photo.png --faces --out f.png"), 5, {"f.png", "exists already"});
  for (const char* option :
       {"--mask m.png", "--classes hair", "--matte hair", "--cutout hair", "--refine", "--logits l.npy"}) {
    check_refused(w.run(std::string("parse photo.png --faces --force ") + option), 2,
                  {"--faces", "parses nothing", "leave one out"});
  }
  check_refused(w.run("parse photo.png --out o.png" + kWeights), 2, {"--out", "--cutout", "--mask"});
  check_refused(w.run("parse photo.png --cutout hair --out o.png -o d" + kWeights), 2, {"--out", "-o"});
  check_refused(w.run("parse photo.png --classes hair,eyes --out o.png" + kWeights), 2, {"--out", "more than one"});
  check_refused(w.run("parse photo.png --cutout hair --classes eyes --out o.png" + kWeights), 2, {"more than one"});
  check_refused(w.run("parse photo.png photo.png --cutout hair --out o.png" + kWeights), 2, {"--out", "2 are given"});
  check_refused(w.run("parse photo.png --cutout hair --out o.jpg" + kWeights), 2, {"--out", "png"});
  CHECK_FALSE(w.has("o.png"));
  for (const char* name : {"d", "cut", "e.png", "c.png", "f.png"}) w.remove(name);
}

TEST_CASE("no face is an answer") {
  const Workshop& w = workshop();
  make_pictures();
  const Outcome outcome = w.run("parse gray.png" + kWeights);
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.err, "gray.png: no face was found"));
  const Image labels = labels_of("gray_mask.png");
  CHECK(*std::max_element(labels.data(), labels.data() + labels.size_bytes()) == 0);
  const Outcome json = w.run("parse gray.png --force --json" + kWeights);
  CHECK(contains(json.out, "\"faces\": [], \"skipped\": []"));
  CHECK(json.err.empty());
  for (const char* name : {"gray_mask.png", "gray_overlay.png", "gray.png", "two.png"}) w.remove(name);
}

TEST_CASE("several faces: each in its place; logits are of one part") {
  const Workshop& w = workshop();
  make_pictures();
  const Outcome outcome = w.run("parse two.png" + kWeights);
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.out, "  face 1: "));
  CHECK(contains(outcome.out, "  face 2: "));
  CHECK_FALSE(contains(outcome.out, "  face 3: "));
  CHECK(contains(outcome.out, "around the faces"));
  check_refused(w.run("parse two.png --logits l.npy" + kWeights), 2, {"2 faces", "--box", "--landmarks", "--whole"});
  CHECK(w.run("parse two.png --logits l.npy --most 1" + kWeights).code == 0);
  CHECK(contains(w.run("parse two.png --force --json --smallest 200" + kWeights).out,
                 "\"faces\": [], \"skipped\": [{\"box\": ["));
  const Outcome drawn = w.run("parse two.png --faces");
  CHECK(drawn.code == 0);
  CHECK(contains(drawn.out, "2 faces"));
  const Image picture = load_image(w.path("two_faces.png")).value(), plain = load_image(w.path("two.png")).value();
  CHECK(picture.width() == plain.width());
  CHECK_FALSE(same(picture, plain));
  for (const char* name : {"two_mask.png", "two_overlay.png", "two_faces.png", "l.npy", "two.png", "gray.png"}) {
    w.remove(name);
  }
}

TEST_CASE("--turns, --threshold, --small-faces and --surroundings reach the finder and the parser") {
  const Workshop& w = workshop();
  const Image face = load_image(data("images/astronaut_256x256.png")).value();
  const auto found = [&](const std::string& photo, const std::string& options) {
    const Outcome outcome = w.run("parse " + photo + " --faces --force --json " + options);
    CHECK(outcome.code == 0);
    return count(between(outcome.out, "\"faces\": [", "\"skipped\""), "\"roll\"");
  };
  save_png(w.path("over.png"), turned(face.view(), 3).view()).or_throw();
  CHECK(found("over.png", "") == 1);
  CHECK(found("over.png", "--turns 1") == 0);
  CHECK(found("over.png", "--threshold 100") == 1);  // O-Net is sure
  CHECK(found("over.png", "--threshold 1") > 1);     // YuNet need not be

  // A face of 14 pixels in a photo of 1500.
  Canvas wide = Canvas::make(1500, 300, {90, 120, 90}).value();
  wide.draw(resize_bicubic(face.view(), 64, 64).value().view(), 700, 100).or_throw();
  save_png(w.path("wide.png"), wide.view()).or_throw();
  CHECK(found("wide.png", "") == 0);
  CHECK(found("wide.png", "--small-faces") == 1);

  // What the larger square sees beside the face's own.
  const auto seen = [&](const std::string& options) {
    REQUIRE(w.run("parse photo.png --force --coverage seen.png" + options + kWeights).code == 0);
    const Image coverage = load_image(w.path("seen.png")).value();
    return coverage.size_bytes() -
           static_cast<std::size_t>(std::count(coverage.data(), coverage.data() + coverage.size_bytes(), 0));
  };
  CHECK(seen(" --surroundings") > seen(""));
  for (const char* name : {"over.png", "over_faces.png", "wide.png", "wide_faces.png", "photo_mask.png",
                           "photo_overlay.png", "seen.png"}) {
    w.remove(name);
  }
}

TEST_CASE("twenty faces in a photo of 12 megapixels take less than 350 MB") {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep memory of their own
  const Workshop& w = workshop();
  Canvas crowd = Canvas::make(4000, 3000, {90, 90, 90}).value();
  const Image face = load_image(data("images/astronaut.png")).value();
  for (Index i = 0; i < 20; ++i) crowd.draw(face.view(), 60 + i % 5 * 780, 60 + i / 5 * 740).or_throw();
  save_png(w.path("crowd.png"), crowd.view()).or_throw();
  REQUIRE(w.run("convert model_299.pt -o w512.safetensors --resolution 512").code == 0);
  const Outcome outcome = w.run("parse crowd.png --weights w512.safetensors --threads 2");
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.out, "  face 20: "));
  rusage children = {};  // the largest of all so far
  REQUIRE(getrusage(RUSAGE_CHILDREN, &children) == 0);
  CHECK(children.ru_maxrss < 350 * 1024);
  for (const char* name : {"crowd.png", "crowd_mask.png", "crowd_overlay.png", "w512.safetensors"}) w.remove(name);
#endif
}

TEST_CASE("existing results are refused before anything is read, unless they may be replaced or kept") {
  const Workshop& w = workshop();
  w.write("photo_mask.png", "precious");
  check_refused(w.run("parse photo.png --whole" + kWeights), 5,
                {"photo_mask.png: exists already", "--force", "--skip-existing"});
  w.write("photo_overlay.png", "precious too");
  check_refused(w.run("parse photo.png --whole" + kWeights), 5, {"1 more of 2 results do"});
  CHECK(w.read("photo_mask.png") == "precious");
  const Outcome kept = w.run("parse photo.png --whole --skip-existing" + kWeights);
  CHECK(kept.code == 0);
  CHECK(contains(kept.out, "left as it is"));
  CHECK(w.read("photo_mask.png") == "precious");
  check_refused(w.run("parse photo.png --whole --skip-existing --force" + kWeights), 2, {"leave one out"});
  CHECK(w.run("parse photo.png --whole --force -q" + kWeights).out.empty());
  CHECK(w.read("photo_mask.png") != "precious");
  for (const char* name : {"photo_mask.png", "photo_overlay.png"}) w.remove(name);
}

TEST_CASE("folders, lists, shards and standard input") {
  const Workshop& w = workshop();
  std::filesystem::create_directories(w.path("in/more"));
  for (const char* name : {"in/a.png", "in/b.png", "in/more/c.png"}) {
    std::filesystem::copy_file(w.path("photo.png"), w.path(name));
  }
  w.write("in/broken.jpg", "no picture");
  const Outcome folder = w.run("parse in --whole --json" + kWeights);
  CHECK(folder.code == 3);
  CHECK(count(folder.out, "\n") == 3);
  CHECK(folder.out.find("in/a.png") < folder.out.find("in/b.png"));
  CHECK(contains(folder.out, "{\"photo\": \"in/broken.jpg\", \"error\": \""));
  CHECK(contains(folder.err, "1 of 3 photos failed"));
  CHECK(w.has("in/segface/a_mask.png"));
  CHECK(w.has("in/segface/b_overlay.png"));
  w.remove("in/broken.jpg");
  const Outcome deep = w.run("parse in --whole --recursive --force --json" + kWeights);
  CHECK(deep.code == 0);
  CHECK(count(deep.out, "\n") == 3);
  CHECK(w.has("in/segface/more/c_mask.png"));
  w.write("list", "in/a.png\nin/b.png\n");
  const Outcome second = w.run("parse --list list --shard 2/2 --whole --json -o out" + kWeights);
  CHECK(second.code == 0);
  CHECK(count(second.out, "\n") == 1);
  CHECK(w.has("out/b_mask.png"));
  CHECK_FALSE(w.has("out/a_mask.png"));

  const Outcome piped = w.shell("segface parse - --whole --mask -" + kWeights + "<photo.png >piped.png");
  CHECK(piped.code == 0);
  CHECK(contains(piped.err, "mean confidence"));
  CHECK(same(labels_of("piped.png"), labels_of("in/segface/a_mask.png")));
  check_refused(w.run("parse - --whole" + kWeights), 3, {"standard input"});
  w.write("in/more/empty/x", "");
  std::filesystem::create_directories(w.path("nothing"));
  check_refused(w.run("parse nothing" + kWeights), 2, {"a folder without photos", "--recursive"});
  for (const char* name : {"in", "out", "list", "piped.png", "nothing"}) w.remove(name);
}

TEST_CASE("classes are cut out, groups get masks, and labels have other programs' numbers") {
  const Workshop& w = workshop();
  REQUIRE(w.run("parse photo.png --whole --classes eyes -o d" + kWeights).code == 0);
  REQUIRE(w.run("parse photo.png --whole --cutout 0,eyes --out d/photo_cutout.png" + kWeights).code == 0);
  const Image labels = load_labels(w.path("d/photo_mask.png")).value();
  const Image eyes = labels_of("d/photo_eyes.png");
  const auto cut = read_file(w.path("d/photo_cutout.png"), std::size_t{1} << 24).value();
  CHECK(PngFile::open(cut.span(), {})->color() == PngColor::rgba);
  Index wrong = 0;
  for (std::size_t i = 0; i < labels.size_bytes(); ++i) {
    const bool is_eye = labels.data()[i] == 8 || labels.data()[i] == 9;
    wrong += eyes.data()[i] != (is_eye ? 255 : 0);
  }
  CHECK(wrong == 0);
  REQUIRE(w.run("parse photo.png --whole --numbering bisenet --mask n.png" + kWeights).code == 0);
  const Image numbered = labels_of("n.png");
  const Image expected = renumber(labels.view(), Numbering::celeb, Numbering::bisenet).value();
  CHECK(same(numbered, expected));
  check_refused(w.run("parse photo.png --numbering bisnet" + kWeights), 2, {"did you mean bisenet"});
  check_refused(w.run("parse photo.png --cutout nobody" + kWeights), 2, {"--cutout", "no class 'nobody'"});
  for (const char* name : {"d", "n.png"}) w.remove(name);
}

TEST_CASE("finder and network are named when they are missing or exchanged") {
  const Workshop& w = workshop();
  check_refused(w.run("parse photo.png --finder none.safetensors" + kWeights), 4, {"none.safetensors"});
  check_refused(w.run("parse photo.png --finder w.safetensors" + kWeights), 4,
                {"w.safetensors", "weights of a parser"});
  check_refused(w.run("parse photo.png --weights '" + data("../../weights/finder.safetensors") + "'"), 4, {"finder"});
  check_refused(w.run("parse photo.png --whole --finder w.safetensors" + kWeights), 2, {"--finder", "--whole"});
  check_refused(w.shell("SEGFACE_WEIGHTS=lost.safetensors segface parse photo.png"), 4, {"lost.safetensors"});
  for (const char* wrong :
       {"--threshold 0", "--threshold 101", "--turns 2", "--most 256", "--smallest -1", "--shard 3/2"}) {
    CHECK_MESSAGE(w.run("parse photo.png " + std::string(wrong) + kWeights).code == 2, wrong);
  }
}

TEST_CASE("info tells who trained the finder, and on which terms it may be used") {
  const Outcome info = workshop().run("info '" + data("../../weights/finder.safetensors") + "'");
  CHECK(info.code == 0);
  for (const char* part : {"YuNet", "O-Net", "origin:", "WIDER FACE", "terms:", "research"}) {
    CAPTURE(part);
    CHECK(contains(info.out, part));
  }
}

TEST_CASE("--json into a pipe that nobody reads any more ends quietly, one onto a full disk says so") {
  const Workshop& w = workshop();
  w.shell("(segface parse photo.png --force --json" + kWeights + "2>said; echo $? >code) | true");
  CHECK(w.read("code") == "141\n");  // of SIGPIPE, as other programs end
  CHECK(w.read("said").empty());
  const Outcome full = w.shell("segface parse photo.png --force --json" + kWeights + ">/dev/full");
  check_refused(full, 5, {"standard output"});
  for (const char* name : {"said", "code", "photo_mask.png", "photo_overlay.png"}) w.remove(name);
}
