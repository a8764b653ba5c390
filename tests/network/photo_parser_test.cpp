// Whole photos with faces that are known: each is parsed in its part and put back.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "segface/faces/face_region.hpp"
#include "segface/image/canvas.hpp"
#include "segface/image/file.hpp"
#include "segface/image/resize.hpp"
#include "segface/photo.hpp"

#include "allocations.hpp"
#include "networks/networks.hpp"

using namespace segface;
using namespace segface::core;

namespace {

constexpr Landmarks kAstronaut = {{205, 101}, {248, 102}, {226, 122}, {206, 143}, {242, 144}};

const Parser& demo() {
  static const Parser parser = Parser::load(SEGFACE_TEST_DATA "/../../weights/demo.safetensors").value();
  return parser;
}
PhotoParser photo_parser() {
  return PhotoParser::make(Finder(), demo()).value();
}
const Image& astronaut() {
  static const Image photo = load_image(SEGFACE_TEST_DATA "/images/astronaut.png").value();
  return photo;
}

Face face(const Landmarks& landmarks) {
  Face known;
  known.landmarks = landmarks;
  return known;
}
Faces faces(std::initializer_list<Landmarks> all) {
  Faces known;
  for (const Landmarks& landmarks : all) known.found.push_back(face(landmarks));
  return known;
}
Index class_pixels(const ParsedFace& parsed, const char* name) {
  for (std::size_t label = 0; label < classes(Dataset::celeb).size(); ++label) {
    if (classes(Dataset::celeb)[label].name == name) return parsed.classes[label].pixels;
  }
  return -1;
}

}  // namespace

TEST_CASE("photo: one face has in its square the labels that it has alone, and nobody looked elsewhere") {
  const ImageView photo = astronaut().view();
  PhotoOptions options;
  options.confidence = true;
  const ParsedPhoto parsed = photo_parser().parse(photo, faces({kAstronaut}), options).value();
  const ParsedPhoto without = photo_parser().parse(photo, faces({kAstronaut})).value();
  REQUIRE(parsed.faces.size() == 1);
  CHECK(parsed.faces[0].confidence > 0.5);
  CHECK(class_pixels(parsed.faces[0], "skin") > 1500);
  CHECK(without.confidence.size() == 0);

  const Region region = Region::aligned(kAstronaut, photo.width, photo.height).value();
  Image room, back;
  const ImageView cut = region.cut(photo, room).value();
  Mask alone;
  Workspace workspace = demo().workspace().value();
  REQUIRE(workspace.parse(cut, region.from_photo(kAstronaut), alone).ok());
  const ImageView pasted = region.paste_labels(alone.view(), back).value();
  CHECK(parsed.faces[0].confidence == doctest::Approx(alone.mean_confidence()).epsilon(1e-5));
  Index inside = 0, different = 0, wrong = 0;
  for (Index y = 0; y < photo.height; ++y) {
    for (Index x = 0; x < photo.width; ++x) {
      const auto i = static_cast<std::size_t>(y * photo.width + x);
      const bool covered = parsed.coverage.view().row(y)[x] == 255;
      inside += covered;
      // By way of the cut's pixels, the nearest each: other labels at the edges of the classes alone.
      different += covered && parsed.mask.at(x, y) != pasted.row(y)[x];
      wrong += parsed.mask.at(x, y) != without.mask.at(x, y);
      wrong += !covered && (parsed.mask.at(x, y) != 0 || parsed.confidence.data()[i] != 0);
      wrong += covered && !(parsed.confidence.data()[i] > 0 && parsed.confidence.data()[i] <= 1);
      wrong += parsed.numbers.view().row(y)[x] != (parsed.mask.at(x, y) == 0 ? 0 : 1);
    }
  }
  CHECK(wrong == 0);
  CHECK(std::abs(inside - 172 * 172) < 400);
  CHECK(different < inside / 50);
}

