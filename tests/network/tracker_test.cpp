// Frames of a video: which faces are the same, what is smoothed, and when all begins anew.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "segface/image/canvas.hpp"
#include "segface/image/file.hpp"
#include "segface/video.hpp"

#include "allocations.hpp"
#include "check_error.hpp"
#include "faces/group_picture.hpp"
#include "network/small_weight_file.hpp"
#include "networks/networks.hpp"

using namespace segface;
using namespace segface::core;
using test::check_error;

namespace {

Bytes bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
// The finder with a small network, whose labels are of no face but differ everywhere.
const PhotoParser& parser() {
  static const PhotoParser made = [] {
    const std::string file = test::make_small_weight_file(Dataset::celeb, 64);
    return PhotoParser::make(Finder::load(SEGFACE_TEST_DATA "/../../weights/finder.safetensors").value(),
                             Parser::from_memory(bytes_of(file)).value())
        .value();
  }();
  return made;
}
Tracker tracker(double smooth, Index every) {
  TrackOptions options;
  options.smooth = smooth, options.every = every;
  return Tracker::make(parser(), options).value();
}

// A frame with heads, on a background of its own for each scene, with noise of its own for each frame.
Image frame(const std::vector<test::PlacedFace>& heads, unsigned noise = 0, std::uint64_t scene = 1) {
  test::GroupPicture picture(320, 240, scene);
  for (const test::PlacedFace& head : heads) picture.add(head);
  Image image = Image::make(320, 240, PixelOrder::rgb).value();
  std::copy_n(picture.image().data(), image.size_bytes(), image.data());
  unsigned state = noise * 7919u + 1;
  for (std::size_t i = 0; i < image.size_bytes() && noise != 0; ++i) {
    state = state * 1664525u + 1013904223u;
    image.data()[i] =
        static_cast<std::uint8_t>(std::clamp(image.data()[i] + static_cast<int>(state >> 24) / 16 - 8, 0, 255));
  }
  return image;
}

bool same_maps(const ParsedPhoto& a, const ParsedPhoto& b) {
  const std::size_t pixels = a.mask.labels().size();
  return pixels == b.mask.labels().size() &&
         std::equal(a.mask.labels().begin(), a.mask.labels().end(), b.mask.labels().begin()) &&
         std::equal(a.numbers.data(), a.numbers.data() + pixels, b.numbers.data()) &&
         std::equal(a.coverage.data(), a.coverage.data() + pixels, b.coverage.data()) &&
         a.confidence.size() == b.confidence.size() &&
         std::equal(a.confidence.begin(), a.confidence.end(), b.confidence.begin());
}
bool same_points(const Landmarks& a, const Landmarks& b) {
  const auto p = a.in_order(), q = b.in_order();
  return std::equal(p.begin(), p.end(), q.begin(), [](Point u, Point v) { return u.x == v.x && u.y == v.y; });
}

}  // namespace

TEST_CASE("tracker: without smoothing and with a find in every frame, frames are photos of their own, bit for bit") {
  TrackOptions options;
  options.smooth = 0, options.every = 1;
  options.photo.confidence = true, options.photo.surroundings = true;
  options.photo.mattes = {1u << 14};
  Tracker tracker = Tracker::make(parser(), options).value();
  for (unsigned i = 0; i < 3; ++i) {
    const double at = 90 + 4.0 * i;
    const Image picture = frame({{{at, 120}, 80}, {{230, 110 + 3.0 * i}, 60 + 15.0 * i, 20}}, 1 + i);
    REQUIRE(tracker.next(picture.view()).ok());
    const ParsedPhoto& tracked = tracker.parsed();
    const ParsedPhoto alone = parser().parse(picture.view(), options.photo).value();
    REQUIRE(alone.faces.size() == 2);
    REQUIRE(tracked.faces.size() == 2);
    CHECK(same_maps(tracked, alone));
    CHECK(std::equal(alone.mattes[0].begin(), alone.mattes[0].end(), tracked.mattes[0].begin()));
    for (std::size_t k = 0; k < 2; ++k) {
      CHECK(same_points(tracked.faces[k].face.landmarks, alone.faces[k].face.landmarks));
      CHECK(tracked.faces[k].confidence == alone.faces[k].confidence);
      CHECK(tracked.faces[k].face.score == alone.faces[k].face.score);
    }
    CHECK(tracked.skipped.size() == alone.skipped.size());
    CHECK(tracked.mask.mean_confidence() == alone.mask.mean_confidence());
    // The one on the right grows, and with it changes its place among the faces, but not its number.
    CHECK(tracker.tracks()[i < 2 ? 0 : 1] == 1);
  }
}

