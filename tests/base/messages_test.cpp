// What the library says to any program names no option and no command of the command line, which only some have.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>

TEST_CASE("no message of the library names an option or a command") {
  const std::regex named(R"("[^"]*(--[a-z]{2,}|segface (parse|convert|info|verify|bench|eval)\b)[^"]*")");
  std::size_t lines = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SEGFACE_TEST_DATA "/../../include")) {
    const std::string ending = entry.path().extension().string();
    if (ending != ".hpp" && ending != ".ipp" && ending != ".cuh" && ending != ".cpp") continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line); ++lines) {
      CHECK_MESSAGE(!std::regex_search(line, named), entry.path().string(), ": ", line);
    }
  }
  CHECK(lines > 10000);
}
