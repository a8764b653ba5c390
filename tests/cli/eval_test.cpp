// segface eval: each layout against labels prepared by NumPy and Pillow, and what it says of missing and broken files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "segface/faces/metrics.hpp"
#include "segface/faces/sheet.hpp"
#include "segface/image/file.hpp"

#include "network/small_weight_file.hpp"
#include "workshop.hpp"

namespace {

using namespace segface;
using namespace segface::core;
using test::check_refused;
using test::contains;
using test::data;
using test::Outcome;
using test::Workshop;
using test::workshop;
namespace fs = std::filesystem;

// Weights of the data set in the workshop, and its folder of test data as `folder`.
std::string prepare(const std::string& layout) {
  const Workshop& w = workshop();
  w.remove("folder");
  fs::copy(data("eval/" + layout), w.path("folder"), fs::copy_options::recursive);
  if (layout == "celeb" || layout == "plain") return "w.safetensors";
  if (!w.has(layout + ".safetensors")) {
    w.write(layout + ".safetensors", test::make_small_weight_file(parse_dataset(layout).value()));
  }
  return layout + ".safetensors";
}

// The numbers behind a key of a JSON text, up to the next name.
std::vector<std::uint64_t> numbers_after(const std::string& json, const std::string& key) {
  std::string text = json.substr(json.find("\"" + key + "\": ") + key.size() + 4);
  text.resize(text.find('"'));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; }, ' ');
  std::istringstream words(text);
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t number = 0; words >> number;) numbers.push_back(number);
  return numbers;
}

// The row of a name in a CSV text.
std::string csv_row(const std::string& csv, const std::string& name) {
  const std::size_t at = csv.find("," + name + ",") + name.size() + 2;
  return csv.substr(at, csv.find('\n', at) - at);
}

TEST_CASE("eval counts what NumPy and Pillow count, in every layout") {
  const Workshop& w = workshop();
  const std::map<std::string, const char*> layouts = {{"celeb", "CelebAMask-HQ, test, 2 of 2"},
                                                      {"lapa", "LaPa, test, 2 of 2"},
                                                      {"helen", "Helen, test, 2 of 2"},
                                                      {"plain", "images and labels, 3 of 3"}};
  for (const auto& row : layouts) {
    const std::string& layout = row.first;
    CAPTURE(layout);
    const std::string weights = prepare(layout);
    const Outcome outcome = w.run("eval " + weights + " folder --scores e.json --csv e.csv");
    CAPTURE(outcome.err);
    REQUIRE(outcome.code == 0);
    CHECK(outcome.err.empty());
    CHECK(contains(outcome.out, row.second));

    const Dataset dataset = weights == "w.safetensors" ? Dataset::celeb : parse_dataset(layout).value();
    const auto count = static_cast<std::size_t>(class_count(dataset));
    std::vector<std::uint64_t> expected(count * count);
    std::uint64_t ignored = 0;
    ConfusionMatrix matrix(dataset);
    for (const auto& entry : fs::directory_iterator(data("eval/" + layout + "_expected"))) {
      std::string front = entry.path().string();
      if (front.find("_photo.png") == std::string::npos) continue;
      front.resize(front.size() - 10);
      std::string points;
      std::getline(std::ifstream(front + ".txt"), points);
      const Outcome parsed = w.run("parse --whole --force '" + front + "_photo.png' --weights " + weights +
                                   " --mask m.png" + (points.empty() ? "" : " --landmarks '" + points + "'"));
      CAPTURE(parsed.err);
      REQUIRE(parsed.code == 0);
      const Image truth = load_labels(front + "_truth.png").value();
      const Image mask = load_labels(w.path("m.png")).value();
      for (std::size_t i = 0; i < truth.size_bytes(); ++i) {
        const std::uint8_t label = truth.data()[i];
        ++(label == 255 ? ignored : expected[label * count + mask.data()[i]]);
      }
      REQUIRE(matrix.add(truth.view(), mask.view()).ok());
    }
    const std::string json = w.read("e.json"), csv = w.read("e.csv");
    CHECK(numbers_after(json, "confusion") == expected);
    CHECK(numbers_after(json, "ignored") == std::vector<std::uint64_t>{ignored});
    CHECK((ignored == 0) == (layout == "celeb"));  // its masks have no such pixels

    char digits[64];
    std::snprintf(digits, sizeof digits, "\"mean_f1\": %.17g,", *matrix.mean_f1());
    CHECK(contains(json, digits));
    std::snprintf(digits, sizeof digits, "%.17g,%.17g,", *matrix.mean_f1(), matrix.mean_iou());
    CHECK(contains(csv_row(csv, "mean"), digits));
    CHECK(contains(csv, ",overall,") == (layout == "helen"));
    CHECK(contains(outcome.out, "  overall  ") == (layout == "helen"));
    for (const char* part : {"label  class", "mean F1", "mean IoU", "mean accuracy", "pixel accuracy"}) {
      CHECK(contains(outcome.out, part));
    }
    // The picture has a green diagonal, red where labels are wrong.
    REQUIRE(w.run("eval " + weights + " folder --picture c.png").code == 0);
    const Image picture = load_image(w.path("c.png")).value();
    const auto cell = [&](std::size_t t, std::size_t p) {
      const auto at = [&](Index side, std::size_t i) { return side - kGap - 36 * static_cast<Index>(count - i) + 1; };
      return picture.rgb(at(picture.width(), p), at(picture.height(), t));
    };
    std::size_t wrong = 0;
    for (std::size_t t = 0; t < count; ++t) {
      for (std::size_t p = 0; p < count; ++p) {
        const Rgb c = cell(t, p), empty = {40, 40, 44};
        const bool none = expected[t * count + p] == 0;
        wrong += none ? c != empty : t == p ? c.g < 40 || c.r != 20 : c.r < 40 || c.g != 40;
      }
    }
    CHECK(wrong == 0);
    // Threads share the photos; what they count does not depend on it.
    REQUIRE(w.run("eval " + weights + " folder --scores t.json --threads 1").code == 0);
    CHECK(w.read("t.json") == json);
  }
  for (const char* name : {"folder", "e.json", "t.json", "e.csv", "m.png", "c.png"}) w.remove(name);
}

