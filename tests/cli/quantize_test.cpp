// segface quantize: the recipe it writes, what it tells of it, and what it refuses.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "segface/crops.hpp"
#include "segface/faces/align.hpp"
#include "segface/image/file.hpp"
#include "segface/image/resize.hpp"

#include "network/small_weight_file.hpp"
#include "workshop.hpp"

namespace {

using namespace segface;
using namespace segface::core;
using test::check_refused;
using test::contains;
using test::Outcome;
using test::Workshop;
using test::workshop;

// The demonstration's weights for a side of 128, and a folder with crops of that side, so that masks have the network's own
// labels. Of synthetic weights no label is sure.
void make_demo(const Workshop& w) {
  if (w.has("crops")) return;
  std::ifstream file(test::data("../../weights/demo.safetensors"), std::ios::binary);
  std::string weights((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::string side = "\"resolution\":\"256\"";
  weights.replace(weights.find(side), side.size(), "\"resolution\":\"128\"");
  w.write("demo.safetensors", weights);
  std::filesystem::create_directory(w.path("crops"));
  const Landmarks astronaut = {{205, 101}, {248, 102}, {226, 122}, {206, 143}, {242, 144}},
                  portrait = {{113, 100}, {156, 103}, {134, 129}, {112, 139}, {155, 141}};
  for (const auto& [name, points] : {std::pair("astronaut.png", astronaut), {"portrait.png", portrait}}) {
    const Image photo = load_image(test::data(std::string("images/") + name)).value();
    const Image square = AlignedSquare(points).cut(photo.view()).value();
    const Image small = resize_bicubic(square.view(), 128, 128).value();
    save_png(w.path(std::string("crops/") + name), small.view()).or_throw();
  }
}

// The number after a word.
double number_after(const std::string& text, const std::string& word) {
  const std::size_t at = text.find(word);
  REQUIRE(at != std::string::npos);
  return std::atof(text.c_str() + at + word.size());
}

// Labels of the astronaut and the portrait, one after the other.
std::string labels_of(const Workshop& w, const std::string& options) {
  std::string all;
  for (const std::string name : {"astronaut", "portrait"}) {
    const Outcome parsed = w.run("parse crops/" + name + ".png -q --whole --force --gray --mask m.png " + options);
    CAPTURE(parsed.err);
    REQUIRE(parsed.code == 0);
    const Image mask = load_labels(w.path("m.png")).value();
    all.append(reinterpret_cast<const char*>(mask.data()), mask.size_bytes());
  }
  return all;
}

}  // namespace

TEST_CASE("quantize without photos writes the rule by names, and says that nothing proves it") {
  const Workshop& w = workshop();
  const Outcome made = w.run("quantize w.safetensors -o rule.safetensors");
  CAPTURE(made.out);
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
  CHECK(contains(made.out, "rule.safetensors: written\n  layers:      32 of int8, 2 of bf16, 0 of f32"));
  CHECK(contains(made.out, "unproven"));
  CHECK(contains(made.out, " ms a face in f32, "));
  CHECK_FALSE(contains(w.run("info w.safetensors").out, "precision:"));
  CHECK(contains(w.run("info rule.safetensors").out, "  precision:   32 layers may be of int8, 2 of bf16; unproven\n"));
  const Outcome verified = w.run("verify rule.safetensors --precision auto");
  CAPTURE(verified.out);
  CHECK(verified.code == 0);
  if (cpu::Backend(cpu::best_isa()).has_instructions(Precision::int8)) {
    CHECK(contains(verified.out, "OK      products, 32 layers of int8, "));
    CHECK(contains(verified.out, "note    auto: "));
  }
  check_refused(w.run("verify rule.safetensors --precision int8 --backend reference"), 2,
                {"--precision int8 goes with --backend cpu"});
  check_refused(w.run("quantize w.safetensors -o rule.safetensors"), 5, {"exists already", "--force"});
  CHECK(w.run("quantize w.safetensors -o rule.safetensors --force").code == 0);
  check_refused(w.run("quantize rule.safetensors -o ./rule.safetensors --force"), 5, {"is the weight file itself"});
  CHECK(w.run("quantize rule.safetensors -o again.safetensors").code == 0);
  CHECK(w.read("again.safetensors") == w.read("rule.safetensors"));  // the old recipe makes no difference
}

TEST_CASE("quantize with photos: as many labels stay as it says, and float32 stays as it was") {
  const Workshop& w = workshop();
  make_demo(w);
  const Outcome made = w.run("quantize demo.safetensors -o q.safetensors --photos crops --whole --agree 99");
  CAPTURE(made.out);
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
  const double agreement = number_after(made.out, "agreement:");
  CHECK(agreement >= 99);
  CHECK(number_after(made.out, "worst face:") <= agreement);
  CHECK(number_after(made.out, "layers:") > 0);
  CHECK(number_after(made.out, "of these layers") > 20);
  CHECK(contains(made.out, " % of the labels of 2 faces in 2 photos are those of f32\n"));
  CHECK(contains(w.run("info q.safetensors").out, " % of the labels of 2 photos stay\n"));

  const std::string floats = labels_of(w, "--weights demo.safetensors");
  CHECK(labels_of(w, "--weights q.safetensors") == floats);
  if (cpu::Backend(cpu::best_isa()).has_instructions(Precision::int8)) {
    const std::string rounded = labels_of(w, "--weights q.safetensors --precision auto");
    std::size_t equal = 0;
    for (std::size_t i = 0; i < floats.size(); ++i) equal += rounded[i] == floats[i];
    const double share = 100 * static_cast<double>(equal) / static_cast<double>(floats.size());
    CHECK(share == doctest::Approx(agreement).epsilon(2e-5));
    CHECK(labels_of(w, "--weights q.safetensors --precision int8") == rounded);
  }
}

TEST_CASE("quantize: what is written keeps enough labels of every class, also where few layers do") {
  const Workshop& w = workshop();
  make_demo(w);
  const Outcome made = w.run("quantize w.safetensors -o s.safetensors --photos crops --whole --agree 97");
  CAPTURE(made.out);
  CHECK(w.has("s.safetensors") == (made.code == 0));
  if (made.code != 0) {
    CHECK(made.code == 3);
    return;
  }
  CHECK(number_after(made.out, "agreement:") >= 97);
  if (!contains(made.out, "none lost a label")) CHECK(number_after(made.out, ", IoU ") >= 99);
}

TEST_CASE("quantize finds the faces of photos, and their landmarks where the network needs them") {
  const Workshop& w = workshop();
  make_demo(w);
  std::filesystem::create_directory(w.path("photos"));
  std::filesystem::copy_file(w.path("photo.png"), w.path("photos/a.png"));
  const Outcome made = w.run("quantize demo.safetensors -o f.safetensors --photos photos");
  CAPTURE(made.err);
  CHECK(made.code == 0);
  CHECK(contains(made.out, " % of the labels of 1 faces in 1 photos are those of f32\n"));

  const Bytes lapa = test::small_weight_file(Dataset::lapa);
  w.write("lapa.safetensors", std::string(reinterpret_cast<const char*>(lapa.data()), lapa.size()));
  CHECK(w.run("quantize lapa.safetensors -o l.safetensors").code == 0);
  check_refused(w.run("quantize lapa.safetensors -o l.safetensors --force --photos photos --whole"), 2,
                {"a network of LaPa needs five points", "leave out --whole"});
  const Finder finder = Finder::load(test::data("../../weights/finder.safetensors")).value();
  for (const Dataset dataset : {Dataset::celeb, Dataset::lapa}) {
    NetworkInfo info;
    info.dataset = dataset;
    info.resolution = 96;
    const tool::Crops crops = tool::read_crops({{w.path("photo.png"), "", "photo"}}, info, finder).value();
    REQUIRE(crops.list.size() == 1);
    REQUIRE(crops.list[0].landmarks);
    CHECK(crops.list[0].picture.width() == 96);
    for (const Point& point : crops.list[0].landmarks->in_order()) {  // of the face, in the middle of the crop
      CHECK((point.x > 15 && point.x < 81 && point.y > 15 && point.y < 81));
    }
  }
}

TEST_CASE("convert stores bytes, which parse, verify and quantize read") {
  const Workshop& w = workshop();
  const Outcome made = w.run("convert model_299.pt -o bytes.safetensors --resolution 64 --dtype i8");
  CAPTURE(made.err);
  REQUIRE(made.code == 0);
  CHECK(contains(made.out, ", I8\n"));
  CHECK(3 * w.read("bytes.safetensors").size() < w.read("w.safetensors").size());
  CHECK(contains(w.run("info bytes.safetensors").out, ", I8\n"));
  CHECK(w.run("verify bytes.safetensors").code == 0);
  CHECK(w.run("parse photo.png --whole -q --force --mask m.png --weights bytes.safetensors").code == 0);
  REQUIRE(w.run("quantize bytes.safetensors -o both.safetensors").code == 0);
  CHECK(contains(w.run("info both.safetensors").out, ", I8\n"));
  CHECK(contains(w.run("info both.safetensors").out, "32 layers may be of int8"));
  CHECK(w.run("parse photo.png --whole -q --force --mask n.png --weights both.safetensors").code == 0);
  CHECK(w.read("m.png") == w.read("n.png"));
}

TEST_CASE("quantize: where no layer can be rounded, code 3 and no file") {
  const Workshop& w = workshop();
  std::filesystem::create_directory(w.path("noise"));
  const UniformSequence sequence("noise", 1);
  Image noise = Image::make(64, 64, PixelOrder::rgb).value();
  for (std::size_t photo = 0; photo < 8; ++photo) {  // everywhere classes are about equal: each layer changes some
    for (std::size_t i = 0; i < noise.size_bytes(); ++i) {
      noise.data()[i] = static_cast<std::uint8_t>(128 + 120 * sequence[photo * noise.size_bytes() + i]);
    }
    save_png(w.path("noise/" + std::to_string(photo) + ".png"), noise.view()).or_throw();
  }
  const Outcome none = w.shell(
      "SEGFACE_ISA=baseline segface quantize w.safetensors -o none.safetensors --photos noise --whole --agree 100");
  CAPTURE(none.out);
  CHECK(none.code == 3);
  CHECK(contains(none.err, "no layer can be rounded so that 100.000 % of the labels stay"));
  CHECK(contains(none.err, "note: this processor has no instructions for int8: labels are tried, times tell nothing"));
  CHECK_FALSE(w.has("none.safetensors"));
}

TEST_CASE("quantize: photos that prove nothing, and words that mean nothing, are refused by name") {
  const Workshop& w = workshop();
  make_demo(w);
  const std::string quantize = "quantize w.safetensors -o none.safetensors ";
  for (const char* bad : {"101", "49.9", "x", "99,5", "-1", "1e2", "99.", ".5", "99.5%", "100.0001", "99.1234567"}) {
    CAPTURE(bad);
    check_refused(w.run(quantize + "--photos crops --agree '" + bad + "'"), 2,
                  {"--agree is '" + std::string(bad) + "'", "a percentage of labels from 50 to 100"});
  }
  check_refused(w.run("quantize w.safetensors"), 2, {"-o is missing"});
  check_refused(w.run("quantize -o x"), 2, {"expected one weight file, got 0"});
  check_refused(w.run(quantize + "--agree 99"), 2, {"--agree is about photos", "--photos is missing"});
  check_refused(w.run(quantize + "--whole"), 2, {"--whole is about photos"});
  check_refused(w.run(quantize + "--photos crops --whole --finder x"), 2, {"--finder", "leave one out"});
  std::filesystem::create_directory(w.path("empty"));
  check_refused(w.run(quantize + "--photos empty"), 2, {"empty: a folder without photos"});
  check_refused(w.run(quantize + "--photos crops --finder missing"), 4, {"missing"});
  check_refused(w.run("quantize photo.png -o none.safetensors"), 4, {"photo.png"});
  check_refused(w.run("quantize model_299.pt -o none.safetensors"), 4, {"segface convert model_299.pt"});

  std::filesystem::create_directory(w.path("broken"));
  w.write("broken/a.png", "no picture");
  check_refused(w.run(quantize + "--photos broken --whole"), 3, {"broken/a.png"});

  std::filesystem::create_directory(w.path("faceless"));
  Image gray = Image::make(200, 200, PixelOrder::rgb).value();
  std::fill_n(gray.data(), gray.size_bytes(), std::uint8_t{90});
  save_png(w.path("faceless/a.png"), gray.view()).or_throw();
  const Outcome none = w.run(quantize + "--photos faceless");
  CHECK(none.code == 3);
  CHECK(contains(none.err, "faceless/a.png: no face was found, left out\n"));
  CHECK(contains(none.err, "no face was found in any of the 1 photos; take others, or --whole"));
  CHECK_FALSE(w.has("none.safetensors"));
  CHECK_FALSE(w.has_temporary());
  check_refused(w.run("quantize w.safetensors -o none/x.safetensors"), 5, {"none/x.safetensors"});
}
