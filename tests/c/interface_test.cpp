// The C interface against the C++ that it stands for: the same labels, faces, words and numbers, byte for byte.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "segface/c/segface.h"
#include "segface/compiled.hpp"
#include "segface/faces/label_png.hpp"
#include "segface/faces/landmark_file.hpp"
#include "segface/faces/numbering.hpp"
#include "segface/faces/render.hpp"
#include "segface/image/cutout.hpp"
#include "segface/image/file.hpp"

#include "base/temp_directory.hpp"
#if !defined(_WIN32)
#include "base/threads/child.hpp"
#endif
#include "network/small_weight_file.hpp"

using namespace segface;

namespace {

const std::string kNetwork = SEGFACE_TEST_DATA "/../../weights/demo.safetensors";
const std::string kFinder = SEGFACE_TEST_DATA "/../../weights/finder.safetensors";
const std::string kPhoto = SEGFACE_TEST_DATA "/images/astronaut.png";

struct Free {
  void operator()(segface_parser* parser) const { segface_free(parser); }
  void operator()(segface_workspace* workspace) const { segface_workspace_free(workspace); }
  void operator()(segface_tracker* tracker) const { segface_tracker_free(tracker); }
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

TEST_CASE("c: parts picked by hand have the maps that they have in C++, of any kind and several at a time") {
  const Image photo = load_image(kPhoto).value();
  const segface_image image = image_of(photo);
  const auto pixels = static_cast<std::size_t>(photo.width() * photo.height());
  const double five[] = {205, 101, 248, 102, 226, 122, 206, 143, 242, 144};
  HelenPoints points;
  std::vector<double> numbers_of_points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] = {180 + 1.2 * static_cast<double>(i), 80 + static_cast<double>(i * 7 % 90)};
    numbers_of_points.insert(numbers_of_points.end(), {points[i].x, points[i].y});
  }
  const Landmarks landmarks = Landmarks::from_numbers({205, 101, 248, 102, 226, 122, 206, 143, 242, 144});

  auto whole = sized<segface_region>(), box = sized<segface_region>(), celeba = sized<segface_region>(),
       helen = sized<segface_region>();
  box.kind = SEGFACE_REGION_BOX;
  box.x = -20, box.y = 30, box.width = 300, box.height = 250;
  celeba.kind = SEGFACE_REGION_CELEBA;
  celeba.landmarks = five;
  helen.kind = SEGFACE_REGION_HELEN;
  helen.landmarks = numbers_of_points.data();
  const Region cpp_whole = Region::whole(512, 512), cpp_box = Region::box({-20, 30, 300, 250}, 512, 512).value(),
               cpp_celeba = Region::aligned(landmarks, 512, 512).value(),
               cpp_helen = Region::helen(points, 512, 512).value();
  struct Case {
    std::vector<segface_region> regions;
    std::vector<Region> expected;
    std::vector<Landmarks> landmarks;
  };
  const Case cases[] = {{{whole}, {cpp_whole}, {}},
                        {{box}, {cpp_box}, {}},
                        {{celeba, helen}, {cpp_celeba, cpp_helen}, {landmarks, helen_landmarks(points)}},
                        {{whole, box}, {cpp_whole, cpp_box}, {}},
                        {{}, {}, {}}};

  const auto parser = load();
  const PhotoParser cpp = PhotoParser::load(kFinder, kNetwork).value();
  std::vector<std::uint8_t> labels(pixels), numbers(pixels), coverage(pixels);
  std::vector<float> confidence(pixels);
  segface_face face = {};
  auto faces = sized<segface_faces>();
  faces.found = &face;
  faces.found_room = 1;
  faces.found_count = 9;
  auto results = sized<segface_photo_results>();
  results.labels = labels.data();
  results.numbers = numbers.data();
  results.coverage = coverage.data();
  results.faces = &faces;
  for (const Case& c : cases) {
    CAPTURE(c.regions.size());
    for (float* const wanted : {static_cast<float*>(nullptr), confidence.data()}) {
      PhotoOptions cpp_options;
      cpp_options.confidence = wanted != nullptr;
      const ParsedPhoto expected = cpp.parse(photo.view(), {c.expected.data(), c.expected.size()},
                                             {c.landmarks.data(), c.landmarks.size()}, cpp_options)
                                       .value();
      segface_region nothing = {};
      auto options = sized<segface_photo_options>();
      options.regions = c.regions.empty() ? &nothing : c.regions.data();
      options.region_count = c.regions.size();
      results.confidence = wanted;
      REQUIRE(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_OK);
      CHECK(same(labels, expected.mask.labels().data()));
      CHECK(same(numbers, expected.numbers.data()));
      CHECK(same(coverage, expected.coverage.data()));
      if (wanted != nullptr) CHECK(same(confidence, expected.confidence.data()));
      CHECK(faces.found_count == 0);
    }
  }

