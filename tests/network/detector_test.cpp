// YuNet and O-Net on the reference and on the cpu, with the released weights.
#include "detector.hpp"

#include <cmath>

#include "segface/base/numerals.hpp"
#include "segface/base/threads/pool.hpp"

#include "backends/each_isa.hpp"

using namespace segface;

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

}  // namespace

TEST_CASE("both networks give what their weight file says") {
  SerialExecutor executor;
  check_self_test(reference::Backend<double>(), executor);
  check_self_test(reference::Backend<float>(), executor);
  const std::unique_ptr<Executor> threads = ThreadPool::make(3).value();
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (row.supported()) check_self_test(cpu::Backend(row.isa), *threads);
  }
}
