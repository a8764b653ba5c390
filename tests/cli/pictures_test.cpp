// The pictures that segface parse draws besides masks: sheets, legends, single classes and probabilities.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "segface/faces/sheet.hpp"
#include "segface/image/file.hpp"

#include "workshop.hpp"

namespace {

using namespace segface;
using namespace segface::core;
using test::check_refused;
using test::contains;
using test::Outcome;
using test::Workshop;
using test::workshop;

const std::string kParse = "parse photo.png --whole --force --weights w.safetensors ";
const std::string kParsePart = "parse photo.png --force --weights w.safetensors ";

Image gray(const std::string& name) {
  return load_labels(workshop().path(name)).value();
}

TEST_CASE("--sheet of one photo shows it beside labels, overlay and confidence") {
  const Workshop& w = workshop();
  const Outcome outcome = w.run(kParse + "--sheet s.png");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.out, "sheet: s.png"));
  CHECK_FALSE(w.has("photo_mask.png"));  // only what is named
  const Image sheet = load_image(w.path("s.png")).value();
  const Image photo = load_image(w.path("photo.png")).value();
  for (const Index at : {0, 100, 223}) {
    CHECK(sheet.rgb(kGap + at, kGap + 11 + at) == photo.rgb(at, at));
  }
  REQUIRE(w.run(kParse + "--sheet s.png -o d --legend").code == 0);
  CHECK(w.has("d/photo_mask.png"));
  const Image overlay = load_image(w.path("d/photo_overlay.png")).value();
  CHECK(overlay.width() > 300);
  CHECK(overlay.height() >= 224);
  // Outside a box, confidence is 1.
  REQUIRE(w.run(kParsePart + "--sheet s.png --box 50,60,100,90").code == 0);
  const Image boxed = load_image(w.path("s.png")).value();
  const Index confidence = kGap + 3 * (224 + kGap);
  CHECK(boxed.rgb(confidence, kGap + 11) == Rgb{255, 255, 255});
  CHECK(boxed.rgb(confidence + 100, kGap + 11 + 100) != Rgb{255, 255, 255});
  for (const char* name : {"s.png", "d"}) w.remove(name);
}

TEST_CASE("the overlay of a JPEG is a JPEG where these can be written, and what it is named otherwise") {
  const Workshop& w = workshop();
  std::filesystem::copy_file(test::data("../../examples/pictures/rendered_face.jpg"), w.path("phone.jpg"));
  std::filesystem::copy_file(test::data("../../examples/pictures/rendered_face.jpg"),
                             w.path("liar.png"));  // its bytes count
  const Image photo = load_image(w.path("phone.jpg")).value();
  const Outcome outcome = w.run("parse --whole --force phone.jpg liar.png --weights w.safetensors -o d");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  const Outcome named = w.run("parse --whole --force phone.jpg --weights w.safetensors --overlay o.png");
  CHECK(named.code == 0);
  CHECK(w.read("o.png").substr(1, 3) == "PNG");
  const Image exact = load_image(w.path("o.png")).value();
#if defined(SEGFACE_WITH_LIBJPEG)
  for (const char* name : {"d/phone_overlay.jpg", "d/liar_overlay.jpg"}) {
    CAPTURE(name);
    CHECK(contains(outcome.out, std::string("overlay: ") + name));
    CHECK(w.read(name).substr(0, 2) == "\xff\xd8");
    const Image overlay = load_image(w.path(name)).value();
    REQUIRE(overlay.width() == photo.width());
    REQUIRE(overlay.height() == photo.height());
    double sum = 0;
    for (std::size_t i = 0; i < exact.size_bytes(); ++i) sum += std::abs(int{exact.data()[i]} - int{overlay.data()[i]});
    CHECK(sum / static_cast<double>(exact.size_bytes()) < 10);  // labels of an untrained network are noise
  }
  CHECK(w.run("parse --whole --force photo.png --weights w.safetensors --overlay o.JPG --legend").code == 0);
  CHECK(w.read("o.JPG").substr(0, 2) == "\xff\xd8");
#else
  CHECK(w.has("d/phone_overlay.png"));
  check_refused(w.run("parse --whole --force photo.png --weights w.safetensors --overlay o.jpg"), 2,
                {"--overlay writes png", "'o.jpg'"});
#endif
  for (const char* name : {"phone.jpg", "liar.png", "d", "o.png", "o.JPG"}) w.remove(name);
}

TEST_CASE("mask and overlay fail each for themselves, the mask is named first") {
  const Workshop& w = workshop();
  for (const char* threads : {" --threads 1", " --threads 2"}) {
    check_refused(w.run(kParse + "--mask missing/m.png --overlay o.png" + threads), 5, {"missing/m.png: "});
    check_refused(w.run(kParse + "--mask m.png --overlay missing/o.png" + threads), 5, {"missing/o.png: "});
    check_refused(w.run(kParse + "--mask missing/m.png --overlay missing/o.png" + threads), 5, {"missing/m.png: "});
    CHECK(w.has("o.png"));
    CHECK(w.has("m.png"));
    CHECK_FALSE(w.has_temporary());
    for (const char* name : {"m.png", "o.png"}) w.remove(name);
  }
}