  // A program of a later version, whose regions are longer.
  struct Longer {
    segface_region known;
    double unknown;
  };
  std::vector<Longer> longer = {{whole, 0}, {box, 0}};
  for (Longer& region : longer) region.known.size = sizeof region;
  auto options = sized<segface_photo_options>();
  options.regions = &longer[0].known;
  options.region_count = 2;
  REQUIRE(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_OK);
  CHECK(*std::max_element(numbers.begin(), numbers.end()) == 2);
  longer[1].unknown = 1;
  CHECK(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_INVALID_ARGUMENT);
  CHECK(std::string(segface_last_error()).find("region 2: segface_region") == 0);
}

TEST_CASE("c: mattes, refined labels and a cutout are those of C++") {
  const Image photo = load_image(kPhoto).value();
  const segface_image image = image_of(photo);
  const auto pixels = static_cast<std::size_t>(photo.width() * photo.height());
  const std::uint32_t sets[] = {segface_group_labels(SEGFACE_CELEB, SEGFACE_GROUP_HAIR), ~1u};
  const auto parser = load();
  const PhotoParser cpp = PhotoParser::load(kFinder, kNetwork).value();
  std::vector<std::uint8_t> labels(pixels);
  std::vector<float> mattes(2 * pixels + 1, 77);
  auto results = sized<segface_photo_results>();
  results.labels = labels.data();
  auto options = sized<segface_photo_options>();
  options.mattes = sets;
  options.matte_count = 2;
  for (const int refine : {0, 1}) {
    PhotoOptions cpp_options;
    cpp_options.mattes.assign(sets, sets + 2);
    cpp_options.refine = refine != 0;
    const ParsedPhoto expected = cpp.parse(photo.view(), cpp_options).value();
    options.refine = refine;
    for (float* const wanted : {mattes.data(), static_cast<float*>(nullptr)}) {  // none are made where they are not
      results.mattes = wanted;
      REQUIRE(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_OK);
      CHECK(same(labels, expected.mask.labels().data()));
    }
    for (std::size_t set = 0; set < 2; ++set) {
      CHECK(std::equal(expected.mattes[set].begin(), expected.mattes[set].end(), mattes.data() + set * pixels));
    }
    CHECK(mattes[2 * pixels] == 77);

    std::vector<std::uint8_t> rgba(4 * pixels);
    REQUIRE(segface_cutout(&image, mattes.data(), rgba.data()) == SEGFACE_OK);
    CHECK(same(rgba, cutout(photo.view(), expected.mattes[0].span()).value().data()));
  }
  results.mattes = mattes.data();
  options.matte_count = SIZE_MAX / 2;
  CHECK(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_LIMIT_EXCEEDED);

  // A program that was compiled before there were mattes.
  options.size = offsetof(segface_photo_options, mattes);
  results.size = offsetof(segface_photo_results, mattes);
  std::fill(mattes.begin(), mattes.end(), 77.0f);
  REQUIRE(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_OK);
  CHECK(std::all_of(mattes.begin(), mattes.end(), [](float value) { return value == 77; }));
}

