// `segface parse --matte`, --cutout, --background and --refine: the files are what the library makes.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "segface/faces/sheet.hpp"
#include "segface/image/cutout.hpp"
#include "segface/image/file.hpp"
#include "segface/image/resize.hpp"
#include "segface/photo.hpp"

#include "workshop.hpp"

using namespace segface;
using test::check_refused;
using test::contains;
using test::Outcome;
using test::Workshop;
using test::workshop;

namespace {

// Faces are known here: all of the photo.
const std::string kParse = "parse photo.png --whole --force --weights w.safetensors ";
const std::uint32_t kHair = 1u << 14, kFace = label_mask(Dataset::celeb, LabelGroup::face), kNeck = 1u << 1;

Image photo() {
  return load_image(workshop().path("photo.png")).value();
}
ParsedPhoto parsed(const PhotoOptions& options) {
  static const PhotoParser parser =
      PhotoParser::make(Finder(), Parser::load(workshop().path("w.safetensors")).value()).value();
  const Image image = photo();
  const Region whole = Region::whole(image.width(), image.height());
  return parser.parse(image.view(), {&whole, 1}, Span<const Landmarks>(), options).value();
}
std::string text(const Result<Buffer<std::uint8_t>>& file) {
  return {reinterpret_cast<const char*>(file->data()), file->size()};
}

}  // namespace

TEST_CASE("--matte writes a matte for each class and group, alone, with 8 bits or 16") {
  const Workshop& w = workshop();
  const Outcome outcome = w.run(kParse + "--matte hair,face,hair,14");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.out, "matte: photo_matte_hair.png"));
  CHECK_FALSE(w.has("photo_mask.png"));
  PhotoOptions options;
  options.mattes = {kHair, kFace};
  const ParsedPhoto expected = parsed(options);
  const Image image = photo();
  const char* const names[] = {"photo_matte_hair.png", "photo_matte_face.png"};
  for (std::size_t i = 0; i < 2; ++i) {
    const Image gray = gray_of_shares(expected.mattes[i].span(), image.width(), image.height()).value();
    CHECK(w.read(names[i]) == text(encode_png(gray.view())));
  }
  check_refused(w.run("parse photo.png --whole --weights w.safetensors --matte hair"), 5,
                {"photo_matte_hair.png", "exists"});
  CHECK(w.run("parse photo.png --whole --weights w.safetensors --matte hair --skip-existing").code == 0);
  CHECK(contains(w.run(kParse + "--matte hair --json").out, "\"files\": {\"matte\": \"photo_matte_hair.png\"}"));

  REQUIRE(w.run(kParse + "--matte hair --matte-bits 16 --out h.png").code == 0);
  CHECK(w.read("h.png") == text(encode_gray16_png(expected.mattes[0].span(), image.width(), image.height())));
  REQUIRE(w.run(kParse + "--matte hair -o d").code == 0);
  CHECK(w.has("d/photo_mask.png"));
  CHECK(w.read("d/photo_matte_hair.png") == w.read(names[0]));
  for (const char* name : {names[0], names[1], "h.png", "d"}) w.remove(name);
}

TEST_CASE(
    "--cutout has the matte for its alpha and colours of its own; --background puts it before a colour or a picture") {
  const Workshop& w = workshop();
  REQUIRE(w.run(kParse + "--cutout face,hair,1 --matte hair").code == 0);
  PhotoOptions options;
  options.mattes = {kFace | kHair | kNeck};
  const Image image = photo();
  const Image cut = cutout(image.view(), parsed(options).mattes[0].span()).value();
  CHECK(w.read("photo_cutout.png") == text(encode_rgba_png(cut.view())));

  Image behind = Image::make(image.width(), image.height(), PixelOrder::rgb).value();
  for (std::size_t i = 0; i < behind.size_bytes(); i += 3) {
    behind.data()[i] = 0x30, behind.data()[i + 1] = 0xa0, behind.data()[i + 2] = 0xFF;
  }
  const std::string expected = text(encode_png(compose(cut.view(), behind.view()).value().view()));
  for (const char* color : {"30a0ff", "'#30A0fF'"}) {
    REQUIRE(w.run(kParse + "--cutout face,hair,1 --background " + color).code == 0);
    CHECK(w.read("photo_cutout.png") == expected);
  }
  std::filesystem::copy_file(test::data("images/portrait.png"), w.path("behind.png"));
  REQUIRE(w.run(kParse + "--cutout face,hair,1 --background behind.png --out c.png").code == 0);
  const Image picture = load_image(w.path("behind.png")).value();
  REQUIRE(picture.width() < picture.height());  // so that its middle is taken
  const Image middle =
      crop(picture.view(), {0, (picture.height() - picture.width()) / 2, picture.width(), picture.width()}).value();
  const Image large = resize_bicubic(middle.view(), image.width(), image.height()).value();
  CHECK(w.read("c.png") == text(encode_png(compose(cut.view(), large.view()).value().view())));
  for (const char* name : {"photo_cutout.png", "photo_matte_hair.png", "c.png", "behind.png"}) w.remove(name);
}

TEST_CASE("--refine redraws labels, which are the network's own without it") {
  const Workshop& w = workshop();
  PhotoOptions options;
  options.mattes = {kHair};
  for (const bool refine : {false, true}) {
    options.refine = refine;
    REQUIRE(w.run(kParse + "--mask m.png" + " --matte hair" + (refine ? " --refine" : "")).code == 0);
    const Image labels = load_labels(w.path("m.png")).value();
    const ParsedPhoto expected = parsed(options);
    CHECK(std::equal(labels.data(), labels.data() + labels.size_bytes(), expected.mask.labels().data()));
  }
  for (const char* name : {"m.png", "photo_matte_hair.png"}) w.remove(name);
}

TEST_CASE("mattes and backgrounds that cannot be made are refused with one line") {
  const Workshop& w = workshop();
  check_refused(w.run(kParse + "--matte hairs"), 2, {"--matte", "no class 'hairs'", "did you mean 'hair'?"});
  check_refused(w.run(kParse + "--matte hair --matte-bits 12"), 2, {"--matte-bits", "8, 16"});
  check_refused(w.run(kParse + "--matte-bits 16"), 2, {"--matte-bits", "--matte, which is missing"});
  check_refused(w.run(kParse + "--background white"), 2, {"--background", "--cutout is missing"});
  check_refused(w.run(kParse + "--cutout hair --background whyte"), 2,
                {"--background", "neither a colour", "white", "whyte"});
  check_refused(w.run(kParse + "--cutout hair --background w.safetensors"), 3, {"--background", "w.safetensors"});
  check_refused(w.run(kParse + "--matte hair,skin --out o.png"), 2, {"--out", "more than one"});
  std::filesystem::copy_file(w.path("photo.png"), w.path("photo_cutout.png"));
  check_refused(w.run(kParse + "--cutout hair --background photo_cutout.png"), 5,
                {"photo_cutout.png", "files that are read"});
  CHECK_FALSE(w.has("o.png"));
  w.remove("photo_cutout.png");
}
