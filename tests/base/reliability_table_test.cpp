// RELIABILITY.md names a test for each bad input, or the reason why there is none; the tests that it names are there.
#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <string>

namespace {

const std::string kTests = SEGFACE_TEST_DATA "/../";

std::string content_of(const std::string& path) {
  std::ifstream file(kTests + path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A case of doctest's in C++, any line of a script.
bool names_a_test(const std::string& path, const std::string& name) {
  const std::string text = content_of(path);
  if (path.find(".cpp") == std::string::npos) return text.find(name) != std::string::npos;
  return text.find("TEST_CASE(\"" + name + "\")") != std::string::npos ||
         text.find("TEST_CASE_TEMPLATE(\"" + name + "\",") != std::string::npos;
}

}  // namespace

TEST_CASE("every case of RELIABILITY.md is held by tests that exist, or says why it cannot arise") {
  constexpr int kCases = 170;
  const std::regex row(R"(\| (\d+) \| [^|]+ \| (.+) \|)"), reference("`([^`]+)` \"([^\"]+)\"");
  std::ifstream table(kTests + "RELIABILITY.md");
  int cases = 0;
  std::smatch parts;
  for (std::string line; std::getline(table, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!std::regex_match(line, parts, row)) continue;
    ++cases;
    CHECK(std::stoi(parts[1]) == cases);
    CAPTURE(line);
    const std::string held = parts[2];
    int tests = 0;
    for (std::sregex_iterator it(held.begin(), held.end(), reference), end; it != end; ++it, ++tests) {
      CHECK_MESSAGE(names_a_test((*it)[1], (*it)[2]), (*it)[1].str(), " has no ", (*it)[2].str());
    }
    CHECK((tests > 0 || held.rfind("Cannot arise: ", 0) == 0));
  }
  CHECK(cases == kCases);
}