TEST_CASE("tracker: faces are followed between finds, to where they are, and keep their numbers") {
  Tracker follows = tracker(1, 8);
  double worst = 0;
  for (unsigned i = 0; i < 16; ++i) {
    const test::PlacedFace head = {{90 + 1.6 * i, 120 + 0.8 * i}, 80, 1.0 * i};
    const Image picture = frame({head, {{240, 110}, 60}}, 1 + i);
    REQUIRE(follows.next(picture.view()).ok());
    REQUIRE(follows.parsed().faces.size() == 2);
    CHECK(follows.tracks()[0] == 1);
    CHECK(follows.tracks()[1] == 2);
    const Face& face = follows.parsed().faces[0].face;
    const Point middle = {face.box.x + face.box.width / 2, face.box.y + face.box.height / 2};
    worst = std::max(worst, std::hypot(middle.x - head.middle.x, middle.y - head.middle.y) / 80);
    CHECK(std::fabs(face.roll - head.degrees) < 8);
    CHECK(face.probability > 0.9);
    CHECK(follows.parsed().faces[0].face.score > 0.6);
  }
  CHECK(worst < 0.1);
}

TEST_CASE("tracker: points and labels of a head that holds still hold still, under noise that moves those of photos") {
  Tracker smooth = tracker(1, 5), single = tracker(0, 1);
  Index changes[2] = {}, moves[2] = {};
  std::vector<std::uint8_t> last[2];
  double moved[2] = {};
  Landmarks points[2];
  for (unsigned i = 0; i < 20; ++i) {
    const Image picture = frame({{{160, 120}, 90}}, 1 + i);
    Tracker* const trackers[2] = {&single, &smooth};
    for (std::size_t k = 0; k < 2; ++k) {
      REQUIRE(trackers[k]->next(picture.view()).ok());
      const ParsedPhoto& parsed = trackers[k]->parsed();
      REQUIRE(parsed.faces.size() == 1);
      const std::vector<std::uint8_t> labels(parsed.mask.labels().begin(), parsed.mask.labels().end());
      const Landmarks& now = parsed.faces[0].face.landmarks;
      if (i > 5) {
        for (std::size_t p = 0; p < labels.size(); ++p) changes[k] += labels[p] != last[k][p];
        moved[k] += std::hypot(now.left_eye.x - points[k].left_eye.x, now.left_eye.y - points[k].left_eye.y);
        ++moves[k];
      }
      last[k] = labels, points[k] = now;
    }
  }
  CAPTURE(changes[0]);
  CAPTURE(changes[1]);
  CAPTURE(moved[0]);
  CAPTURE(moved[1]);
  CHECK(changes[0] > 500);
  CHECK(changes[1] * 5 < changes[0]);
  CHECK(moved[1] * 4 < moved[0]);
}