TEST_CASE("eval on the reference backend, and of a few photos") {
  const Workshop& w = workshop();
  const std::string weights = prepare("plain");
  const Outcome outcome = w.run("eval " + weights + " folder/ --backend reference --limit 2 --scores e.json");
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "2 of 2 photos at 64 x 64"));
  CHECK(contains(w.read("e.json"), "\"photos\": 2"));
  for (const char* name : {"folder", "e.json"}) w.remove(name);
}

TEST_CASE("eval says which class is absent and leaves it out of the mean") {
  const Workshop& w = workshop();
  const std::string weights = prepare("plain");
  std::vector<std::uint8_t> blank(30 * 30, 255);
  blank[0] = 3;
  for (const char* name : {"a", "b", "c"}) {
    save_png(w.path(std::string("folder/labels/") + name + ".png"), {blank.data(), 30, 30, PixelOrder::gray},
             OutputFile::Existing::replace)
        .or_throw();
  }
  const Outcome outcome = w.run("eval " + weights + " folder --scores e.json --csv e.csv");
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "absent in truth and prediction: "));
  CHECK(contains(w.read("e.json"), "\"f1\": null"));
  CHECK(contains(w.read("e.csv"), ",,0,0,0,0\n"));
  for (const char* name : {"folder", "e.json", "e.csv"}) w.remove(name);
}

