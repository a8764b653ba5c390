// segface::BasicParser on a GPU: photos, logits, warps, graphs, calls that are only started, memory of either side.
#include <cstring>
#include <numeric>
#include <set>

#include "segface/image/crop.hpp"

#include "parsing.hpp"

using namespace segface;
using namespace test;

namespace {

// Labels that are not the same, in parts of all.
double disagreement(const Mask& a, const Mask& b) {
  const std::vector<std::uint8_t> x = labels_of(a), y = labels_of(b);
  REQUIRE(x.size() == y.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < x.size(); ++i) different += x[i] != y[i];
  return static_cast<double>(different) / static_cast<double>(x.size());
}

Image upside_down(const Image& photo) {
  Image turned = Image::make(photo.width(), photo.height(), photo.order()).value();
  for (Index y = 0; y < photo.height(); ++y) {
    std::copy_n(photo.row(y), photo.stride_bytes(), turned.row(photo.height() - 1 - y));
  }
  return turned;
}

struct Pinned {
  std::uint8_t* data = nullptr;
  std::size_t bytes;

  explicit Pinned(std::size_t size) : bytes(size) {
    REQUIRE(cudaMallocHost(reinterpret_cast<void**>(&data), size) == cudaSuccess);
  }
  ~Pinned() { cudaFreeHost(data); }
  Pinned(const Pinned&) = delete;
};

// Memory of the device, with bytes of the host where there are some.
struct Device {
  cuda::DeviceBuffer<std::uint8_t> buffer;

  Device(const std::uint8_t* bytes, std::size_t size) {
    auto made =
        bytes == nullptr ? cuda::DeviceBuffer<std::uint8_t>::make(size) : cuda::upload(bytes, static_cast<Index>(size));
    buffer = std::move(made).value();
  }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(buffer.data());
  }
  template <class T>
  std::vector<T> fetch() const {
    std::vector<T> values(buffer.size() / sizeof(T));
    CHECK(cudaMemcpy(values.data(), buffer.data(), buffer.size(), cudaMemcpyDeviceToHost) == cudaSuccess);
    return values;
  }
};

}  // namespace

TEST_CASE("cuda: a photo's mask is the reference's, whatever the order of threads") {
  const Image photo = portrait();
  const Mask expected = load<HostParser>().parse(photo.view()).value();
  const CudaParser parser = load<CudaParser>();
  std::set<std::vector<std::uint8_t>> masks;
  for (const emulation::Order order : emulation::kOrders) {
    emulation::set_order(order);
    const Mask mask = parser.parse(photo.view()).value();
    CHECK(disagreement(mask, expected) < 1e-3);
    masks.insert(labels_of(mask));
  }
  emulation::set_order(emulation::Order::ascending);
  CHECK(masks.size() == 1);
}

TEST_CASE("cuda: a warped photo's mask is the reference's") {
  const Image photo = portrait();
  const Mask mask = load<CudaParser>(Dataset::lapa).parse(photo.view(), kFace).value();
  CHECK(disagreement(mask, load<HostParser>(Dataset::lapa).parse(photo.view(), kFace).value()) < 1e-3);
}

TEST_CASE("cuda: logits of a batch; nothing is allocated after the first call, nothing is left at the end") {
  ON_EMULATOR(const std::size_t live = emulation::live_objects());
  {
    const CudaParser parser = load<CudaParser>();
    CudaWorkspace workspace = parser.workspace().value();
    const Image photo = portrait();
    Mask mask;
    workspace.parse(photo.view(), mask).or_throw();
    ON_EMULATOR(const std::size_t held = emulation::live_objects(), bytes = emulation::device_bytes());
    ON_EMULATOR(const std::size_t allocations = emulation::allocations());
    const double confidence = mask.mean_confidence();
    workspace.parse(photo.view(), mask).or_throw();
    CHECK(mask.mean_confidence() == confidence);
    ON_EMULATOR(CHECK(emulation::live_objects() == held));
    ON_EMULATOR(CHECK(emulation::device_bytes() == bytes));
    ON_EMULATOR(CHECK(emulation::allocations() == allocations));

    const UniformSequence sequence("input", 1);
    std::vector<float> input(2 * 3 * 64 * 96);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(2 * sequence[i]);
    const auto run = [&](auto&& space) {
      const LogitsShape shape = space.logits_shape(2, 64, 96).value();
      std::vector<float> logits(shape.count());
      space.logits({input.data(), 2, 64, 96}, {logits.data(), logits.size()}).or_throw();
      return logits;
    };
    const std::vector<float> got = run(workspace), expected = run(load<HostParser>().workspace().value());
    double largest = 0, squares = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
      largest = std::fmax(largest, std::fabs(static_cast<double>(got[i]) - static_cast<double>(expected[i])));
      squares += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
    }
    CHECK(largest < 1e-3 * std::sqrt(squares / static_cast<double>(got.size())));
  }
  ON_EMULATOR(CHECK(emulation::live_objects() == live));
}

