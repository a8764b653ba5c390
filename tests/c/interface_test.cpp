// The C interface against the C++ that it stands for: the same labels, faces, words and numbers, byte for byte.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "segface/c/segface.h"
#include "segface/compiled.hpp"
#include "segface/faces/label_png.hpp"
#include "segface/faces/numbering.hpp"
#include "segface/faces/render.hpp"
#include "segface/image/file.hpp"

#include "base/temp_directory.hpp"

using namespace segface;

namespace {

const std::string kNetwork = SEGFACE_TEST_DATA "/../../weights/demo.safetensors";
const std::string kFinder = SEGFACE_TEST_DATA "/../../weights/finder.safetensors";
const std::string kPhoto = SEGFACE_TEST_DATA "/images/astronaut.png";

struct Free {
  void operator()(segface_parser* parser) const { segface_free(parser); }
  void operator()(segface_workspace* workspace) const { segface_workspace_free(workspace); }
  void operator()(segface_picture* picture) const { segface_picture_free(picture); }
};
template <class Handle>
using Owned = std::unique_ptr<Handle, Free>;

template <class Structure>
Structure sized() {
  Structure made = {};
  made.size = sizeof made;
  return made;
}
Owned<segface_parser> load() {
  segface_parser* parser = nullptr;
  REQUIRE(segface_load(kNetwork.c_str(), kFinder.c_str(), nullptr, &parser) == SEGFACE_OK);
  return Owned<segface_parser>(parser);
}
segface_image image_of(const Image& photo) {
  return {photo.data(), photo.width(), photo.height(), 0, SEGFACE_RGB};
}
std::vector<std::uint8_t> bytes_of(const std::string& path) {
  const auto file = read_file(path, std::size_t{64} << 20).value();
  return {file.begin(), file.end()};
}
template <class T>
bool same(const std::vector<T>& a, const T* b) {
  return std::memcmp(a.data(), b, a.size() * sizeof(T)) == 0;
}

}  // namespace

TEST_CASE("c: a photo has the labels, maps and faces that it has in C++") {
  const Image photo = load_image(kPhoto).value();
  PhotoOptions cpp_options;
  cpp_options.confidence = cpp_options.surroundings = true;
  const ParsedPhoto expected = PhotoParser::load(kFinder, kNetwork).value().parse(photo.view(), cpp_options).value();

  const auto parser = load();
  const auto pixels = static_cast<std::size_t>(photo.width() * photo.height());
  std::vector<std::uint8_t> labels(pixels), numbers(pixels), coverage(pixels);
  std::vector<float> confidence(pixels);
  std::vector<segface_face> found(8);
  auto faces = sized<segface_faces>();
  faces.found = found.data();
  faces.found_room = found.size();
  auto results = sized<segface_photo_results>();
  results.labels = labels.data();
  results.numbers = numbers.data();
  results.coverage = coverage.data();
  results.confidence = confidence.data();
  results.faces = &faces;
  auto options = sized<segface_photo_options>();
  options.surroundings = 1;
  const segface_image image = image_of(photo);
  REQUIRE(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_OK);
  CHECK(same(labels, expected.mask.labels().data()));
  CHECK(same(numbers, expected.numbers.data()));
  CHECK(same(coverage, expected.coverage.data()));
  CHECK(same(confidence, expected.confidence.data()));
  REQUIRE(faces.found_count == 1);
  const Face& face = expected.faces[0].face;
  CHECK(found[0].x == face.box.x);
  CHECK(found[0].height == face.box.height);
  CHECK(found[0].score == face.score);
  CHECK(found[0].probability == face.probability);
  CHECK(found[0].roll == face.roll);
  CHECK(found[0].confidence == expected.faces[0].confidence);
  CHECK(found[0].landmarks[1] == face.landmarks.left_eye.y);
  CHECK(found[0].landmarks[8] == face.landmarks.right_mouth.x);

  // The faces that were found, given back as known ones; and what find alone says.
  options.known = found.data();
  options.known_count = 1;
  std::vector<std::uint8_t> again(pixels);
  results.labels = again.data();
  REQUIRE(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_OK);
  CHECK(again == labels);
  std::vector<segface_face> only(1);
  faces.found = only.data();
  faces.found_room = 1;
  REQUIRE(segface_find(parser.get(), &image, nullptr, &faces) == SEGFACE_OK);
  CHECK(only[0].score == face.score);
  CHECK(only[0].confidence == 0);

  // A face that is left out says why.
  std::vector<segface_skipped_face> skipped(4);
  faces.skipped = skipped.data();
  faces.skipped_room = skipped.size();
  auto find = sized<segface_find_options>();
  find.smallest = 400;
  REQUIRE(segface_find(parser.get(), &image, &find, &faces) == SEGFACE_OK);
  CHECK(faces.found_count == 0);
  skipped.resize(faces.skipped_count);
  CHECK(std::count_if(skipped.begin(), skipped.end(), [&](const segface_skipped_face& left_out) {
          return left_out.reason == SEGFACE_SMALL && left_out.score == face.score && left_out.x == face.box.x;
        }) == 1);
}

