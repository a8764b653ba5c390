// The command line as users run it: what it writes, says and returns.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "segface/image/crop.hpp"
#include "segface/image/file.hpp"
#include "segface/image/postprocess.hpp"
#include "segface/tensors/synthetic.hpp"

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

TEST_CASE("Help and version") {
  const Workshop& w = workshop();
  for (const char* command : {"--help", "-h", "help"}) {
    const Outcome help = w.run(command);
    CHECK(help.code == 0);
    for (const char* name : {"parse", "convert", "quantize", "info", "verify", "bench", "eval", "Exit codes"})
      CHECK(contains(help.out, name));
  }
  for (const std::string name : {"parse", "convert", "quantize", "info", "verify", "bench", "eval"}) {
    const Outcome help = w.run("help " + name);
    CHECK(help.code == 0);
    CHECK(contains(help.out, "usage: segface " + name));
    CHECK(w.run(name + " --help").out == help.out);
    CHECK(w.run(name + " something -h").out == help.out);
  }
  const Outcome version = w.run("--version");
  CHECK(version.code == 0);
  CHECK(contains(version.out, "segface " SEGFACE_VERSION_STRING "\ninstruction set: "));
  CHECK(contains(version.out, std::string("\nJPEG: ") + JpegDecoder::kName + "\n"));
  CHECK(contains(version.out, "threads: "));
  CHECK(contains(version.out, "\nbackends: cpu reference"));
}

TEST_CASE("Misuse is answered with one line and code 2") {
  const Workshop& w = workshop();
  const std::string weights = " --weights w.safetensors";
  check_refused(w.run(""), 2, {"no command", "--help"});
  check_refused(w.run("prase photo.png"), 2, {"unknown command 'prase'", "did you mean 'parse'?"});
  check_refused(w.run("help nothing"), 2, {"unknown command"});
  check_refused(w.run("parse photo.png --weight w"), 2, {"unknown option '--weight'", "did you mean '--weights'?"});
  check_refused(w.run("parse --whole --force --weights"), 2, {"--weights needs a value"});
  check_refused(w.run("parse --whole --force --weights --mask x.png"), 2, {"--weights needs a value"});
  check_refused(w.run("parse --mask= photo.png"), 2, {"--mask needs a value"});
  check_refused(w.run("parse --fail-fast=1 photo.png"), 2, {"takes no value"});
  check_refused(w.run("parse" + weights), 2, {"no photo"});
  for (const char* bad : {"x", "", "-1", "257", "1e3", "0x10", "+1", "1 ", "99999999999999999999"}) {
    CAPTURE(bad);
    check_refused(w.run("parse --whole --force photo.png '--threads=" + std::string(bad) + "'" + weights), 2,
                  {"--threads"});
  }
  check_refused(w.run("parse --whole --force photo.png --backend gpu" + weights), 2, {"'gpu'", "cpu, reference, cuda"});
  for (const char* bad : {"1,2,3", "1,2,3,4,5", "1,2,0,4", "a,b,c,d", "1,2,3,", "1,2,3,99999999999999999999"}) {
    CAPTURE(bad);
    check_refused(w.run("parse --force photo.png --box " + std::string(bad) + weights), 2,
                  {"--box", "x,y,width,height"});
  }
  check_refused(w.run("parse --force photo.png --box 224,0,10,10" + weights), 2, {"outside the photo of 224 x 224"});
  check_refused(w.run("parse --force photo.png --square 150" + weights), 2, {"--square", "--box is missing"});
  for (const char* bad : {"0", "1001", "1.5", "x"}) {
    CAPTURE(bad);
    check_refused(w.run("parse --force photo.png --box 1,1,9,9 --square " + std::string(bad) + weights), 2,
                  {"--square"});
  }
  const std::string face = " --landmarks '70,80 150,80 110,120 80,160 140,160'";
  for (const char* bad : {"1,2", "1,2 3,4 5,6 7,8 9", "1,2 3,4 5,6 7,8 9,10 11", "a,b c,d e,f g,h i,j"}) {
    CAPTURE(bad);
    check_refused(w.run("parse --force photo.png --landmarks '" + std::string(bad) + "'" + weights), 2,
                  {"--landmarks"});
  }
  check_refused(w.run("parse --force photo.png --landmarks '70,80 150,80 110,120 80,160 2500,160'" + weights), 2,
                {"right mouth corner lies far outside the photo"});
  check_refused(w.run("parse --whole --force photo.png a.png" + face + weights), 2, {"those of one photo"});
  check_refused(w.run("parse --force photo.png --align celeba" + weights), 2, {"needs --landmarks"});
  check_refused(w.run("parse --force photo.png --align ffhq" + face + weights), 2, {"'ffhq'", "none, celeba, helen"});
  check_refused(w.run("parse --force photo.png --align helen" + face + weights), 2, {"68 points"});
  check_refused(w.run("parse --force photo.png --landmarks missing.txt" + weights), 2, {"missing.txt"});
  check_refused(w.run("parse --force photo.png --align celeba --box 1,1,50,50" + face + weights), 2, {"leave one out"});
  check_refused(w.run("parse --force photo.png --whole --box 1,1,50,50" + weights), 2,
                {"--whole", "--box", "leave one out"});
  check_refused(w.run("parse --force photo.png --whole --align celeba" + face + weights), 2, {"--whole", "--align"});
  check_refused(w.run("parse --whole --force a.png b.png --mask m.png" + weights), 2, {"one photo", "-o DIRECTORY"});
  check_refused(w.run("parse --whole --force photo.png --mask m.jpg" + weights), 2, {"--mask writes png", "'m.jpg'"});
  check_refused(w.run("parse --whole --force a/p.png b/p.png" + weights), 2,
                {"'a/p.png' and 'b/p.png'", "p.png_mask.png"});
  check_refused(w.run("parse --whole --force photo.png --mask m.png --overlay m.png" + weights), 2,
                {"would both write 'm.png'"});
  check_refused(w.run("convert"), 2, {"expected one checkpoint, got 0"});
  check_refused(w.run("convert model_299.pt --dtype int8"), 2, {"f32, f16, bf16"});
  check_refused(w.run("convert model_299.pt --dataset coco"), 2, {"'coco'", "celeb, lapa and helen"});
  check_refused(w.run("convert model_299.pt --resolution 31"), 2, {"--resolution is '31'"});
  check_refused(w.run("convert model_299.pt -o x --dataset lapa"), 2,
                {"19 classes", "(--dataset celeb, lapa or helen)"});
  check_refused(w.run("info"), 2, {"expected one weight file"});
  check_refused(w.run("verify"), 2, {"no weight file"});
}

