#include "segface/faces/numbering.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace segface;
using namespace segface::core;

namespace {

// Names in the order of the numbers, as the sources of each numbering write them.
constexpr const char* kCelebAMask[] = {"background", "skin",  "nose",   "eye_g", "l_eye", "r_eye", "l_brow",
                                       "r_brow",     "l_ear", "r_ear",  "mouth", "u_lip", "l_lip", "hair",
                                       "hat",        "ear_r", "neck_l", "neck",  "cloth"};
constexpr const char* kBiSeNet[] = {"background", "skin",   "l_brow", "r_brow", "l_eye", "r_eye", "eye_g",
                                    "l_ear",      "r_ear",  "ear_r",  "nose",   "mouth", "u_lip", "l_lip",
                                    "neck",       "neck_l", "cloth",  "hair",   "hat"};

std::uint8_t converted(Numbering from, Numbering to, std::uint8_t label) {
  return numbering_conversion(from, to)[label];
}

template <std::size_t kCount>
void check_names(Numbering numbering, const char* const (&names)[kCount]) {
  const auto known = classes(Dataset::celeb);
  REQUIRE(known.size() == kCount);
  for (std::size_t label = 0; label < kCount; ++label) {
    const std::uint8_t there = converted(Numbering::celeb, numbering, static_cast<std::uint8_t>(label));
    CHECK(known[label].official == names[there]);
    CHECK(converted(numbering, Numbering::celeb, there) == label);
  }
}

}  // namespace

TEST_CASE("numberings: CelebAMask-HQ's own and BiSeNet's have the same names at their numbers, there and back") {
  check_names(Numbering::celebamask, kCelebAMask);
  check_names(Numbering::bisenet, kBiSeNet);
  CHECK(converted(Numbering::celeb, Numbering::bisenet, 14) == 17);       // hair
  CHECK(converted(Numbering::bisenet, Numbering::celebamask, 16) == 18);  // clothes
}

TEST_CASE("numberings: LaPa's classes keep their names, what it lacks becomes background, glasses become skin") {
  const auto lapa = classes(Dataset::lapa);
  const auto celeb = classes(Dataset::celeb);
  for (std::uint8_t label = 0; label < lapa.size(); ++label) {
    const std::uint8_t there = converted(Numbering::lapa, Numbering::celeb, label);
    CHECK(celeb[there].name == lapa[label].name);
    CHECK(converted(Numbering::celeb, Numbering::lapa, there) == label);
  }
  for (std::uint8_t label = 0; label < celeb.size(); ++label) {
    bool shared = false;
    for (const ClassInfo& info : lapa) shared = shared || info.name == celeb[label].name;
    if (shared) continue;
    CHECK(converted(Numbering::celeb, Numbering::lapa, label) == (celeb[label].name == "glasses" ? 1 : 0));
  }
  CHECK(numbering_of(Dataset::helen) == Numbering::lapa);
  CHECK(numbering_of(Dataset::celeb) == Numbering::celeb);
}

TEST_CASE("numberings: pictures of labels are numbered anew, and what is no label becomes background") {
  const std::uint8_t labels[] = {0, 1, 14, 18, 19, 255};
  const auto out = renumber({labels, 3, 2, PixelOrder::gray}, Numbering::celeb, Numbering::bisenet);
  REQUIRE(out.ok());
  const std::uint8_t expected[] = {0, 14, 17, 15, 0, 0};
  for (Index i = 0; i < 6; ++i) CHECK(out->data()[i] == expected[i]);
  CHECK(renumber({labels, 1, 2, PixelOrder::rgb}, Numbering::celeb, Numbering::lapa).error().code() ==
        Errc::invalid_argument);
}

TEST_CASE("numberings: each has the name it is asked for by") {
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(static_cast<std::size_t>(kNumberings[i].numbering) == i);
    CHECK(parse_numbering(kNumberings[i].name).value() == kNumberings[i].numbering);
  }
  const auto unknown = parse_numbering("bisnet");
  REQUIRE_FALSE(unknown.ok());
  CHECK(std::string(unknown.error().message()).find("did you mean bisenet") != std::string::npos);
}