TEST_CASE("c: a crop has the labels, confidence and logits that it has in C++, from a part of a larger picture too") {
  const Image photo = load_image(kPhoto).value();
  const ImageView part(photo.view().pixel(100, 20), 250, 230, photo.stride_bytes(), PixelOrder::rgb);
  const Parser cpp = Parser::load(kNetwork).value();
  Workspace cpp_workspace = cpp.workspace().value();
  const std::size_t pixels = 250 * 230, count = 19 * 256 * 256;
  std::vector<std::uint8_t> expected(pixels), labels(pixels);
  std::vector<float> expected_confidence(pixels), confidence(pixels), expected_logits(count), logits(count);
  REQUIRE(
      cpp_workspace.start(part, {expected.data(), expected_confidence.data(), {expected_logits.data(), count}}).ok());
  REQUIRE(cpp_workspace.finish().ok());

  const auto parser = load();
  segface_workspace* made = nullptr;
  REQUIRE(segface_workspace_new(parser.get(), &made) == SEGFACE_OK);
  const Owned<segface_workspace> workspace(made);
  const segface_image image = {part.pixels, part.width, part.height, part.stride_bytes, SEGFACE_RGB};
  auto results = sized<segface_crop_results>();
  results.labels = labels.data();
  results.confidence = confidence.data();
  results.logits = logits.data();
  results.logits_room = count;
  REQUIRE(segface_parse_crop(workspace.get(), &image, nullptr, &results) == SEGFACE_OK);
  CHECK(labels == expected);
  CHECK(confidence == expected_confidence);
  CHECK(logits == expected_logits);
}

TEST_CASE("c: networks from memory, alone or together, and what lacks is told") {
  const std::vector<std::uint8_t> network = bytes_of(kNetwork), finder = bytes_of(kFinder);
  const Image photo = load_image(kPhoto).value();
  const segface_image image = image_of(photo);
  std::vector<segface_face> found(1);
  auto faces = sized<segface_faces>();
  faces.found = found.data();
  faces.found_room = 1;
  auto results = sized<segface_photo_results>();
  auto info = sized<segface_info>();
  auto options = sized<segface_options>();
  options.threads = 1;
  segface_parser* made = nullptr;

  REQUIRE(segface_load_memory(nullptr, 0, finder.data(), finder.size(), nullptr, &made) == SEGFACE_OK);
  const Owned<segface_parser> finds(made);
  REQUIRE(segface_load_memory(network.data(), network.size(), nullptr, 0, &options, &made) == SEGFACE_OK);
  const Owned<segface_parser> parses(made);
  CHECK(segface_find(finds.get(), &image, nullptr, &faces) == SEGFACE_OK);
  CHECK(faces.found_count == 1);
  CHECK(segface_parse_photo(finds.get(), &image, nullptr, &results) == SEGFACE_INVALID_ARGUMENT);
  CHECK(std::string(segface_last_error()).find("no network") != std::string::npos);
  segface_workspace* none = nullptr;
  CHECK(segface_workspace_new(finds.get(), &none) == SEGFACE_INVALID_ARGUMENT);
  CHECK(segface_find(parses.get(), &image, nullptr, &faces) == SEGFACE_INVALID_ARGUMENT);
  CHECK(segface_get_info(finds.get(), &info) == SEGFACE_OK);
  CHECK(info.dataset == -1);
  CHECK(info.backbone[0] == '\0');
  CHECK(segface_get_info(parses.get(), &info) == SEGFACE_OK);
  CHECK(info.threads == 1);
  CHECK(info.finder_terms[0] == '\0');
  CHECK(segface_load_memory(network.data(), network.size() - 1, nullptr, 0, nullptr, &made) == SEGFACE_TRUNCATED);
  CHECK(made == nullptr);
}

TEST_CASE("c: each thread has the error of its own last failure, and a call that succeeds leaves it") {
  std::string others;
  REQUIRE(segface_picture_read("mine.png", nullptr) == SEGFACE_INVALID_ARGUMENT);
  const std::string mine = segface_last_error();
  std::thread([&] {
    CHECK(std::string(segface_last_error()).empty());
    segface_picture* picture = nullptr;
    CHECK(segface_picture_read("/no/such/file", &picture) == SEGFACE_IO);
    others = segface_last_error();
  }).join();
  CHECK(others.find("/no/such/file") != std::string::npos);
  std::uint8_t table[256];
  REQUIRE(segface_numbering(SEGFACE_CELEB, SEGFACE_AS_BISENET, table) == SEGFACE_OK);
  CHECK(segface_last_error() == mine);
}

