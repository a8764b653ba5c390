// The facade: levels, determinism, allocation, misuse.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "segface/base/threads/openmp.hpp"
#include "segface/image/png_write.hpp"
#include "segface/segface.hpp"

#include "allocations.hpp"
#include "network.hpp"
#include "small_weight_file.hpp"
#if defined(__SSE__)
#include <xmmintrin.h>
#endif
#if defined(__unix__)
#include <pthread.h>
#include <sys/mman.h>

#include "base/threads/cancelled.hpp"
#include "base/threads/child.hpp"
#endif

using namespace segface;
using namespace segface::core;

namespace {

Parser parser(Index threads = 2) {
  Options options;
  options.threads = threads;
  return Parser::from_memory(test::small_weight_file(), options).value();
}

Image portrait() {
  return load_image(test::data("images/portrait.png")).value();
}

// Threads that this process has; 0 where nobody tells.
long threads_of_process() {
  long threads = 0;
#if defined(__linux__)
  std::FILE* const status = std::fopen("/proc/self/status", "r");
  char line[256];
  while (status != nullptr && std::fgets(line, sizeof line, status) != nullptr) {
    if (std::sscanf(line, "Threads: %ld", &threads) == 1) break;
  }
  if (status != nullptr) std::fclose(status);
#endif
  return threads;
}

std::vector<std::uint8_t> labels_of(const Mask& mask) {
  return {mask.labels().begin(), mask.labels().end()};
}

// A normalised input without meaning.
std::vector<float> tensor(Index batch, Index height, Index width) {
  const UniformSequence sequence("facade", 1);
  std::vector<float> values(static_cast<std::size_t>(batch * 3 * height * width));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(2 * sequence[i]);
  return values;
}

std::vector<float> logits_of(Workspace& workspace, const TensorView& input) {
  const LogitsShape shape = workspace.logits_shape(input.batch, input.height, input.width).value();
  std::vector<float> logits(shape.count());
  workspace.logits(input, {logits.data(), logits.size()}).or_throw();
  return logits;
}

}  // namespace

TEST_CASE("a mask has the photo's size and adds up") {
  const Image photo = portrait();
  Mask mask = parser().parse(photo.view()).value();
  CHECK(mask.width() == photo.width());
  CHECK(mask.height() == photo.height());
  Index total = 0;
  for (Index label = 0; label < class_count(mask.dataset()); ++label) {
    const auto at = static_cast<std::uint8_t>(label);
    total += mask.count(at);
    const Box box = mask.box(at);
    CHECK(mask.count(at) <= box.width * box.height);
    CHECK((mask.count(at) > 0) == (box.width > 0));
  }
  CHECK(mask.name(14) == "hair");
  CHECK(mask.name(19).empty());
  CHECK(total == photo.width() * photo.height());
  CHECK(mask.mean_confidence() > 1.0 / 19);
  CHECK(mask.mean_confidence() <= 1.0);
  Mask moved = std::move(mask);
  CHECK(mask.empty());  // NOLINT: moved from
  CHECK(mask.labels().empty());
  CHECK(mask.count(14) == 0);
  CHECK(moved.count(14) > 0);
  mask = std::move(moved);
  CHECK(moved.empty());  // NOLINT
  const Image eyes = mask.group(LabelGroup::eyes).value();
  Index marked = 0;
  for (std::size_t i = 0; i < eyes.size_bytes(); ++i) marked += eyes.data()[i] == 255;
  CHECK(marked == mask.count(LabelGroup::eyes));
  CHECK(marked == mask.count(8) + mask.count(9));
}

TEST_CASE("all pixel orders of the same photo give the same mask") {
  const Image photo = portrait();
  const auto expected = labels_of(parser().parse(photo.view()).value());
  std::vector<std::uint8_t> bgra(static_cast<std::size_t>(photo.width() * photo.height() * 4));
  for (Index i = 0; i < photo.width() * photo.height(); ++i) {
    for (Index c = 0; c < 3; ++c) bgra[static_cast<std::size_t>(i * 4 + c)] = photo.data()[i * 3 + 2 - c];
    bgra[static_cast<std::size_t>(i * 4 + 3)] = static_cast<std::uint8_t>(i);  // alpha, to be ignored
  }
  const ImageView view(bgra.data(), photo.width(), photo.height(), PixelOrder::bgra);
  CHECK(labels_of(parser().parse(view).value()) == expected);
}

