// Operations of the cuda backend beside the reference, on an emulated GPU.
//
// What is compared is more than the result. Every operation runs in several orders of threads and blocks and must give
// the same bits. The block of activations is NaN before, also between the rows of a map, so that a number read from
// where it should not be shows; and it is compared afterwards: nothing but the output, and scratch, may have changed.
// In float16 the reference gets the rounded inputs.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "segface/backends/reference.hpp"
#include "segface/cuda.cuh"

#include "backends/random_maps.hpp"
#include "emulation.hpp"

namespace test {

using Reference = reference::Backend<double>;

// A map's numbers on the host, packed.
template <class T>
struct HostCopy {
  std::vector<T> values;
  Map<T> map;

  template <class Stored>
  explicit HostCopy(const Map<Stored>& shape)
      : values(static_cast<std::size_t>(shape.rows() * shape.channels)), map{values.data(),  shape.batch,
                                                                             shape.height,   shape.width,
                                                                             shape.channels, shape.channels} {}
  HostCopy(HostCopy&&) = default;
};

// The cuda backend with a block of activations, as Bench is for backends on the host.
template <class T>
class DeviceBench {
 public:
  using Cuda = cuda::BasicBackend<T>;
  static constexpr std::size_t kBytes = std::size_t{8} << 20;
  static constexpr std::size_t kMargin = std::size_t{16} << 10;

  DeviceBench()
      : backend_(Cuda::from_environment().value()), memory_(prepared()), run_(backend_, memory_, arena_, serial_) {
    clear();
  }
  DeviceBench(const DeviceBench&) = delete;

  const Cuda& backend() const { return backend_; }
  Run<Cuda>& run() { return run_; }
  Arena& arena() { return arena_; }

  // As Bench::map.
  Map<T> map(const std::string& name, Index batch, Index height, Index width, Index channels) {
    // A gap behind every row; rows of whole packs begin where packs may.
    const Index gap = channels % 8 == 0 ? 8 : 5;
    const Map<T> map = run_.map(batch, height, width, channels + gap).slice(0, channels);
    const std::vector<float> numbers = random_numbers(name, map.rows() * channels);

    memory_.write(map, [&](const Map<float>& host) { std::copy(numbers.begin(), numbers.end(), host.data); })
        .or_throw();
    inputs_.push_back({map, {numbers.begin(), numbers.end()}});
    return map;
  }
  // What map() made since the last clear().
  struct Input {
    Map<T> map;
    std::vector<T> numbers;
  };
  const std::vector<Input>& inputs() const { return inputs_; }
  // All NaN, and nothing of it in use.
  void clear() {
    used_ = std::min(std::max(used_, arena_.high_water() + kMargin), kBytes);
    cuda::check(cudaMemsetAsync(memory_.block().data(), 0xff, used_, memory_.stream()), "clear").or_throw();
    arena_ = Arena(memory_.block());
    inputs_.clear();
    used_ = 0;
  }
  // The first bytes of the block, up to some that were never in use, when all work is done.
  const std::vector<std::uint8_t>& bytes() {
    memory_.finish().or_throw();
    bytes_.resize(std::min(arena_.high_water() + kMargin, kBytes));

    cuda::check(cudaMemcpy(bytes_.data(), memory_.block().data(), bytes_.size(), cudaMemcpyDeviceToHost), "bytes")
        .or_throw();
    return bytes_;
  }
  HostCopy<float> read(const Map<T>& map) {
    HostCopy<float> copy(map);
    memory_.read(map, [&](const Map<float>& host) { std::copy_n(host.data, copy.values.size(), copy.values.data()); })
        .or_throw();
    return copy;
  }
  std::size_t offset(const T* place) {
    return static_cast<std::size_t>(reinterpret_cast<const std::uint8_t*>(place) - memory_.block().data());
  }

 private:
  cuda::Memory prepared() {
    cuda::Memory memory;
    memory.reserve(kBytes).or_throw();
    arena_ = Arena(memory.block());
    return memory;
  }

  SerialExecutor serial_;
  Arena arena_;
  Cuda backend_;
  cuda::Memory memory_;
  Run<Cuda> run_;
  std::vector<Input> inputs_;
  std::size_t used_ = kBytes;  // bytes of the block that may not be NaN
  std::vector<std::uint8_t> bytes_;
};

// The reference, whose inputs are what T holds of them.
template <class T>
class ExactBench : public Bench<Reference> {
 public:
  using Bench::Bench;

  Map<double> map(const std::string& name, Index batch, Index height, Index width, Index channels) {
    const Map<double> map = Bench::map(name, batch, height, width, channels);
    for (Index r = 0; r < map.rows(); ++r) {
      for (Index c = 0; c < channels; ++c)
        map.row(r)[c] = static_cast<double>(static_cast<T>(static_cast<float>(map.row(r)[c])));
    }
    return map;
  }
};

// Both backends on the same operation: on(bench) makes its operands and inputs of names alone, and returns the output.
template <class T>
class Comparison {
 public:
  // The largest difference in parts of the largest value; see difference().
  template <class On>
  double operator()(const On& on) {
    const auto exact_scope = exact_.run().scope();
    const Map<double> expected = on(exact_);
    std::vector<float> first;
    double result = 0;
    for (const emulation::Order order : emulation::kOrders) {
      emulation::set_order(order);
      device_.clear();
      const auto scope = device_.run().scope();
      const Map<T> output = on(device_);
      CHECK_MESSAGE(device_.run().status().ok(), std::string(device_.run().status().message()));
      const HostCopy<float> copy = device_.read(output);
      CHECK_MESSAGE(emulation::fault().empty(), emulation::fault());
      check_untouched(output);
      if (first.empty()) {
        first = copy.values;
        result = difference(copy.map, expected);
      } else {
        CHECK(std::memcmp(first.data(), copy.values.data(), first.size() * sizeof(float)) == 0);
      }
    }
    emulation::set_order(emulation::Order::ascending);
    return result;
  }

 private:
  // Inputs, what is between the rows of any map, and what is beyond all that was ever allocated, are as they were.
  void check_untouched(const Map<T>& output) {
    const std::vector<std::uint8_t>& bytes = device_.bytes();
    const auto nan = [&](std::size_t from, std::size_t to) {
      return std::all_of(bytes.data() + from, bytes.data() + to, [](std::uint8_t byte) { return byte == 0xff; });
    };
    const auto gaps_untouched = [&](const Map<T>& map) {
      bool untouched = true;
      for (Index r = 0; r + 1 < map.rows(); ++r) {
        untouched = untouched && nan(device_.offset(map.row(r) + map.channels), device_.offset(map.row(r + 1)));
      }
      return untouched;
    };
    CHECK(nan(device_.arena().high_water(), bytes.size()));
    CHECK(gaps_untouched(output));
    for (const typename DeviceBench<T>::Input& input : device_.inputs()) {
      if (input.map.data == output.data) continue;
      CHECK(gaps_untouched(input.map));
      bool same = true;
      for (Index r = 0; r < input.map.rows(); ++r) {
        const auto row_bytes = static_cast<std::size_t>(input.map.channels) * sizeof(T);
        same = same && std::memcmp(bytes.data() + device_.offset(input.map.row(r)),
                                   input.numbers.data() + r * input.map.channels, row_bytes) == 0;
      }
      CHECK(same);
    }
  }

  SerialExecutor serial_;
  DeviceBench<T> device_;
  ExactBench<T> exact_{Reference(), serial_};
};

}  // namespace test
