#include "segface/base/nearest_name.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace segface;
using namespace segface::core;

TEST_CASE("edit distance counts insertions, omissions and changes") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("swin_base", "swinbase") == 1);
}

TEST_CASE("the nearest name, the first of several") {
  const std::string_view names[] = {"swin_base", "swinv2_base", "resnet"};
  CHECK(nearest_name("swin-base", names) == "swin_base");
  CHECK(nearest_name("swinv2b", names) == "swinv2_base");
  CHECK(nearest_name("resnet101", names) == "resnet");
  CHECK(nearest_name(std::string(100000, 'x'), names) == "swin_base");
}