TEST_CASE("convert tells what it found, and replaces nothing unasked") {
  const Workshop& w = workshop();
  CAPTURE(w.made().err);
  REQUIRE(w.made().code == 0);
  CHECK(w.made().err.empty());
  for (const char* part : {"mobilenet", "celeb, 19 classes", "64 x 64\n", "7060480", "F32", "fnv1a64:", "46 tensors"}) {
    CAPTURE(part);
    CHECK(contains(w.made().out, part));
  }

  w.write("model_299.safetensors", "precious");
  check_refused(w.run("convert model_299.pt"), 5, {"model_299.safetensors: exists already", "--force", "-o"});
  CHECK(w.read("model_299.safetensors") == "precious");
  const Outcome forced = w.run("convert model_299.pt --force --dtype f16");
  CHECK(forced.code == 0);
  CHECK(contains(forced.out, "512 x 512 (assumed"));
  CHECK(contains(forced.out, "--resolution R"));
  CHECK(w.run("info model_299.safetensors").code == 0);
  check_refused(w.run("convert model_299.safetensors --force"), 5, {"is the checkpoint itself", "-o"});
  w.remove("model_299.safetensors");

  check_refused(w.run("convert nothing.pt"), 4, {"nothing.pt: cannot open"});
  check_refused(w.run("convert photo.png"), 4, {"photo.png"});
  check_refused(w.run("convert model_299.pt -o /dev/full"), 5, {"/dev/full: cannot write"});
  check_refused(w.run("convert model_299.pt -o missing/x.safetensors"), 5, {"missing/x.safetensors: "});
  CHECK_FALSE(w.has_temporary());
}

