// Runs the finder's two networks on their released weights, for the tests of both.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "segface/base/floating_point.hpp"
#include "segface/base/uniform_sequence.hpp"
#include "segface/image/file.hpp"
#include "segface/networks/detector/weights.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/safetensors.hpp"

namespace test {

using namespace segface;
using namespace segface::core;

inline SafetensorsFile finder_file() {
  return SafetensorsFile::open(SEGFACE_TEST_DATA "/../../weights/finder.safetensors").value();
}

// Both networks, prepared from the released file.
template <class B>
struct Detector {
  YuNet<B> yunet;
  ONet<B> onet;

  static Detector make(const B& backend) {
    const SafetensorsFile file = finder_file();
    FinderWeights weights;
    bind(weights, file).or_throw();
    return {YuNet<B>::prepare(backend, weights.yunet).value(), ONet<B>::prepare(backend, weights.onet).value()};
  }
};

// fill(input [batch, height, width, 3]), then network(run, input), then use(its result), all in memory of its own.
template <class B, class Network, class Fill, class Use>
void pass(const Network& network, Index batch, Index height, Index width, Executor& executor,
          typename Run<B>::Observer* observer, const Fill& fill, const Use& use) {
  const FloatingPointGuard guard;
  Arena counting;
  Run<B> dry(network.backend(), counting, executor, nullptr, observer != nullptr && observer->every_stage());
  network(dry, dry.map(batch, height, width, 3));
  MemoryOf<B> memory;
  memory.reserve(counting.high_water()).or_throw();
  Arena arena(memory.block());
  Run<B> run(network.backend(), memory, arena, executor, observer);
  const MapOf<B> input = run.map(batch, height, width, 3);
  run.write(input, fill);
  use(run, network(run, input));
  run.status().or_throw();
}

// A golden of one picture of one of the networks, tests/data/finder/NAME: its picture, and its stages.
class DetectorGolden {
 public:
  explicit DetectorGolden(const std::string& name)
      : name_(name),
        file_(SafetensorsFile::open(path(".safetensors")).value()),
        picture_(load_image(path(".png")).value()) {}

  const Image& picture() const { return picture_; }
  std::size_t stages() const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < file_.size(); ++i) count += file_.info(i).name.find('.') == std::string::npos;
    return count;
  }

  // Whether a stage is equal: within 2e-4 of the golden's deviation.
  template <class T>
  void check(const std::string& stage, const Map<const T>& output) const {
    CAPTURE(name_);
    CAPTURE(stage);
    const Buffer<float> expected = Weight{&file_, find(stage)}.read().value();
    const std::vector<Index> rows = positions(stage + ".rows", output.height),
                             columns = positions(stage + ".cols", output.width);
    REQUIRE(expected.size() == rows.size() * columns.size() * static_cast<std::size_t>(output.channels));
    double sum = 0, squares = 0, largest = 0;
    std::size_t i = 0;
    for (Index c = 0; c < output.channels; ++c) {
      for (const Index y : rows) {
        for (const Index x : columns) {
          const auto wanted = static_cast<double>(expected[i++]);
          sum += wanted, squares += wanted * wanted;
          const double difference = std::fabs(static_cast<double>(output.pixel(0, y, x)[c]) - wanted);
          if (!(difference <= largest)) largest = difference;
        }
      }
    }
    const auto count = static_cast<double>(i);
    const double deviation = std::sqrt(std::max(squares / count - sum / count * (sum / count), 0.0));
    CHECK(largest <= 2e-4 * deviation);
  }

 private:
  std::string path(const char* ending) const { return SEGFACE_TEST_DATA "/finder/" + name_ + ending; }
  std::size_t find(const std::string& tensor) const {
    std::size_t i = 0;
    while (i < file_.size() && file_.info(i).name != tensor) ++i;
    return i;
  }
  // All of them where the stage is whole.
  std::vector<Index> positions(const std::string& tensor, Index size) const {
    std::vector<Index> list;
    const std::size_t at = find(tensor);
    if (at == file_.size()) {
      for (Index i = 0; i < size; ++i) list.push_back(i);
      return list;
    }
    std::vector<std::int64_t> raw(file_.info(at).shape.count());
    file_.read(at, reinterpret_cast<std::uint8_t*>(raw.data())).or_throw();
    for (const std::int64_t position : raw) {
      REQUIRE(position < size);
      list.push_back(static_cast<Index>(position));
    }
    return list;
  }

  std::string name_;
  SafetensorsFile file_;
  Image picture_;
};

// Compares every stage of a pass: of the batch, each picture with its golden.
template <class T>
class DetectorObserver final : public Observer<T> {
 public:
  explicit DetectorObserver(const std::vector<DetectorGolden>& goldens) : goldens_(goldens) {}

  bool every_stage() const noexcept override { return true; }
  void stage(const char* name, const Map<const T>& output, const Cost&) noexcept override {
    for (std::size_t i = 0; i < goldens_.size(); ++i) goldens_[i].check(name, output.image(static_cast<Index>(i)));
    ++seen_;
  }
  std::size_t seen() const { return seen_; }

 private:
  const std::vector<DetectorGolden>& goldens_;
  std::size_t seen_ = 0;
};

}  // namespace test
