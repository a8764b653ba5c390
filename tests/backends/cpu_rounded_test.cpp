// Products of rounded numbers: sums of bytes are exact on every instruction set, whatever the sizes, those of bfloat16 are
// sums of the rounded numbers; rounding is what it says.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "each_isa.hpp"

using namespace segface;
using namespace segface::core;
using test::random_numbers;

namespace {

// Rounded rows, with memory of their own, which holds no numbers before.
struct Rows {
  std::vector<std::uint32_t> groups;
  std::vector<float> scales;
  std::vector<std::int32_t> zeros;

  Rows(Precision precision, Index rows, Index depth)
      : groups(static_cast<std::size_t>(rows * cpu::group_count(precision, depth)), ~0u),
        scales(static_cast<std::size_t>(rows)),
        zeros(static_cast<std::size_t>(rows)) {}
  cpu::RoundedRows view() { return {groups.data(), scales.data(), zeros.data()}; }
  std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(groups.data()); }
  std::uint16_t* halves() { return reinterpret_cast<std::uint16_t*>(groups.data()); }
};

// The kernels of products that this processor runs, and those it has better ones than.
struct Set {
  const char* name;
  Index panel;
  const cpu::ProductKernels* kernels;
};
std::vector<Set> sets() {
  std::vector<Set> all;
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    all.push_back({row.name, cpu::kernels(row.isa).panel, cpu::product_kernels(row.isa, Precision::int8)});
#if SEGFACE_ARM_KERNELS
    all.push_back({"neon alone", all.back().panel, &cpu::baseline::kInt8Products});
#endif
#if SEGFACE_X86_KERNELS
    if (row.isa == cpu::Isa::avx2) all.push_back({"avx2 alone", all.back().panel, &cpu::avx2::kInt8Products});
    if (row.isa == cpu::Isa::avx512) all.push_back({"avx512 alone", all.back().panel, &cpu::avx512::kInt8Products});
#endif
  }
  return all;
}

// Bytes that reach the ends of their ranges.
std::uint8_t row_byte(Index r, Index k) {
  return static_cast<std::uint8_t>((r * 37 + k * 101) % 5 == 0 ? 255 : r * 53 + k * 29);
}
std::int8_t weight_byte(Index o, Index k) {
  const Index v = (o * 71 + k * 43) % 255 - 127;
  return static_cast<std::int8_t>((o + k) % 7 == 0 ? -127 : (o + 3 * k) % 7 == 1 ? 127 : v);
}