TEST_CASE("parse writes mask and overlay of the photo's size and tells the classes") {
  const Workshop& w = workshop();
  const Outcome parsed = w.run("parse --whole --force photo.png --weights w.safetensors -o results");
  CAPTURE(parsed.err);
  REQUIRE(parsed.code == 0);
  CHECK(parsed.err.empty());  // no progress where there is no terminal
  for (const char* part : {"photo.png: 224 x 224 pixels", " ms", " %", "mean confidence",
                           "mask: results/photo_mask.png", "overlay: results/photo_overlay.png"}) {
    CAPTURE(part);
    CHECK(contains(parsed.out, part));
  }
  const Image mask = load_labels(w.path("results/photo_mask.png")).value();
  CHECK(mask.width() == 224);
  CHECK(mask.height() == 224);
  CHECK(load_image(w.path("results/photo_overlay.png")).value().width() == 224);

  SUBCASE("every label of the mask is told") {
    std::vector<bool> present(19);
    for (std::size_t i = 0; i < mask.size_bytes(); ++i) present.at(mask.data()[i]) = true;
    for (std::size_t label = 0; label < present.size(); ++label) {
      const std::string name(classes(Dataset::celeb)[label].name);
      CAPTURE(name);
      CHECK(contains(parsed.out, "  " + name + "\n") == present[label]);
    }
  }
  SUBCASE("into the current directory, and again over the earlier results") {
    CHECK(w.run("parse --whole --force photo.png --weights w.safetensors").code == 0);
    CHECK(w.read("photo_mask.png") == w.read("results/photo_mask.png"));
    CHECK(w.run("parse --whole --force photo.png --weights=w.safetensors --threads 1").code == 0);
    CHECK(w.read("photo_mask.png") == w.read("results/photo_mask.png"));
    w.remove("photo_mask.png");
    w.remove("photo_overlay.png");
  }
  SUBCASE("named files only") {
    CHECK(w.run("parse --whole --force photo.png --weights w.safetensors --mask named.png").code == 0);
    CHECK(w.read("named.png") == w.read("results/photo_mask.png"));
    CHECK_FALSE(w.has("photo_overlay.png"));
    w.remove("named.png");
  }
  SUBCASE("to standard output, with the report on standard error") {
    const Outcome piped = w.run("parse --whole --force photo.png --weights w.safetensors --mask /dev/stdout");
    CHECK(piped.code == 0);
    CHECK(piped.out == w.read("results/photo_mask.png"));
    CHECK(contains(piped.err, "mean confidence"));
  }
  SUBCASE("on the reference backend nearly the same") {
    CHECK(w.run("parse --whole --force photo.png --weights w.safetensors --backend reference --mask r.png").code == 0);
    const Image other = load_labels(w.path("r.png")).value();
    int different = 0;
    for (std::size_t i = 0; i < mask.size_bytes(); ++i) different += other.data()[i] != mask.data()[i] ? 1 : 0;
    CHECK(different < 50);
    w.remove("r.png");
  }
  w.remove("results");
}

TEST_CASE("--align labels the square around the landmarks and nothing else; landmarks alone never crop") {
  const Workshop& w = workshop();
  const std::string call =
      "parse --force photo.png --weights w.safetensors --landmarks '100,80 130,80 115,100 103,115 127,115'";
  REQUIRE(w.run(call + " --align celeba --mask m.png").code == 0);
  REQUIRE(w.run(call + " --mask whole.png").code == 0);
  REQUIRE(w.run("parse --whole --force photo.png --weights w.safetensors --mask p.png").code == 0);
  const Image mask = load_labels(w.path("m.png")).value();
  const Image whole = load_labels(w.path("whole.png")).value();
  const Image plain = load_labels(w.path("p.png")).value();
  CHECK(std::memcmp(whole.data(), plain.data(), whole.size_bytes()) == 0);
  // The square: 2 x 1.8 x 35 = 126 a side around (115, 83.5).
  int inside = 0, outside = 0;
  for (Index y = 0; y < 224; ++y) {
    for (Index x = 0; x < 224; ++x) {
      if (mask.row(y)[x] == 0) continue;
      ++(x >= 51 && x <= 179 && y >= 20 && y <= 147 ? inside : outside);
    }
  }
  CHECK(inside > 0);
  CHECK(outside == 0);
  for (const char* name : {"m.png", "whole.png", "p.png"}) w.remove(name);
}