TEST_CASE("eval compares the sizes of photo and labels, and takes cameras' endings") {
  const Workshop& w = workshop();
  const std::string weights = prepare("plain");
  const std::vector<std::uint8_t> pixels(3 * 64 * 64, 1);
  const auto save = [&](const char* name, Index width, Index height, PixelOrder order) {
    save_png(w.path(name), {pixels.data(), width, height, order}, OutputFile::Existing::replace).or_throw();
  };
  w.remove("folder/images");
  w.remove("folder/labels");
  fs::create_directories(w.path("folder/images"));
  fs::create_directories(w.path("folder/labels"));
  save("folder/images/wide.JPG", 60, 40, PixelOrder::rgb);
  save("folder/labels/wide.png", 60, 40, PixelOrder::gray);
  Outcome outcome = w.run("eval " + weights + " folder");
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "1 of 1 photos"));
  CHECK_FALSE(contains(outcome.out, "ratio of sides"));

  save("folder/labels/wide.png", 60, 44, PixelOrder::gray);
  outcome = w.run("eval " + weights + " folder");
  CHECK(outcome.code == 0);
  CHECK(contains(outcome.out, "1 of 1 photos have labels of another ratio of sides, the first is wide"));

  for (const auto& [width, height] : {std::pair<Index, Index>{40, 60}, {20, 30}}) {
    save("folder/labels/wide.png", width, height, PixelOrder::gray);
    outcome = w.run("eval " + weights + " folder");
    CHECK(outcome.code == 3);
    CHECK(contains(outcome.err, "folder/labels/wide.png: " + std::to_string(width) + " x "));
    CHECK(contains(outcome.err, "the photo has 60 x 40: one is turned against the other"));
    CHECK(contains(outcome.err, "EXIF"));
  }
  save("folder/images/wide.png", 60, 40, PixelOrder::rgb);
  check_refused(w.run("eval " + weights + " folder"), 3, {"both 'wide.JPG' and 'wide.png' are there"});
  w.remove("folder");
}

TEST_CASE("eval lists missing and broken files, scores the others and ends with code 3") {
  const Workshop& w = workshop();
  const auto eval = [&](const std::string& weights, const std::vector<std::string>& parts) {
    const Outcome outcome = w.run("eval " + weights + " folder --scores e.json");
    CAPTURE(outcome.err);
    CHECK(outcome.code == 3);
    for (const std::string& part : parts) {
      CAPTURE(part);
      CHECK(contains(outcome.err, part));
    }
    return outcome.out;
  };
  const std::vector<std::uint8_t> pixels(3 * 33 * 41, 77);
  const auto save = [&](const char* name, Index width, Index height, PixelOrder order) {
    save_png(w.path(name), {pixels.data(), width, height, order}, OutputFile::Existing::replace).or_throw();
  };

  SUBCASE("plain") {
    const std::string weights = prepare("plain");
    w.remove("folder/labels/a.png");
    w.write("folder/images/b.png", "no picture");
    save("folder/labels/d.png", 33, 41, PixelOrder::gray);
    save("folder/labels/e.png", 33, 41, PixelOrder::gray);
    save("folder/images/e.png", 33, 41, PixelOrder::rgb);
    save("folder/labels/f.png", 33, 41, PixelOrder::rgb);
    save("folder/images/f.png", 33, 41, PixelOrder::rgb);
    const std::string out =
        eval(weights, {"folder/labels/a.png: cannot open", "folder/images/b.png: this is text",
                       "folder/images/d.jpg: cannot open", "folder/labels/e.png: the truth holds 77 in column 0, row 0",
                       "folder/labels/f.png: ", "5 of 6 photos failed; the scores are those of the others"});
    CHECK(contains(out, "1 of 6 photos"));
    CHECK(contains(w.read("e.json"), "{\"photo\": \"e\", \"reason\": \"folder/labels/e.png: the truth holds 77"));
    w.write("folder/images/c.jpeg", "");
    CHECK_FALSE(contains(eval(weights, {"6 of 6 photos failed"}), "mean F1"));
  }
  SUBCASE("celeb") {
    const std::string weights = prepare("celeb");
    for (const auto& entry : fs::directory_iterator(w.path("folder/CelebAMask-HQ-mask-anno/1"))) fs::remove(entry);
    save("folder/CelebAMask-HQ-mask-anno/0/00003_hair.png", 33, 41, PixelOrder::gray);
    eval(weights, {"CelebAMask-HQ-mask-anno/1/02001_*.png: no file of any part",
                   "00003_hair.png: 33 x 41 pixels, the parts before it have 50 x 50", "2 of 2"});
    const Outcome train = w.run("eval " + weights + " folder --split train");
    CHECK(train.code == 3);
    CHECK(contains(train.err, "CelebA-HQ-img/5.jpg: cannot open"));
    CHECK(contains(train.err, "1 of 1 photos failed"));  // the others are of test and val
  }
  SUBCASE("lapa") {
    const std::string weights = prepare("lapa");
    w.write("folder/test/landmarks/first.txt", "106\n1 2\n");
    w.remove("folder/test/landmarks/second.b.txt");
    eval(weights, {"landmarks/first.txt: line 3: point 2 of 106", "landmarks/second.b.txt: cannot open"});
    save("folder/test/labels/first.png", 33, 41, PixelOrder::gray);
    eval(weights, {"labels/first.png: 33 x 41 pixels, the photo has 70 x 91"});
  }
  SUBCASE("helen") {
    const std::string weights = prepare("helen");
    const std::string lines = w.read("folder/landmarks.txt");
    w.write("folder/landmarks.txt", lines.substr(0, lines.find('\n') + 1));
    const std::string out = eval(weights, {"two_image.jpg: landmarks.txt: no line ends with the name 'two'", "1 of 2"});
    CHECK(contains(out, "Helen, test, 1 of 2"));
  }
  for (const char* name : {"folder", "e.json"}) w.remove(name);
}