TEST_CASE("photo: logits become labels where the network leaves them, and their confidence is what a parse counts") {
  const ImageView photo = astronaut().view();
  const PhotoParser parser = photo_parser();
  const Faces known = faces({kAstronaut, kAstronaut.moved(20, 0)});
  REQUIRE(parser.parse(photo, known).ok());
  test::largest_block = 0;
  const ParsedPhoto parsed = parser.parse(photo, known).value();
  const auto side = static_cast<std::size_t>(demo().info().resolution);
  CHECK(test::largest_block < 19 * side * side * sizeof(float));  // no copy of them
  test::largest_block = 0;
  PhotoOptions options;
  options.logits = [](const Region&, const LogitsView<float>&) { return Status(); };
  const ParsedPhoto copied = parser.parse(photo, known, options).value();
  CHECK(test::largest_block >= 19 * side * side * sizeof(float));
  for (Index y = 0; y < photo.height; ++y) {
    CHECK(std::equal(parsed.mask.view().row(y), parsed.mask.view().row(y) + photo.width, copied.mask.view().row(y)));
  }

  const Region region = Region::aligned(kAstronaut, photo.width, photo.height).value();
  Image room;
  Mask alone;
  std::vector<float> logits(19 * side * side);
  Workspace workspace = demo().workspace().value();
  REQUIRE(workspace.parse(region.cut(photo, room).value(), alone, {logits.data(), logits.size()}).ok());
  CHECK(parsed.faces[0].confidence == alone.mean_confidence());
}

TEST_CASE("photo: two faces keep their labels where their squares overlap") {
  // The astronaut twice, the second one smaller and over the shoulder of the first.
  Canvas canvas = Canvas::make(600, 512, {90, 90, 90}).value();
  REQUIRE(canvas.draw(astronaut().view(), 0, 0).ok());
  const Image head = crop(astronaut().view(), {150, 20, 150, 180}).value();
  REQUIRE(canvas.draw(head.view(), 300, 60).ok());
  const Landmarks second = kAstronaut.moved(150, 40);
  const ParsedPhoto both = photo_parser().parse(canvas.view(), faces({kAstronaut, second})).value();
  const ParsedPhoto turned = photo_parser().parse(canvas.view(), faces({second, kAstronaut})).value();
  const ParsedPhoto first_alone = photo_parser().parse(canvas.view(), faces({kAstronaut})).value();
  const ParsedPhoto second_alone = photo_parser().parse(canvas.view(), faces({second})).value();
  REQUIRE(both.faces.size() == 2);
  Index overlapping = 0, erased = 0, order = 0;
  for (Index y = 0; y < 512; ++y) {
    for (Index x = 0; x < 600; ++x) {
      const bool a = first_alone.coverage.view().row(y)[x] != 0, b = second_alone.coverage.view().row(y)[x] != 0;
      overlapping += a && b;
      const std::uint8_t one = first_alone.mask.at(x, y), other = second_alone.mask.at(x, y),
                         label = both.mask.at(x, y);
      erased += label != one && label != other;
      if (a != b) erased += label != (a ? one : other);
      order += label != turned.mask.at(x, y);
    }
  }
  CHECK(overlapping > 500);
  CHECK(erased == 0);
  CHECK(order == 0);  // no two are as certain anywhere
  for (const char* name : {"skin", "nose", "image-left eye", "image-right eye"}) {
    CAPTURE(name);
    CHECK(class_pixels(both.faces[0], name) > 0.9 * static_cast<double>(class_pixels(first_alone.faces[0], name)));
    CHECK(class_pixels(both.faces[1], name) > 0.9 * static_cast<double>(class_pixels(second_alone.faces[0], name)));
  }
}

