// A program without segface: how long it takes to compile tells how fast the machine is.
#include <iostream>
#include <map>
#include <regex>
#include <string>
int main(int argc, char** argv) {
  std::map<std::string, int> found;
  const std::regex word("([a-z]+)=([0-9]+)");
  for (int i = 1; i < argc; ++i) {
    std::smatch match;
    const std::string text = argv[i];
    if (std::regex_search(text, match, word)) ++found[match[1]];
  }
  for (const auto& [name, count] : found) std::cout << name << ' ' << count << '\n';
}
