// The cpu backend against the official code, stage by stage, with every instruction set this processor has.
#include "segface/backends/cpu.hpp"

#include "network.hpp"

using namespace segface;

TEST_CASE("cpu: every network agrees with the official code at every stage") {
  const std::unique_ptr<Executor> executor = make_executor(2).value_or_throw();
  for (const cpu::Isa isa : {cpu::Isa::baseline, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::supported(isa)) continue;
    const cpu::Backend backend(isa);
    CAPTURE(backend.isa_name());
    for (const char* name : test::kGoldens) test::check_golden(backend, name, *executor);
  }
}