TEST_CASE("photo: a face upside down has the labels of the face upright, sides stay the person's") {
  const Image& upright = astronaut();
  Image turned = Image::make(upright.width(), upright.height(), PixelOrder::rgb).value();
  for (Index y = 0; y < upright.height(); ++y) {
    for (Index x = 0; x < upright.width(); ++x) {
      const Rgb color = upright.view().rgb(upright.width() - 1 - x, upright.height() - 1 - y);
      std::uint8_t* const to = turned.row(y) + 3 * x;
      to[0] = color.r, to[1] = color.g, to[2] = color.b;
    }
  }
  const Landmarks points = kAstronaut.scaled(-1, -1).moved(static_cast<double>(upright.width() - 1),
                                                           static_cast<double>(upright.height() - 1));
  const ParsedPhoto expected = photo_parser().parse(upright.view(), faces({kAstronaut})).value();
  const ParsedPhoto parsed = photo_parser().parse(turned.view(), faces({points})).value();
  Index different = 0;
  for (Index y = 0; y < upright.height(); ++y) {
    for (Index x = 0; x < upright.width(); ++x) {
      different += parsed.mask.at(upright.width() - 1 - x, upright.height() - 1 - y) != expected.mask.at(x, y);
    }
  }
  CHECK(different < 172 * 172 / 100);
}

TEST_CASE("photo: surroundings fill what the face's own square does not hold") {
  PhotoOptions options;
  options.surroundings = true;
  const ParsedPhoto own = photo_parser().parse(astronaut().view(), faces({kAstronaut})).value();
  const ParsedPhoto wide = photo_parser().parse(astronaut().view(), faces({kAstronaut}), options).value();
  Index changed = 0, more = 0;
  for (Index y = 0; y < 512; ++y) {
    for (Index x = 0; x < 512; ++x) {
      const std::uint8_t cover = wide.coverage.view().row(y)[x];
      if (own.coverage.view().row(y)[x] == 255) {
        changed += cover != 255 || own.mask.at(x, y) != wide.mask.at(x, y);
      } else {
        more += cover == 128;
      }
    }
  }
  CHECK(changed == 0);
  CHECK(more > 2 * 172 * 172);  // a part of it lies outside the photo
}

TEST_CASE("photo: parts picked by hand have the labels and logits that a workspace gives, each in its place") {
  const ImageView photo = astronaut().view();
  const Region regions[] = {Region::aligned(kAstronaut, photo.width, photo.height).value(),
                            Region::box({330, 20, 90, 80}, photo.width, photo.height).value()};
  const Region whole = Region::whole(photo.width, photo.height);
  const Span<const Landmarks> none;
  std::vector<std::vector<float>> logits;
  PhotoOptions options;
  options.logits = [&](const Region& region, const LogitsView<float>& of_part) {
    CHECK(region.width() == regions[logits.size()].width());
    logits.emplace_back(of_part.data, of_part.data + of_part.classes * of_part.class_stride);
    return Status();
  };
  const ParsedPhoto parsed = photo_parser().parse(photo, regions, none, options).value();
  CHECK(parsed.faces.empty());
  REQUIRE(logits.size() == 2);
  Workspace workspace = demo().workspace().value();
  std::vector<float> expected(logits[0].size());
  for (std::size_t i = 0; i < 2; ++i) {
    Image room;
    Mask alone;
    const Span<float> out = {expected.data(), expected.size()};
    REQUIRE(workspace.parse(regions[i].cut(photo, room).value(), alone, out).ok());
    CHECK(logits[i] == expected);
  }
  const ParsedPhoto first = photo_parser().parse(photo, faces({kAstronaut})).value();
  Index wrong = 0, second = 0;
  for (Index y = 0; y < photo.height; ++y) {
    for (Index x = 0; x < photo.width; ++x) {
      const bool in_box = x >= 330 && x < 420 && y >= 20 && y < 100;
      const std::uint8_t label = parsed.mask.at(x, y), number = parsed.numbers.view().row(y)[x];
      if (!in_box) wrong += label != first.mask.at(x, y);
      wrong += number != (label == 0 ? 0 : in_box ? 2 : 1);
      wrong += (parsed.coverage.view().row(y)[x] == 255) != (in_box || first.coverage.view().row(y)[x] == 255);
      second += number == 2;
    }
  }
  CHECK(wrong == 0);
  CHECK(second > 0);

  // All of the photo, with logits and without.
  const Mask alone = demo().parse(photo).value();
  logits.clear();
  options.logits = [](const Region&, const LogitsView<float>&) { return Status(); };
  const ParsedPhoto streamed = photo_parser().parse(photo, {&whole, 1}, none).value();
  const ParsedPhoto mapped = photo_parser().parse(photo, {&whole, 1}, none, options).value();
  for (const ParsedPhoto* all : {&streamed, &mapped}) {
    Index different = 0, bad = 0;
    for (Index y = 0; y < photo.height; ++y) {
      for (Index x = 0; x < photo.width; ++x) {
        const std::uint8_t label = all->mask.at(x, y);
        different += label != alone.at(x, y);
        bad += all->coverage.view().row(y)[x] != 255 || all->numbers.view().row(y)[x] != (label == 0 ? 0 : 1);
      }
    }
    CHECK(different < photo.width * photo.height / 1000);
    CHECK(bad == 0);
    CHECK(all->mask.mean_confidence() == doctest::Approx(alone.mean_confidence()).epsilon(1e-5));
  }

  options.logits = [](const Region&, const LogitsView<float>&) { return error(Errc::output, "no room"); };
  CHECK(photo_parser().parse(photo, {&whole, 1}, none, options).error().code() == Errc::output);
  const Landmarks two[] = {kAstronaut, kAstronaut};
  CHECK(photo_parser().parse(photo, {&whole, 1}, two).error().code() == Errc::invalid_argument);
  const Region other = Region::whole(100, 100);
  CHECK(photo_parser().parse(photo, {&other, 1}, none).error().code() == Errc::invalid_argument);
}

