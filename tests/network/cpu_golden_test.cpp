// The cpu backend against the official code, stage by stage, with every instruction set this processor has.
#include "network.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// Calls check(backend, executor) for each instruction set.
template <class Check>
void with_each_isa(Check check) {
  const std::unique_ptr<Executor> executor = make_executor(2).value();
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    const cpu::Backend backend = networks::cpu_backend(row.isa);
    CAPTURE(backend.isa_name());
    check(backend, *executor);
  }
}

}  // namespace

TEST_CASE("cpu: every network agrees with the official code at every stage") {
  with_each_isa([](const cpu::Backend& backend, Executor& executor) {
    for (const char* name : test::kOfficialGoldens) test::check_golden(backend, name, executor);
  });
}

TEST_CASE("cpu: sides that are no multiple of a stride or a window, and pictures that are not square") {
  const cpu::Backend backend = networks::cpu_backend(cpu::best_isa());
  const std::unique_ptr<Executor> executor = make_executor(2).value();
  for (const char* name : test::kTwinGoldens) test::check_golden(backend, name, *executor);
}

TEST_CASE("cpu: each picture of a batch agrees") {
  with_each_isa([](const cpu::Backend& backend, Executor& executor) {
    for (const char* batch : test::kBatches) test::check_goldens(backend, test::pictures_of(batch), executor);
  });
}
