// YuNet and O-Net on the reference and on the cpu, with the released weights.
#include "detector.hpp"

#include <cmath>

#include "segface/base/numerals.hpp"
#include "segface/base/threads/pool.hpp"

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
    test::pass<B>(detector.yunet, 1, padded(picture.height()), padded(picture.width()), executor, &observer, give,
                  [](auto&, const auto&) {});
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
  test::pass<B>(detector.onet, 4, 48, 48, executor, &observer, give, [](auto&, const auto&) {});
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
