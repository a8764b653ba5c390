// Checkpoints made to cost much: none takes more memory than its size and 64 MB, or more than two seconds.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "segface/engine/convert.hpp"

#include "base/temp_directory.hpp"
#include "tensors/torch_writer.hpp"

using namespace segface;
using namespace segface::core;
using namespace std::string_literals;

namespace {

struct Cost {
  bool opened, recognised;
  long kilobytes;
  double seconds;  // of the processor
};

Cost cost_of(const std::string& path) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();  // whose peak is its own
  if (child == 0) {
    const auto usage = [] {
      rusage used = {};
      ::getrusage(RUSAGE_SELF, &used);
      return used;
    };
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    const rusage before = usage();
    const auto checkpoint = open_checkpoint(path, false);
    const bool recognised = checkpoint.ok() && detect_variant(**checkpoint).ok();
    const rusage after = usage();
    const Cost cost = {
        checkpoint.ok(), recognised, after.ru_maxrss - before.ru_maxrss,
        seconds(after.ru_utime) + seconds(after.ru_stime) - seconds(before.ru_utime) - seconds(before.ru_stime)};
    ::_exit(::write(ends[1], &cost, sizeof cost) == static_cast<ssize_t>(sizeof cost) ? 0 : 1);
  }
  ::close(ends[1]);
  Cost cost = {};
  const bool told = ::read(ends[0], &cost, sizeof cost) == static_cast<ssize_t>(sizeof cost);
  ::close(ends[0]);
  int status = -1;
  ::waitpid(child, &status, 0);
  REQUIRE(told);
  REQUIRE(status == 0);
  return cost;
}

void check_cheap(const char* what, const std::string& file, bool opens) {
  const TempDirectory directory;
  const Cost cost = cost_of(directory.write("crafted", file));
  CAPTURE(what);
  CAPTURE(file.size());
  CHECK(cost.opened == opens);
  CHECK_FALSE(cost.recognised);
#if !defined(__SANITIZE_ADDRESS__)
  CHECK(cost.kilobytes <= static_cast<long>(file.size() / 1024) + 64 * 1024);
  CHECK(cost.seconds <= 2);
#endif
}

std::string checkpoint(const std::string& pickle) {
  torch_writer::MemorySink sink;
  torch_writer::ZipWriter zip(sink);
  zip.add("x/data.pkl", "\x80\x02"s + pickle);
  zip.add("x/data/0", "12345678"s);
  zip.add("x/version", "3\n"s);
  zip.finish();
  return sink.content;
}

// A text, remembered as number `memo` and taken from the stack again.
std::string remembered(const std::string& value, int memo) {
  return value + "q" + static_cast<char>(memo) + "0";
}
std::string text(const std::string& content) {
  std::string code = "X";
  torch_writer::put_little(code, content.size(), 4);
  return code + content;
}
// A tensor of two floats.
const std::string kTensor =
    "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
    "0X\x03\0\0\0cpuK\x02tQK\0K\x02\x85K\x01\x85\x89}tR"s;

std::string repeated(const std::string& part, std::size_t count) {
  std::string all;
  all.reserve(part.size() * count);
  for (std::size_t i = 0; i < count; ++i) all += part;
  return all;
}

// The name of length `bytes` with number `i` at its end.
std::string long_name(std::size_t i, std::size_t bytes) {
  const std::string digits = std::to_string(i);
  return std::string(bytes - digits.size(), 'n') + digits;
}

// Two texts of 16 bytes that take libstdc++'s std::hash (MurmurHash64A) from any state to one and the same. Each word
// is scrambled, added by exclusive or, and the sum multiplied by an odd number: a difference in the highest bit stays
// one, and a second such difference takes it back.
std::pair<std::string, std::string> alike_blocks(std::uint64_t seed) {
  constexpr std::uint64_t kMultiplier = 0xc6a4a7935bd1e995, kHighest = std::uint64_t{1} << 63;
  std::uint64_t inverse = kMultiplier;
  for (int i = 0; i < 5; ++i) inverse *= 2 - kMultiplier * inverse;
  const auto mix = [](std::uint64_t v) { return v ^ v >> 47; };
  const auto scramble = [&](std::uint64_t word) { return mix(word * kMultiplier) * kMultiplier; };
  const auto unscramble = [&](std::uint64_t word) { return mix(word * inverse) * inverse; };
  std::pair<std::string, std::string> pair;
  for (const std::uint64_t word : {seed * 0x9e3779b97f4a7c15, seed * 0xbf58476d1ce4e5b9}) {
    torch_writer::put_little(pair.first, word, 8);
    torch_writer::put_little(pair.second, unscramble(scramble(word) ^ kHighest), 8);
  }
  return pair;
}

}  // namespace

