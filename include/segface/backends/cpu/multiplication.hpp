// How the product of a layer is carried out in one call: on floats as it stands, on floats by Strassen's algorithm (see
// strassen.ipp), or on rounded numbers (see product_kernels.hpp).
#pragma once

#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// For a layer with `rows` rows an image, in blocks of kRowBlock at most. What it needs besides the packed matrix lies in
// the run's scratch, which must last as long. Strassen's sums are made where they cost less than the eighth of the
// multiplications that they save. The rows of a whole batch do not count: an image has the same bits alone.
class Multiplication {
 public:
  Multiplication() noexcept = default;
  template <class RunOf>
  Multiplication(RunOf& run, const Kernels& kernels, const Linear& w, Index rows) noexcept
      : kernels_(&kernels), w_(&w), units_(panel_count(kernels, w.out)) {
    constexpr Index kLeastRows = 4 * kRowBlock, kLeastDepth = 64;
    if (w.rounding) {
      run.count({0, 0, gemm_cost<float>(rows, w.out, w.in).flops});
      rounded_ = rounded_rows(run, run.workers() * kRowBlock);
      return;
    }
    if (rows < kLeastRows || w.in < kLeastDepth || w.in % 2 != 0 || units_ % 2 != 0) return;
    const Index pairs = units_ / 2;
    rows_size_ = 2 * kRowBlock * kernels.strassen_stride(w.in);
    panel_sums_ = run.template scratch<float>(units_ * kernels.panel * w.in);
    row_sums_ = run.template scratch<float>(run.workers() * rows_size_);
    run.kernel({}, pairs,
               [&](Index pair, Index) { kernels.sum_panels(w.panels.data(), w.in, pairs, pair, panel_sums_); });
    units_ = pairs;
  }

  // What a task may have some of: panels, or pairs of them.
  Index units() const noexcept { return units_; }
  bool in_pairs() const noexcept { return panel_sums_ != nullptr; }

  // All rows of x are rounded now, where the product is one of rounded numbers: for tasks that share rows. Then the rows
  // of every product must be those of x.
  template <class RunOf>
  void round_ahead(RunOf& run, const In& x) noexcept {
    if (!w_->rounding) return;
    ahead_ = x.data;
    rounded_ = rounded_rows(run, x.rows());
    run.kernel({}, blocks(x), [&](Index task, Index) {
      const RowBlock block = row_block(x, task);
      w_->rounding.kernels->round_rows(x.row(block.first), x.stride, block.rows, w_->in,
                                       rounded_.from(block.first, count()));
    });
  }

  // The product g, for some units.
  void operator()(GemmArguments g, Index worker, Index first, Index last) const noexcept {
    g.first_panel = first;
    g.last_panel = last;
    if (w_->rounding) return multiply_rounded(g, worker);
    if (in_pairs()) {
      g.panel_sums = panel_sums_;
      g.row_sums = row_sums_ + worker * rows_size_;
    }
    kernels_->gemm(g);
  }
  // For all of them.
  void operator()(const GemmArguments& g, Index worker) const noexcept { (*this)(g, worker, 0, units_); }

 private:
  Index count() const noexcept { return group_count(w_->rounding.kernels->precision, w_->in); }
  template <class RunOf>
  RoundedRows rounded_rows(RunOf& run, Index rows) const noexcept {
    return {run.template scratch<std::uint32_t>(rows * count()), run.template scratch<float>(rows),
            run.template scratch<std::int32_t>(rows)};
  }
  void multiply_rounded(const GemmArguments& g, Index worker) const noexcept {
    const ProductKernels& kernels = *w_->rounding.kernels;
    if (ahead_ != nullptr) return kernels.multiply(g, rounded_.from((g.a - ahead_) / g.lda, count()), w_->rounded());
    const RoundedRows rows = rounded_.from(worker * kRowBlock, count());
    kernels.round_rows(g.a, g.lda, g.rows, w_->in, rows);
    kernels.multiply(g, rows, w_->rounded());
  }

  const Kernels* kernels_ = nullptr;
  const Linear* w_ = nullptr;
  Index units_ = 0, rows_size_ = 0;
  float* panel_sums_ = nullptr;
  float* row_sums_ = nullptr;     // of each worker
  const float* ahead_ = nullptr;  // the map whose rows are rounded already
  RoundedRows rounded_;           // of that map, or kRowBlock of each worker
};

}  // namespace cpu
SEGFACE_END_CORE