TEST_CASE("cuda: a cancelled call says so, and the next one works") {
  const CudaParser parser = load<CudaParser>();
  CudaWorkspace workspace = parser.workspace().value();
  const Image photo = portrait();
  Mask first, second;
  workspace.parse(photo.view(), first).or_throw();
  workspace.on_progress([](double share) { return share < 0.5; });
  CHECK(workspace.parse(photo.view(), second).code() == Errc::cancelled);
  workspace.on_progress({});
  workspace.parse(photo.view(), second).or_throw();
  CHECK(labels_of(first) == labels_of(second));
}

// ---- started calls, memory of the device, graphs ----------------------------------------------------------------

TEST_CASE("cuda: the demonstration's labels, confidence and logits are the cpu backend's; float16 has its labels") {
  const std::string weights = std::string(SEGFACE_TEST_DATA) + "/../../weights/demo.safetensors";
  const Image photo = load_image(test::data("images/astronaut_256x256.png")).value();
  const auto run = [&](auto&& space, Answer& answer) {
    space.start(photo.view(), answer.results()).or_throw();
    space.finish().or_throw();
  };
  Answer got(photo, 19 * 256 * 256), expected(photo, 19 * 256 * 256), half(photo, 19 * 256 * 256);
  run(CudaParser::load(weights).value().workspace().value(), got);
  run(Parser::load(weights).value().workspace().value(), expected);
  run(BasicParser<cuda::HalfBackend>::load(weights).value().workspace().value(), half);
  double squares = 0, largest = 0;
  for (std::size_t i = 0; i < got.logits.size(); ++i) {
    const double distance = static_cast<double>(got.logits[i]) - static_cast<double>(expected.logits[i]);
    squares += static_cast<double>(expected.logits[i]) * static_cast<double>(expected.logits[i]);
    largest = std::fmax(largest, std::fabs(distance));
  }
  CHECK(largest < 1e-3 * std::sqrt(squares / static_cast<double>(got.logits.size())));
  std::size_t different = 0;
  for (std::size_t i = 0; i < got.labels.size(); ++i) {
    REQUIRE(std::fabs(got.confidence[i] - expected.confidence[i]) < 1e-3f);
    if (got.labels[i] == expected.labels[i]) continue;
    ++different;
    REQUIRE(got.confidence[i] < 0.501f);  // two classes as good as equal
  }
  CHECK(different < 10);
  different = 0;
  for (std::size_t i = 0; i < got.labels.size(); ++i) different += half.labels[i] != got.labels[i];
  MESSAGE("labels that float16 changes: " << different << " of " << got.labels.size());
  CHECK(different * 200 <= got.labels.size());
}

TEST_CASE("cuda: a graph's results are those of plain launches, for photos that change") {
  const Image photos[] = {portrait(), upside_down(portrait())};
  const CudaParser parser = load<CudaParser>();
  CudaWorkspace plain = parser.workspace().value(), graphs = parser.workspace().value();
  plain.on_progress([](double) { return true; });  // between kernels: no graph
  std::vector<Answer> expected;
  for (const Image& photo : photos) {
    expected.emplace_back(photo, kLogits);
    plain.start(photo.view(), expected.back().results()).or_throw();
    plain.finish().or_throw();
  }
  CHECK(expected[0].labels != expected[1].labels);
  ON_EMULATOR(std::size_t first_calls = 0, kernels = 0);
  for (const int which : {0, 1, 1, 0}) {  // the first of them is captured
    const auto at = static_cast<std::size_t>(which);
    const Image copy = upside_down(upside_down(photos[at]));  // at an address of its own
    Answer got(copy, kLogits);
    ON_EMULATOR(const std::size_t calls = emulation::calls(), run = emulation::kernels_run());
    graphs.start(copy.view(), got.results()).or_throw();
    graphs.finish().or_throw();
    ON_EMULATOR(const std::size_t called = emulation::calls() - calls, ran = emulation::kernels_run() - run);
    ON_EMULATOR(if (first_calls == 0) first_calls = called, kernels = ran);
    ON_EMULATOR(CHECK((called == first_calls ? called > 200 : called < 20)));
    ON_EMULATOR(CHECK(ran == kernels));
    CHECK(got.labels == expected[at].labels);
    CHECK(got.confidence == expected[at].confidence);
    CHECK(got.logits == expected[at].logits);
  }
}

