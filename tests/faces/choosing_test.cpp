// Which faces are told, and in which order.
#include "segface/faces/choosing.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace segface;
using namespace segface::core;

namespace {

// A face of `size` pixels that both networks are sure of, its box's corner at (x, y).
Face sure(double x, double y, double size) {
  Face face;
  face.box = {x, y, size, size * 0.9};
  const double e = size / 10;
  face.landmarks = {{x + 3 * e, y + 4 * e},
                    {x + 7 * e, y + 4 * e},
                    {x + 5 * e, y + 6 * e},
                    {x + 3 * e, y + 8 * e},
                    {x + 7 * e, y + 8 * e}};
  face.score = face.probability = 0.99;
  return face;
}

}  // namespace

TEST_CASE("the largest face is told first; of equal ones the one further left, then the one further up") {
  const std::vector<Face> mixed = {sure(200, 10, 50), sure(100, 90, 50), sure(300, 5, 80), sure(100, 10, 50)};
  const Faces all = chosen(mixed, 400, 200, {});
  REQUIRE(all.found.size() == 4);
  const double expected[4][2] = {{300, 5}, {100, 10}, {100, 90}, {200, 10}};
  for (std::size_t i = 0; i < 4; ++i) {
    CAPTURE(i);
    CHECK(all.found[i].box.x == expected[i][0]);
    CHECK(all.found[i].box.y == expected[i][1]);
  }
  // So it is known which of equal ones `most` leaves out.
  FindOptions two;
  two.most = 2;
  const Faces some = chosen(mixed, 400, 200, two);
  REQUIRE(some.skipped.size() == 2);
  CHECK(some.skipped[0].box.y == 90);
  CHECK(some.skipped[1].box.x == 200);
  CHECK(some.skipped[1].reason == SkipReason::beyond_most);
}

TEST_CASE("a face with the points of a better one goes, an uncertain one before a certain one") {
  Face doubted = sure(101, 11, 50);
  doubted.score = 1, doubted.probability = 0.5;
  std::vector<Face> faces = {doubted, sure(100, 10, 50), sure(200, 10, 50)};
  remove_doubles(faces, FindOptions().threshold);
  REQUIRE(faces.size() == 2);
  CHECK(faces[0].box.x != 101);
  CHECK(faces[1].box.x != 101);
}