TEST_CASE("the logits of a photo come with its mask, and equal those of its normalised tensor") {
  const Image photo = portrait();
  Workspace workspace = parser().workspace().value();
  Mask mask;
  std::vector<float> logits(19 * 64 * 64, 7.0f);
  CHECK(workspace.parse(photo.view(), mask, {logits.data(), logits.size() - 1}).code() == Errc::buffer_too_small);
  CHECK(logits[0] == 7.0f);
  workspace.parse(photo.view(), mask, {logits.data(), logits.size()}).or_throw();
  const Image small = resize_bicubic(photo.view(), 64, 64).value();
  std::vector<float> pixels(64 * 64 * 3), planes(pixels.size());
  normalize(small.data(), 64 * 64, pixels.data(), 3);
  for (std::size_t i = 0; i < pixels.size(); ++i) planes[i % 3 * 64 * 64 + i / 3] = pixels[i];
  CHECK(logits_of(workspace, {planes.data(), 1, 64, 64}) == logits);
}

TEST_CASE("extreme photo sizes parse") {
  const Parser p = parser();
  for (const auto& [width, height] :
       std::vector<std::pair<Index, Index>>{{1, 1}, {1, 3000}, {3000, 1}, {3, 5}, {64, 64}}) {
    const std::vector<std::uint8_t> gray(static_cast<std::size_t>(width * height), 128);
    const Mask mask = p.parse({gray.data(), width, height, PixelOrder::gray}).value();
    CHECK(mask.width() == width);
    CHECK(mask.height() == height);
    for (const std::uint8_t label : mask.labels()) CHECK(label < 19);
  }
}

TEST_CASE("photos without a face get labels too, and a confidence") {
  const Parser p = parser();
  std::vector<std::uint8_t> pixels(90 * 70 * 3);
  const UniformSequence noise("noise", 1);
  for (const int what : {0, 255, -1}) {
    CAPTURE(what);
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = static_cast<std::uint8_t>(what >= 0 ? what : static_cast<int>(128 + 127 * noise[i]));
    }
    const Mask mask = p.parse({pixels.data(), 90, 70, PixelOrder::rgb}).value();
    CHECK(mask.labels().size() == 90 * 70);
    for (const std::uint8_t label : mask.labels()) CHECK(label < 19);
    CHECK(mask.mean_confidence() > 1.0 / 19);
    CHECK(mask.mean_confidence() <= 1.0);
  }
}

TEST_CASE("results are bit-identical for any number of threads and any executor") {
  const std::vector<float> input = tensor(1, 96, 80);
  const TensorView view = {input.data(), 1, 96, 80};
  Workspace serial = parser(1).workspace().value();
  const std::vector<float> expected = logits_of(serial, view);
  const auto check = [&](Executor& executor) {
    Workspace workspace = parser(1).workspace(&executor).value();
    const std::vector<float> got = logits_of(workspace, view);
    CHECK(std::memcmp(got.data(), expected.data(), expected.size() * sizeof(float)) == 0);
  };
  for (const Index threads : {1, 2, 3, 8}) {
    CAPTURE(threads);
    check(*ThreadPool::make(threads).value());
    check(*make_executor(threads).value());
#if defined(_OPENMP)
    OpenMpExecutor openmp(threads, threads);
    check(openmp);
#endif
  }
  // The host's own: backwards, one task at a time, on worker 2 of 3.
  class Backwards final : public Executor {
    Index threads() const noexcept override { return 3; }
    void run(Index tasks, Function function, const void* body) noexcept override {
      while (tasks-- > 0) function(body, tasks, 2);
    }
  } backwards;
  check(backwards);
#if defined(__SSE__)
  // On a thread of its own for each task, which flushes nothing to zero and rounds down.
  class Elsewhere final : public Executor {
    Index threads() const noexcept override { return 1; }
    void run(Index tasks, Function function, const void* body) noexcept override {
      std::thread([&] {
        _mm_setcsr(0x1f80u | 0x2000u);
        for (Index task = 0; task < tasks; ++task) function(body, task, 0);
      }).join();
    }
  } elsewhere;
  check(elsewhere);
#endif
}