TEST_CASE("cuda: a graph follows landmarks, sizes of photos, and other passes in between") {
  const Image photo = portrait(), small = crop(photo.view(), {30, 20, 101, 90}).value();
  constexpr Landmarks kOther = {{90, 100}, {150, 110}, {120, 150}, {95, 180}, {140, 190}};
  const CudaParser parser = load<CudaParser>(Dataset::lapa);
  const auto labels = [](CudaWorkspace& space, const Image& of, const Landmarks& face) {
    Mask mask;
    space.parse(of.view(), face, mask).or_throw();
    return labels_of(mask);
  };
  const Landmarks small_face = {{70, 100 - 20}, {90, 81}, {80, 84}, {72, 88}, {88, 89}};
  CudaWorkspace plain = parser.workspace().value(), graphs = parser.workspace().value();
  plain.on_progress([](double) { return true; });
  const auto first = labels(plain, photo, kFace), second = labels(plain, photo, kOther),
             third = labels(plain, small, small_face);
  CHECK(first != second);
  CHECK(labels(graphs, photo, kFace) == first);
  CHECK(labels(graphs, photo, kOther) == second);
  CHECK(labels(graphs, small, small_face) == third);
  const std::vector<float> input(2 * 3 * 96 * 96, 0.5f);  // of another plan, and larger: memory moves
  std::vector<float> logits(graphs.logits_shape(2, 96, 96).value().count());
  const Landmarks faces[] = {{{30, 30}, {60, 30}, {45, 45}, {32, 60}, {58, 60}},
                             {{30, 33}, {60, 30}, {45, 45}, {32, 60}, {58, 60}}};
  graphs.logits({input.data(), 2, 96, 96}, {logits.data(), logits.size()}, faces).or_throw();
  CHECK(labels(graphs, photo, kOther) == second);
  CHECK(labels(graphs, photo, kFace) == first);
}

TEST_CASE("cuda: sizes that alternate keep their graphs, and nothing is allocated or planned again") {
  CudaWorkspace workspace = load<CudaParser>().workspace().value();
  const std::vector<float> input(3 * 32 * 64, 0.5f);
  std::vector<float> first[2];
  for (int round = 0; round < 3; ++round) {
    for (const Index width : {64, 32}) {  // the larger one first: where activations move, graphs are captured again
      std::vector<float> logits(static_cast<std::size_t>(19 * 32 * width));
      ON_EMULATOR(const std::size_t calls = emulation::calls(), allocations = emulation::allocations());
      workspace.logits({input.data(), 1, 32, width}, {logits.data(), logits.size()}).or_throw();
      if (round == 0) first[width / 64] = logits;
      CHECK(logits == first[width / 64]);
      ON_EMULATOR(if (round > 0) CHECK(emulation::calls() - calls < 20));
      ON_EMULATOR(if (round > 0) CHECK(emulation::allocations() == allocations));
    }
  }
}

TEST_CASE("cuda: graphs do not outlive the warps that they read") {
  CudaWorkspace workspace = load<CudaParser>(Dataset::lapa).workspace().value();
  const std::vector<float> input(3 * 96 * 96, 0.5f);
  constexpr Landmarks kUpright = {{10, 10}, {20, 10}, {15, 15}, {11, 20}, {19, 20}};
  const Landmarks faces[] = {kUpright, kUpright};
  std::vector<float> logits(11 * 96 * 96);
  const auto run = [&](Index batch, Index side) {
    workspace
        .logits({input.data(), batch, side, side}, {logits.data(), logits.size()},
                {faces, static_cast<std::size_t>(batch)})
        .or_throw();
    return logits;
  };
  run(1, 96);  // the largest: from now on activations stay where they are
  const std::vector<float> expected = run(1, 32);
  CHECK(run(1, 32) == expected);
  run(2, 32);  // two warps need more room than one
  CHECK(std::equal(expected.begin(), expected.begin() + 11 * 32 * 32, run(1, 32).begin()));
}

