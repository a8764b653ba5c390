// The command line where the system is unusual: an empty or senseless environment, little memory, very many photos.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <string>

#include "segface/image/file.hpp"

#include "workshop.hpp"

namespace {

using namespace segface;
using namespace segface::core;
using test::check_refused;
using test::contains;
using test::Outcome;
using test::Workshop;
using test::workshop;

const std::string kTool = "'" SEGFACE_TOOL "' ";
const std::string kParse = "parse --whole --force photo.png --weights w.safetensors --mask ";

TEST_CASE("No variable of the environment is needed, and none changes the labels") {
  const Workshop& w = workshop();
  REQUIRE(w.run(kParse + "m.png").code == 0);
  for (const char* environment :
       {"env -i", "env -i TMPDIR=/nowhere HOME=/nowhere", "env OMP_NUM_THREADS=0", "env OMP_NUM_THREADS=many",
        "env OMP_NUM_THREADS=1000000000", "env OMP_STACKSIZE=1k OMP_DYNAMIC=true OMP_WAIT_POLICY=x KMP_BLOCKTIME=x",
        "env LC_ALL=de_DE.UTF-8 LANG=xx", "setarch -R"}) {
    CAPTURE(environment);
    if (w.shell(std::string(environment) + " true").code != 0) {
      MESSAGE(environment, " is not to be had here: not tested");
      continue;
    }
    for (const char* threads : {" --threads 1", " --threads 2"}) {
      const Outcome outcome = w.shell(std::string(environment) + " " + kTool + kParse + "e.png" + threads);
      CAPTURE(outcome.err);
      CHECK(outcome.code == 0);
      CHECK(w.read("e.png") == w.read("m.png"));
      w.remove("e.png");
    }
  }
  w.remove("m.png");
}

TEST_CASE("Colours are for terminals that show them to people who want them") {
  const Workshop& w = workshop();
  if (w.shell("script -qec true /dev/null").code != 0) {
    MESSAGE("there is no script(1) to make a terminal: not tested");
    return;
  }
  const auto colours = [&](const std::string& environment) {
    const std::string command = "env " + environment + " " + kTool + "info w.safetensors";
    const Outcome outcome = w.shell("script -qec \"" + command + "\" /dev/null");
    CHECK(contains(outcome.out, "image-left eye"));
    return contains(outcome.out, "\x1b");
  };
  CHECK(colours("-u NO_COLOR TERM=xterm"));
  CHECK_FALSE(colours("NO_COLOR=1 TERM=xterm"));
  CHECK_FALSE(colours("-u NO_COLOR -u TERM"));
  CHECK_FALSE(colours("-u NO_COLOR TERM=dumb"));
}

#if !defined(__SANITIZE_ADDRESS__)  // which takes terabytes of addresses
TEST_CASE("Memory that the system refuses ends the tool with code 6 and leaves nothing") {
  const Workshop& w = workshop();
  int refused = 0;
  for (int kilobytes = 30'000; kilobytes <= 200'000; kilobytes += kilobytes / 5) {
    CAPTURE(kilobytes);
    const Outcome outcome = w.shell("ulimit -v " + std::to_string(kilobytes) + "; segface " + kParse + "m.png");
    CAPTURE(outcome.err);
    CHECK(w.has("m.png") == (outcome.code == 0));
    CHECK_FALSE(w.has_temporary());
    w.remove("m.png");
    if (outcome.code == 0) continue;
    ++refused;
    check_refused(outcome, 6, {"out of memory"});
  }
  CHECK(refused > 0);
}
#endif

TEST_CASE("A tool that was stopped goes on where it was") {
  const Workshop& w = workshop();
  REQUIRE(::mkfifo(w.path("pipe").c_str(), 0600) == 0);
  // It waits for who reads the pipe, and is stopped before and while that one does.
  const Outcome outcome = w.shell("{ " + kTool +
                                  "convert model_299.pt -o pipe --resolution 64 >out & } ; tool=$!; "
                                  "kill -STOP $tool; kill -CONT $tool; "
                                  "{ dd bs=1000 count=1; kill -STOP $tool; kill -CONT $tool; cat; } <pipe >copy; "
                                  "wait $tool");
  CAPTURE(outcome.err);
  CHECK(outcome.code == 0);
  CHECK(w.read("copy") == w.read("w.safetensors"));
  for (const char* name : {"pipe", "copy", "out"}) w.remove(name);
}

TEST_CASE("A hundred thousand photos are no more than many") {
  const Workshop& w = workshop();
  const Outcome outcome = w.run("parse --whole --force $(seq 100000) --weights w.safetensors");
  CHECK(outcome.code == 3);
  CHECK(contains(outcome.err, "100000 of 100000 photos failed"));
}

}  // namespace