TEST_CASE("an image alone equals the same image in a batch of three") {
  const Index side = 72;
  const std::vector<float> batch = tensor(3, side, side);
  Workspace workspace = parser().workspace().value();
  const std::vector<float> together = logits_of(workspace, {batch.data(), 3, side, side});
  const std::size_t each = together.size() / 3;
  for (std::size_t b = 0; b < 3; ++b) {
    const std::vector<float> alone = logits_of(workspace, {batch.data() + b * batch.size() / 3, 1, side, side});
    REQUIRE(alone.size() == each);
    CHECK(std::memcmp(alone.data(), together.data() + b * each, each * sizeof(float)) == 0);
  }
}

TEST_CASE("many threads parse with one parser, and share its threads") {
  const Image photo = portrait();
  for (const Index options : {1, 2}) {
    const Parser p = parser(options);
    const auto expected = labels_of(p.parse(photo.view()).value());
    const long before = threads_of_process();
    std::vector<std::thread> threads;
    std::atomic<int> equal{0};
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        for (int k = 0; k < 3; ++k) equal += labels_of(p.parse(photo.view()).value()) == expected;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(equal == 18);
    std::vector<Workspace> workspaces;
    for (int i = 0; i < 3; ++i) workspaces.push_back(p.workspace().value());
    CHECK(threads_of_process() == before);
  }
}

TEST_CASE("one workspace serves one call at a time, and outlives its parser") {
  const Image photo = portrait();
  auto p = std::make_unique<Parser>(parser());
  const auto expected = labels_of(p->parse(photo.view()).value());
  Workspace workspace = p->workspace().value();
  p.reset();
  Status second;
  Mask mask, other;
  bool called = false;
  workspace.on_progress([&](double) {
    if (!std::exchange(called, true)) {
      std::thread([&] { second = workspace.parse(photo.view(), other); }).join();
    }
    return true;
  });
  CHECK(workspace.parse(photo.view(), mask).ok());
  CHECK(labels_of(mask) == expected);
  CHECK(second.code() == Errc::busy);
  CHECK(other.empty());
  workspace.on_progress({});
  CHECK(workspace.parse(photo.view(), other).ok());
  CHECK(labels_of(other) == expected);
}

TEST_CASE("workspaces that no call is using are kept, as many as there are threads") {
  const WeightFile file = WeightFile::from_memory(test::small_weight_file()).value();
  Options options;
  options.threads = 2;
  using Kept = ParsingWorkspace<cpu::Backend>;
  const auto network = ParsingNetwork<cpu::Backend>::make(file, options, cpu::Backend::from_environment().value());
  ParserState<cpu::Backend> state(network.value());
  const auto most = static_cast<int>(state.network->engine().executor().threads());
  for (int i = 0; i < most + 3; ++i) state.idle.keep(Kept::make(state.network, nullptr).value());
  for (int i = 0; i < most; ++i) CHECK(state.idle.take() != nullptr);
  CHECK(state.idle.take() == nullptr);
}

TEST_CASE("a second parse with a workspace allocates nothing") {
  const Image photo = portrait();
  const Parser p = parser();
  Workspace workspace = p.workspace().value();
  Mask mask;
  workspace.parse(photo.view(), mask).or_throw();
  const long before = test::allocations;
  const Status status = workspace.parse(photo.view(), mask);
  const long after = test::allocations;
  CHECK(after == before);
  CHECK(status.ok());
}