TEST_CASE("cuda: what is started happens later; until it is finished the workspace is busy") {
  const Image photo = portrait();
  const CudaParser parser = load<CudaParser>();
  CudaWorkspace workspace = parser.workspace().value();
  Mask expected, mask;
  workspace.parse(photo.view(), expected).or_throw();
  const Pinned pinned_photo(photo.size_bytes()), labels(labels_of(expected).size());
  std::memcpy(pinned_photo.data, photo.data(), photo.size_bytes());
  const ImageView view(pinned_photo.data, photo.width(), photo.height(), photo.order());
  ON_EMULATOR(const std::size_t kernels = emulation::kernels_run(), allocations = emulation::allocations());
  workspace.start(view, {labels.data, nullptr, {}}).or_throw();
  ON_EMULATOR(CHECK(emulation::kernels_run() == kernels));
  CHECK(workspace.start(view, {labels.data, nullptr, {}}).code() == Errc::busy);
  CHECK(workspace.parse(photo.view(), mask).code() == Errc::busy);
  CHECK(workspace.logits_shape(1, 64, 64).error().code() == Errc::busy);
  ON_EMULATOR(CHECK(emulation::kernels_run() == kernels));
  workspace.finish().or_throw();
  CHECK(std::memcmp(labels.data, expected.labels().data(), labels.bytes) == 0);
  workspace.finish().or_throw();
  workspace.parse(photo.view(), mask).or_throw();
  CHECK(labels_of(mask) == labels_of(expected));
  CHECK(mask.mean_confidence() == expected.mean_confidence());
  ON_EMULATOR(CHECK(emulation::allocations() == allocations));

  CHECK(workspace.start(view, {}).code() == Errc::invalid_argument);
  std::vector<float> room(kLogits);
  CHECK(workspace.start(view, {nullptr, room.data(), {room.data(), kLogits}}).code() == Errc::invalid_argument);
  CHECK(workspace.start(view, {labels.data, nullptr, {room.data(), 5}}).code() == Errc::buffer_too_small);
  workspace.start(view, {nullptr, nullptr, {room.data(), kLogits}}).or_throw();  // logits alone
  { const CudaWorkspace gone = std::move(workspace); }                           // waits
  ON_EMULATOR(CHECK(emulation::kernels_run() > kernels));
}

TEST_CASE("cuda: two workspaces at a time; photo and results in the device's memory") {
  const Image photos[] = {portrait(), upside_down(portrait())};
  const CudaParser parser = load<CudaParser>();
  CudaWorkspace spaces[] = {parser.workspace().value(), parser.workspace().value()};
  std::vector<Answer> expected;
  for (int i = 0; i < 2; ++i) {
    expected.emplace_back(photos[i], kLogits);
    spaces[0].start(photos[i].view(), expected.back().results()).or_throw();
    spaces[0].finish().or_throw();
  }
  const std::size_t pixels = expected[0].labels.size();
  for (int round = 0; round < 2; ++round) {
    std::vector<Device> photo, labels, confidence, logits;
    for (int i = 0; i < 2; ++i) {
      photo.emplace_back(photos[i].data(), photos[i].size_bytes());
      labels.emplace_back(nullptr, pixels);
      confidence.emplace_back(nullptr, pixels * sizeof(float));
      logits.emplace_back(nullptr, kLogits * sizeof(float));
    }
    for (std::size_t i = 0; i < 2; ++i) {
      const ImageView view(photo[i].as<std::uint8_t>(), photos[i].width(), photos[i].height(), photos[i].order());
      const Results results = {
          labels[i].as<std::uint8_t>(), confidence[i].as<float>(), {logits[i].as<float>(), kLogits}};
      spaces[i].start(view, results).or_throw();
    }
    for (std::size_t i = 2; i-- > 0;) {
      spaces[i].finish().or_throw();
      CHECK(labels[i].fetch<std::uint8_t>() == expected[i].labels);
      CHECK(confidence[i].fetch<float>() == expected[i].confidence);
      CHECK(logits[i].fetch<float>() == expected[i].logits);
    }
  }
}

TEST_CASE("a backend on the host answers at once, with the same results") {
  const Image photo = portrait();
  const Parser parser = load<Parser>();
  Workspace workspace = parser.workspace().value();
  const Mask expected = parser.parse(photo.view()).value();
  Answer with(photo, kLogits), without(photo, 0);
  workspace.start(photo.view(), with.results()).or_throw();
  CHECK(workspace.start(photo.view(), without.results()).code() == Errc::busy);
  workspace.finish().or_throw();
  workspace.start(photo.view(), without.results()).or_throw();
  CHECK(without.labels == labels_of(expected));
  workspace.finish().or_throw();
  CHECK(std::all_of(without.confidence.begin(), without.confidence.end(), [](float c) { return c > 0 && c <= 1; }));
  // The mean confidence is that of the logits, before they are interpolated.
  const auto view = LogitsView<float>::planes(with.logits.data(), 19, kSide, kSide);
  double sum = 0;
  for (Index y = 0; y < kSide; ++y) sum += row_confidence(view, y);
  CHECK(sum / (kSide * kSide) == doctest::Approx(expected.mean_confidence()).epsilon(1e-5));
  std::vector<float> logits(kLogits);
  Mask mask;
  workspace.parse(photo.view(), mask, {logits.data(), kLogits}).or_throw();
  CHECK(logits == with.logits);
  CHECK(labels_of(mask) == with.labels);
}