TEST_CASE("landmark files: LaPa's, and Helen's with its square") {
  const Workshop& w = workshop();
  std::string lapa = "106\n", helen;
  for (int i = 0; i < 106; ++i) {  // eyes, nose and mouth corners where the data sets have them
    const bool left = i == 74 || i == 104, right = i == 83 || i == 105;
    const int x = left || i == 84 ? 100 : right || i == 90 ? 130 : 115, y = left || right ? 80 : i == 54 ? 100 : 115;
    lapa += std::to_string(x) + " " + std::to_string(y) + "\n";
  }
  for (int i = 0; i < 68; ++i) {
    const bool left = (i >= 36 && i <= 41) || i == 48, right = (i >= 42 && i <= 47) || i == 54;
    const int x = left ? 100 : right ? 130 : 115, y = i >= 36 && i <= 47 ? 80 : i == 30 ? 100 : 115;
    helen += std::to_string(2 * x) + " " + std::to_string(2 * y) + " ";
  }
  std::ofstream(w.path("lapa.txt")) << lapa;
  std::ofstream(w.path("helen.txt")) << helen << "photo\n";
  const std::string call = "parse --force photo.png --weights w.safetensors ";
  const std::string points = "--landmarks '100,80 130,80 115,100 100,115 130,115' ";
  REQUIRE(w.run(call + points + "--align celeba --mask a.png").code == 0);
  REQUIRE(w.run(call + "--landmarks lapa.txt --align celeba --mask b.png").code == 0);
  REQUIRE(w.run(call + "--landmarks helen.txt --align celeba --mask c.png").code == 0);
  w.write("five.txt",
          "\xef\xbb\xbf"
          "1e2 8.0e+01\n130 80\n115 100\n100 115\n130 115\n");
  REQUIRE(w.run(call + "--landmarks five.txt --align celeba --mask e.png").code == 0);
  CHECK(w.read("e.png") == w.read("a.png"));
  w.remove("five.txt");
  w.remove("e.png");
  // 36 pixels down, 43 = int(1.2 x 36) a side, around (115, 98).
  REQUIRE(w.run(call + "--landmarks helen.txt --align helen --mask d.png").code == 0);
  REQUIRE(w.run(call + "--box 94,77,43,43 --mask e.png").code == 0);
  const auto labels = [&](const char* name) { return load_labels(w.path(name)).value(); };
  const Image a = labels("a.png"), b = labels("b.png"), c = labels("c.png"), d = labels("d.png"), e = labels("e.png");
  CHECK(std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
  CHECK(std::memcmp(a.data(), c.data(), a.size_bytes()) == 0);
  CHECK(std::memcmp(d.data(), e.data(), d.size_bytes()) == 0);
  for (const char* name : {"a.png", "b.png", "c.png", "d.png", "e.png", "lapa.txt", "helen.txt"}) w.remove(name);
}

TEST_CASE("--whole is what parse does without a part to look at") {
  const Workshop& w = workshop();
  REQUIRE(w.run("parse --whole --force photo.png --weights w.safetensors --mask a.png").code == 0);
  REQUIRE(w.run("parse --force photo.png --weights w.safetensors --whole --mask b.png").code == 0);
  CHECK(w.read("a.png") == w.read("b.png"));
  for (const char* name : {"a.png", "b.png"}) w.remove(name);
}

TEST_CASE("--box labels its part of the photo and nothing else") {
  const Workshop& w = workshop();
  REQUIRE(w.run("parse --force photo.png --weights w.safetensors --box -20,30,120,100 --mask m.png").code == 0);
  const Image mask = load_labels(w.path("m.png")).value();
  REQUIRE(mask.width() == 224);
  REQUIRE(mask.height() == 224);
  int inside = 0, outside = 0;
  for (Index y = 0; y < 224; ++y) {
    for (Index x = 0; x < 224; ++x) {
      if (mask.row(y)[x] == 0) continue;
      ++(x < 100 && y >= 30 && y < 130 ? inside : outside);
    }
  }
  CHECK(inside > 0);
  CHECK(outside == 0);
  // The same as the part alone.
  const Image photo = load_image(w.path("photo.png")).value();
  const Image part = crop(photo.view(), {-20, 30, 120, 100}).value();
  save_png(w.path("part.png"), part.view(), OutputFile::Existing::replace).or_throw();
  REQUIRE(w.run("parse --whole --force part.png --weights w.safetensors --mask p.png").code == 0);
  const Image alone = load_labels(w.path("p.png")).value();
  for (Index y = 0; y < 100; ++y) CHECK(std::memcmp(alone.row(y) + 20, mask.row(30 + y), 100) == 0);
  check_refused(w.run("parse --force photo.png --weights w.safetensors --box 0,0,100000,100000"), 6,
                {"--box", "100000"});
  // --square widens a detector's box first: 60 x 50 times 200 % is 120 x 120 around the same middle.
  REQUIRE(w.run("parse --force photo.png --weights w.safetensors --box 10,55,60,50 --square 200 --mask m.png").code ==
          0);
  REQUIRE(w.run("parse --force photo.png --weights w.safetensors --box -20,20,120,120 --mask p.png").code == 0);
  const Image widened = load_labels(w.path("m.png")).value();
  const Image square = load_labels(w.path("p.png")).value();
  for (Index y = 0; y < 224; ++y) CHECK(std::memcmp(widened.row(y), square.row(y), 224) == 0);
  for (const char* name : {"m.png", "p.png", "part.png"}) w.remove(name);
}

TEST_CASE("--logits writes the network's output as .npy") {
  const Workshop& w = workshop();
  REQUIRE(w.run("parse --whole --force photo.png --weights w.safetensors --logits l.npy --mask m.png").code == 0);
  const std::string file = w.read("l.npy");
  constexpr std::size_t kValues = 19 * 64 * 64;
  REQUIRE(file.size() == 128 + kValues * 4);
  CHECK(file.substr(0, 10) == std::string("\x93NUMPY\x01\x00\x76\x00", 10));
  CHECK(contains(file, "{'descr': '<f4', 'fortran_order': False, 'shape': (19, 64, 64), }"));
  CHECK(file[127] == '\n');
  // Resized to the photo, their largest is the mask.
  std::vector<float> logits(kValues);
  std::memcpy(logits.data(), file.data() + 128, kValues * 4);
  const Image mask = load_labels(w.path("m.png")).value();
  std::vector<std::uint8_t> labels(224 * 224);
  SerialExecutor executor;
  label_pixels(LogitsView<float>::planes(logits.data(), 19, 64, 64), LabelTarget{labels.data(), 224, 224}, executor);
  Index other = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) other += labels[i] != mask.data()[i];
  CHECK(other <= 2);  // where two classes are equal up to rounding: here one pixel, whose two largest are 1.3e-8 apart
  w.remove("l.npy");
  w.remove("m.png");
}