TEST_CASE("every call answers when memory runs out, at whatever block, and works again after it") {
  const Image photo = portrait();
  const Parser p = parser();
  const auto check = [&](auto&& call) {
    for (long block = 0;; ++block) {
      Workspace workspace = p.workspace().value();
      test::blocks_until_refusal = block;
      const Status status = call(workspace);
      test::blocks_until_refusal = -1;
      CHECK(call(workspace).ok());
      if (status.ok()) return;
      CHECK(status.code() == Errc::out_of_memory);
    }
  };
  check([](Workspace& w) { return w.logits_shape(1, 64, 96).error(); });
  check([&](Workspace& w) {
    Mask mask;
    return w.parse(photo.view(), mask);
  });
  std::vector<float> input(3 * 64 * 96, 0.5f), logits(19 * 64 * 96);
  check([&](Workspace& w) { return w.logits({input.data(), 1, 64, 96}, {logits.data(), logits.size()}); });
}

TEST_CASE("loading answers when memory runs out, at whatever block") {
  const auto& bytes = test::small_weight_file();
  Options options;
  options.threads = 2;
  for (long block = 0;; block += 1 + block / 16) {
    test::blocks_until_refusal = block;
    const auto loaded = Parser::from_memory(bytes, options);
    test::blocks_until_refusal = -1;
    if (loaded.ok()) return;
    CHECK(loaded.error().code() == Errc::out_of_memory);
  }
}

TEST_CASE("progress grows to one, and the callback can cancel or throw") {
  const Image photo = portrait();
  Workspace workspace = parser().workspace().value();
  Mask mask;
  double last = 0;
  bool grows = true;
  workspace.on_progress([&](double share) {
    grows = grows && share >= last;
    last = share;
    return true;
  });
  workspace.parse(photo.view(), mask).or_throw();
  CHECK(grows);
  CHECK(last == doctest::Approx(1.0));

  workspace.on_progress([](double) { return false; });
  CHECK(workspace.parse(photo.view(), mask).code() == Errc::cancelled);
  workspace.on_progress([](double) -> bool { throw 1; });
  CHECK(workspace.parse(photo.view(), mask).code() == Errc::cancelled);
  workspace.on_progress([](double) -> bool { throw std::runtime_error("the window is gone"); });
  const Status thrown = workspace.parse(photo.view(), mask);
  CHECK(thrown.code() == Errc::cancelled);
  CHECK(std::string(thrown.message()).find("the window is gone") != std::string::npos);
  Status inside;
  workspace.on_progress([&](double) {
    Mask other;
    inside = workspace.parse(photo.view(), other);
    return true;
  });
  CHECK(workspace.parse(photo.view(), mask).ok());
  CHECK(inside.code() == Errc::busy);
  CHECK(workspace.times().size() > 8);
}