TEST_CASE("one long name for every entry") {
  const std::string name = remembered(text(std::string(200000, 'k')), 0), none = remembered("N", 1);
  check_cheap("at the top", checkpoint("}" + name + none + "(" + repeated("h\0h\1"s, 200000) + "u."), false);
  check_cheap("in the state dict",
              checkpoint("}" + text("state_dict") + "}" + name + none + "(" + repeated("h\0h\1"s, 200000) + "us."),
              false);
  check_cheap("a tensor each",
              checkpoint("}" + name + remembered(kTensor, 1) + "(" + repeated("h\0h\1"s, 200000) + "u."), false);
  const std::string small = remembered(text(std::string(512, 'k')), 0);
  check_cheap("a tensor each, and as long as names may be",
              checkpoint("}" + small + remembered(kTensor, 1) + "(" + repeated("h\0h\1"s, 500000) + "u."), false);
}

TEST_CASE("as many values as a pickle may have") {
  constexpr std::size_t kMany = (std::size_t{1} << 20) - 8;
  check_cheap("in one tuple", checkpoint("(" + repeated("N", kMany) + "t."), false);
  check_cheap("empty dictionaries", checkpoint("(" + repeated("}", kMany) + "t."), false);
  check_cheap("one remembered at the end of the memo", checkpoint("}r\xff\xff\x0f\0."s), false);
  check_cheap("tuples in each other",
              checkpoint("N" + repeated("\x85", 250) + repeated("N\x85", kMany / 2 - 200) + "."), false);
}

TEST_CASE("as many tensors as a state dict may have, with names as long as they may be") {
  std::string entries;
  for (std::size_t i = 0; i < 16384; ++i) entries += text(long_name(i, 512)) + "h\1"s;
  check_cheap("names", checkpoint("}" + remembered(kTensor, 1) + "(" + entries + "u."), true);
}

TEST_CASE("names that have one hash") {
  constexpr int kBits = 13;
  std::pair<std::string, std::string> blocks[kBits];
  for (int bit = 0; bit < kBits; ++bit) blocks[bit] = alike_blocks(static_cast<std::uint64_t>(bit) + 1);
  std::string entries, last;
  std::size_t hashes = 0;  // that differ from the one before
  for (unsigned choice = 0; choice < 1u << kBits; ++choice) {
    std::string name;
    for (int bit = 0; bit < kBits; ++bit) name += (choice >> bit & 1u) != 0 ? blocks[bit].second : blocks[bit].first;
    entries += text(name) + "h\1"s;
    hashes += choice != 0 && std::hash<std::string>()(name) != std::hash<std::string>()(last) ? 1 : 0;
    last = name;
  }
#if defined(__GLIBCXX__)
  CHECK(hashes == 0);
#endif
  check_cheap("8192 names", checkpoint("}" + remembered(kTensor, 1) + "(" + entries + "u."), true);
}

TEST_CASE("as many entries as an archive may have, with names that differ at their ends") {
  torch_writer::MemorySink sink;
  torch_writer::ZipWriter zip(sink);
  for (std::size_t i = 0; i < 65000; ++i) zip.add("x/" + long_name(i, 190), ""s);
  zip.finish();
  check_cheap("entries", sink.content, false);
}

TEST_CASE("headers of safetensors full of small things") {
  const auto file_of = [](const std::string& header) {
    std::string file;
    torch_writer::put_little(file, header.size(), 8);
    return file + header;
  };
  std::string texts = "{\"__metadata__\":{", tensors = "{", names = "{";
  for (std::size_t i = 0; i < 1200000; ++i) texts += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  for (std::size_t i = 0; i < 65536; ++i) {
    tensors +=
        (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}";
  }
  for (std::size_t i = 0; i < 15000; ++i) {
    names +=
        (i == 0 ? "\"" : ",\"") + long_name(i, 1024) + "\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
  }
  check_cheap("texts", file_of(texts + "}}"), false);
  check_cheap("tensors", file_of(tensors + "}") + "x", false);
  check_cheap("long names", file_of(names + "}"), true);
  check_cheap("one name", file_of("{\"" + std::string(16000000, 'x') + "\":{}}"), false);
}
