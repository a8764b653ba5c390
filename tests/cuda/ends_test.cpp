// The ends of a pass on an emulated GPU beside the host's: photos to input bit for bit, logits to labels and planes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "segface/backends/reference.hpp"
#include "segface/cuda.cuh"

#include "backends/random_maps.hpp"
#include "emulation.hpp"

using namespace segface;
using namespace segface::core;
using Cuda = cuda::Backend;
using Half = cuda::BasicBackend<__half>;
using Host = reference::Backend<float>;

namespace {

// A backend with a block of memory, and what is computed in it.
template <class B>
class Ends {
 public:
  Ends() {
    memory_.reserve(std::size_t{4} << 20).or_throw();
    arena_ = Arena(memory_.block());
  }
  Ends(const Ends&) = delete;

  // The network's input for a photo, [side, side, 3].
  std::vector<float> input(const ImageView& photo, Index side) {
    const Arena::Scope scope(arena_);
    Run<B> run(backend_, memory_, arena_, executor_);
    const MapOf<B> image = run.map(1, side, side, 3);
    std::vector<float> numbers;
    photo_.take(memory_, photo, side, executor_).or_throw();
    photo_.give(run, image);
    run.read(image, [&](const HostMapOf<B>& map) { numbers.assign(map.data, map.data + map.rows() * 3); });
    run.status().or_throw();
    return numbers;
  }

  // What use(run, logits) makes of logits [B, h, w, K].
  template <class Use>
  void logits(const std::vector<float>& numbers, Index batch, Index height, Index width, Index classes,
              const Use& use) {
    const Arena::Scope scope(arena_);
    Run<B> run(backend_, memory_, arena_, executor_);
    const MapOf<B> map = run.map(batch, height, width, classes);
    run.write(map, [&](const HostMapOf<B>& host) {
      for (Index r = 0; r < host.rows(); ++r) std::copy_n(numbers.data() + r * classes, classes, host.row(r));
    });
    use(run, map);
    run.status().or_throw();
    memory_.finish().or_throw();
  }

 private:
  const B backend_ = B::from_environment().value();
  MemoryOf<B> memory_;
  Arena arena_;
  SerialExecutor executor_;
  ops::PhotoInput<B> photo_;
};

std::vector<std::uint8_t> random_bytes(std::size_t count) {
  const UniformSequence sequence("bytes", count);
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(128 + 127 * sequence[i]);
  return bytes;
}

// What float16 has of numbers.
std::vector<float> rounded(const std::vector<float>& numbers) {
  std::vector<float> halves(numbers.size());
  std::transform(numbers.begin(), numbers.end(), halves.begin(),
                 [](float number) { return __half2float(__float2half_rn(number)); });
  return halves;
}

// Labels with all that may come with them.
struct Labels {
  std::vector<std::uint8_t> labels;
  std::vector<float> confidence;
  std::vector<double> sums;
};
template <class B>
Labels labels_of(Ends<B>& ends, const std::vector<float>& numbers, Index height, Index width, Index classes,
                 Index target_height, Index target_width) {
  const auto pixels = static_cast<std::size_t>(target_height * target_width);
  Labels out = {std::vector<std::uint8_t>(pixels), std::vector<float>(pixels),
                std::vector<double>(static_cast<std::size_t>(height))};
  const LabelTarget target = {out.labels.data(), target_width, target_height, out.confidence.data(), out.sums.data()};
  ends.logits(numbers, 1, height, width, classes,
              [&](Run<B>& run, const MapOf<B>& logits) { ops::label_map<B>(run, logits, target); });
  return out;
}

}  // namespace

TEST_CASE("cuda: a photo of any size becomes the host's input, bit for bit") {
  struct Size {
    Index width, height, side;
  };
  constexpr Size kSizes[] = {
      {64, 64, 64},                                 // as it is
      {100, 64, 64},                                // across only, smaller
      {33, 64, 64},                                 // across only, larger
      {64, 37, 64},                                 // down only
      {64, 201, 64},                                //
      {1, 1, 48},     {1, 90, 48},  {257, 31, 48},  // one side larger, the other smaller
      {31, 300, 48},                                // down first
      {120, 301, 33},                               // down first, both smaller
      {301, 120, 33},                               // across first
      {2, 3, 32},     {61, 59, 97},
  };
  Ends<Cuda> device;
  Ends<Half> half;
  Ends<Host> host;
  for (const Size& size : kSizes) {
    CAPTURE(size.width);
    CAPTURE(size.height);
    const std::vector<std::uint8_t> bytes = random_bytes(static_cast<std::size_t>(size.width * size.height * 3));
    const ImageView photo(bytes.data(), size.width, size.height, PixelOrder::rgb);
    const std::vector<float> expected = host.input(photo, size.side);
    CHECK(device.input(photo, size.side) == expected);
    CHECK(half.input(photo, size.side) == rounded(expected));
  }
}