TEST_CASE("photo: maps are written into memory of the caller's where there is some, and nowhere else") {
  const ImageView photo = astronaut().view();
  constexpr std::size_t kPixels = 512 * 512;
  const Region whole = Region::whole(photo.width, photo.height);
  const Span<const Landmarks> none;
  const auto parse = [&](bool as_whole, const PhotoOptions& options) {
    return as_whole ? photo_parser().parse(photo, {&whole, 1}, none, options)
                    : photo_parser().parse(photo, faces({kAstronaut, kAstronaut.moved(40, 9)}), options);
  };
  for (const bool as_whole : {false, true}) {
    for (const bool confidence : {false, true}) {
      PhotoOptions options;
      options.confidence = confidence;
      const ParsedPhoto expected = parse(as_whole, options).value();
      std::vector<std::uint8_t> labels(kPixels + 1, 77), numbers(kPixels, 77), coverage(kPixels, 77);
      std::vector<float> shares(kPixels, 77);
      options.into.labels = {labels.data(), labels.size()};
      options.into.numbers = {numbers.data(), numbers.size()};
      options.into.coverage = {coverage.data(), coverage.size()};
      options.into.confidence = {shares.data(), shares.size()};
      const ParsedPhoto parsed = parse(as_whole, options).value();
      CHECK(parsed.mask.labels().data() == labels.data());
      CHECK(parsed.numbers.data() == numbers.data());
      CHECK(parsed.coverage.data() == coverage.data());
      CHECK(std::equal(labels.begin(), labels.end() - 1, expected.mask.labels().data()));
      CHECK(std::equal(numbers.begin(), numbers.end(), expected.numbers.data()));
      CHECK(std::equal(coverage.begin(), coverage.end(), expected.coverage.data()));
      CHECK(labels[kPixels] == 77);
      CHECK(parsed.confidence.data() == (confidence ? shares.data() : nullptr));
      if (confidence) CHECK(std::equal(shares.begin(), shares.end(), expected.confidence.data()));
      CHECK(parsed.mask.count(std::uint8_t{2}) == expected.mask.count(std::uint8_t{2}));
      CHECK(parsed.mask.mean_confidence() == expected.mask.mean_confidence());
    }
  }

  std::vector<std::uint8_t> memory(kPixels);
  PhotoOptions options;
  options.into.coverage = {memory.data(), kPixels - 1};
  const auto small = parse(false, options);
  CHECK(small.error().code() == Errc::buffer_too_small);
  CHECK(std::string(small.error().message()).find("512 x 512 takes 262144") != std::string::npos);
  // The photo's own memory: maps are begun before all of it has been read.
  std::vector<std::uint8_t> gray(3 * kPixels);
  const ImageView inside(gray.data() + kPixels, 512, 512, PixelOrder::gray);
  for (const std::size_t first : {std::size_t{1}, kPixels, 2 * kPixels - 1}) {
    options.into = {};
    options.into.labels = {gray.data() + first, kPixels};
    CHECK(photo_parser().parse(inside, faces({kAstronaut}), options).error().code() == Errc::invalid_argument);
  }
  for (const std::size_t first : {std::size_t{0}, 2 * kPixels}) {
    options.into.labels = {gray.data() + first, kPixels};
    CHECK(photo_parser().parse(inside, faces({kAstronaut}), options).ok());
  }
}

