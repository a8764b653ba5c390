// The finder on the emulated GPU: the same faces as on the processor.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "segface/faces/finder_definitions.hpp"
#include "segface/image/file.hpp"
#include "segface/photo_parser_definitions.hpp"

#include "parsing.hpp"

using namespace segface;
using namespace segface::core;

TEST_CASE("cuda: the finder sees the face that the processor sees, and a photo is parsed") {
  const std::string path = test::data("../../weights/finder.safetensors");
  Options options;
  options.threads = 1;
  const auto on_device = BasicFinder<cuda::Backend>::load(path, options).value();
  const auto on_host = BasicFinder<reference::Backend<float>>::load(path, options).value();
  const Image photo = load_image(test::data("finder/yunet_portrait_96x128.png")).value();
  FindOptions upright;
  upright.turns = 1;
  const Faces got = on_device.find(photo.view(), upright).value();
  const Faces expected = on_host.find(photo.view(), upright).value();
  REQUIRE(expected.found.size() == 1);
  REQUIRE(got.found.size() == 1);
  CHECK(got.found[0].score == doctest::Approx(expected.found[0].score).epsilon(1e-4));
  CHECK(std::fabs(got.found[0].roll - expected.found[0].roll) < 0.01);
  const auto points = got.found[0].landmarks.in_order(), true_points = expected.found[0].landmarks.in_order();
  for (std::size_t i = 0; i < points.size(); ++i) {
    CHECK(std::hypot(points[i].x - true_points[i].x, points[i].y - true_points[i].y) < 0.01);
  }
  const auto parser = BasicPhotoParser<cuda::Backend>::make(on_device, test::load<test::CudaParser>()).value();
  const ParsedPhoto parsed = parser.parse(photo.view(), got).value();
  CHECK(parsed.faces.size() == 1);
  CHECK(*std::max_element(parsed.coverage.data(), parsed.coverage.data() + parsed.coverage.size_bytes()) == 255);
}
