// The library leaves the process that uses it as it is, and does not depend on what others may change in it.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

TEST_CASE("the library sets nothing of the process, ends it nowhere, and reads no clock that somebody may set") {
  const std::regex sets(R"(\b(signal|sigaction|setlocale|srand|rand|setenv|putenv|chdir|umask|setrlimit|atexit)\s*\()"
                        R"(|\b(omp_set_\w+|setNbThreads)\s*\()"
                        R"(|\b(abort|exit|_exit|quick_exit|terminate|assert|printf|puts|perror)\s*\()"
                        R"(|std::(cout|cerr|clog)\b)"
                        R"(|\bsystem_clock\b|\b(gettimeofday|clock_gettime|localtime|std::time)\s*\()");
  std::size_t lines = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SEGFACE_TEST_DATA "/../../include")) {
    const std::string ending = entry.path().extension().string();
    if (ending != ".hpp" && ending != ".ipp" && ending != ".cuh" && ending != ".cpp") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line); ++lines) {
      const std::string code = line.substr(0, line.find("//"));
      CHECK_MESSAGE(!std::regex_search(code, sets), entry.path().string(), ": ", line);
    }
  }
  CHECK(lines > 10000);
}