// Every result of a product against integers of 64 bits.
void check_product(const Set& set, Index count, Index depth, Index columns, Index first_panel) {
  CAPTURE(set.name);
  CAPTURE(count);
  CAPTURE(depth);
  CAPTURE(columns);
  const Index panels = (columns + set.panel - 1) / set.panel, padded = 4 * cpu::group_count(Precision::int8, depth);
  Rows rows(Precision::int8, count, depth);
  for (Index r = 0; r < count; ++r) {
    for (Index k = 0; k < depth; ++k) rows.bytes()[r * padded + k] = row_byte(r, k);
    rows.scales[static_cast<std::size_t>(r)] = std::ldexp(1.0f, static_cast<int>(r % 5) - 2);
    rows.zeros[static_cast<std::size_t>(r)] = static_cast<std::int32_t>(r * 89 % 256);
  }
  std::vector<std::int8_t> packed(static_cast<std::size_t>(panels * set.panel * padded));
  std::vector<float> scales(static_cast<std::size_t>(panels * set.panel));
  std::vector<std::int32_t> sums(scales.size());
  for (Index o = 0; o < columns; ++o) {
    for (Index k = 0; k < depth; ++k) {
      packed[static_cast<std::size_t>((o / set.panel * padded + k / 4 * 4) * set.panel + o % set.panel * 4 + k % 4)] =
          weight_byte(o, k);
      sums[static_cast<std::size_t>(o)] += weight_byte(o, k);
    }
    scales[static_cast<std::size_t>(o)] = std::ldexp(1.0f, static_cast<int>(o % 3));
  }
  const float untouched = 12345;
  std::vector<float> y(static_cast<std::size_t>(count * columns), untouched);
  cpu::GemmArguments g;
  g.rows = count;
  g.columns = columns;
  g.depth = depth;
  g.first_panel = first_panel;
  g.last_panel = panels;
  g.c = y.data();
  g.ldc = columns;
  set.kernels->multiply(g, rows.view(),
                        {reinterpret_cast<const std::uint32_t*>(packed.data()), scales.data(), sums.data()});
  Index wrong = 0;
  for (Index r = 0; r < count; ++r) {
    for (Index o = 0; o < columns; ++o) {
      std::int64_t sum = 0;
      for (Index k = 0; k < depth; ++k) {
        sum += (std::int64_t{row_byte(r, k)} - rows.zeros[static_cast<std::size_t>(r)]) * weight_byte(o, k);
      }
      const float expected =
          static_cast<float>(sum) * scales[static_cast<std::size_t>(o)] * rows.scales[static_cast<std::size_t>(r)];
      const bool asked = o >= first_panel * set.panel;
      wrong += y[static_cast<std::size_t>(r * columns + o)] != (asked ? expected : untouched);
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("products of bytes are those of integers: every depth, number of rows and of columns") {
  for (const Set& set : sets()) {
    for (Index depth = 1; depth <= 300; ++depth) check_product(set, 5, depth, 33, 0);
    for (Index rows = 1; rows <= 113; ++rows) check_product(set, rows, 21, 40, 0);
    for (Index columns = 1; columns <= 100; ++columns) check_product(set, 15, 21, columns, 0);
    check_product(set, 15, 4096, 2 * set.panel + 1, 1);
  }
}

TEST_CASE("rows become bytes: the error is half a step at most, a row's bytes are its own, zero stays zero") {
  constexpr double kTiny = 1e-35;  // what is smaller may become zero
  const float huge = 1e37f, tiny = 1e-36f, smallest = 1e-40f;
  for (const Set& set : sets()) {
    CAPTURE(set.name);
    for (const Index depth : {1, 3, 15, 16, 17, 64, 333}) {
      CAPTURE(depth);
      const std::vector<float> numbers = random_numbers("row", depth);
      std::vector<std::vector<float>> given;
      for (const float scale : {1.0f, 0.0f, smallest, tiny, huge}) {
        for (const float offset : {0.0f, 0.5f, -3.0f}) {
          given.push_back(numbers);
          for (float& v : given.back()) v = v * scale + offset * scale;
        }
      }
      std::vector<float> x;
      for (const auto& row : given) {
        x.insert(x.end(), row.begin(), row.end());
        x.push_back(std::numeric_limits<float>::quiet_NaN());  // between rows, looked at by none
      }
      const auto count = static_cast<Index>(given.size());
      Rows together(Precision::int8, count, depth), alone(Precision::int8, 1, depth);
      set.kernels->round_rows(x.data(), depth + 1, count, depth, together.view());
      for (Index r = 0; r < count; ++r) {
        CAPTURE(r);
        const auto at = static_cast<std::size_t>(r);
        const float* const row = x.data() + r * (depth + 1);
        float low = 0, high = 0;
        for (Index k = 0; k < depth; ++k) {
          low = std::min(low, row[k]);
          high = std::max(high, row[k]);
        }
        const double step = (static_cast<double>(high) - static_cast<double>(low)) / 255;
        REQUIRE(std::abs(static_cast<double>(together.scales[at]) - step) <= 1e-5 * step + kTiny);
        REQUIRE((together.zeros[at] >= 0 && together.zeros[at] <= 255));
        const Index padded = 4 * cpu::group_count(Precision::int8, depth);
        const std::uint8_t* const bytes = together.bytes() + r * padded;
        for (Index k = 0; k < depth; ++k) {
          const double back = static_cast<double>(together.scales[at]) * (bytes[k] - together.zeros[at]);
          REQUIRE(std::abs(back - static_cast<double>(row[k])) <= 0.501 * step + kTiny);
          if (row[k] == 0) REQUIRE(back == 0);
        }
        for (Index k = depth; k < padded; ++k) REQUIRE(bytes[k] == 0);
        set.kernels->round_rows(row, depth, 1, depth, alone.view());
        REQUIRE(std::memcmp(alone.bytes(), bytes, static_cast<std::size_t>(padded)) == 0);
      }
    }
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
      for (const std::size_t at : {std::size_t{0}, std::size_t{18}}) {
        std::vector<float> x(19, 1.0f);
        x[at] = bad;
        Rows rows(Precision::int8, 1, 19);
        set.kernels->round_rows(x.data(), 19, 1, 19, rows.view());
        CHECK(std::isnan(rows.scales[0]));  // an answer that looks like numbers would be made up
      }
    }
  }
}

TEST_CASE(
    "linear layers of bytes: near the exact ones, and the same bits on every instruction set and number of threads") {
  struct Case {
    Index batch, rows, in, out;
  };
  for (const Case& c : {Case{1, 19, 64, 32}, Case{2, 113, 67, 45}, Case{1, 500, 256, 128}, Case{1, 100, 130, 600}}) {
    CAPTURE(c.rows);
    CAPTURE(c.in);
    const auto weight = random_numbers("weight", c.in * c.out), bias = random_numbers("bias", c.out);
    const LinearParameters parameters = {c.in, c.out, weight.data(), bias.data(), nullptr};
    std::vector<float> first;
    for (const cpu::IsaRow& row : cpu::kIsas) {
      if (!row.supported()) continue;
      CAPTURE(row.name);
      for (const Index threads : {1, 3}) {
        const auto pool = ThreadPool::make(threads).value();
        test::Bench<cpu::Backend> bench(cpu::Backend(row.isa).with(Precision::int8).value(), *pool);
        const cpu::Linear w = bench.backend().prepare_linear(parameters).value();
        REQUIRE(w.rounding);
        REQUIRE(w.rounding.kernels->precision == Precision::int8);
        const auto x = bench.map("x", c.batch, 1, c.rows, c.in);
        const auto y = ops::linear<cpu::Backend>(bench.run(), w, x);
        std::vector<float> got;
        double worst = 0;
        for (Index r = 0; r < y.rows(); ++r) {
          got.insert(got.end(), y.row(r), y.row(r) + c.out);
          for (Index o = 0; o < c.out; ++o) {
            double exact = static_cast<double>(bias[static_cast<std::size_t>(o)]);
            for (Index i = 0; i < c.in; ++i) {
              exact += static_cast<double>(x.row(r)[i]) *
                       static_cast<double>(weight[static_cast<std::size_t>(o * c.in + i)]);
            }
            worst = std::max(worst, std::abs(exact - static_cast<double>(y.row(r)[o])));
          }
        }
        // Both factors are uniform in [-1, 1) with errors of at most 1 / 255 and 1 / 254: some deviations of their sum.
        CHECK(worst < 5 * std::sqrt(static_cast<double>(c.in) / 3 * 2 / 3) / 255);
        CHECK(worst > 0);
        if (first.empty()) first = got;
        CHECK(got == first);
      }
    }
  }
}

TEST_CASE("each row and each output has a scale of its own: powers of two go through a layer of bytes unchanged") {
  constexpr Index kRows = 130, kIn = 70, kOut = 45;
  const auto weight = random_numbers("weight", kIn * kOut), x = random_numbers("x", kRows * kIn);
  const auto row_power = [](Index r) { return std::ldexp(1.0f, static_cast<int>(r % 21) - 10); };
  const auto output_power = [](Index o) { return std::ldexp(1.0f, static_cast<int>(o * 7 % 17) - 8); };
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    CAPTURE(row.name);
    const auto multiply = [&](bool scaled) {
      std::vector<float> w = weight;
      for (Index i = 0; scaled && i < kIn * kOut; ++i) w[static_cast<std::size_t>(i)] *= output_power(i / kIn);
      SerialExecutor serial;
      test::Bench<cpu::Backend> bench(cpu::Backend(row.isa).with(Precision::int8).value(), serial);
      const cpu::Linear linear = bench.backend().prepare_linear({kIn, kOut, w.data(), nullptr, nullptr}).value();
      const MapOf<cpu::Backend> rows = bench.run().map(1, 1, kRows, kIn);
      for (Index r = 0; r < kRows; ++r) {
        for (Index i = 0; i < kIn; ++i) {
          rows.row(r)[i] = x[static_cast<std::size_t>(r * kIn + i)] * (scaled ? row_power(r) : 1.0f);
        }
      }
      const auto y = ops::linear<cpu::Backend>(bench.run(), linear, rows);
      std::vector<float> results;
      for (Index r = 0; r < kRows; ++r) results.insert(results.end(), y.row(r), y.row(r) + kOut);
      return results;
    };
    const std::vector<float> plain = multiply(false), scaled = multiply(true);
    Index wrong = 0;
    for (Index i = 0; i < kRows * kOut; ++i) {
      const auto at = static_cast<std::size_t>(i);
      wrong += scaled[at] != plain[at] * row_power(i / kOut) * output_power(i % kOut);
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE(
    "3 x 3 convolutions of bytes: near the exact ones, the same bits on every instruction set; the others are floats") {
  struct Case {
    Index in, out;
    bool bytes;
  };
  for (const Case& c : {Case{24, 96, true}, Case{256, 40, true}, Case{64, 64, false}, Case{24, 24, false}}) {
    CAPTURE(c.in);
    const auto weight = random_numbers("weight", 9 * c.in * c.out), bias = random_numbers("bias", c.out);
    const ConvolutionParameters parameters = {c.in, c.out, 3, 1, weight.data(), {}, bias.data()};
    const auto convolve = [&](const cpu::Backend& backend, bool bytes) {
      SerialExecutor serial;
      test::Bench<cpu::Backend> bench(backend, serial);
      const cpu::Convolution w = bench.backend().prepare_convolution(parameters).value();
      CHECK(w.winograd == !bytes);
      CHECK((w.precision() == Precision::int8) == bytes);
      const auto x = bench.map("x", 1, 9, 13, c.in);
      const auto y = ops::convolution<cpu::Backend>(bench.run(), w, x);
      std::vector<float> results;
      for (Index r = 0; r < y.rows(); ++r) results.insert(results.end(), y.row(r), y.row(r) + c.out);
      return results;
    };
    const std::vector<float> exact = convolve(cpu::Backend(cpu::best_isa()), false);
    std::vector<float> first;
    for (const cpu::IsaRow& row : cpu::kIsas) {
      if (!row.supported()) continue;
      CAPTURE(row.name);
      const auto got = convolve(cpu::Backend(row.isa).with(Precision::int8).value(), c.bytes);
      double worst = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(got[i]) - static_cast<double>(exact[i])));
      }
      CHECK(worst < 5 * std::sqrt(static_cast<double>(9 * c.in) / 3 * 2 / 3) / 255);
      if (!c.bytes) continue;
      CHECK(worst > 1e-3);
      if (first.empty()) first = got;
      CHECK(got == first);
    }
  }
}

TEST_CASE("products of bfloat16 are those of the rounded numbers, in float32") {
  if (cpu::product_kernels(cpu::best_isa(), Precision::bf16) == nullptr) {
    CHECK(cpu::Backend(cpu::best_isa()).with(Precision::bf16)->precision() == Precision::float32);
    MESSAGE("not tried: this processor has no products of bfloat16");
    return;
  }
  Rows row(Precision::bf16, 1, 5);
  const float five[] = {1, -2, 3, -4, 5};
  cpu::product_kernels(cpu::best_isa(), Precision::bf16)->round_rows(five, 5, 1, 5, row.view());
  CHECK(row.halves()[4] == bfloat16_from_float(5));
  CHECK(row.halves()[5] == 0);  // times a weight of zero, it must be a number
  struct Case {
    Index rows, in, out;
  };
  for (const Case& c : {Case{1, 64, 32}, Case{19, 65, 33}, Case{113, 256, 100}, Case{500, 131, 600}}) {
    CAPTURE(c.in);
    const auto weight = random_numbers("weight", c.in * c.out), bias = random_numbers("bias", c.out);
    SerialExecutor serial;
    test::Bench<cpu::Backend> bench(cpu::Backend(cpu::best_isa()).with(Precision::bf16).value(), serial);
    const cpu::Linear w = bench.backend().prepare_linear({c.in, c.out, weight.data(), bias.data(), nullptr}).value();
    REQUIRE(w.rounding);
    REQUIRE(w.rounding.kernels->precision == Precision::bf16);
    const auto x = bench.map("x", 1, 1, c.rows, c.in);
    const auto y = ops::linear<cpu::Backend>(bench.run(), w, x);
    const auto rounded = [](float v) { return static_cast<double>(float_from_bfloat16(bfloat16_from_float(v))); };
    for (Index r = 0; r < c.rows; ++r) {
      for (Index o = 0; o < c.out; ++o) {
        double sum = static_cast<double>(bias[static_cast<std::size_t>(o)]), sizes = 1;
        for (Index i = 0; i < c.in; ++i) {
          const double product = rounded(x.row(r)[i]) * rounded(weight[static_cast<std::size_t>(o * c.in + i)]);
          sum += product;
          sizes += std::abs(product);
        }
        REQUIRE(std::abs(static_cast<double>(y.row(r)[o]) - sum) <= 1e-6 * sizes);  // what float32 rounds of the sums
      }
    }
  }
}

TEST_CASE("few inputs or outputs, and layers that are to stay exact, are not rounded") {
  const cpu::Backend floats(cpu::best_isa());
  const auto weight = random_numbers("weight", 128 * 128);
  LinearParameters parameters = {128, 128, weight.data(), nullptr, nullptr};
  CHECK(!floats.prepare_linear(parameters)->rounding);
  for (const Precision precision : {Precision::bf16, Precision::int8}) {
    const cpu::Backend backend = floats.with(precision).value();
    if (backend.precision() == Precision::float32) continue;  // what the processor lacks
    parameters.lowest = Precision::int8;
    const cpu::Linear rounded = backend.prepare_linear(parameters).value();
    REQUIRE(rounded.rounding);
    CHECK(rounded.rounding.kernels->precision == precision);
    parameters.lowest = Precision::float32;
    CHECK(!backend.prepare_linear(parameters)->rounding);
    CHECK(!backend.prepare_linear({63, 128, weight.data(), nullptr, nullptr})->rounding);
    CHECK(!backend.prepare_linear({128, 31, weight.data(), nullptr, nullptr})->rounding);
  }
}