TEST_CASE("misuse gets an answer, and nothing is written") {
  const Parser p = parser();
  Workspace workspace = p.workspace().value();
  Mask mask;
  const std::uint8_t pixels[12] = {};
  const auto refused = [&](const ImageView& view) {
    return workspace.parse(view, mask).code() == Errc::invalid_argument;
  };
  CHECK(refused({nullptr, 2, 2, PixelOrder::rgb}));
  CHECK(refused({pixels, 0, 2, PixelOrder::rgb}));
  CHECK(refused({pixels, 2, -1, PixelOrder::rgb}));
  CHECK(refused({pixels, 2, 2, 5, PixelOrder::rgb}));
  CHECK(refused({pixels, 2, 2, -6, PixelOrder::rgb}));
  CHECK(refused({pixels, 2, 2, static_cast<PixelOrder>(7)}));
  CHECK(refused({pixels, std::numeric_limits<Index>::max() / 2, 2, PixelOrder::rgb}));

  std::vector<float> input = tensor(1, 64, 64);
  const TensorView view = {input.data(), 1, 64, 64};
  std::vector<float> out(19 * 64 * 64, 7.0f);
  const Status small = workspace.logits(view, {out.data(), out.size() - 1});
  CHECK(small.code() == Errc::buffer_too_small);
  CHECK(std::string(small.message()).find("77824") != std::string::npos);
  CHECK(workspace.logits(view, {nullptr, 0}).code() == Errc::buffer_too_small);
  CHECK(workspace.logits({nullptr, 1, 64, 64}, {out.data(), out.size()}).code() == Errc::invalid_argument);
  CHECK(workspace.logits({input.data(), 1, 31, 64}, {out.data(), out.size()}).code() == Errc::invalid_argument);
  CHECK(workspace.logits({input.data(), 0, 64, 64}, {out.data(), out.size()}).code() == Errc::invalid_argument);
  CHECK(workspace.logits({input.data(), 1 << 20, 1 << 20, 1 << 20}, {out.data(), out.size()}).code() ==
        Errc::limit_exceeded);
  CHECK(workspace.logits(view, {input.data(), out.size()}).code() == Errc::invalid_argument);  // overlap
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e38f}) {
    input[100] = bad;
    const Status status = workspace.logits(view, {out.data(), out.size()});
    CHECK(status.code() == Errc::invalid_argument);
    CHECK(std::string(status.message()).find("index 100") != std::string::npos);
  }
  CHECK(std::all_of(out.begin(), out.end(), [](float x) { return x == 7.0f; }));

  const Parser empty;
  CHECK(empty.parse({pixels, 2, 2, PixelOrder::rgb}).error().code() == Errc::invalid_argument);
  CHECK(empty.workspace().error().code() == Errc::invalid_argument);
  Workspace moved = std::move(workspace);
  CHECK(workspace.parse({pixels, 2, 2, PixelOrder::rgb}, mask).code() == Errc::invalid_argument);  // NOLINT: on purpose
  CHECK(moved.parse({pixels, 2, 2, PixelOrder::rgb}, mask).ok());
  for (const Index threads : {-1, 0, 1, 1000000}) {
    const Parser any = parser(threads);
    CHECK(any.threads() >= 1);
    CHECK(any.threads() <= 256);
  }
  CHECK_THROWS_AS(Parser::load("/does/not/exist").value(), Error);
}

TEST_CASE("the host's surroundings do not change the result") {
  const std::vector<float> input = tensor(1, 64, 64);
  const TensorView view = {input.data(), 1, 64, 64};
  const Parser p = parser();
  Workspace workspace = p.workspace().value();
  const std::vector<float> expected = logits_of(workspace, view);
  const auto same = [&] {
    Workspace fresh = p.workspace().value();
    return logits_of(fresh, view) == expected;
  };
#if defined(__SSE__)
  unsigned in_callback = 0;
  Workspace watched = p.workspace().value();
  watched.on_progress([&](double) {
    in_callback = _mm_getcsr();
    _mm_setcsr(0x1f80u | 0x2000u);  // what it sets does not matter to the network
    return true;
  });
  const unsigned mode = _mm_getcsr();
  for (const unsigned other : {0x1f80u | 0x6000u, 0x1f80u | 0x2000u, 0x9fc0u}) {  // towards 0, down, flush to zero
    _mm_setcsr(other);
    const bool equal = same() && logits_of(watched, view) == expected;
    const unsigned after = _mm_getcsr();
    _mm_setcsr(mode);
    CHECK(equal);
    CHECK((in_callback & 0xffc0u) == (other & 0xffc0u));
    CHECK((after & 0xffc0u) == (other & 0xffc0u));  // the host's mode is back; sticky flags may differ
  }
#endif
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "C"}) {  // decimal comma, where installed
    std::setlocale(LC_ALL, name);
    CHECK(same());
  }
#if defined(_OPENMP)
  bool inside[2] = {};
#pragma omp parallel num_threads(2)
  inside[omp_get_thread_num()] = same();
  CHECK(inside[0]);
#endif
}

