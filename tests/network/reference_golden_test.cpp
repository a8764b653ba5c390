// The reference backend against the official code, stage by stage.
#include "segface/backends/reference.hpp"

#include "network.hpp"

using namespace segface;

TEST_CASE("reference: mobilenet agrees with the official code at every stage") {
  SerialExecutor executor;
  for (const char* name : {"mobilenet_celeb_250", "mobilenet_celeb_256", "mobilenet_celeb_512"}) {
    test::check_golden(reference::Backend<float>(), name, executor);
  }
}

TEST_CASE("reference in double: mobilenet agrees with the official code") {
  SerialExecutor executor;
  test::check_golden(reference::Backend<double>(), "mobilenet_celeb_256", executor);
}