TEST_CASE("--logits of a part of the photo are brought back to the photo") {
  const Workshop& w = workshop();
  for (const char* part : {"--box 32,16,96,96", "--align celeba --landmarks '100,90 124,90 112,102 102,114 122,114'"}) {
    const std::string words = part;
    CAPTURE(words);
    REQUIRE(w.run("parse --force photo.png --weights w.safetensors --logits l.npy --mask m.png " + words).code == 0);
    const std::string file = w.read("l.npy");
    constexpr std::size_t kPixels = 224 * 224, kValues = 19 * kPixels;
    REQUIRE(file.size() == 128 + kValues * 4);
    CHECK(contains(file, "'shape': (19, 224, 224), }"));
    std::vector<float> logits(kValues);
    std::memcpy(logits.data(), file.data() + 128, kValues * 4);
    CHECK(logits[0] == 0.0f);  // a corner lies outside the part
    CHECK(logits[kPixels] == -10000.0f);
    if (contains(words, "--align")) continue;  // a turned square samples labels and logits at different places
    // Their largest is the mask, but where a boundary passes between two pixels.
    const Image mask = load_labels(w.path("m.png")).value();
    std::size_t different = 0;
    for (std::size_t p = 0; p < kPixels; ++p) {
      std::size_t best = 0;
      for (std::size_t c = 1; c < 19; ++c) best = logits[c * kPixels + p] > logits[best * kPixels + p] ? c : best;
      different += best != mask.data()[p];
    }
    CHECK(different < kPixels / 100);
  }
  w.remove("l.npy");
  w.remove("m.png");
}

TEST_CASE("A bad photo among many is told and passed over") {
  const Workshop& w = workshop();
  w.write("text.jpg", "this is no picture");
  std::filesystem::copy_file(w.path("photo.png"), w.path("other.png"));
  const std::string photos =
      "parse --whole --force photo.png text.jpg missing.png other.png --weights w.safetensors -o d";
  const Outcome all = w.run(photos);
  CHECK(all.code == 3);
  CHECK(contains(all.err, "text.jpg: this is text"));
  CHECK(contains(all.err, "missing.png: cannot open"));
  CHECK(contains(all.err, "2 of 4 photos failed"));
  CHECK(contains(all.out, "[1/4] photo.png: "));
  CHECK(contains(all.out, "[4/4] other.png: "));
  CHECK(w.has("d/photo_mask.png"));
  CHECK(w.has("d/other_mask.png"));
  w.remove("d");
  const Outcome first = w.run(photos + " --fail-fast");
  CHECK(first.code == 3);
  CHECK(w.has("d/photo_mask.png"));
  CHECK_FALSE(w.has("d/other_mask.png"));
  for (const char* name : {"d", "text.jpg", "other.png"}) w.remove(name);
}

TEST_CASE("Weights that are none are told with the command that makes them") {
  const Workshop& w = workshop();
  for (const char* command : {"parse --whole --force photo.png --weights ", "info ", "verify "}) {
    CAPTURE(command);
    check_refused(w.run(command + std::string("nowhere.safetensors")), 4,
                  {"nowhere.safetensors: cannot open", "segface convert", "sh tools/demo.sh"});
    check_refused(w.run(command + std::string("model_299.pt")), 4, {"`segface convert model_299.pt`"});
    check_refused(w.run(command + std::string("photo.png")), 4, {"photo.png"});
  }
  std::filesystem::create_hard_link(w.path("model_299.pt"), w.path("my model.pt"));
  check_refused(w.run("info 'my model.pt'"), 4, {"`segface convert 'my model.pt'`"});
  w.remove("my model.pt");

  // A downloaded folder, which convert would refuse too.
  torch_writer::FileSink sink(w.path("folder.zip"));
  torch_writer::ZipWriter zip(sink);
  zip.add("mobilenet_celeba_512/model_299.pt", "PK");
  zip.finish();
  REQUIRE(sink.finish());
  for (const char* command : {"info", "convert"}) {
    check_refused(w.run(command + std::string(" folder.zip")), 4,
                  {"holds 'mobilenet_celeba_512/model_299.pt'", "unpack it and take that file"});
  }
  w.remove("folder.zip");

  // A checkpoint in safetensors has no metadata of ours.
  const std::vector<TensorInfo> tensors = {{"a", DType::f32, {1}}};
  auto writer = SafetensorsWriter::open(w.path("plain.safetensors"), tensors, {}, OutputFile::Existing::refuse).value();
  const std::uint8_t zero[4] = {};
  writer.append(zero).or_throw();
  writer.commit().or_throw();
  check_refused(w.run("info plain.safetensors"), 4, {"no format 'segface'", "`segface convert plain.safetensors`"});
  w.remove("plain.safetensors");
}