TEST_CASE("photo: every network is shown what it knows") {
  const Index width = 512, height = 512;
  const Region celeb = face_region(Dataset::celeb, kAstronaut, width, height).value();
  CHECK(celeb.width() == 172);
  const Region helen = face_region(Dataset::helen, kAstronaut, width, height).value();
  CHECK(helen.width() > 100);
  CHECK(helen.width() < 130);
  const Region lapa = face_region(Dataset::lapa, kAstronaut, width, height).value();
  CHECK(lapa.width() == 430);  // clipped at the top alone
  CHECK(lapa.height() < 430);
  CHECK(face_region(Dataset::lapa, kAstronaut.moved(-60, 0), 300, 250).value().is_whole());
  CHECK(face_region(Dataset::celeb, kAstronaut, width, height, 2).value().width() == 344);
  Landmarks line = kAstronaut;
  line.right_eye = line.left_eye;
  CHECK(face_region(Dataset::celeb, line, width, height).error().code() == Errc::invalid_argument);
}

TEST_CASE("photo: no face is an answer; what cannot be is refused; a call can be cancelled") {
  const ImageView photo = astronaut().view();
  const ParsedPhoto none = photo_parser().parse(photo, Faces()).value();
  CHECK(none.faces.empty());
  CHECK(none.mask.count(std::uint8_t{0}) == 512 * 512);
  CHECK(none.mask.mean_confidence() == 0);
  CHECK(*std::max_element(none.coverage.data(), none.coverage.data() + 512 * 512) == 0);

  Faces many;
  many.found.assign(256, face(kAstronaut));
  CHECK(photo_parser().parse(photo, many).error().code() == Errc::limit_exceeded);
  CHECK(PhotoParser().parse(photo, Faces()).error().code() == Errc::invalid_argument);
  CHECK(photo_parser().parse({nullptr, 4, 4, PixelOrder::rgb}, Faces()).error().code() == Errc::invalid_argument);

  PhotoOptions options;
  double last = -1;
  bool grows = true;
  options.progress = [&](double share) {
    grows = grows && share >= last && share <= 1;
    last = share;
    return true;
  };
  CHECK(photo_parser().parse(photo, faces({kAstronaut, kAstronaut.moved(40, 9)}), options).ok());
  CHECK(grows);
  CHECK(last > 0.9);
  options.progress = [](double share) { return share < 0.6; };
  CHECK(photo_parser().parse(photo, faces({kAstronaut, kAstronaut.moved(40, 9)}), options).error().code() ==
        Errc::cancelled);
}

namespace {

std::uint32_t hair() {
  return label_mask(Dataset::celeb, LabelGroup::hair);
}
PhotoOptions with_mattes(std::vector<std::uint32_t> sets) {
  PhotoOptions options;
  options.mattes = std::move(sets);
  return options;
}
std::vector<std::uint32_t> every_class() {
  std::vector<std::uint32_t> sets;
  for (Index label = 0; label < class_count(Dataset::celeb); ++label) sets.push_back(1u << label);
  return sets;
}
double furthest(const Buffer<float>& a, const Buffer<float>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::fabs(static_cast<double>(a.data()[i] - b.data()[i])));
  }
  return most;
}
// Of maps of the astronaut: how many pixels have other labels, numbers or coverage.
Index different_maps(const ParsedPhoto& a, const ParsedPhoto& b) {
  Index count = 0;
  for (Index y = 0; y < a.mask.height(); ++y) {
    for (Index x = 0; x < a.mask.width(); ++x) {
      count += a.mask.at(x, y) != b.mask.at(x, y) || a.numbers.view().row(y)[x] != b.numbers.view().row(y)[x] ||
               a.coverage.view().row(y)[x] != b.coverage.view().row(y)[x];
    }
  }
  return count;
}

}  // namespace

