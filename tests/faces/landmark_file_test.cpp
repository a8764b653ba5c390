// Landmark files of LaPa and Helen, written as the data sets write them, and what is refused.
#include "segface/faces/landmark_file.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace segface;

namespace {

// Point i at (i, 2 i + 0.5).
std::string numbers(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += std::to_string(i) + " " + std::to_string(2 * i) + ".50\n";
  return text;
}
std::string helen_line(int count, const std::string& name) {
  std::string line = numbers(count);
  for (char& c : line) c = c == '\n' ? ' ' : c;
  return line + name + "\n";
}

}  // namespace

TEST_CASE("LaPa: five of 106 points") {
  const Landmarks l = read_lapa_landmarks("106\n" + numbers(106)).value();
  CHECK(l.left_eye.x == 89);
  CHECK(l.left_eye.y == 178.5);
  CHECK(l.right_eye.x == 94);
  CHECK(l.nose.x == 54);
  CHECK(l.left_mouth.x == 84);
  CHECK(l.right_mouth.y == 180.5);
  for (const std::string& bad :
       {std::string(), "68\n" + numbers(68), "106\n" + numbers(105), "106\n1 x\n" + numbers(105),
        "106\n1 --2\n" + numbers(105), "106\n1 .\n" + numbers(105), "106\n" + numbers(107)}) {
    CHECK(read_lapa_landmarks(bad).error().code() == Errc::bad_format);
  }
  const Status status = read_lapa_landmarks("106\n" + numbers(2) + "7 oops\n" + numbers(103)).error();
  CHECK(std::string(status.message()).find("line 4") != std::string::npos);
  CHECK(std::string(status.message()).find("'oops'") != std::string::npos);
}

TEST_CASE("numbers with more digits than a double holds") {
  double value = 0;
  CHECK(landmark_file::parse_number("-232.26499999999999", value));
  CHECK(value == doctest::Approx(-232.265));
  CHECK(landmark_file::parse_number("0.12345678901234567890", value));
  CHECK(value == doctest::Approx(0.123456789012345));
  CHECK(landmark_file::parse_number("123456789012345.", value));
  for (const char* bad : {"1234567890123456", "", "-", ".", "1.2.3", "1e3", "nan", "+1", "0x1"}) {
    CHECK_FALSE(landmark_file::parse_number(bad, value));
  }
}

TEST_CASE("Helen: a line by its name, halved; five points; the square") {
  const std::string text = helen_line(68, "100_1") + "\r\n" + helen_line(68, "232194_1\r") + helen_line(67, "short");
  const HelenPoints points = read_helen_points(text, "232194_1").value();
  CHECK(points[67].x == 33.5);
  CHECK(points[67].y == 67.25);
  const Landmarks l = helen_landmarks(points);
  CHECK(l.left_eye.x == 19.25);  // mean of 36 .. 41, halved
  CHECK(l.right_eye.x == 22.25);
  CHECK(l.nose.x == 15);
  CHECK(l.left_mouth.x == 24);
  CHECK(l.right_mouth.y == 54.25);
  // x from 0 to 33.5, y from 0.25 to 67.25: 34.5 x 68; size int(81.6), centre (17, 34), corner (-23, -6).
  const Box inside = helen_box(points, 1000, 1000);
  CHECK(inside.x == 0);
  CHECK(inside.y == 0);
  CHECK(inside.width == 58);
  CHECK(inside.height == 75);
  CHECK(helen_box(points, 40, 50).height == 50);
  CHECK(read_helen_points(text, "100").error().code() == Errc::invalid_argument);
  const Status status = read_helen_points(text, "short").error();
  CHECK(status.code() == Errc::bad_format);
  CHECK(std::string(status.message()).find("line 4") != std::string::npos);
  CHECK(read_helen_points(helen_line(69, "long"), "long").error().code() == Errc::bad_format);
}
