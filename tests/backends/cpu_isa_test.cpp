// Which kernels the cpu backend runs: the best, or what SEGFACE_ISA asks for.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "segface/backends/cpu.hpp"

using namespace segface;
using namespace segface::core;
using cpu::Isa;

namespace {

// SEGFACE_ISA for as long as this lives.
class Variable {
 public:
  explicit Variable(const char* value) {
    const char* const before = std::getenv("SEGFACE_ISA");
    was_set_ = before != nullptr;
    if (was_set_) before_ = before;
    set(value);
  }
  ~Variable() { set(was_set_ ? before_.c_str() : nullptr); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  static void set(const char* value) {
#if defined(_WIN32)
    ::_putenv_s("SEGFACE_ISA", value != nullptr ? value : "");
#else
    value != nullptr ? ::setenv("SEGFACE_ISA", value, 1) : ::unsetenv("SEGFACE_ISA");
#endif
  }

  bool was_set_;
  std::string before_;
};

}  // namespace

TEST_CASE("every set says its own name, and the best one is supported") {
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (row.supported()) CHECK(std::string(cpu::Backend(row.isa).isa_name()) == row.name);
  }
  CHECK(cpu::kIsas[static_cast<std::size_t>(cpu::best_isa())].supported());
}

#if defined(__linux__) && defined(__x86_64__)
// Linux says what the processor has and the system keeps. A set that is not found to be supported is passed over by all
// other tests without a word.
TEST_CASE("every set that Linux says this processor has is supported, and no other") {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string line;
  while (std::getline(cpuinfo, line) && line.compare(0, 5, "flags") != 0) continue;
  const auto has = [&](const char* names) {
    std::istringstream words(names);
    for (std::string name; words >> name;) {
      if ((line + ' ').find(' ' + name + ' ') == std::string::npos) return false;
    }
    return true;
  };
  REQUIRE(has("sse2"));
  const struct {
    Isa isa;
    const char* flags;
  } kNeeds[] = {{Isa::baseline, ""}, {Isa::avx2, "avx2 fma"}, {Isa::avx512, "avx512f avx512bw avx512dq avx512vl fma"}};
  REQUIRE(std::size(kNeeds) == std::size(cpu::kIsas));
  for (const auto& [isa, flags] : kNeeds) {
    const cpu::IsaRow& row = cpu::kIsas[static_cast<std::size_t>(isa)];
    CHECK_MESSAGE(row.supported() == has(flags), std::string(row.name));
  }
}
#endif

TEST_CASE("SEGFACE_ISA: a set, nothing, a set this processor lacks, an unknown word") {
  for (const char* unset : {static_cast<const char*>(nullptr), ""}) {
    const Variable variable(unset);
    CHECK(cpu::chosen_isa().value() == cpu::best_isa());
  }
  for (const cpu::IsaRow& row : cpu::kIsas) {
    const Variable variable(row.name);
    const Result<Isa> chosen = cpu::chosen_isa();
    const std::string used = cpu::Backend::from_environment()->isa_name();
    if (row.supported()) {
      CHECK(*chosen == row.isa);
      CHECK(used == row.name);
    } else {
      REQUIRE(!chosen);
      CHECK(chosen.error().code() == Errc::unsupported_cpu);
      CHECK(used == cpu::isa_name(cpu::best_isa()));
    }
    CHECK(std::string(cpu::Backend().isa_name()) == cpu::isa_name(cpu::best_isa()));  // ignores the variable
  }
  const Variable variable("AVX2");
  const Result<Isa> chosen = cpu::chosen_isa();
  REQUIRE(!chosen);
  CHECK(chosen.error().code() == Errc::invalid_argument);
  CHECK(std::string(chosen.error().message()).find("known are baseline") != std::string::npos);
  CHECK(std::string(cpu::Backend::from_environment()->isa_name()) == cpu::isa_name(cpu::best_isa()));
}

#if defined(__linux__) && SEGFACE_X86_KERNELS
TEST_CASE("processor and compiler agree about the instructions") {
  const cpu::X86Features features = cpu::x86_features();
  CHECK(features.avx2 == (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")));
  CHECK(features.avx512 == (features.avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")));
}
#endif
