// What the tests of the command line share: a folder in which the tool runs, and how its answers are checked.
// SEGFACE_TOOL is the executable.
#pragma once

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/temp_directory.hpp"
#include "network/network.hpp"
#include "tensors/torch_writer.hpp"

namespace test {

struct Outcome {
  int code;         // as a shell sees it: 128 + n after signal n
  std::string out;  // standard output
  std::string err;  // standard error
};

// A folder with a checkpoint, a weight file made of it, and a photo; commands run inside it.
class Workshop {
 public:
  Workshop() {
    const SyntheticCheckpoint source = synthetic(Backbone::mobilenet, Dataset::celeb, golden_seed());
    torch_writer::FileSink sink(folder_.file("model_299.pt"));
    torch_writer::write_checkpoint(source, "model_299", false, sink);
    REQUIRE(sink.finish());
    std::filesystem::copy_file(data("images/astronaut_224x224.png"), folder_.file("photo.png"));
    made_ = run("convert model_299.pt -o w.safetensors --resolution 64");
  }

  static std::uint64_t golden_seed() { return Golden::open(data("mobilenet_celeb_256.safetensors")).value().seed(); }

  // Runs a shell command in which the tool is called `segface`.
  Outcome shell(const std::string& command) const {
    const std::string whole = "cd '" + folder_.path() + "' && segface() { '" SEGFACE_TOOL "' \"$@\"; }; { " + command +
                              "\n} >.out 2>.err </dev/null";
    const int status = std::system(whole.c_str());
    Outcome outcome = {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), folder_.read(".out"),
                       folder_.read(".err")};
    std::filesystem::remove(folder_.file(".out"));
    std::filesystem::remove(folder_.file(".err"));
    return outcome;
  }
  Outcome run(const std::string& arguments) const { return shell("segface " + arguments); }

  const Outcome& made() const { return made_; }
  std::string path(const std::string& name) const { return folder_.file(name); }
  std::string read(const std::string& name) const { return folder_.read(name); }
  void write(const std::string& name, const std::string& content) const { folder_.write(name, content); }
  bool has(const std::string& name) const { return std::filesystem::exists(folder_.file(name)); }
  void remove(const std::string& name) const { std::filesystem::remove_all(folder_.file(name)); }
  // Whether an unfinished file was left behind.
  bool has_temporary() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      if (entry.path().extension() == ".tmp") return true;
    }
    return false;
  }

 private:
  TempDirectory folder_;
  Outcome made_;
};

inline const Workshop& workshop() {
  static const Workshop shared;
  return shared;
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// One line of standard error, nothing on standard output.
inline void check_refused(const Outcome& outcome, int code, const std::vector<std::string>& parts) {
  CAPTURE(outcome.out);
  CAPTURE(outcome.err);
  CHECK(outcome.code == code);
  CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
  for (const std::string& part : parts) {
    CAPTURE(part);
    CHECK(contains(outcome.err, part));
  }
}

}  // namespace test