TEST_CASE("cuda: a photo of any order, with padded rows, in memory of either side") {
  constexpr Index kWidth = 41, kHeight = 70, kSide = 32, kStride = 4 * kWidth + 13;
  Ends<Cuda> device;
  Ends<Host> host;
  const std::vector<std::uint8_t> bytes = random_bytes(kStride * kHeight);
  void* copy = nullptr;
  REQUIRE(cudaMalloc(&copy, bytes.size()) == cudaSuccess);
  REQUIRE(cudaMemcpy(copy, bytes.data(), bytes.size(), cudaMemcpyHostToDevice) == cudaSuccess);
  REQUIRE(cudaStreamSynchronize(nullptr) == cudaSuccess);
  std::set<std::vector<float>> inputs;
  for (const PixelOrder order :
       {PixelOrder::rgb, PixelOrder::bgr, PixelOrder::rgba, PixelOrder::bgra, PixelOrder::gray}) {
    const ImageView photo(bytes.data(), kWidth, kHeight, kStride, order);
    const std::vector<float> expected = host.input(photo, kSide);
    for (const emulation::Order threads : emulation::kOrders) {
      emulation::set_order(threads);
      CHECK(device.input(photo, kSide) == expected);
    }
    CHECK(device.input({static_cast<const std::uint8_t*>(copy), kWidth, kHeight, kStride, order}, kSide) == expected);
    inputs.insert(expected);
  }
  emulation::set_order(emulation::Order::ascending);
  CHECK(inputs.size() == 5);
  CHECK(cudaFree(copy) == cudaSuccess);
}

TEST_CASE("cuda: labels, confidence and its sums are the host's at any size") {
  struct Size {
    Index height, width, classes, target_height, target_width;
  };
  constexpr Size kSizes[] = {
      {16, 16, 19, 16, 16}, {16, 24, 19, 37, 300},  // larger, more than one tile
      {40, 600, 19, 9, 7},                          // smaller: a tile of three pixels
      {8, 600, 11, 5, 1},   {1, 1, 11, 3, 4},      {5, 700, 11, 5, 690}, {12, 9, 19, 1, 1},
  };
  // A GPU fuses products into sums. A logit of 20 may so be off by two units in its last place, of 2e-6 each; and what a
  // probability is made of is the difference of two.
  constexpr double kBound = emulation::kEmulated ? 1e-6 : 1e-5;
  Ends<Cuda> device;
  Ends<Half> half;
  Ends<Host> host;
  for (const Size& s : kSizes) {
    CAPTURE(s.width);
    CAPTURE(s.target_width);
    std::vector<float> numbers = test::random_numbers("logits", s.height * s.width * s.classes);
    for (float& number : numbers) number *= 5;
    const Labels expected = labels_of(host, numbers, s.height, s.width, s.classes, s.target_height, s.target_width);
    for (const emulation::Order order : emulation::kOrders) {
      emulation::set_order(order);
      const Labels got = labels_of(device, numbers, s.height, s.width, s.classes, s.target_height, s.target_width);
      CHECK(got.labels == expected.labels);
      for (std::size_t i = 0; i < got.confidence.size(); ++i) {
        REQUIRE(got.confidence[i] == doctest::Approx(expected.confidence[i]).epsilon(kBound));
      }
      for (std::size_t y = 0; y < got.sums.size(); ++y) {
        REQUIRE(got.sums[y] == doctest::Approx(expected.sums[y]).epsilon(kBound));
      }
    }
    emulation::set_order(emulation::Order::ascending);
    const std::vector<float> halves = rounded(numbers);
    CHECK(labels_of(half, numbers, s.height, s.width, s.classes, s.target_height, s.target_width).labels ==
          labels_of(host, halves, s.height, s.width, s.classes, s.target_height, s.target_width).labels);
  }
}

TEST_CASE("cuda: the first of equal classes wins, and what is no number is a label all the same") {
  Ends<Cuda> device;
  std::vector<float> equal(11, 0.0f);
  equal[4] = equal[7] = 3;
  CHECK(labels_of(device, equal, 1, 1, 11, 1, 1).labels[0] == 4);
  CHECK(labels_of(device, std::vector<float>(11, std::nanf("")), 1, 1, 11, 1, 1).labels[0] == 0);
}

TEST_CASE("cuda: logits as planes are the host's, in memory of either side") {
  constexpr Index kBatch = 2, kHeight = 9, kWidth = 17, kClasses = 19;
  constexpr std::size_t kCount = kBatch * kHeight * kWidth * kClasses;
  const std::vector<float> numbers = test::random_numbers("logits", static_cast<Index>(kCount));
  const auto planes = [&](auto& ends, float* out) {
    ends.logits(numbers, kBatch, kHeight, kWidth, kClasses, [&](auto& run, const Map<float>& logits) {
      using B = std::decay_t<decltype(run.backend())>;
      ops::class_planes<B>(run, logits, Span<float>(out, kCount));
    });
  };
  Ends<Cuda> device;
  Ends<Host> host;
  std::vector<float> expected(kCount), got(kCount), fetched(kCount);
  planes(host, expected.data());
  CHECK(expected[1] == numbers[kClasses]);
  planes(device, got.data());
  CHECK(got == expected);
  void* out = nullptr;
  REQUIRE(cudaMalloc(&out, kCount * sizeof(float)) == cudaSuccess);
  planes(device, static_cast<float*>(out));
  CHECK(cudaMemcpy(fetched.data(), out, kCount * sizeof(float), cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(fetched == expected);
  CHECK(cudaFree(out) == cudaSuccess);
}