TEST_CASE("tracker: a cut, another size and a failure begin anew, with nothing of before") {
  const Image before = frame({{{100, 120}, 90}}, 1), after = frame({{{190, 110}, 90, 10}}, 2, 5);
  Image dark = Image::make(320, 240, PixelOrder::rgb).value();
  for (std::size_t i = 0; i < dark.size_bytes(); ++i) dark.data()[i] = static_cast<std::uint8_t>(after.data()[i] / 2);
  Tracker cut = tracker(1, 100);
  REQUIRE(cut.next(before.view()).ok());
  REQUIRE(cut.next(before.view()).ok());
  CHECK(cut.tracks()[0] == 1);
  REQUIRE(cut.next(dark.view()).ok());  // another scene: looked through at once, though the next find is far
  Tracker fresh = tracker(1, 100);
  REQUIRE(fresh.next(dark.view()).ok());
  REQUIRE(fresh.parsed().faces.size() == 1);
  CHECK(same_maps(cut.parsed(), fresh.parsed()));
  REQUIRE(cut.next(before.view()).ok());
  REQUIRE(cut.parsed().faces.size() == 1);
  CHECK(cut.tracks()[0] > 1);

  const Image small = crop(before.view(), {0, 0, 300, 240}).value();
  Tracker sized = tracker(1, 100), alone = tracker(1, 100);
  REQUIRE(sized.next(before.view()).ok());
  REQUIRE(sized.next(small.view()).ok());
  REQUIRE(alone.next(small.view()).ok());
  CHECK(same_maps(sized.parsed(), alone.parsed()));
  check_error(sized.next({nullptr, 300, 240, PixelOrder::rgb}), Errc::invalid_argument, {"null"});
}

TEST_CASE("tracker: a face that jumps leaves nothing where it was, one that is covered stays where it was") {
  Tracker jumps = tracker(1, 100), fresh = tracker(1, 100);
  const Image first = frame({{{110, 120}, 80}}, 1), second = frame({{{128, 120}, 80}}, 2);
  for (int i = 0; i < 4; ++i) REQUIRE(jumps.next(first.view()).ok());
  REQUIRE(jumps.next(second.view()).ok());
  REQUIRE(jumps.parsed().faces.size() == 1);
  const Landmarks& there = jumps.parsed().faces[0].face.landmarks;
  REQUIRE(fresh.next(second.view()).ok());
  const Landmarks& expected = fresh.parsed().faces[0].face.landmarks;
  CHECK(std::fabs(middle_of(there).x - middle_of(expected).x) < 4);  // not halfway

  Tracker covered = tracker(1, 100);
  const Image empty = frame({}, 3);
  REQUIRE(covered.next(first.view()).ok());
  const Landmarks before = covered.parsed().faces[0].face.landmarks;
  REQUIRE(covered.next(empty.view()).ok());
  REQUIRE(covered.parsed().faces.size() == 1);
  CHECK(same_points(covered.parsed().faces[0].face.landmarks, before));
  CHECK(covered.parsed().faces[0].face.probability < 0.5);
  Tracker gone = tracker(1, 2);
  REQUIRE(gone.next(first.view()).ok());
  REQUIRE(gone.next(empty.view()).ok());
  REQUIRE(gone.next(empty.view()).ok());  // looked for, and neither found nor seen
  CHECK(gone.parsed().faces.empty());
  CHECK(gone.parsed().mask.coverage() == 0);
}

TEST_CASE("tracker: the same frames give the same results, on any number of threads") {
  const auto run = [](Index threads) {
    Options options;
    options.threads = threads;
    const std::string file = test::make_small_weight_file(Dataset::celeb, 64);
    const PhotoParser own =
        PhotoParser::make(Finder::load(SEGFACE_TEST_DATA "/../../weights/finder.safetensors", options).value(),
                          Parser::from_memory(bytes_of(file), options).value())
            .value();
    Tracker tracker = Tracker::make(own).value();
    std::vector<std::uint8_t> labels;
    for (unsigned i = 0; i < 7; ++i) {
      const Image picture = frame({{{120 + 2.0 * i, 120}, 90}}, 1 + i);
      REQUIRE(tracker.next(picture.view()).ok());
      labels.insert(labels.end(), tracker.parsed().mask.labels().begin(), tracker.parsed().mask.labels().end());
    }
    return labels;
  };
  const auto once = run(1);
  CHECK(once == run(1));
  CHECK(once == run(2));
}