#if defined(__unix__)
TEST_CASE("a forked child may use and destroy what it inherited, and load anew") {
  const std::vector<float> input = tensor(1, 64, 64);
  const TensorView view = {input.data(), 1, 64, 64};
  const Image photo = portrait();
  auto p = std::make_unique<Parser>(parser());
  auto workspace = std::make_unique<Workspace>(p->workspace().value());
  const std::vector<float> expected = logits_of(*workspace, view);
  const auto labels = labels_of(p->parse(photo.view()).value());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // its threads are asleep
#if defined(_OPENMP)
  auto openmp = std::make_unique<OpenMpExecutor>(2, 2);
  auto with_openmp = std::make_unique<Workspace>(p->workspace(openmp.get()).value());
  CHECK(logits_of(*with_openmp, view) == expected);
#endif
  CHECK(test::exit_of_child([&] {
          bool same = logits_of(*workspace, view) == expected && labels_of(p->parse(photo.view()).value()) == labels;
#if defined(_OPENMP)
          same = same && logits_of(*with_openmp, view) == expected;
          with_openmp.reset();
          openmp = std::make_unique<OpenMpExecutor>(2, 2);
          Workspace on_openmp = p->workspace(openmp.get()).value();
          same = same && logits_of(on_openmp, view) == expected;
#endif
          workspace.reset();
          p.reset();
          Workspace own = parser().workspace().value();
          return same && logits_of(own, view) == expected ? 0 : 1;
        }) == 0);
}

TEST_CASE("a process may end in a callback, with a parser that lives as long as it") {
  const Image photo = portrait();
  CHECK(test::exit_of_child([&] {
          static Parser kept = parser();
          static Workspace workspace = kept.workspace().value();
          workspace.on_progress([](double share) {
            if (share > 0.5) std::exit(3);
            return true;
          });
          Mask mask;
          static_cast<void>(workspace.parse(photo.view(), mask));
          return 1;
        }) == 3);
}

TEST_CASE("a static destructor may parse with a parser that is older") {
  CHECK(test::exit_of_child([] {
          static const Parser kept = parser();
          static const struct Last {
            Image photo = portrait();
            ~Last() { _exit(kept.parse(photo.view()).ok() ? 3 : 1); }
          } last;
          return 1;
        }) == 3);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which take more
TEST_CASE("a thread with a stack of 64 kB may load and parse") {
  struct Work {
    Image photo = portrait();
    std::vector<std::uint8_t> labels;
    Status status = {Errc::internal, Message()};
  } work;
  pthread_attr_t small;
  REQUIRE(pthread_attr_init(&small) == 0);
  REQUIRE(pthread_attr_setstacksize(&small, 64 * 1024) == 0);
  const auto body = [](void* argument) -> void* {
    Work& w = *static_cast<Work*>(argument);
    Options options;
    options.threads = 1;
    const auto loaded = Parser::from_memory(test::small_weight_file(), options);
    const auto mask = loaded.ok() ? loaded->parse(w.photo.view()) : loaded.error();
    w.status = mask.error();
    if (mask.ok()) w.labels = labels_of(*mask);
    return nullptr;
  };
  pthread_t thread;
  REQUIRE(pthread_create(&thread, &small, body, &work) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  CHECK(work.status.ok());
  CHECK(work.labels == labels_of(parser(1).parse(work.photo.view()).value()));
}
#endif

#if defined(__linux__)
TEST_CASE("a process whose memory is locked gets the same result") {
  const Image photo = portrait();
  const auto expected = labels_of(parser().parse(photo.view()).value());
  const int code = test::exit_of_child([&] {
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return 77;
    const auto loaded = Parser::from_memory(test::small_weight_file());
    if (!loaded.ok()) return loaded.error().code() == Errc::out_of_memory ? 77 : 2;
    return labels_of(loaded->parse(photo.view()).value()) == expected ? 0 : 1;
  });
  if (code == 77) MESSAGE("memory cannot be locked here: not tested");
  CHECK((code == 0 || code == 77));
}
#endif

#if !defined(__ANDROID__)
TEST_CASE("a thread that is cancelled while it parses ends after the call") {
  const Parser p = parser();
  const Image photo = portrait();
  Status parsed = {Errc::internal, Message()};
  CHECK(test::ends_after([&] {
    Workspace workspace = p.workspace().value();
    workspace.on_progress([](double) {
      pthread_cancel(pthread_self());
      pthread_testcancel();
      return true;
    });
    Mask mask;
    parsed = workspace.parse(photo.view(), mask);
  }));
  CHECK(parsed.ok());
  CHECK(p.parse(photo.view()).ok());
}
#endif
#endif
