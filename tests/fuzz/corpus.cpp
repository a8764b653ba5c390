// Runs the fuzz targets without a fuzzer: segface_fuzz_corpus FOLDER [TARGET]
//
// Each file of FOLDER/TARGET as it is, then some hundred mutations, the same ones on every machine and in every run.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz.hpp"

namespace {

using File = std::vector<std::uint8_t>;

// Numbers that look random (xorshift).
struct Random {
  std::uint64_t state;

  std::uint64_t next() {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state >> 8;
  }
  std::size_t below(std::size_t end) { return static_cast<std::size_t>(next() % end); }
};

// One to four changes: a bit, a byte, a stretch left out, doubled, or all that follows cut off.
File mutated(File file, Random& random) {
  constexpr std::uint8_t kTelling[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, '0', '"', '{', '.'};
  for (std::size_t changes = 1 + random.below(4); changes != 0 && !file.empty(); --changes) {
    const std::size_t at = random.below(file.size());
    const std::size_t length = 1 + random.below(std::min<std::size_t>(file.size() - at, 32));
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(length);
    switch (random.below(8)) {
      case 0:
        file.erase(begin, end);
        break;
      case 1: {
        const File part(begin, end);
        file.insert(begin, part.begin(), part.end());
        break;
      }
      case 2:
        if (random.below(4) == 0) file.resize(at);
        break;
      case 3:
      case 4:
        *begin = static_cast<std::uint8_t>(*begin ^ 1u << random.below(8));
        break;
      case 5:
        *begin = static_cast<std::uint8_t>(random.next());
        break;
      default:
        *begin = kTelling[random.below(sizeof kTelling)];
    }
  }
  file.shrink_to_fit();  // so that AddressSanitizer sees who reads beyond the end
  return file;
}

int run(const fuzz::Target& target, const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) {
    std::fprintf(stderr, "%s: no inputs\n", folder.string().c_str());
    return 1;
  }
  for (const auto& path : paths) {
    const std::string name = path.filename().string();
    std::printf("%s: %s and %d mutations\n", target.name, name.c_str(), target.mutations);
    std::fflush(stdout);  // the last line names the file of a fault
    std::ifstream stream(path, std::ios::binary);
    File file{std::istreambuf_iterator<char>(stream), {}};
    file.shrink_to_fit();
    target.run({file.data(), file.size()});
    Random random = {0x9e3779b97f4a7c15};
    for (const char c : name) random.state = (random.state ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    random.state |= 1;
    for (int i = 0; i < target.mutations; ++i) {
      const File changed = mutated(file, random);
      target.run({changed.data(), changed.size()});
    }
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2 && count != 3) {
    std::fprintf(stderr, "usage: segface_fuzz_corpus FOLDER [TARGET]\n");
    return 2;
  }
  int found = 0, failed = 0;
  for (const fuzz::Target* target = fuzz::Target::first(); target != nullptr; target = target->next) {
    if (count == 3 && std::strcmp(arguments[2], target->name) != 0) continue;
    ++found;
    failed += run(*target, std::filesystem::path(arguments[1]) / target->name);
  }
  if (found == 0) std::fprintf(stderr, "no such target\n");
  return found == 0 || failed != 0 ? 1 : 0;
}