TEST_CASE("tracker: frames with as many faces as before take no memory, and those that are looked through little") {
  for (const bool all : {false, true}) {
    CAPTURE(all);
    TrackOptions options;
    options.every = 4;
    if (all) {
      options.photo.confidence = options.photo.surroundings = options.photo.refine = true;
      options.photo.mattes = {1u << 14, 1u << 2};
      options.photo.progress = [](double) { return true; };
    }
    Tracker steady = Tracker::make(parser(), options).value();
    const std::uint8_t* memory = nullptr;
    for (unsigned i = 0; i < 15; ++i) {
      const Image picture = frame({{{90 + 1.5 * i, 110}, 70, all ? 0 : 2.0 * i}, {{230, 120 + 1.0 * i}, 90}}, 1 + i);
      const long before = test::allocations;
      test::largest_block = 0;
      REQUIRE(steady.next(picture.view()).ok());
      const long taken = test::allocations - before;
      CAPTURE(i);
      CAPTURE(taken);
      REQUIRE(steady.parsed().faces.size() == 2);
      if (i == 0) memory = steady.parsed().mask.labels().data();
      CHECK(steady.parsed().mask.labels().data() == memory);
      if (i < 3) continue;
      if (i % 4 == 0) {     // faces are looked for
        CHECK(taken < 80);  // lists of what may be faces
      } else {
        CHECK(taken == 0);
      }
    }
  }
}

TEST_CASE("tracker: a frame's maps go where the caller says, those of the options where nothing is said") {
  TrackOptions options;
  const std::size_t pixels = 320 * 240;
  std::vector<std::uint8_t> always(pixels), labels(pixels), numbers(pixels);
  std::vector<float> confidence(pixels), mattes(2 * pixels);
  options.photo.into.labels = {always.data(), pixels};
  options.photo.mattes = {1u << 14, 1u << 2};
  Tracker into = Tracker::make(parser(), options).value(), alone = Tracker::make(parser(), options).value();
  const Image picture = frame({{{160, 120}, 90}}, 1);
  PhotoResults given;
  given.labels = {labels.data(), pixels};
  given.numbers = {numbers.data(), pixels};
  given.confidence = {confidence.data(), pixels};
  given.mattes = {mattes.data(), mattes.size()};
  REQUIRE(into.next(picture.view(), given).ok());
  CHECK(into.parsed().mask.labels().data() == labels.data());
  CHECK(into.parsed().numbers.data() == numbers.data());
  CHECK(into.parsed().confidence.data() == confidence.data());
  CHECK(into.parsed().mattes[1].data() == mattes.data() + pixels);
  REQUIRE(alone.next(picture.view()).ok());
  CHECK(alone.parsed().mask.labels().data() == always.data());
  CHECK(alone.parsed().confidence.size() == 0);
  CHECK(labels == always);
  REQUIRE(into.next(picture.view()).ok());
  CHECK(into.parsed().mask.labels().data() == always.data());
  CHECK(into.parsed().confidence.size() == 0);
  given.mattes = {mattes.data(), pixels};
  check_error(into.next(picture.view(), given), Errc::buffer_too_small, {"mattes"});
}

TEST_CASE(
    "tracker: what is told where there is nothing to tell: of an empty one, before the first frame, after a failure") {
  const auto check_nothing = [](const Tracker& tracker) {
    CHECK(tracker.parsed().mask.empty());
    CHECK(tracker.parsed().faces.empty());
    CHECK(tracker.parsed().skipped.empty());
    CHECK(tracker.parsed().mattes.empty());
    CHECK(tracker.tracks().empty());
  };
  check_nothing(Tracker());
  Tracker made = tracker(1, 5);
  check_nothing(made);
  REQUIRE(made.next(frame({{{160, 120}, 90}}).view()).ok());
  CHECK(made.tracks().size() == 1);
  REQUIRE_FALSE(made.next({nullptr, 320, 240, PixelOrder::rgb}).ok());
  check_nothing(made);
  REQUIRE(made.next(frame({{{160, 120}, 90}}).view()).ok());
  const Tracker moved = std::move(made);
  CHECK(moved.tracks().size() == 1);
  check_nothing(made);  // NOLINT: what a moved-from one answers is defined
}

