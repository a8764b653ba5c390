// Strassen's product on the cpu: where it pays, and what it needs besides the packed matrix. See strassen.ipp.
#pragma once

#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// The sums for one call of a layer with `rows` rows an image, in blocks of kRowBlock at most; none where they would
// cost more than the eighth of the multiplications that they save. The rows of a whole batch do not count: an image has
// the same bits alone. The sums lie in the run's scratch, which must last as long.
class Strassen {
 public:
  Strassen() noexcept = default;
  template <class RunOf>
  Strassen(RunOf& run, const Kernels& kernels, const Linear& w, Index rows) noexcept {
    constexpr Index kLeastRows = 4 * kRowBlock, kLeastDepth = 64;
    const Index panels = panel_count(kernels, w.out);
    if (rows < kLeastRows || w.in < kLeastDepth || w.in % 2 != 0 || panels % 2 != 0) return;
    pairs_ = panels / 2;
    rows_size_ = 2 * kRowBlock * kernels.strassen_stride(w.in);
    panel_sums_ = run.template scratch<float>(panels * kernels.panel * w.in);
    row_sums_ = run.template scratch<float>(run.workers() * rows_size_);
    run.kernel({}, pairs_,
               [&](Index pair, Index) { kernels.sum_panels(w.panels.data(), w.in, pairs_, pair, panel_sums_); });
  }

  // Whether there are sums: then panels count in pairs.
  explicit operator bool() const noexcept { return pairs_ != 0; }
  Index pairs() const noexcept { return pairs_; }

  // The product, of all columns, with the sums where there are some.
  GemmArguments operator()(GemmArguments g, Index worker) const noexcept {
    if (pairs_ == 0) return g;
    g.panel_sums = panel_sums_;
    g.row_sums = row_sums_ + worker * rows_size_;
    g.first_panel = 0;
    g.last_panel = pairs_;
    return g;
  }

 private:
  Index pairs_ = 0, rows_size_ = 0;
  float* panel_sums_ = nullptr;
  float* row_sums_ = nullptr;  // of each worker
};

}  // namespace cpu
SEGFACE_END_CORE