TEST_CASE("c: a workspace serves one call at a time, whose callback stays its own") {
  const Image photo = load_image(kPhoto).value();
  const segface_image image = image_of(photo);
  const auto parser = load();
  segface_workspace* workspace = nullptr;
  REQUIRE(segface_workspace_new(parser.get(), &workspace) == SEGFACE_OK);
  const Owned<segface_workspace> owned(workspace);
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(photo.width() * photo.height()));
  struct Call {
    segface_workspace* workspace;
    const segface_image* image;
    segface_crop_results* results;
    int calls = 0, wrong = 0;
  };
  auto results = sized<segface_crop_results>();
  results.labels = labels.data();
  Call call = {workspace, &image, &results};
  auto options = sized<segface_crop_options>();
  options.context = &call;
  options.progress = [](double, void* context) {
    Call& c = *static_cast<Call*>(context);
    ++c.calls;
    c.wrong += segface_parse_crop(c.workspace, c.image, nullptr, c.results) != SEGFACE_BUSY;
    return 1;
  };
  CHECK(segface_parse_crop(workspace, &image, &options, &results) == SEGFACE_OK);
  CHECK(call.calls > 10);
  CHECK(call.wrong == 0);
}

TEST_CASE("c: words, colours, groups and numberings are those of C++") {
  for (const Dataset dataset : {Dataset::celeb, Dataset::lapa, Dataset::helen}) {
    const auto number = static_cast<std::int32_t>(dataset);
    for (Index label = 0; label < class_count(dataset); ++label) {
      const ClassInfo& expected = classes(dataset)[static_cast<std::size_t>(label)];
      const auto at = static_cast<std::int32_t>(label);
      CHECK(segface_class_name(number, at, SEGFACE_NAME) == expected.name);
      CHECK(segface_class_name(number, at, SEGFACE_OFFICIAL_NAME) == expected.official);
      CHECK(segface_class_name(number, at, SEGFACE_SUBJECT_NAME) == expected.subject);
      const std::uint32_t color = segface_class_color(number, at);
      CHECK(Rgb{static_cast<std::uint8_t>(color >> 16), static_cast<std::uint8_t>(color >> 8),
                static_cast<std::uint8_t>(color)} == expected.color);
    }
    for (std::int32_t group = SEGFACE_GROUP_SKIN; group <= SEGFACE_GROUP_HAIR; ++group) {
      CHECK(segface_group_labels(number, group) == label_mask(dataset, static_cast<LabelGroup>(group)));
    }
    for (std::int32_t to = SEGFACE_AS_CELEB; to <= SEGFACE_AS_BISENET; ++to) {
      std::uint8_t table[256];
      REQUIRE(segface_numbering(number, to, table) == SEGFACE_OK);
      const auto expected = numbering_conversion(numbering_of(dataset), static_cast<Numbering>(to));
      CHECK(std::equal(expected.begin(), expected.end(), table));
    }
  }
  for (std::int32_t code = SEGFACE_OK; code <= SEGFACE_INTERNAL; ++code) {
    CHECK(segface_status_name(code) == std::string(errc_name(static_cast<Errc>(code))));
  }
}

TEST_CASE("c: pictures are read, laid over and written as in C++") {
  const TempDirectory folder;
  const Image photo = load_image(kPhoto).value();
  const std::vector<std::uint8_t> file = bytes_of(kPhoto);
  segface_picture* made = nullptr;
  REQUIRE(segface_picture_decode(file.data(), file.size(), &made) == SEGFACE_OK);
  const Owned<segface_picture> picture(made);
  segface_image view;
  REQUIRE(segface_picture_view(picture.get(), &view) == SEGFACE_OK);
  REQUIRE(view.width == photo.width());
  REQUIRE(view.height == photo.height());
  CHECK(view.order == SEGFACE_RGB);
  CHECK(std::memcmp(view.pixels, photo.data(), photo.size_bytes()) == 0);

  std::vector<std::uint8_t> labels(static_cast<std::size_t>(view.width * view.height));
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::uint8_t>(i / 1000 % 19);
  const ImageView grey(labels.data(), view.width, view.height, PixelOrder::gray);
  std::vector<std::uint8_t> mixed(photo.size_bytes());
  REQUIRE(segface_overlay(&view, labels.data(), SEGFACE_CELEB, 0.3, mixed.data()) == SEGFACE_OK);
  const Image expected = overlay(photo.view(), grey, Dataset::celeb, 0.3f).value();
  CHECK(same(mixed, expected.data()));
  const segface_image laid = {mixed.data(), view.width, view.height, 0, SEGFACE_RGB};
  REQUIRE(segface_save_picture(folder.file("c.png").c_str(), &laid) == SEGFACE_OK);
  REQUIRE(save_png(folder.file("cpp.png"), expected.view()).ok());
  CHECK(bytes_of(folder.file("c.png")) == bytes_of(folder.file("cpp.png")));
  REQUIRE(segface_save_labels(folder.file("l.png").c_str(), labels.data(), view.width, view.height, SEGFACE_CELEB) ==
          SEGFACE_OK);
  REQUIRE(save_label_png(folder.file("m.png"), grey, Dataset::celeb).ok());
  CHECK(bytes_of(folder.file("l.png")) == bytes_of(folder.file("m.png")));
  std::vector<std::uint8_t> clear(4 * 6, 7);
  const segface_image with_alpha = {clear.data(), 3, 2, 0, SEGFACE_RGBA};
  REQUIRE(segface_save_picture(folder.file("a.png").c_str(), &with_alpha) == SEGFACE_OK);
  CHECK(bytes_of(folder.file("a.png"))[25] == 6);  // of colour type RGBA
}
