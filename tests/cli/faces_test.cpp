// `segface parse` on photos whose faces it has to find: what it writes and says, for one photo and for many.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "segface/faces/label_png.hpp"
#include "segface/faces/numbering.hpp"
#include "segface/image/canvas.hpp"
#include "segface/image/file.hpp"

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
  REQUIRE(w.run("parse photo.png --whole --cutout 0,eyes --classes eyes -o d" + kWeights).code == 0);
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
