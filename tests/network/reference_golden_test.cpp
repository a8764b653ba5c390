// The reference backend against the official code, stage by stage.
#include "segface/backends/reference.hpp"

#include "network.hpp"

using namespace segface;

TEST_CASE("reference: every network agrees with the official code at every stage") {
  SerialExecutor executor;
  for (const char* name : test::kGoldens) test::check_golden(reference::Backend<float>(), name, executor);
}

TEST_CASE("reference in double: mobilenet agrees with the official code") {
  SerialExecutor executor;
  test::check_golden(reference::Backend<double>(), "mobilenet_celeb_256", executor);
}