TEST_CASE("--sheet of several photos is a contact sheet of those that could be read") {
  const Workshop& w = workshop();
  const Outcome outcome =
      w.run("parse --whole --force photo.png missing.png photo.png photo.png --weights w.safetensors --sheet s.png");
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.out, "\nsheet: s.png\n"));
  const Image sheet = load_image(w.path("s.png")).value();
  CHECK(sheet.width() == 2 * 224 + 3 * kGap);
  CHECK(sheet.height() == 2 * (224 + 11) + 3 * kGap);
  CHECK(sheet.rgb(kGap, kGap + 11) != kPaper);
  CHECK(sheet.rgb(kGap + 9, 2 * kGap + 235 + 11) == sheet.rgb(kGap + 9, kGap + 11));  // the same photo
  CHECK_FALSE(w.has("photo_mask.png"));
  CHECK(w.run("parse --whole --force missing.png lost.png --weights w.safetensors --sheet none.png").code == 3);
  CHECK_FALSE(w.has("none.png"));
  w.remove("s.png");
}

TEST_CASE("--classes writes a mask for each class that is named") {
  const Workshop& w = workshop();
  const Outcome outcome = w.run(kParse + "-o d --classes 'hair,image-left eye,l_brow,2,hair'");
  CAPTURE(outcome.err);
  REQUIRE(outcome.code == 0);
  CHECK(contains(outcome.out, "class: d/photo_image-left-eye.png"));
  const Image mask = gray("d/photo_mask.png");
  const std::map<std::string, int> labels = {{"hair", 14}, {"image-left-eye", 8}, {"image-left-brow", 6}, {"skin", 2}};
  for (const auto& named : labels) {
    CAPTURE(named.first);
    const Image picture = gray("d/photo_" + named.first + ".png");
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < mask.size_bytes(); ++i) {
      wrong += picture.data()[i] != (mask.data()[i] == named.second ? 255 : 0);
    }
    CHECK(wrong == 0);
  }
  CHECK_FALSE(w.has("d/photo_neck.png"));
  CHECK_FALSE(w.has("d/photo_hair_probability.png"));
  REQUIRE(w.run(kParse + "-o d --classes all").code == 0);
  CHECK(w.has("d/photo_necklace.png"));
  w.remove("d");
}

TEST_CASE("--probabilities writes maps that add up to certainty and agree with the mask") {
  const Workshop& w = workshop();
  for (const std::string part : {"", " --box 40,30,120,110"}) {
    CAPTURE(part);
    REQUIRE(w.run((part.empty() ? kParse : kParsePart) + "-o d --probabilities" + part).code == 0);
    CHECK_FALSE(w.has("d/photo_hair.png"));
    const Image mask = gray("d/photo_mask.png");
    std::vector<int> sum(mask.size_bytes()), largest(mask.size_bytes()), of_label(mask.size_bytes());
    for (std::size_t label = 0; label < 19; ++label) {
      std::string name(classes(Dataset::celeb)[label].name);
      if (const std::size_t space = name.find(' '); space != std::string::npos) name[space] = '-';
      const Image map = gray("d/photo_" + name + "_probability.png");
      REQUIRE(map.size_bytes() == mask.size_bytes());
      for (std::size_t i = 0; i < sum.size(); ++i) {
        sum[i] += map.data()[i];
        largest[i] = std::max<int>(largest[i], map.data()[i]);
        if (mask.data()[i] == label) of_label[i] = map.data()[i];
      }
      if (!part.empty()) CHECK(map.data()[0] == (label == 0 ? 255 : 0));  // outside the box
    }
    int far = 0, different = 0;
    for (std::size_t i = 0; i < sum.size(); ++i) {
      far += std::abs(sum[i] - 255) > 10 ? 1 : 0;
      different += largest[i] > of_label[i] + 1 ? 1 : 0;
    }
    CHECK(far == 0);
    CHECK(different < 50);
    w.remove("d");
  }
  REQUIRE(w.run(kParse + "-o d --probabilities --classes hair").code == 0);
  CHECK(w.has("d/photo_hair.png"));
  CHECK(w.has("d/photo_hair_probability.png"));
  CHECK_FALSE(w.has("d/photo_skin_probability.png"));
  w.remove("d");
}

TEST_CASE("Pictures that cannot be made are refused with one line") {
  const Workshop& w = workshop();
  check_refused(w.run(kParse + "--classes hairs"), 2, {"no class 'hairs'", "did you mean 'hair'?", "segface info"});
  check_refused(w.run(kParse + "--classes hair,,skin"), 2, {"no class ''"});
  check_refused(w.run(kParse + "--classes 19"), 2, {"no class '19'"});
  check_refused(w.run(kParse + "--sheet s.jpg"), 2, {"--sheet writes png", "'s.jpg'"});
  check_refused(w.run(kParse + "--sheet s.png --mask s.png"), 2, {"would both write 's.png'"});
  check_refused(w.run(kParse + "--sheet photo.png"), 5, {"photo.png: is one of the files that are read"});
  std::filesystem::copy_file(w.path("photo.png"), w.path("photo_hair.png"));
  check_refused(w.run("parse --whole --force photo.png photo_hair.png --weights w.safetensors --classes hair"), 5,
                {"photo_hair.png: is one of the files that are read"});
  CHECK(w.read("photo_hair.png") == w.read("photo.png"));
  w.remove("photo_hair.png");
  const Outcome full = w.run(kParse + "--sheet /dev/full");
  CHECK(full.code == 5);
  CHECK(contains(full.err, "/dev/full: cannot write"));
}

}  // namespace