TEST_CASE("eval refuses what it cannot make sense of with one line") {
  const Workshop& w = workshop();
  const std::string weights = prepare("plain");
  const std::string call = "eval " + weights + " folder";
  check_refused(w.run("eval " + weights), 2, {"a weight file and a data set's directory, got 1"});
  check_refused(w.run(call + " --limit 0"), 2, {"--limit is '0'"});
  check_refused(w.run(call + " --scores x.txt"), 2, {"--scores writes json files", "'x.txt'"});
  check_refused(w.run(call + " --csv x.json"), 2, {"--csv writes csv files"});
  check_refused(w.run(call + " --picture x.jpg"), 2, {"--picture writes png files"});
  check_refused(w.run(call + " --backend gpu"), 2, {"cpu, reference, cuda, cuda-f16"});
  check_refused(w.run("eval " + weights + " nowhere"), 2, {"nowhere: no such directory"});
  check_refused(w.run("eval model_299.pt folder"), 4, {"`segface convert model_299.pt`"});
  check_refused(w.run(call + " --scores none/e.json"), 5, {"none/e.json: "});
  check_refused(w.run(call + " --scores /dev/full"), 5, {"/dev/full: cannot write"});
  w.remove("folder/labels");
  check_refused(w.run(call), 2, {"no data set with a split 'test'", "CelebA-HQ-img/", "landmarks.txt", "images/"});

  prepare("celeb");
  check_refused(w.run(call + " --split all"), 2, {"--split is 'all'", "train, val or test"});
  w.write("folder/CelebA-HQ-to-CelebA-mapping.txt", "idx orig_idx orig_file\n3 103 000777.jpg\n");
  check_refused(w.run(call), 3, {"mapping.txt: line 2: photo '000777.jpg' is missing in folder/list_eval"});
  w.write("folder/CelebA-HQ-to-CelebA-mapping.txt", "0 1 000104.jpg\nx 103 000104.jpg\n");
  check_refused(w.run(call), 3, {"mapping.txt: line 2: begins with 'x'"});
  w.write("folder/CelebA-HQ-to-CelebA-mapping.txt", "3 000104.jpg\n");
  check_refused(w.run(call), 3, {"mapping.txt: line 1 has 2 words, expected 3"});
  w.remove("folder/list_eval_partition.txt");
  check_refused(w.run(call), 3, {"list_eval_partition.txt: cannot open"});

  prepare("lapa");
  check_refused(w.run(call), 2, {"this is LaPa", "trained on celeb"});
  check_refused(w.run("eval lapa.safetensors folder --split val"), 2, {"no data set with a split 'val'"});
  prepare("celeb");
  check_refused(w.run("eval lapa.safetensors folder"), 2, {"this is CelebAMask-HQ", "trained on lapa"});
  w.remove("folder");
}

}  // namespace
