// Failures of segface::BasicParser on an emulated GPU: no GPU, no library, and every call that can fail does.
#include <cstring>

#include "parsing.hpp"

using namespace segface;
using namespace segface::core;
using namespace test;

TEST_CASE("cuda: without a GPU, loading says so") {
  emulation::set_devices(0);
  CHECK(CudaParser::from_memory(weight_file()).error().code() == Errc::no_device);
  emulation::set_devices(1);
}

TEST_CASE("cuda: without cuBLASLt, loading says what to install; with it again, all is well") {
  emulation::set_cublas(false);
  const auto parser = CudaParser::from_memory(weight_file());
  emulation::set_cublas(true);
  CHECK(parser.error().code() == Errc::no_device);
  const std::string message = parser.error().message();
  for (const char* part : {"libcublasLt.so.13: cannot open", "install cuBLAS of CUDA 13", "LD_LIBRARY_PATH"}) {
    CHECK_MESSAGE(message.find(part) != std::string::npos, message);
  }
  CHECK(CudaParser::from_memory(weight_file()).ok());
}

namespace {

// While one lives, streams drop their work: whether a call fails does not depend on it.
struct WithoutWork {
  WithoutWork() { emulation::set_works(false); }
  ~WithoutWork() { emulation::set_works(true); }
};

}  // namespace

TEST_CASE("cuda: whichever call fails while loading, an error comes back and nothing leaks") {
  const WithoutWork no_work;
  const Bytes file = weight_file();
  const std::size_t live = emulation::live_objects(), before = emulation::calls();
  static_cast<void>(load<CudaParser>());
  const std::size_t calls = emulation::calls() - before;
  CHECK(calls > 300);
#if defined(__SANITIZE_ADDRESS__)
  constexpr std::size_t kStep = 7;  // minutes
#else
  constexpr std::size_t kStep = 1;
#endif
  for (std::size_t k = 0; k < calls; k += kStep) {
    emulation::fail_after(k);
    const auto failed = CudaParser::from_memory(file);
    CAPTURE(k);
    REQUIRE_FALSE(failed.ok());
    REQUIRE(std::strlen(failed.error().message()) > 20);
    REQUIRE(emulation::live_objects() == live);
  }
}

TEST_CASE("cuda: whichever call fails while parsing, an error comes back and the next call works") {
  const WithoutWork no_work;
  for (const Dataset dataset : {Dataset::celeb, Dataset::lapa}) {
    const CudaParser parser = load<CudaParser>(dataset);
    const Image photo = portrait();
    const std::size_t live = emulation::live_objects();
    Answer answer(photo, dataset == Dataset::celeb ? kLogits : 0);
    const auto call = [&](CudaWorkspace& space) {
      const Status started = space.start(photo.view(), kFace, answer.results());
      return started.ok() ? space.finish() : started;
    };
    std::size_t first = 0, second = 0;
    {
      CudaWorkspace workspace = parser.workspace().value();
      const std::size_t begin = emulation::calls();
      call(workspace).or_throw();
      const std::size_t middle = emulation::calls();
      call(workspace).or_throw();
      first = middle - begin;
      second = emulation::calls() - middle;
    }
    CHECK(first > 200);
    CHECK(second < 20);
    CHECK(emulation::live_objects() == live);
    std::size_t captures_failed = 0;
    for (std::size_t k = 0; k < first + second; ++k) {
      CAPTURE(k);
      CudaWorkspace workspace = parser.workspace().value();
      if (k >= first) call(workspace).or_throw();
      emulation::fail_after(k < first ? k : k - first);
      const std::size_t before = emulation::calls();
      const Status status = call(workspace);
      if (status.ok()) {  // the capture alone failed
        REQUIRE(k < first);
        ++captures_failed;
        REQUIRE(emulation::calls() - before > first / 2);
      } else {
        REQUIRE(std::strlen(status.message()) > 20);
      }
      const std::size_t objects = emulation::live_objects();
      for (int again = 0; again < 2; ++again) REQUIRE(call(workspace).ok());
      if (status.ok()) REQUIRE(emulation::live_objects() == objects);  // and is not tried again
    }
    CHECK(captures_failed > first / 3);
    CHECK(captures_failed < first / 2 + 5);
    CHECK(emulation::live_objects() == live);
  }
}

TEST_CASE("cuda: after a failure the results of the next call are right") {
  const CudaParser parser = load<CudaParser>();
  const Image photo = portrait();
  const Mask expected = parser.parse(photo.view()).value();
  const auto check = [&](CudaWorkspace& workspace, std::size_t k) {
    Mask mask;
    CAPTURE(k);
    emulation::fail_after(k);
    static_cast<void>(workspace.parse(photo.view(), mask));
    workspace.parse(photo.view(), mask).or_throw();
    CHECK(labels_of(mask) == labels_of(expected));
    CHECK(mask.mean_confidence() == expected.mean_confidence());
  };
  for (const std::size_t k : {3u, 100u, 300u}) {  // of plain launches, and of a capture
    CudaWorkspace workspace = parser.workspace().value();
    check(workspace, k);
  }
  CudaWorkspace workspace = parser.workspace().value();
  Mask mask;
  workspace.parse(photo.view(), mask).or_throw();
  for (const std::size_t k : {0u, 2u, 4u, 6u}) check(workspace, k);  // of a graph
}
