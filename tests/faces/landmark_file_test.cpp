// Landmark files of LaPa and Helen, written as the data sets write them, and what is refused.
#include "segface/faces/landmark_file.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>

using namespace segface;
using namespace segface::core;

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
  for (const char* bad : {"1234567890123456",
                          "",
                          "-",
                          "+",
                          ".",
                          "1.2.3",
                          "nan",
                          "inf",
                          "0x1",
                          "--1",
                          "+-1",
                          "e1",
                          ".e1",
                          "1e",
                          "1e+",
                          "1e1.5",
                          "1e1e1",
                          "1e31",
                          "1e999",
                          "1e1000",
                          "1e99999999999999999999"}) {
    CAPTURE(bad);
    CHECK_FALSE(landmark_file::parse_number(bad, value));
  }
}

TEST_CASE("numbers with signs and exponents, as numpy.savetxt writes them") {
  const std::pair<const char*, double> kNumbers[] = {
      {"2.050000000000000000e+02", 205},
      {"1.010000000000000000e+02", 101},
      {"+205", 205},
      {"-1e3", -1000},
      {"12.5E-1", 1.25},
      {"0e0", 0},
      {"1e-999", 0},
      {"1e22", 1e22},
      {"0.1e1", 1},
      {"123456789012345e-15", 0.123456789012345},
      {".5", 0.5},
      {"5.", 5},
  };
  for (const auto& number : kNumbers) {
    CAPTURE(number.first);
    double value = -1;
    CHECK(landmark_file::parse_number(number.first, value));
    CHECK(value == number.second);
  }
}

TEST_CASE("a face's text: five points or LaPa's, with the mark of an editor before it") {
  const std::string mark = "\xef\xbb\xbf", five = "2.05e+02 1.01e+02\n248 102\n226,122\n206 143\n242 144\n";
  for (const std::string& text : {five, mark + five}) {
    CHECK(is_face_text(text));
    CHECK(read_face_landmarks(text).value().left_eye.x == 205);
    CHECK(read_five_landmarks(text).value().right_mouth.y == 144);
  }
  for (const std::string& text : {"106\n" + numbers(106), mark + "106\r\n" + numbers(106)}) {
    CHECK(is_face_text(text));
    CHECK(read_face_landmarks(text).value().nose.x == 54);
    CHECK(read_lapa_landmarks(text).value().nose.x == 54);
  }
  const std::string helen = mark + helen_line(68, "100_1");
  CHECK_FALSE(is_face_text(helen));
  CHECK(read_helen_points(helen, "100_1").value()[0].x == 0);
  CHECK(read_face_landmarks("1 2 3").error().code() == Errc::bad_format);
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