TEST_CASE("--gray writes the labels as a gray picture, which no reader turns into colours") {
  const Workshop& w = workshop();
  REQUIRE(w.run("parse --whole --force photo.png --weights w.safetensors --mask m.png").code == 0);
  REQUIRE(w.run("parse --whole --force photo.png --weights w.safetensors --mask g.png --gray").code == 0);
  const Image labels = load_labels(w.path("m.png")).value(), gray = load_labels(w.path("g.png")).value();
  CHECK(std::equal(labels.data(), labels.data() + labels.size_bytes(), gray.data()));
  const auto color = [&](const char* name) {
    const auto file = read_file(w.path(name), 1 << 20);
    return PngFile::open(file->span(), {})->color();
  };
  CHECK(color("m.png") == PngColor::palette);
  CHECK(color("g.png") == PngColor::gray);
  for (const char* name : {"m.png", "g.png"}) w.remove(name);
}

TEST_CASE("info shows network and classes, and stages where they are wanted") {
  const Outcome info = workshop().run("info w.safetensors"), stages = workshop().run("info w.safetensors --stages");
  REQUIRE(info.code == 0);
  REQUIRE(stages.code == 0);
  for (const char* part : {"mobilenet", "64 x 64", "7060480", "F32", "fnv1a64:", "image-left eye", "l_eye",
                           "subject's right eye", "#00b4d8", "lower lip"}) {
    CAPTURE(part);
    CHECK(contains(info.out, part));
  }
  CHECK(contains(stages.out, info.out));
  for (const char* part : {"GFLOP", "feature3", "64 x 64 x 19"}) {
    CAPTURE(part);
    CHECK(contains(stages.out, part));
    CHECK_FALSE(contains(info.out, part));
  }
  CHECK_FALSE(contains(info.out, "\x1b"));  // colours are for terminals
}

