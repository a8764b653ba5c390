// Products of rounded numbers, checked one layer at a time on its own weights: a whole network is no measure, because where
// float32 differs by its last bit, a row may round to another byte, and on noise that grows from layer to layer.
//
// int8 has to give the bits of the plain kernels, whose sums are exact; bf16 the sums of the rounded numbers in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "segface/backends/cpu.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/uniform_sequence.hpp"
#include "segface/engine/weight_file.hpp"

#include "backends.hpp"
#include "output.hpp"

namespace tool {

class ProductCheck {
 public:
  static constexpr Index kRows = 29;  // whole tiles of every kernel, and a part of one

  // A layer's matrix [out, in] and rows [kRows, in].
  ProductCheck(const Buffer<float>& weight, Index out) : weight_(weight), out_(out) {
    in_ = static_cast<Index>(weight.size()) / out;
    rows_.resize(static_cast<std::size_t>(kRows * in_));
    const UniformSequence sequence("products", 1);
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = static_cast<float>(sequence[i]);
  }

  // Errors: out_of_memory.
  Result<cpu::Linear> prepare(const cpu::Backend& backend, Precision precision) const {
    SEGFACE_ASSIGN(rounding, backend.with(precision));
    return rounding.prepare_linear({in_, out_, weight_.data(), nullptr, nullptr});
  }
  // [kRows, out]
  std::vector<float> multiply(const cpu::Backend& backend, const cpu::Linear& w) const {
    const FloatingPointGuard guard;
    const cpu::ProductKernels& kernels = *w.rounding.kernels;
    const auto count = static_cast<std::size_t>(kRows);
    std::vector<std::uint32_t> groups(count * static_cast<std::size_t>(cpu::group_count(kernels.precision, in_)));
    std::vector<float> scales(count), results(count * static_cast<std::size_t>(out_));
    std::vector<std::int32_t> zeros(count);
    const cpu::RoundedRows rounded = {groups.data(), scales.data(), zeros.data()};
    kernels.round_rows(rows_.data(), in_, kRows, in_, rounded);
    kernels.multiply(cpu::product(backend.kernels(), w, nullptr, kRows, rows_.data(), in_, results.data(), out_),
                     rounded, w.rounded());
    return results;
  }

  // Whether these are the sums of the rounded numbers: of bf16 within what float32 rounds.
  bool are_sums_of_bfloat16(const std::vector<float>& results) const {
    const auto rounded = [](float value) {
      return static_cast<double>(float_from_bfloat16(bfloat16_from_float(value)));
    };
    std::vector<double> x(rows_.size()), w(static_cast<std::size_t>(in_));
    std::transform(rows_.begin(), rows_.end(), x.begin(), rounded);
    for (Index o = 0; o < out_; ++o) {
      std::transform(weight_.data() + o * in_, weight_.data() + (o + 1) * in_, w.begin(), rounded);
      for (Index r = 0; r < kRows; ++r) {
        double sum = 0, sizes = 1e-30;
        for (Index i = 0; i < in_; ++i) {
          const double product = x[static_cast<std::size_t>(r * in_ + i)] * w[static_cast<std::size_t>(i)];
          sum += product;
          sizes += std::fabs(product);
        }
        const auto got = static_cast<double>(results[static_cast<std::size_t>(r * out_ + o)]);
        if (!(std::fabs(got - sum) <= 1e-6 * sizes)) return false;
      }
    }
    return true;
  }

 private:
  const Buffer<float>& weight_;
  Index in_, out_;
  std::vector<float> rows_;
};

// The layers whose products are wrong on this processor. Errors: of reading the file.
inline Result<std::vector<std::string>> wrong_products(const WeightFile& file, const PrecisionRecipe& rounded) {
  const cpu::Backend backend = cpu_backend(), plain = networks::cpu_backend(cpu::Isa::baseline);
  const TensorSource& tensors = file.tensors();
  std::vector<std::string> wrong;
  for (std::size_t i = 0; i < tensors.size() && !interrupted(); ++i) {
    const std::string layer(layer_of(tensors.info(i).name));
    const Precision precision = rounded.lowest(layer);
    if (precision == Precision::float32 || layer == tensors.info(i).name) continue;
    SEGFACE_ASSIGN(weight, (Weight{&tensors, i}.read()));
    const ProductCheck check(weight, tensors.info(i).shape.dims[0]);
    SEGFACE_ASSIGN(tested, check.prepare(backend, precision));
    if (!tested.rounding) continue;
    const std::vector<float> results = check.multiply(backend, tested);
    if (precision == Precision::bf16) {
      if (!check.are_sums_of_bfloat16(results)) wrong.push_back(layer);
      continue;
    }
    SEGFACE_ASSIGN(exact, check.prepare(plain, precision));
    const std::vector<float> expected = check.multiply(plain, exact);
    if (std::memcmp(results.data(), expected.data(), expected.size() * sizeof(float)) != 0) wrong.push_back(layer);
  }
  return Result<std::vector<std::string>>(std::move(wrong));
}

}  // namespace tool
