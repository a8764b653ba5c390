// LaPa's networks: landmarks in, a warp between, and what is refused.
#include "segface/segface.hpp"

#include "small_weight_file.hpp"

using namespace segface;

namespace {

// Of a face that fills a picture of 64 x 48.
constexpr Landmarks kFace = {{20, 16}, {42, 15}, {31, 26}, {23, 35}, {40, 35}};

Image gradient() {
  Image image = Image::make(64, 48, PixelOrder::rgb).value();
  for (Index y = 0; y < 48; ++y) {
    for (Index x = 0; x < 64 * 3; ++x) image.row(y)[x] = static_cast<std::uint8_t>(x + 2 * y);
  }
  return image;
}

template <class T>
std::string message(const Result<T>& result) {
  CHECK(result.error().code() == Errc::invalid_argument);
  return result.error().message();
}

}  // namespace

TEST_CASE("a LaPa network parses with landmarks, and says which it needs without") {
  const Parser parser = Parser::from_memory(test::small_weight_file(Dataset::lapa)).value();
  const Image photo = gradient();
  const Mask mask = parser.parse(photo.view(), kFace).value();
  CHECK(mask.width() == 64);
  CHECK(mask.height() == 48);
  CHECK(mask.dataset() == Dataset::lapa);
  const std::string text = message(parser.parse(photo.view()));
  CHECK(text.find("five landmarks") != std::string::npos);
  CHECK(text.find("the eye at the left of the picture, the eye at its right") != std::string::npos);

  auto workspace = parser.workspace().value();
  const std::vector<float> input(3 * 64 * 96);
  std::vector<float> logits(11 * 64 * 64);
  const Span<float> out = {logits.data(), logits.size()};
  CHECK(workspace.logits({input.data(), 1, 64, 64}, out, {&kFace, 1}).ok());
  CHECK(workspace.logits({input.data(), 1, 64, 64}, out).code() == Errc::invalid_argument);
  const LogitsShape shape = workspace.logits_shape(1, 70, 70).value();
  CHECK(shape.height == 70);  // the size of the input, not of 4 h
  CHECK(message(workspace.logits_shape(1, 64, 96)).find("squares") != std::string::npos);
}

TEST_CASE("the landmarks move the warp, in pixels of the photo") {
  const Parser parser = Parser::from_memory(test::small_weight_file(Dataset::lapa)).value();
  const Image photo = gradient();
  auto workspace = parser.workspace().value();
  const auto logits = [&](const Landmarks& landmarks) {
    std::vector<float> values(11 * 64 * 64);
    Mask mask;
    workspace.parse(photo.view(), landmarks, mask, {values.data(), values.size()}).or_throw();
    return values;
  };
  const auto here = logits(kFace);
  CHECK(here == logits(kFace));
  CHECK(here != logits(kFace.moved(3, 0)));
  // By hand: the photo resized to 64 x 64, and the points with it.
  std::vector<std::uint8_t> rgb(64 * 64 * 3), scratch(1 << 16);
  const auto resize = BicubicResize::make(64, 48, 64, 64).value();
  SerialExecutor executor;
  REQUIRE(resize.scratch_bytes() <= scratch.size());
  resize.rgb(photo.view(), rgb.data(), scratch.data(), executor);
  const SyntheticCheckpoint source = test::synthetic(Backbone::mobilenet, Dataset::lapa, 1);
  const auto network = test::network(parser.backend(), source, Backbone::mobilenet, Dataset::lapa);
  const TanhWarp warp = make_tanh_warp(kFace.scaled(1, 64.0 / 48), 64).value();
  const auto plan = Plan<SegFace, cpu::Backend>::make(network, 1, 64, 64, executor, {&warp, 1}).value();
  const std::vector<float> expected = test::forward(network, plan, rgb.data(), executor, nullptr, {&warp, 1});
  bool same = true;
  for (std::size_t p = 0; p < 64 * 64; ++p) {
    for (std::size_t c = 0; c < 11; ++c) same = same && here[c * 64 * 64 + p] == expected[p * 11 + c];
  }
  CHECK(same);
}

TEST_CASE("networks without a warp check landmarks, and do not need them") {
  const Parser parser = Parser::from_memory(test::small_weight_file()).value();
  const Image photo = gradient();
  const Mask with = parser.parse(photo.view(), kFace).value(), without = parser.parse(photo.view()).value();
  CHECK(std::equal(with.view().pixels, with.view().pixels + 64 * 48, without.view().pixels));
  CHECK(message(parser.parse(photo.view(), kFace.moved(50, 0))).find("outside the photo") != std::string::npos);
}

TEST_CASE("points that are like no face are refused before anything is computed") {
  const Parser parser = Parser::from_memory(test::small_weight_file(Dataset::lapa)).value();
  const Landmarks of_input = {{31.25, 5}, {32.75, 5}, {32, 56.375}, {32, 6.5}, {32, 6.5}};  // their best fit is none
  const Landmarks spike = of_input.scaled(1, 0.75);
  CHECK(check_landmarks(spike, 64, 48).ok());
  CHECK(message(parser.parse(gradient().view(), spike)).find("as those of a face") != std::string::npos);
}

TEST_CASE("points that cannot be a face's are refused, with the reason") {
  struct Bad {
    Landmarks landmarks;
    const char* reason;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Landmarks f = kFace;
  for (const Bad& bad : {
           Bad{{{nan, 16}, f.right_eye, f.nose, f.left_mouth, f.right_mouth}, "left eye is not a finite number"},
           Bad{{f.left_eye, f.right_eye, {31, 113}, f.left_mouth, f.right_mouth}, "nose lies far outside the photo"},
           Bad{{f.left_eye, f.left_eye, f.nose, f.left_mouth, f.right_mouth}, "less than a pixel apart"},
           Bad{{f.left_eye, f.right_eye, f.nose, f.left_eye, f.right_eye}, "less than a pixel apart"},
           Bad{{{5, 20}, {15, 20}, {20, 20}, {25, 20}, {35, 20}}, "one line"},
           Bad{{f.right_eye, f.left_eye, f.nose, f.right_mouth, f.left_mouth}, "eyes are mirrored"},
           Bad{{f.left_eye, f.right_eye, f.nose, f.right_mouth, f.left_mouth}, "mouth corners are mirrored"},
           Bad{{f.left_mouth, f.right_mouth, f.nose, f.left_eye, f.right_eye}, "eyes are mirrored"},
       }) {
    CAPTURE(bad.reason);
    const Status status = check_landmarks(bad.landmarks, 64, 48);
    CHECK(status.code() == Errc::invalid_argument);
    CHECK(std::string(status.message()).find(bad.reason) != std::string::npos);
  }
  CHECK(check_landmarks(kFace, 64, 48).ok());
  // At the edge of the photo.
  CHECK(check_landmarks(kFace.moved(35, 0), 64, 48).ok());
  CHECK(std::string(check_landmarks(kFace.moved(50, 0), 64, 48).message()).find("middle of the face") !=
        std::string::npos);
  // Upside down, the subject's right eye first.
  CHECK(check_landmarks({{42, 35}, {20, 35}, {31, 26}, {40, 15}, {23, 15}}, 64, 48).ok());
}
