// segface bench of a finder: how fast its networks are, and a photo whole.
#include "bench_finder.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "segface/base/threads/make_executor.hpp"
#include "segface/engine/engine.hpp"
#include "segface/engine/finder_file.hpp"
#include "segface/engine/workspace.hpp"
#include "segface/image/file.hpp"
#include "segface/networks/detector/weights.hpp"
#include "segface/photo.hpp"

#include "backends.hpp"
#include "output.hpp"

namespace tool {
namespace {

struct Timed {
  std::string what;
  double milliseconds;  // the median
};

// Errors: those of work.
Result<Timed> timed(const std::string& what, Index runs, const std::function<Status()>& work) {
  std::vector<double> times;
  for (Index i = 0; i <= runs; ++i) {
    Stopwatch watch;
    SEGFACE_RETURN_IF_ERROR(work());
    if (i != 0) times.push_back(watch.lap());  // the first one takes memory
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return Timed{what, *middle};
}

// A network on an input of 128 everywhere: what is in it makes no difference to the time.
template <template <class> class Network>
Status pass(EngineWorkspace<Network, cpu::Backend>& workspace, Index batch, Index height, Index width) {
  return workspace.pass(
      batch, height, width,
      [](const auto& map) {
        for (Index row = 0; row < map.rows(); ++row) std::fill_n(map.row(row), map.channels, 128.0f);
      },
      [](auto&, const auto&) {});
}

Result<std::vector<Timed>> measure(const std::string& path, const std::string& photo, Index threads, Index runs) {
  SEGFACE_ASSIGN(file, FinderFile::open(path));
  SEGFACE_ASSIGN(made, make_executor(threads));
  const std::shared_ptr<Executor> executor(std::move(made));
  const cpu::Backend backend = cpu_backend();
  using YuNetEngine = Engine<YuNet, cpu::Backend>;
  using ONetEngine = Engine<ONet, cpu::Backend>;
  SEGFACE_ASSIGN(yunet, YuNetEngine::make(backend, file.weights().yunet, executor));
  SEGFACE_ASSIGN(onet, ONetEngine::make(backend, file.weights().onet, executor));
  EngineWorkspace<YuNet, cpu::Backend> finds(std::shared_ptr<const YuNetEngine>(std::move(yunet)), nullptr);
  EngineWorkspace<ONet, cpu::Backend> places(std::shared_ptr<const ONetEngine>(std::move(onet)), nullptr);
  std::vector<Timed> all;
  const auto add = [&](const std::string& what, const std::function<Status()>& work) -> Status {
    SEGFACE_ASSIGN(one, timed(what, runs, work));
    all.push_back(std::move(one));
    return {};
  };
  SEGFACE_RETURN_IF_ERROR(add("YuNet 640 x 480", [&] { return pass(finds, 1, 480, 640); }));
  SEGFACE_RETURN_IF_ERROR(add("YuNet 1920 x 1088", [&] { return pass(finds, 1, 1088, 1920); }));
  SEGFACE_RETURN_IF_ERROR(add("O-Net, a window", [&] { return pass(places, 1, 48, 48); }));
  SEGFACE_RETURN_IF_ERROR(add("O-Net, 16 windows", [&] { return pass(places, 16, 48, 48); }));
  if (photo.empty()) return all;
  Options options;
  options.threads = threads;
  SEGFACE_ASSIGN(finder, Finder::load(path, options, backend));
  SEGFACE_ASSIGN(picture, load_image(photo));
  for (const int turns : {1, 4}) {
    FindOptions wanted;
    wanted.turns = turns;
    std::size_t faces = 0;
    SEGFACE_RETURN_IF_ERROR(add("", [&]() -> Status {
      SEGFACE_ASSIGN(found, finder.find(picture.view(), wanted));
      faces = found.found.size();
      return {};
    }));
    all.back().what = "finder, turns " + std::to_string(turns) + ", " + std::to_string(faces) + " faces";
  }
  return all;
}

}  // namespace

int bench_finder(const std::string& path, const std::string& photo, Index threads, Index runs, bool json) {
  const auto all = measure(path, photo, threads, runs);
  if (!all.ok()) return fail(all.error(), kWeights);
  for (std::size_t i = 0; i < all->size(); ++i) {
    const Timed& one = (*all)[i];
    if (json) {
      std::printf("%s\"%s\": %.3f%s", i == 0 ? "{" : ", ", one.what.c_str(), one.milliseconds,
                  i + 1 == all->size() ? "}\n" : "");
    } else {
      std::printf("  %-28s %8.2f ms\n", one.what.c_str(), one.milliseconds);
    }
  }
  return kDone;
}

}  // namespace tool
