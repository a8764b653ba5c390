// The check of a layer's products sees what may go wrong with them.
#include "segface/product_checks.hpp"

#include <string>

#include "network/small_weight_file.hpp"

using namespace segface;
using namespace segface::core;
using tool::ProductCheck;

TEST_CASE("verify sees a wrong scale, a wrong sum and a wrong byte of a layer's products") {
  const WeightFile file = WeightFile::from_memory(test::small_weight_file()).value();
  const TensorSource& tensors = file.tensors();
  const std::size_t at = *NameIndex(tensors).find("linear_fuse.weight");
  const Buffer<float> weight = Weight{&tensors, at}.read().value();
  const ProductCheck check(weight, 256);
  const cpu::Backend plain(cpu::Isa::baseline);
  cpu::Linear linear = check.prepare(plain, Precision::int8).value();
  const std::vector<float> expected = check.multiply(plain, linear);
  for (const cpu::IsaRow& row : cpu::kIsas) {
    if (!row.supported()) continue;
    const cpu::Backend backend(row.isa);
    CHECK(check.multiply(backend, check.prepare(backend, Precision::int8).value()) == expected);
    if (!backend.has_instructions(Precision::bf16)) continue;
    std::vector<float> halves = check.multiply(backend, check.prepare(backend, Precision::bf16).value());
    CHECK(check.are_sums_of_bfloat16(halves));
    CHECK_FALSE(check.are_sums_of_bfloat16(expected));
    halves[300] *= 1.001f;
    CHECK_FALSE(check.are_sums_of_bfloat16(halves));
  }
  linear.rounding.scales.data()[77] = linear.rounding.scales[78];
  CHECK(check.multiply(plain, linear) != expected);
  linear = check.prepare(plain, Precision::int8).value();
  linear.rounding.sums.data()[255] += 1;
  CHECK(check.multiply(plain, linear) != expected);
  linear = check.prepare(plain, Precision::int8).value();
  reinterpret_cast<std::int8_t*>(linear.panels.data())[1000] ^= 1;
  CHECK(check.multiply(plain, linear) != expected);

  PrecisionRecipe recipe;
  recipe.set("linear_fuse", Precision::int8);
  CHECK(tool::wrong_products(file, recipe).value().empty());
}