TEST_CASE("tracker: heads on their side are found by every second find, and are not lost by the others") {
  Tracker turned = tracker(1, 1);
  Index frames = 0;
  for (unsigned i = 0; i < 9; ++i) {
    std::vector<test::PlacedFace> heads = {{{90, 120}, 80}};
    if (i > 0) heads.push_back({{230, 120}, 80, 90});
    REQUIRE(turned.next(frame(heads, 1 + i).view()).ok());
    const std::size_t faces = turned.parsed().faces.size();
    if (faces == 2) ++frames;
    CHECK(faces == (frames > 0 ? 2 : 1));
  }
  CHECK(frames >= 7);
  CHECK(turned.tracks()[1] == 2);
  CHECK(std::fabs(turned.parsed().faces[1].face.roll - 90) < 15);
}

TEST_CASE("tracker: never more faces than the most that were asked for, whichever are the largest") {
  TrackOptions options;
  options.every = 2;
  options.photo.find.most = 1;
  Tracker one = Tracker::make(parser(), options).value();
  for (unsigned i = 0; i < 8; ++i) {
    const double first = i < 4 ? 90 : 70, second = 160 - first;
    const Image picture = frame({{{90, 120}, first}, {{230, 120}, second}}, 1 + i);
    REQUIRE(one.next(picture.view()).ok());
    CHECK(one.parsed().faces.size() == 1);
  }
  const FaceRectangle& box = one.parsed().faces[0].face.box;
  CHECK(box.x + box.width / 2 > 160);
}

TEST_CASE("tracker: options without sense and parsers that lack something are refused") {
  const auto refusal = [](const TrackOptions& options) { return Tracker::make(parser(), options).error(); };
  TrackOptions options;
  options.every = 0;
  check_error(refusal(options), Errc::invalid_argument, {"every: 0"});
  options = {};
  for (const double smooth : {-1.0, 11.0, std::nan("")}) {
    options.smooth = smooth;
    check_error(refusal(options), Errc::invalid_argument, {"smooth"});
  }
  options = {};
  for (const double rate : {0.0, -25.0, HUGE_VAL}) {
    options.rate = rate;
    check_error(refusal(options), Errc::invalid_argument, {"rate"});
  }
  options = {};
  options.photo.find.threshold = 2;
  check_error(refusal(options), Errc::invalid_argument, {"threshold"});
  check_error(Tracker::make(PhotoParser::make(Finder(), parser().parser()).value()).error(), Errc::invalid_argument,
              {"finder"});
  check_error(Tracker::make(PhotoParser::make(parser().finder(), Parser()).value()).error(), Errc::invalid_argument,
              {"network"});
  Tracker none;
  check_error(none.next(frame({}).view()), Errc::invalid_argument, {"empty"});
}

TEST_CASE("tracker: where memory runs out it answers, at whatever block, and goes on with the next frame") {
  Tracker made = tracker(1, 2);
  const Image picture = frame({{{160, 120}, 90}}, 1);
  for (int i = 0; i < 4; ++i) REQUIRE(made.next(picture.view()).ok());
  int refused = 0;
  for (long blocks = 0; blocks < 100; blocks += 3) {
    test::blocks_until_refusal = blocks;
    const Status status = made.next(picture.view());
    test::blocks_until_refusal = -1;
    if (!status.ok()) {
      ++refused;
      CHECK(status.code() == Errc::out_of_memory);
    }
  }
  CHECK(refused > 3);
  for (int i = 0; i < 4; ++i) REQUIRE(made.next(picture.view()).ok());
  CHECK(made.parsed().faces.size() == 1);
}