TEST_CASE("c: maps are written where they were asked for, while the photo is parsed") {
  const Image photo = load_image(kPhoto).value();
  const segface_image image = image_of(photo);
  const auto parser = load();
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(photo.width() * photo.height()), 77);
  auto results = sized<segface_photo_results>();
  results.labels = labels.data();
  std::vector<segface_region> regions(2, sized<segface_region>());
  regions[0].kind = regions[1].kind = SEGFACE_REGION_BOX;
  regions[0].width = regions[0].height = regions[1].x = regions[1].width = regions[1].height = 256;
  struct Seen {
    const std::vector<std::uint8_t>* labels;
    bool before = false, cleared = false, first = false;
  };
  Seen seen = {&labels};
  auto options = sized<segface_photo_options>();
  options.regions = regions.data();
  options.region_count = regions.size();
  options.context = &seen;
  options.progress = [](double share, void* context) {
    Seen& s = *static_cast<Seen*>(context);
    const auto labelled = [](std::uint8_t label) { return label != 0; };
    if (share < 0.4) s.cleared = s.cleared || std::none_of(s.labels->begin(), s.labels->end(), labelled);
    if (share > 0.6) s.first = s.first || std::any_of(s.labels->begin(), s.labels->end(), labelled);
    return 1;
  };
  REQUIRE(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_OK);
  CHECK(seen.cleared);
  CHECK(seen.first);

  const segface_image gray = {labels.data(), 512, 512, 0, SEGFACE_GRAY};
  CHECK(segface_parse_photo(parser.get(), &gray, nullptr, &results) == SEGFACE_INVALID_ARGUMENT);
  CHECK(std::string(segface_last_error()).find("memory of its own") != std::string::npos);
}

TEST_CASE(
    "c: frames of a video have the maps, faces and numbers that they have in C++, followed, smoothed or neither") {
  const Image photo = load_image(kPhoto).value();
  constexpr Index kWidth = 400, kHeight = 380;
  constexpr std::size_t kPixels = kWidth * kHeight;
  const auto frame = [&](Index i) {
    return ImageView(photo.view().pixel(60 + 2 * i, 3 * i), kWidth, kHeight, photo.stride_bytes(), PixelOrder::rgb);
  };
  const auto parser = load();
  const PhotoParser cpp = PhotoParser::load(kFinder, kNetwork).value();
  const std::uint32_t hair = segface_group_labels(SEGFACE_CELEB, SEGFACE_GROUP_HAIR);
  auto of_frame = sized<segface_photo_options>();
  of_frame.surroundings = 1;
  of_frame.mattes = &hair;
  of_frame.matte_count = 1;
  for (const bool plain : {false, true}) {
    CAPTURE(plain);
    auto options = sized<segface_track_options>();
    TrackOptions cpp_options;
    options.photo = &of_frame;
    options.most = 3;
    cpp_options.photo.surroundings = cpp_options.photo.confidence = true;
    cpp_options.photo.mattes = {hair};
    cpp_options.photo.find.most = 3;
    if (plain) {
      options.smooth = SEGFACE_UNSMOOTHED;
      options.every = 1;
      cpp_options.smooth = 0;
      cpp_options.every = 1;
    } else {
      options.every = 3;
      options.rate = 12;
      cpp_options.every = 3;
      cpp_options.rate = 12;
    }
    segface_tracker* made = nullptr;
    REQUIRE(segface_tracker_new(parser.get(), &options, &made) == SEGFACE_OK);
    const Owned<segface_tracker> tracker(made);
    Tracker expected = Tracker::make(cpp, cpp_options).value();
    for (Index i = 0; i < 5; ++i) {
      // Memory of its own for each frame; every other one is asked for its labels alone.
      std::vector<std::uint8_t> labels(kPixels, 77), numbers(kPixels, 77), coverage(kPixels, 77);
      std::vector<float> confidence(kPixels, 77), mattes(kPixels, 77);
      std::vector<segface_face> found(3);
      std::vector<std::int64_t> tracks(3);
      auto faces = sized<segface_faces>();
      faces.found = found.data();
      faces.found_room = 3;
      auto results = sized<segface_photo_results>();
      results.labels = labels.data();
      if (i % 2 == 0) {
        results.numbers = numbers.data();
        results.coverage = coverage.data();
        results.confidence = confidence.data();
        results.mattes = mattes.data();
        results.faces = &faces;
        results.tracks = tracks.data();
      }
      const ImageView view = frame(i);
      const segface_image image = {view.pixels, view.width, view.height, view.stride_bytes, SEGFACE_RGB};
      REQUIRE(segface_tracker_next(tracker.get(), &image, &results) == SEGFACE_OK);
      REQUIRE(expected.next(view).ok());
      const ParsedPhoto& parsed = expected.parsed();
      CHECK(same(labels, parsed.mask.labels().data()));
      if (i % 2 == 1) continue;
      CHECK(same(numbers, parsed.numbers.data()));
      CHECK(same(coverage, parsed.coverage.data()));
      CHECK(same(confidence, parsed.confidence.data()));
      CHECK(same(mattes, parsed.mattes[0].data()));
      REQUIRE(parsed.faces.size() == 1);
      REQUIRE(faces.found_count == 1);
      CHECK(found[0].x == parsed.faces[0].face.box.x);
      CHECK(found[0].confidence == parsed.faces[0].confidence);
      CHECK(tracks[0] == 1);
    }
  }
}

