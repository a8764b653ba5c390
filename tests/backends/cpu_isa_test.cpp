// Which kernels the cpu backend runs: the best, or what SEGFACE_ISA asks for, or an error; never silently others.
#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

#include "segface/backends/cpu.hpp"

using namespace segface;
using cpu::Isa;

namespace {

// SEGFACE_ISA for as long as this lives.
class Variable {
 public:
  explicit Variable(const char* value) {
    const char* const before = std::getenv("SEGFACE_ISA");
    was_set_ = before != nullptr;
    if (was_set_) before_ = before;
    value != nullptr ? ::setenv("SEGFACE_ISA", value, 1) : ::unsetenv("SEGFACE_ISA");
  }
  ~Variable() { was_set_ ? ::setenv("SEGFACE_ISA", before_.c_str(), 1) : ::unsetenv("SEGFACE_ISA"); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  bool was_set_;
  std::string before_;
};

}  // namespace

TEST_CASE("every set says its own name, and the best one is supported") {
  CHECK(std::string(cpu::Backend(Isa::baseline).isa_name()) == "baseline");
  if (cpu::supported(Isa::avx2)) CHECK(std::string(cpu::Backend(Isa::avx2).isa_name()) == "avx2");
  if (cpu::supported(Isa::avx512)) CHECK(std::string(cpu::Backend(Isa::avx512).isa_name()) == "avx512");
  CHECK(cpu::supported(cpu::best_isa()));
}

TEST_CASE("SEGFACE_ISA: a set, nothing, a set this processor lacks, an unknown word") {
  for (const char* unset : {static_cast<const char*>(nullptr), ""}) {
    const Variable variable(unset);
    CHECK(cpu::chosen_isa().value() == cpu::best_isa());
  }
  using Named = std::pair<const char*, Isa>;
  for (const auto& [name, isa] :
       {Named("baseline", Isa::baseline), Named("avx2", Isa::avx2), Named("avx512", Isa::avx512)}) {
    const Variable variable(name);
    const Result<cpu::Backend> backend = cpu::Backend::from_environment();
    if (cpu::supported(isa)) {
      CHECK(std::string(backend->isa_name()) == name);
    } else {
      REQUIRE(!backend.ok());
      CHECK(backend.error().code() == Errc::unsupported_cpu);
    }
    CHECK(std::string(cpu::Backend().isa_name()) == cpu::kernels(cpu::best_isa()).name);  // ignores the variable
  }
  const Variable variable("AVX2");
  const Result<cpu::Backend> backend = cpu::Backend::from_environment();
  REQUIRE(!backend.ok());
  CHECK(backend.error().code() == Errc::invalid_argument);
  CHECK(std::string(backend.error().message()).find("baseline, avx2 or avx512") != std::string::npos);
}