TEST_CASE("photo: mattes leave labels as they are, are 0 where nobody looked, and agree with labels that are sure") {
  const ImageView photo = astronaut().view();
  const auto overlapping = faces({kAstronaut, kAstronaut.moved(60, 9)});
  const Region box = Region::box({140, 20, 170, 180}, photo.width, photo.height).value();
  const auto parse = [&](int way, PhotoOptions options) {
    options.confidence = true;
    options.surroundings = way == 1;
    if (way == 0) return photo_parser().parse(photo, overlapping, options).value();
    if (way == 1) return photo_parser().parse(photo, faces({kAstronaut}), options).value();
    return photo_parser().parse(photo, {&box, 1}, Span<const Landmarks>(), options).value();
  };
  for (const int way : {0, 1, 2}) {
    CAPTURE(way);
    const ParsedPhoto plain = parse(way, {}), parsed = parse(way, with_mattes({hair(), 1u}));
    CHECK(plain.mattes.empty());
    CHECK(different_maps(plain, parsed) == 0);
    CHECK(furthest(plain.confidence, parsed.confidence) == 0);
    REQUIRE(parsed.mattes.size() == 2);
    Index looked = 0, wrong = 0, sure = 0, far = 0;
    for (Index y = 0; y < photo.height; ++y) {
      for (Index x = 0; x < photo.width; ++x) {
        const auto i = static_cast<std::size_t>(y * photo.width + x);
        const float of_hair = parsed.mattes[0].data()[i], background = parsed.mattes[1].data()[i];
        wrong += !(of_hair >= 0 && of_hair <= 1 && background >= 0 && background <= 1);
        if (parsed.coverage.view().row(y)[x] == 0) {
          wrong += of_hair != 0 || background != 0;
          continue;
        }
        ++looked;
        if (parsed.confidence.data()[i] < 0.995f) continue;
        ++sure;
        const float expected = parsed.mask.at(x, y) == 14 ? 1.0f : 0.0f;
        far += std::fabs(of_hair - expected) > 0.03f;
      }
    }
    CHECK(wrong == 0);
    CHECK(looked > 7000);
    CHECK(sure > (way == 2 ? 20 : looked / 4));
    CHECK(far <= sure / 1000);  // a logit is interpolated before it becomes a confidence, a share after it
  }
}

TEST_CASE("photo: a matte and that of all other classes sum to 1, mattes of all classes but for what was cut off") {
  const ImageView photo = astronaut().view();
  std::vector<std::uint32_t> sets = every_class();
  sets.push_back(~hair());
  const ParsedPhoto parsed =
      photo_parser().parse(photo, faces({kAstronaut, kAstronaut.moved(60, 9)}), with_mattes(sets)).value();
  REQUIRE(parsed.mattes.size() == 20);
  double off = 0, sums = 0;
  Index looked = 0, wrong = 0;
  for (std::size_t i = 0; i < parsed.mattes[0].size(); ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < 19; ++c) sum += static_cast<double>(parsed.mattes[c].data()[i]);
    const double both =
        static_cast<double>(parsed.mattes[14].data()[i]) + static_cast<double>(parsed.mattes[19].data()[i]);
    if (parsed.coverage.data()[i] == 0) {
      wrong += sum != 0 || both != 0;
      continue;
    }
    ++looked;
    sums += sum;
    wrong += sum < 0.999 || sum > 1.6;
    off = std::max(off, std::fabs(both - 1));
  }
  CHECK(off < 1e-4);
  CHECK(wrong == 0);
  CHECK(sums / static_cast<double>(looked) == doctest::Approx(1).epsilon(0.01));
}