TEST_CASE("verify agrees with the golden of its weights, and tells where others disagree") {
  const Workshop& w = workshop();
  const std::string golden = " '" + data("mobilenet_celeb_256.safetensors") + "'";
  const Outcome good = w.run("verify w.safetensors" + golden);
  CAPTURE(good.out);
  CHECK(good.code == 0);
  for (const char* part :
       {"OK      self-test, cpu", "OK      self-test, reference", "cpu against reference at 64 x 64",
        "256.safetensors, cpu: 12 stages", "256.safetensors, reference: 12 stages", "5 checks, all agree"}) {
    CAPTURE(part);
    CHECK(contains(good.out, part));
  }

  std::string damaged = w.read("w.safetensors");
  damaged.replace(damaged.size() - 300'000, 200'000, 200'000, '\0');
  w.write("damaged.safetensors", damaged);
  const Outcome bad = w.run("verify damaged.safetensors" + golden + " nothing.safetensors");
  CAPTURE(bad.out);
  CHECK(bad.code == 4);
  for (const char* part : {"FAILED  self-test, cpu", "FAILED  self-test, reference", "first disagrees at",
                           "largest difference", "nothing.safetensors: cannot open", "checks FAILED"}) {
    CAPTURE(part);
    CHECK(contains(bad.out, part));
  }
  w.remove("damaged.safetensors");
}

TEST_CASE("Without a GPU, or without CUDA built in, --backend cuda says so with code 7") {
  const Workshop& w = workshop();
  const bool built = contains(w.run("--version").out, " cuda cuda-f16\n");
  std::filesystem::create_directories(w.path("set/images"));
  std::filesystem::create_directories(w.path("set/labels"));
  std::filesystem::copy_file(w.path("photo.png"), w.path("set/images/photo.png"));
  REQUIRE(w.run("parse --whole --force photo.png --weights w.safetensors --mask set/labels/photo.png").code == 0);
  for (const char* call : {"parse --whole --force photo.png --weights w.safetensors --backend cuda",
                           "parse --whole --force photo.png --weights w.safetensors --backend cuda-f16",
                           "verify w.safetensors --backend cuda", "verify w.safetensors --backend cuda-f16",
                           "bench w.safetensors --backend cuda", "bench w.safetensors --backend cuda-f16 --batch 8",
                           "eval w.safetensors set --backend cuda"}) {
    CAPTURE(call);
    const Outcome outcome = w.run(call);
    if (!built) {
      check_refused(outcome, 7, {"built without CUDA", "-DSEGFACE_CUDA=ON"});
    } else if (!std::filesystem::exists("/dev/nvidiactl")) {
      check_refused(outcome, 7, {"no GPU to compute on", "use the cpu backend"});
    } else {
      CAPTURE(outcome.err);
      CHECK(outcome.code == 0);
    }
    CHECK(w.has("photo_mask.png") == (outcome.code == 0));
  }
  for (const char* name : {"set", "photo_mask.png", "photo_overlay.png"}) w.remove(name);
}

TEST_CASE("bench of a backend that is not the cpu's times whole photos, of the cpu's a network's batches too") {
  const Workshop& w = workshop();
  const Outcome table = w.run("bench w.safetensors --runs 1 --backend reference");
  CHECK(table.code == 0);
  CHECK(contains(table.out, "mobilenet, celeb, 64 x 64; reference backend, median of 1 runs"));
  CHECK(contains(table.out, "a second"));
  const Outcome json = w.run("bench w.safetensors --runs 1 --backend reference --json");
  CHECK(contains(json.out, "\"backend\": \"reference\""));
  CHECK(contains(json.out, "\"photo_ms\": "));
  const cpu::Backend best(cpu::best_isa());
  const std::string int8 = best.has_instructions(Precision::int8) ? "int8" : "f32";
  CHECK(contains(w.run("bench w.safetensors --runs 1 --precision int8").out, " kernels, " + int8 + ", "));
  CHECK(contains(w.run("bench w.safetensors --runs 1 --precision int8 --json").out, "\"precision\": \"" + int8 + "\""));
  check_refused(w.run("bench w.safetensors --precision f16"), 2, {"'f16'", "f32, bf16, int8, auto"});
  check_refused(w.run("bench w.safetensors --precision int8 --backend reference"), 2,
                {"--precision int8 goes with --backend cpu", "--backend reference"});
  const Outcome slow = w.shell("SEGFACE_ISA=avx2 segface bench w.safetensors --runs 1 --precision bf16");
  if (slow.code == 0) {  // it has AVX2
    CHECK(contains(slow.err, "no instructions for bf16: products are of f32"));
    CHECK(contains(slow.out, "avx2 kernels, f32, "));
  }
  const Outcome plain = w.shell("SEGFACE_ISA=baseline segface bench w.safetensors --runs 1 --precision int8");
  CHECK(contains(plain.err, "no instructions for int8: products are of f32"));
  CHECK(contains(plain.out, "baseline kernels, f32, "));
  const Outcome automatic = w.shell("SEGFACE_ISA=baseline segface bench w.safetensors --runs 1 --precision auto");
  CHECK(automatic.err.empty());
  CHECK(contains(automatic.out, "baseline kernels, f32, "));
  const Outcome here = w.run("bench w.safetensors --runs 1 --precision auto");
  CHECK(contains(here.out, best.has_instructions(Precision::int8)   ? " kernels, int8, "
                           : best.has_instructions(Precision::bf16) ? " kernels, bf16, "
                                                                    : " kernels, f32, "));
  CHECK(w.run("bench w.safetensors --runs 1 --precision auto --backend reference").code == 0);

  check_refused(w.run("bench w.safetensors --backend gpu"), 2, {"cpu, reference, cuda"});
  check_refused(w.run("bench w.safetensors --backend reference --batch 8"), 2, {"--batch goes with --backend cpu"});
  CHECK(contains(w.run("bench w.safetensors --batch 2 --runs 1").out, "\n  of 2 "));
}

TEST_CASE("Results that cannot be written end with code 5 and leave nothing") {
  const Workshop& w = workshop();
  const std::string parse = "parse --whole --force photo.png --weights w.safetensors ";
  const std::string photo = w.read("photo.png");
  check_refused(w.run("--help >/dev/full"), 5, {"standard output", "No space left"});
  check_refused(w.run("info w.safetensors >/dev/full"), 5, {"standard output"});
  for (const char* option : {"--mask", "--overlay", "--logits"}) {
    CAPTURE(option);
    const Outcome full = w.run(parse + option + " /dev/full");
    CHECK(full.code == 5);
    CHECK(contains(full.err, "/dev/full: cannot write: No space left"));
    CHECK(w.run(parse + option + " .").code == 5);
    CHECK(w.run(parse + option + " none/x").code == 5);
  }
  CHECK(w.run(parse + "-o photo.png").code == 5);  // a file where the directory belongs
  check_refused(w.run(parse + "--mask photo.png"), 5, {"photo.png: is one of the files that are read"});
  CHECK(w.shell("ln -s photo.png link.png; segface " + parse + "--overlay link.png").code == 5);
  CHECK(w.shell("ulimit -f 1; segface " + parse + "--mask big.png").code != 0);
  CHECK_FALSE(w.has("big.png"));
  CHECK(w.read("photo.png") == photo);
  CHECK_FALSE(w.has_temporary());
  w.remove("link.png");
}

TEST_CASE("Closed standard streams: quiet, and no result in their place") {
  const Workshop& w = workshop();
  for (const char* closed : {">&-", "2>&-", "<&-", ">&- 2>&- <&-"}) {
    CAPTURE(closed);
    const Outcome outcome =
        w.run("parse --whole --force photo.png --weights w.safetensors --mask c.png " + std::string(closed));
    CHECK(outcome.code == 0);
    CHECK(outcome.err.empty());
    CHECK(load_labels(w.path("c.png")).ok());
    w.remove("c.png");
  }
  // Nobody reads on: the end is quiet, as a signal's.
  const Outcome pipe = w.shell("{ segface info w.safetensors; echo $? >code; } | :");
  CHECK(pipe.err.empty());
  CHECK((w.read("code") == "141\n" || w.read("code") == "0\n"));
  w.remove("code");
}

TEST_CASE("Names are exact for files and escaped for terminals") {
  const Workshop& w = workshop();
  const std::string name = "a\x1b[31m\nb\xff";
  std::filesystem::copy_file(w.path("photo.png"), w.path(name + ".png"));
  const Outcome parsed = w.run("parse --whole --force \"$(printf 'a\\033[31m\\nb\\377.png')\" --weights w.safetensors");
  CHECK(parsed.code == 0);
  CHECK(w.has(name + "_mask.png"));
  CHECK(contains(parsed.out, "a\\x1b[31m\\x0ab\\xff.png: 224 x 224"));
  CHECK(contains(parsed.out, "mask: a\\x1b[31m\\x0ab\\xff_mask.png"));
  CHECK_FALSE(contains(parsed.out, "\x1b"));
  check_refused(w.run("parse --whole --force \"$(printf 'no\\033such.png')\" --weights w.safetensors"), 3,
                {"no\\x1bsuch.png"});
  check_refused(w.run("parse \"$(printf -- '--\\033')\""), 2, {"'--\\x1b'"});

  std::filesystem::copy_file(w.path("photo.png"), w.path("-dashed.png"));
  CHECK(w.run("parse --whole --force --weights w.safetensors -- -dashed.png").code == 0);
  CHECK(w.has("-dashed_mask.png"));
  for (const std::string& file : {name, std::string("-dashed")}) {
    for (const char* end : {".png", "_mask.png", "_overlay.png"}) w.remove(file + end);
  }
}

// Starts the tool by itself: a shell would let its background jobs ignore SIGINT.
class Job {
 public:
  Job(const std::string& command, const std::string& input, const std::string& output) : process_(::fork()) {
    if (process_ != 0) return;
    ::execl(SEGFACE_TOOL, "segface", command.c_str(), input.c_str(), "-o", output.c_str(), nullptr);
    ::_exit(127);
  }
  void signal(int number) const { ::kill(process_, number); }
  int wait() const {
    int status = 0;
    ::waitpid(process_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

 private:
  pid_t process_;
};

TEST_CASE("A signal in the middle of writing ends the tool with 128 + its number") {
  const Workshop& w = workshop();
  const std::string pipe = w.path("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    CAPTURE(signal);
    const Job job("convert", w.path("model_299.pt"), pipe);
    std::ifstream reader(pipe, std::ios::binary);
    std::vector<char> bytes(100'000);
    reader.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));  // the pipe is full again before long
    job.signal(signal);
    while (reader.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
    }
    CHECK(job.wait() == 128 + signal);
  }
  w.remove("pipe");
}

TEST_CASE("A signal in the middle of a file removes it") {
  const Workshop& w = workshop();
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    const Job job("convert", w.path("model_299.pt"), w.path("late"));
    while (!w.has_temporary() && !w.has("late")) std::this_thread::yield();
    job.signal(signal);
    const int code = job.wait();
    CHECK((code == 128 + signal || code == 0));  // it may have been done
    CHECK(w.has("late") == (code == 0));
    CHECK_FALSE(w.has_temporary());
    w.remove("late");
  }
}

TEST_CASE("An unknown or missing instruction set is refused") {
  const Workshop& w = workshop();
  check_refused(w.shell("SEGFACE_ISA=mmx segface info w.safetensors"), 2, {"SEGFACE_ISA=mmx is unknown"});
  CHECK(contains(w.shell("SEGFACE_ISA=baseline segface --version").out, "instruction set: baseline"));
}

}  // namespace