TEST_CASE("c: a tracker serves one call at a time, and one that is cancelled begins anew") {
  const Image photo = load_image(kPhoto).value();
  const segface_image image = image_of(photo);
  const auto parser = load();
  struct Call {
    segface_tracker* tracker = nullptr;
    const segface_image* image;
    segface_photo_results results = sized<segface_photo_results>();
    int calls = 0, wrong = 0, answer = 1;
  };
  Call call;
  call.image = &image;
  auto of_frame = sized<segface_photo_options>();
  of_frame.context = &call;
  of_frame.progress = [](double, void* context) {
    Call& c = *static_cast<Call*>(context);
    ++c.calls;
    c.wrong += segface_tracker_next(c.tracker, c.image, &c.results) != SEGFACE_BUSY;
    return c.answer;
  };
  auto options = sized<segface_track_options>();
  options.photo = &of_frame;
  REQUIRE(segface_tracker_new(parser.get(), &options, &call.tracker) == SEGFACE_OK);
  const Owned<segface_tracker> tracker(call.tracker);
  std::vector<segface_face> found(255);
  std::vector<std::int64_t> tracks(255);
  auto faces = sized<segface_faces>();
  faces.found = found.data();
  faces.found_room = found.size();
  auto results = sized<segface_photo_results>();
  results.faces = &faces;
  results.tracks = tracks.data();
  REQUIRE(segface_tracker_next(tracker.get(), &image, &results) == SEGFACE_OK);
  CHECK(call.calls > 5);
  call.answer = 0;
  CHECK(segface_tracker_next(tracker.get(), &image, &results) == SEGFACE_CANCELLED);
  call.answer = 1;
  REQUIRE(segface_tracker_next(tracker.get(), &image, &results) == SEGFACE_OK);
  CHECK(tracks[0] == 2);
  CHECK(call.wrong == 0);
}