TEST_CASE("photo: where squares overlap a pixel has the matte of the face that has its label") {
  Canvas canvas = Canvas::make(600, 512, {90, 90, 90}).value();
  REQUIRE(canvas.draw(astronaut().view(), 0, 0).ok());
  const Image head = crop(astronaut().view(), {150, 20, 150, 180}).value();
  REQUIRE(canvas.draw(head.view(), 300, 60).ok());
  const Landmarks second = kAstronaut.moved(150, 40);
  const PhotoOptions options = with_mattes({hair(), ~1u});
  const ParsedPhoto both = photo_parser().parse(canvas.view(), faces({kAstronaut, second}), options).value();
  const ParsedPhoto turned = photo_parser().parse(canvas.view(), faces({second, kAstronaut}), options).value();
  const ParsedPhoto alone[] = {photo_parser().parse(canvas.view(), faces({kAstronaut}), options).value(),
                               photo_parser().parse(canvas.view(), faces({second}), options).value()};
  for (std::size_t set = 0; set < 2; ++set) {
    CHECK(furthest(both.mattes[set], turned.mattes[set]) < 1e-4);  // but for two that are as certain
    Index wrong = 0, contested = 0;
    for (std::size_t i = 0; i < both.mattes[set].size(); ++i) {
      const float value = both.mattes[set].data()[i];
      const float first = alone[0].mattes[set].data()[i], other = alone[1].mattes[set].data()[i];
      const std::uint8_t owner = both.numbers.data()[i];
      contested += owner != 0 && alone[2 - owner].coverage.data()[i] != 0;
      wrong += owner == 0 ? value != first && value != other : value != (owner == 1 ? first : other);
    }
    CHECK(contested > 300);
    CHECK(wrong == 0);
  }
}

TEST_CASE("photo: mattes of a photo that is turned are those of the photo upright, in any order of its colours") {
  const Image& upright = astronaut();
  const Index last_x = upright.width() - 1, last_y = upright.height() - 1;
  Image turned = Image::make(upright.width(), upright.height(), PixelOrder::bgra).value();
  for (Index y = 0; y <= last_y; ++y) {
    for (Index x = 0; x <= last_x; ++x) {
      const Rgb color = upright.view().rgb(last_x - x, last_y - y);
      std::uint8_t* const to = turned.row(y) + 4 * x;
      to[0] = color.b, to[1] = color.g, to[2] = color.r, to[3] = 9;
    }
  }
  const Landmarks points = kAstronaut.scaled(-1, -1).moved(static_cast<double>(last_x), static_cast<double>(last_y));
  const ParsedPhoto expected = photo_parser().parse(upright.view(), faces({kAstronaut}), with_mattes({hair()})).value();
  const ParsedPhoto parsed = photo_parser().parse(turned.view(), faces({points}), with_mattes({hair()})).value();
  double sum = 0;
  Index looked = 0;
  for (std::size_t i = 0; i < expected.mattes[0].size(); ++i) {
    if (expected.coverage.data()[i] == 0) continue;
    const std::size_t there = expected.mattes[0].size() - 1 - i;
    sum += std::fabs(static_cast<double>(expected.mattes[0].data()[i] - parsed.mattes[0].data()[there]));
    ++looked;
  }
  CHECK(sum < 0.003 * static_cast<double>(looked));
}

