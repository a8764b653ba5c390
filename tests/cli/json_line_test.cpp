#include "segface/json_line.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

using namespace tool;

TEST_CASE("json: numbers have the fewest digits that read back as the same") {
  CHECK(json_number(0) == "0");
  CHECK(json_number(0.1) == "0.1");
  CHECK(json_number(-12.5) == "-12.5");
  CHECK(json_number(1.0 / 3) == "0.3333333333333333");
  CHECK(json_number(123456) == "123456");
  CHECK(json_number(0.1 + 0.2) == "0.30000000000000004");
  CHECK(json_number(std::nan("")) == "null");
  for (const double value : {1e-9, 4000.25, 6.02e23, 1.7976931348623157e308, 5e-324}) {
    CHECK(std::strtod(json_number(value).c_str(), nullptr) == value);
  }
}

TEST_CASE("json: a photo's line has its faces, classes, skipped faces and files") {
  ParsedPhoto photo;
  REQUIRE(photo.mask.resize(Dataset::celeb, 4, 2).ok());
  photo.numbers = Image::make(4, 2, PixelOrder::gray).value();
  const std::uint8_t labels[] = {0, 14, 14, 0, 2, 2, 14, 0}, numbers[] = {0, 1, 1, 0, 2, 2, 1, 0};
  std::copy(labels, labels + 8, photo.mask.data());
  std::copy(numbers, numbers + 8, photo.numbers.data());
  photo.mask.finish(0.5);
  Face face;
  face.box = {0.5, -1, 2, 3.25};
  face.landmarks = {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10.5}};
  face.score = 0.75, face.roll = -90;
  photo.faces.push_back({face, 0.875, {}});
  photo.faces.push_back({face, 1, {}});
  photo.skipped.push_back({{1, 2, 3, 4}, 0.1, SkipReason::small});
  photo.measure();
  const std::string front =
      "{\"box\": [0.5, -1, 2, 3.25], \"landmarks\": [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10.5]], \"score\": 0.75, "
      "\"roll\": -90, \"confidence\": ";
  CHECK(
      json_line("a \"b\".jpg", photo, {{"mask", "m.png"}, {"overlay", "o.png"}}) ==
      "{\"photo\": \"a \\\"b\\\".jpg\", \"width\": 4, \"height\": 2, \"faces\": [" + front +
          "0.875, \"classes\": {\"hair\": {\"pixels\": 3, \"box\": [1, 0, 2, 2]}}}, " + front +
          "1, \"classes\": {\"skin\": {\"pixels\": 2, \"box\": [0, 1, 2, 1]}}}], \"skipped\": [{\"box\": [1, 2, 3, 4], "
          "\"reason\": \"small\"}], \"files\": {\"mask\": \"m.png\", \"overlay\": \"o.png\"}}");
  CHECK(json_string("k\xc3\xb6ln\xff\n") == "\"k\xc3\xb6ln\xef\xbf\xbd\\u000a\"");
  CHECK(json_line("x", error(Errc::io, "x: cannot open")) == "{\"photo\": \"x\", \"error\": \"x: cannot open\"}");
}