TEST_CASE("c: a network that needs landmarks takes those of a crop, of faces and of regions, and names what lacks") {
  const Bytes network = test::small_weight_file(Dataset::lapa);
  const Image photo = load_image(kPhoto).value();
  const segface_image image = image_of(photo);
  segface_parser* made = nullptr;
  REQUIRE(segface_load_memory(network.data(), network.size(), nullptr, 0, nullptr, &made) == SEGFACE_OK);
  const Owned<segface_parser> parser(made);
  auto info = sized<segface_info>();
  REQUIRE(segface_get_info(parser.get(), &info) == SEGFACE_OK);
  CHECK(info.dataset == SEGFACE_LAPA);
  CHECK(info.needs_landmarks != 0);
  const double five[] = {205, 101, 248, 102, 226, 122, 206, 143, 242, 144};
  const Landmarks landmarks = Landmarks::from_numbers({205, 101, 248, 102, 226, 122, 206, 143, 242, 144});
  const Mask expected = Parser::from_memory(network).value().parse(photo.view(), landmarks).value();

  std::vector<std::uint8_t> labels(static_cast<std::size_t>(photo.width() * photo.height()));
  segface_workspace* workspace = nullptr;
  REQUIRE(segface_workspace_new(parser.get(), &workspace) == SEGFACE_OK);
  const Owned<segface_workspace> owned(workspace);
  auto crop = sized<segface_crop_results>();
  crop.labels = labels.data();
  auto crop_options = sized<segface_crop_options>();
  CHECK(segface_parse_crop(workspace, &image, &crop_options, &crop) == SEGFACE_INVALID_ARGUMENT);
  CHECK(std::string(segface_last_error()).find("landmarks") != std::string::npos);
  crop_options.landmarks = five;
  CHECK(segface_parse_crop(workspace, &image, &crop_options, &crop) == SEGFACE_OK);
  CHECK(same(labels, expected.labels().data()));

  auto whole = sized<segface_region>();
  auto options = sized<segface_photo_options>();
  options.regions = &whole;
  options.region_count = 1;
  auto results = sized<segface_photo_results>();
  std::fill(labels.begin(), labels.end(), std::uint8_t{77});
  results.labels = labels.data();
  CHECK(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_INVALID_ARGUMENT);
  CHECK(std::string(segface_last_error()).find("landmarks") != std::string::npos);
  whole.landmarks = five;
  CHECK(segface_parse_photo(parser.get(), &image, &options, &results) == SEGFACE_OK);
  CHECK(same(labels, expected.labels().data()));
}

#if !defined(_WIN32)
TEST_CASE("c: a forked child goes on with the parser, workspace and tracker that it inherited, and frees them") {
  const Image photo = load_image(kPhoto).value();
  const segface_image image = image_of(photo);
  auto parser = load();
  segface_workspace* made = nullptr;
  REQUIRE(segface_workspace_new(parser.get(), &made) == SEGFACE_OK);
  Owned<segface_workspace> workspace(made);
  segface_tracker* made_tracker = nullptr;
  REQUIRE(segface_tracker_new(parser.get(), nullptr, &made_tracker) == SEGFACE_OK);
  Owned<segface_tracker> tracker(made_tracker);
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(photo.width() * photo.height())), crop(labels.size());
  auto results = sized<segface_photo_results>();
  results.labels = labels.data();
  auto crop_results = sized<segface_crop_results>();
  crop_results.labels = crop.data();
  const auto parse = [&] {
    return segface_parse_photo(parser.get(), &image, nullptr, &results) == SEGFACE_OK &&
           segface_parse_crop(workspace.get(), &image, nullptr, &crop_results) == SEGFACE_OK;
  };
  REQUIRE(parse());
  const std::vector<std::uint8_t> expected = labels, expected_crop = crop;
  std::fill(labels.begin(), labels.end(), std::uint8_t{77});
  std::fill(crop.begin(), crop.end(), std::uint8_t{77});
  CHECK(test::exit_of_child([&] {
          const bool parsed = parse() && labels == expected && crop == expected_crop &&
                              segface_tracker_next(tracker.get(), &image, &results) == SEGFACE_OK;
          tracker.reset();
          workspace.reset();
          parser.reset();
          return parsed ? 0 : 1;
        }) == 0);
}
#endif

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

  // Files of a version to come.
  for (const bool of_finder : {false, true}) {
    std::vector<std::uint8_t> newer = of_finder ? finder : network;
    const std::string field = "\"format_version\":\"";
    const auto at = std::search(newer.begin(), newer.end(), field.begin(), field.end());
    REQUIRE(at != newer.end());
    at[static_cast<std::ptrdiff_t>(field.size())] = '7';
    CHECK((of_finder
               ? segface_load_memory(nullptr, 0, newer.data(), newer.size(), nullptr, &made)
               : segface_load_memory(newer.data(), newer.size(), nullptr, 0, nullptr, &made)) == SEGFACE_BAD_FORMAT);
    CHECK(std::string(segface_last_error()).find("format_version is '7', expected 1") != std::string::npos);
  }
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