TEST_CASE("photo: refined labels are those of the largest matte, mattes and what is covered stay as they are") {
  const ImageView photo = astronaut().view();
  const Faces known = faces({kAstronaut, kAstronaut.moved(60, 9)});
  PhotoOptions options = with_mattes(every_class());
  options.confidence = true;
  const ParsedPhoto plain = photo_parser().parse(photo, known, options).value();
  options.refine = true;
  const ParsedPhoto refined = photo_parser().parse(photo, known, options).value();
  for (std::size_t c = 0; c < 19; ++c) CHECK(furthest(plain.mattes[c], refined.mattes[c]) == 0);
  Index changed = 0, looked = 0, wrong = 0, less = 0;
  for (std::size_t i = 0; i < 512 * 512; ++i) {
    const std::uint8_t label = refined.mask.labels().data()[i], before = plain.mask.labels().data()[i];
    wrong += plain.coverage.data()[i] != refined.coverage.data()[i];
    if (plain.coverage.data()[i] == 0) {
      wrong += label != 0 || refined.confidence.data()[i] != 0;
      continue;
    }
    ++looked;
    changed += label != before;
    wrong += (refined.numbers.data()[i] == 0) != (label == 0);
    const float value = refined.mattes[label].data()[i];
    wrong += value != refined.confidence.data()[i];
    for (std::size_t c = 0; c < 19; ++c) less += refined.mattes[c].data()[i] > value;
  }
  CHECK(wrong == 0);
  CHECK(changed > 300);
  CHECK(changed < looked / 10);
  CHECK(less <= looked / 1000);  // of a class that has the most in no pixel of the logits
  CHECK(class_pixels(refined.faces[0], "skin") != class_pixels(plain.faces[0], "skin"));  // areas are of what is told

  const Region whole = Region::whole(photo.width, photo.height);
  options.mattes.clear();
  options.confidence = false;
  const ParsedPhoto all = photo_parser().parse(photo, {&whole, 1}, Span<const Landmarks>(), options).value();
  options.refine = false;
  const ParsedPhoto rough = photo_parser().parse(photo, {&whole, 1}, Span<const Landmarks>(), options).value();
  CHECK(different_maps(all, rough) > 300);
}

TEST_CASE("photo: mattes are written into memory of the caller's where there is some, each after the other") {
  const ImageView photo = astronaut().view();
  constexpr std::size_t kPixels = 512 * 512;
  PhotoOptions options = with_mattes({hair(), 1u});
  const ParsedPhoto expected = photo_parser().parse(photo, faces({kAstronaut}), options).value();
  std::vector<float> memory(2 * kPixels + 1, 77);
  options.into.mattes = {memory.data(), memory.size()};
  const ParsedPhoto parsed = photo_parser().parse(photo, faces({kAstronaut}), options).value();
  for (std::size_t set = 0; set < 2; ++set) {
    CHECK(parsed.mattes[set].data() == memory.data() + set * kPixels);
    CHECK(furthest(parsed.mattes[set], expected.mattes[set]) == 0);
  }
  CHECK(memory[2 * kPixels] == 77);
  options.into.mattes = {memory.data(), 2 * kPixels - 1};
  const auto small = photo_parser().parse(photo, faces({kAstronaut}), options);
  CHECK(small.error().code() == Errc::buffer_too_small);
  CHECK(std::string(small.error().message()).find("takes 524288") != std::string::npos);
  options.into.mattes = {reinterpret_cast<float*>(const_cast<std::uint8_t*>(photo.pixels)), 2 * kPixels};
  CHECK(photo_parser().parse(photo, faces({kAstronaut}), options).error().code() == Errc::invalid_argument);
}

TEST_CASE("photo: mattes answer when memory runs out, at whatever block, and work again after it") {
  const Image small = resize_bicubic(astronaut().view(), 128, 128).value();
  const Region whole = Region::whole(small.width(), small.height());
  const PhotoParser parser = photo_parser();
  const PhotoOptions options = with_mattes({hair(), 1u});
  const auto parse = [&] { return parser.parse(small.view(), {&whole, 1}, Span<const Landmarks>(), options); };
  const ParsedPhoto expected = parse().value();
  for (long block = 0;; ++block) {
    CAPTURE(block);
    test::blocks_until_refusal = block;
    const auto parsed = parse();
    test::blocks_until_refusal = -1;
    if (parsed.ok()) break;
    CHECK(parsed.error().code() == Errc::out_of_memory);
    REQUIRE(block < 1000);
  }
  CHECK(furthest(parse().value().mattes[0], expected.mattes[0]) == 0);
}
