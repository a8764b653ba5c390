// YuNet and O-Net on the reference and on the cpu, with the released weights.
#include "detector.hpp"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "segface/base/numerals.hpp"
#include "segface/base/threads/pool.hpp"
#include "segface/faces/distinct.hpp"
#include "segface/networks/detector/cells.hpp"

#include "backends/each_isa.hpp"

using namespace segface;
using namespace segface::core;

namespace {

// The numbers of a self-test in the file's metadata.
std::vector<float> stored(const SafetensorsFile& file, const char* key) {
  const std::string& text = *file.metadata(key);
  std::vector<float> numbers;
  for (std::size_t i = 0; i < text.size(); i += 8) {
    std::uint64_t bits = 0;
    REQUIRE(parse_hexadecimal(std::string_view(text).substr(i, 8), bits));
    numbers.push_back(float_from_bits(static_cast<std::uint32_t>(bits)));
  }
  return numbers;
}

template <class B>
auto seeded(double scale, double offset) {
  return [=](const HostMapOf<B>& input) {
    const UniformSequence sequence("self_test", 1);
    for (Index r = 0; r < input.rows(); ++r) {
      for (Index c = 0; c < 3; ++c) {
        input.row(r)[c] = static_cast<HostScalarOf<B>>(offset + scale * sequence[static_cast<std::size_t>(r * 3 + c)]);
      }
    }
  };
}

void check_near(double got, float expected) {
  CHECK(got == doctest::Approx(static_cast<double>(expected)).epsilon(2e-4));
}

template <class B>
void check_self_test(const B& backend, Executor& executor) {
  const auto detector = test::Detector<B>::make(backend);
  const SafetensorsFile file = test::finder_file();
  const std::vector<float> cells = stored(file, "self_test.yunet"), answer = stored(file, "self_test.onet");
  REQUIRE(cells.size() == 16);
  REQUIRE(answer.size() == 16);
  test::pass<B>(detector.yunet, 1, 64, 64, executor, nullptr, seeded<B>(127.5, 127.5), [&](Run<B>&, const auto& maps) {
    const Index total = 64 + 16 + 4;
    for (Index i = 0; i < 16; ++i) {
      Index at = (2 * i + 1) * total / 32;
      std::size_t level = 0;
      for (; at >= maps[level].rows(); ++level) at -= maps[level].rows();
      check_near(static_cast<double>(maps[level].row(at)[i]), cells[static_cast<std::size_t>(i)]);
    }
  });
  test::pass<B>(detector.onet, 1, 48, 48, executor, nullptr, seeded<B>(1, 0), [&](Run<B>&, const auto& map) {
    for (Index i = 0; i < 16; ++i) check_near(static_cast<double>(map.row(0)[i]), answer[static_cast<std::size_t>(i)]);
  });
}

// The numbers behind "key" and behind "within" in tests/data/finder/decoded.json, `count` of them.
std::vector<double> decoded(const std::string& within, const char* key, std::size_t count) {
  std::ifstream file(SEGFACE_TEST_DATA "/finder/decoded.json");
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::size_t at = text.find('"' + within + '"');
  REQUIRE(at != std::string::npos);
  const std::size_t begin = text.find('"' + std::string(key) + '"', at);
  REQUIRE(begin != std::string::npos);
  std::vector<double> numbers;
  const char* next = text.c_str() + begin + std::strlen(key) + 2;
  while (numbers.size() < count) {
    next += std::strcspn(next, "-0123456789");
    char* end = nullptr;
    numbers.push_back(std::strtod(next, &end));
    next = end;
  }
  return numbers;
}

// YuNet's pictures, each with a size of its own, and O-Net's four windows as one batch.
template <class B>
void check_goldens(const B& backend, Executor& executor) {
  using Scalar = HostScalarOf<B>;
  const auto detector = test::Detector<B>::make(backend);
  for (const char* name : {"yunet_astronaut_160x160", "yunet_portrait_96x128", "yunet_astronaut_117x75"}) {
    std::vector<test::DetectorGolden> goldens;
    goldens.emplace_back(name);
    const Image& picture = goldens[0].picture();
    const auto padded = [](Index side) { return (side + yunet::kMultiple - 1) / yunet::kMultiple * yunet::kMultiple; };
    test::DetectorObserver<Scalar> observer(goldens);
    const auto give = [&](const HostMapOf<B>& input) {
      for (Index y = 0; y < input.height; ++y) {
        for (Index x = 0; x < input.width; ++x) {
          const bool inside = x < picture.width() && y < picture.height();
          const Rgb pixel = inside ? picture.rgb(x, y) : Rgb{0, 0, 0};
          Scalar* const out = input.pixel(0, y, x);
          out[0] = pixel.b, out[1] = pixel.g, out[2] = pixel.r;
        }
      }
    };
    std::vector<Proposal> boxes;
    test::pass<B>(detector.yunet, 1, padded(picture.height()), padded(picture.width()), executor, &observer, give,
                  [&](auto& run, const auto& cells) {
                    for (std::size_t level = 0; level < cells.size(); ++level) {
                      run.read(cells[level], [&](const auto& host) {
                        for_each_box(Map<const Scalar>(host), yunet::kStrides[level], 0.3,
                                     [&](const FaceBox& box) { boxes.push_back({box}); });
                      });
                    }
                  });
    CHECK(static_cast<double>(boxes.size()) == decoded(name, "candidates", 1)[0]);
    const std::vector<Proposal> kept = distinct(std::move(boxes));
    REQUIRE(kept.size() == 1);
    const FaceBox& box = kept[0].box;
    CHECK(box.score == doctest::Approx(decoded(name, "score", 1)[0]).epsilon(1e-4));
    const std::vector<double> edges = decoded(name, "box", 4);
    CHECK(std::fabs(box.x + 0.5 - box.width / 2 - edges[0]) < 0.01);
    CHECK(std::fabs(box.y + 0.5 - box.height / 2 - edges[1]) < 0.01);
    CHECK(std::fabs(box.width - edges[2]) < 0.01);
    CHECK(std::fabs(box.height - edges[3]) < 0.01);
    CHECK(observer.seen() == goldens[0].stages());
  }
  std::vector<test::DetectorGolden> windows;
  for (const char* name : {"onet_0_of_4", "onet_1_of_4", "onet_2_of_4", "onet_3_of_4"}) windows.emplace_back(name);
  test::DetectorObserver<Scalar> observer(windows);
  const auto give = [&](const HostMapOf<B>& input) {
    for (Index r = 0; r < input.rows(); ++r) {
      const Index pixel = r % input.pixels();
      const Rgb color = windows[static_cast<std::size_t>(r / input.pixels())].picture().rgb(pixel % 48, pixel / 48);
      const auto normal = [](std::uint8_t value) { return (static_cast<Scalar>(value) - Scalar(127.5)) / 128; };
      Scalar* const out = input.row(r);
      out[0] = normal(color.r), out[1] = normal(color.g), out[2] = normal(color.b);
    }
  };
  test::pass<B>(detector.onet, 4, 48, 48, executor, &observer, give, [&](auto& run, const auto& answers) {
    run.read(answers, [&](const auto& host) {
      for (Index i = 0; i < 4; ++i) {
        const std::string name = "onet_" + std::to_string(i) + "_of_4";
        CAPTURE(name);
        const auto at = [&](Index channel) { return static_cast<double>(host.row(i)[channel]); };
        const double difference = at(onet::kFace) - at(onet::kNoFace);
        CHECK(std::fabs(difference - decoded(name, "difference", 1)[0]) < 2e-3);
        CHECK(std::fabs(sigmoid(difference) - decoded(name, "probability", 1)[0]) < 1e-3);
        const std::vector<double> points = decoded(name, "points", 10);
        for (Index p = 0; p < 5; ++p) {
          CHECK(std::fabs(48 * at(onet::kPoints + p) - points[static_cast<std::size_t>(2 * p)]) < 0.01);
          CHECK(std::fabs(48 * at(onet::kPoints + 5 + p) - points[static_cast<std::size_t>(2 * p + 1)]) < 0.01);
        }
      }
    });
  });
  CHECK(observer.seen() == windows[0].stages());
}

}  // namespace

TEST_CASE("both networks agree with their twins at every stage") {
  SerialExecutor executor;
  check_goldens(reference::Backend<double>(), executor);
  check_goldens(reference::Backend<float>(), executor);
  const std::unique_ptr<Executor> threads = ThreadPool::make(3).value();
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    CAPTURE(cpu::isa_name(row.isa));
    check_goldens(cpu::Backend(row.isa), *threads);
  }
}

TEST_CASE("both networks give what their weight file says") {
  SerialExecutor executor;
  check_self_test(reference::Backend<double>(), executor);
  check_self_test(reference::Backend<float>(), executor);
  const std::unique_ptr<Executor> threads = ThreadPool::make(3).value();
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (row.supported()) check_self_test(cpu::Backend(row.isa), *threads);
  }
}
