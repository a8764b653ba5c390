// The reference backend against the official code, stage by stage.

#include "network.hpp"

using namespace segface;
using namespace segface::core;

TEST_CASE("reference: every network agrees with the official code at every stage") {
  SerialExecutor executor;
  for (const char* name : test::kOfficialGoldens) test::check_golden(reference::Backend<float>(), name, executor);
}

TEST_CASE("reference: a picture that is not square, a warp, a batch") {
  SerialExecutor executor;
  const reference::Backend<float> backend;
  for (const char* name : {"mobilenet_celeb_333x500", "mobilenet_lapa_256"}) {
    test::check_golden(backend, name, executor);
  }
  for (const char* batch : test::kBatches) test::check_goldens(backend, test::pictures_of(batch), executor);
}

TEST_CASE("reference in double: mobilenet agrees with the official code") {
  SerialExecutor executor;
  test::check_golden(reference::Backend<double>(), "mobilenet_celeb_256", executor);
}
