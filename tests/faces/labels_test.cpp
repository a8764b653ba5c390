#include "segface/faces/labels.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace segface;

TEST_CASE("labels: names stand at the official numbers") {
  CHECK(class_count(Dataset::celeb) == 19);
  CHECK(class_count(Dataset::lapa) == 11);
  CHECK(class_count(Dataset::helen) == 11);
  const auto celeb = classes(Dataset::celeb);
  CHECK(celeb[1].name == "neck");
  CHECK(celeb[4].official == "l_ear");
  CHECK(celeb[4].name == "image-left ear");
  CHECK(celeb[4].subject == "subject's right ear");
  CHECK(celeb[12].name == "lower lip");
  CHECK(celeb[12].official == "l_lip");
  CHECK(celeb[15].name == "glasses");
  CHECK(celeb[17].name == "earring");
  CHECK(celeb[18].name == "necklace");
  const auto lapa = classes(Dataset::lapa);
  CHECK(lapa[7].name == "upper lip");
  CHECK(lapa[9].name == "lower lip");
  CHECK(lapa[10].name == "hair");
}

TEST_CASE("labels: names and colours are different, background is black") {
  for (const Dataset dataset : {Dataset::celeb, Dataset::lapa, Dataset::helen}) {
    std::set<std::string> names;
    std::set<int> colors;
    for (const ClassInfo& info : classes(dataset)) {
      names.insert(std::string(info.name));
      colors.insert(info.color.r << 16 | info.color.g << 8 | info.color.b);
      const bool sided = info.name.substr(0, 6) == "image-";
      CHECK(sided == (info.subject.substr(0, 7) == "subject"));
      if (sided) CHECK((info.name.substr(0, 10) == "image-left") == (info.subject.find("right") != std::string::npos));
    }
    CHECK(names.size() == classes(dataset).size());
    CHECK(colors.size() == classes(dataset).size());
    CHECK(color_of(dataset, 0) == Rgb{0, 0, 0});
    CHECK(color_of(dataset, 255) == Rgb{0, 0, 0});
  }
}

TEST_CASE("labels: groups hold what their names say") {
  const auto has = [](Dataset dataset, LabelGroup group, const char* name) {
    for (std::size_t label = 0; label < classes(dataset).size(); ++label) {
      if (classes(dataset)[label].name == name) return (label_mask(dataset, group) >> label & 1u) != 0;
    }
    return false;
  };
  for (const Dataset dataset : {Dataset::celeb, Dataset::lapa}) {
    CHECK(has(dataset, LabelGroup::hair, "hair"));
    CHECK(has(dataset, LabelGroup::lips, "upper lip"));
    CHECK(has(dataset, LabelGroup::lips, "lower lip"));
    CHECK_FALSE(has(dataset, LabelGroup::lips, "inner mouth"));
    CHECK(has(dataset, LabelGroup::mouth, "inner mouth"));
    CHECK(has(dataset, LabelGroup::eyes, "image-left eye"));
    CHECK(has(dataset, LabelGroup::brows, "image-right brow"));
    CHECK(has(dataset, LabelGroup::skin, "nose"));
    CHECK(has(dataset, LabelGroup::face, "inner mouth"));
    CHECK_FALSE(has(dataset, LabelGroup::face, "hair"));
    CHECK_FALSE(has(dataset, LabelGroup::face, "background"));
  }
  CHECK(has(Dataset::celeb, LabelGroup::skin, "neck"));
  CHECK(has(Dataset::celeb, LabelGroup::ears, "image-left ear"));
  CHECK(label_mask(Dataset::helen, LabelGroup::ears) == 0);
  CHECK(label_mask(Dataset::helen, LabelGroup::mouth) == (1u << 7 | 1u << 8 | 1u << 9));
}

TEST_CASE("labels: data sets are read by name") {
  for (const Dataset dataset : {Dataset::celeb, Dataset::lapa, Dataset::helen}) {
    auto parsed = parse_dataset(dataset_name(dataset));
    REQUIRE(parsed.ok());
    CHECK(*parsed == dataset);
  }
  CHECK(*parse_dataset("celeba") == Dataset::celeb);
  const auto failed = parse_dataset("imagenet");
  CHECK(failed.error().code() == Errc::invalid_argument);
  CHECK(std::string(failed.error().message()).find("celeb, lapa and helen") != std::string::npos);
  CHECK(std::string(parse_dataset("celba").error().message()).find("did you mean celeb?") != std::string::npos);
  CHECK(std::string(parse_dataset("hellen").error().message()).find("did you mean helen?") != std::string::npos);
}
