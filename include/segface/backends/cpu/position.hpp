// The position encoding on the cpu: two tables instead of a map.
//
// The angle of feature f at a pixel is a_f(column) + b_f(row), so sines and cosines of the columns and of the rows are
// all that has to be kept, 256 KB instead of 17 MB at 128 x 128; the encoding itself is made of them where it is
// needed.
#pragma once

#include <algorithm>
#include <cmath>

#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

struct Position {
  In across;  // [1, 1, W, 2 F]: sin a, cos a of each column
  In down;    // [1, 1, H, 2 F]: sin b, cos b of each row

  template <class RunOf>
  static Position make(RunOf& run, const PositionEncoding& w, Index height, Index width) noexcept {
    const Out across = run.map(1, 1, width, 2 * w.features), down = run.map(1, 1, height, 2 * w.features);
    fill(run, w.gaussian.data(), across);
    fill(run, w.gaussian.data() + w.features, down);
    return {across, down};
  }

  Index pixels() const noexcept { return down.width * across.width; }

  // The encoding of pixels [first, first + y.width) of the image, added to x [1, 1, y.width, 2 F] or, where x is null,
  // alone.
  void add_to(const Kernels& kernels, const In& x, Index first, const Out& y) const noexcept {
    PositionArguments p;
    p.ldx = x.stride;
    p.lda = across.stride;
    p.features = y.channels / 2;
    p.ldy = y.stride;
    for (Index done = 0; done < y.width; done += p.pixels) {
      const Index column = (first + done) % across.width;
      p.pixels = std::min(y.width - done, across.width - column);
      p.x = x.data == nullptr ? nullptr : x.row(done);
      p.across = across.row(column);
      p.down = down.row((first + done) / across.width);
      p.y = y.row(done);
      kernels.add_position(p);
    }
  }

 private:
  template <class RunOf>
  static void fill(RunOf& run, const float* gaussian, const Out& table) noexcept {
    const Index features = table.channels / 2;
    run.kernel({20 * elements(table), bytes(table)}, table.width, [&](Index i, Index) {
      constexpr double kTwoPi = 6.283185307179586;
      const double coordinate = 2 * ((static_cast<double>(i) + 0.5) / static_cast<double>(table.width)) - 1;
      for (Index f = 0; f < features; ++f) {
        const double angle = kTwoPi * coordinate * static_cast<double>(gaussian[f]);
        table.row(i)[f] = static_cast<float>(std::sin(angle));
        table.row(i)[features + f] = static_cast<float>(std::cos(angle));
      }
    });
  }
};

}  // namespace cpu
SEGFACE_END_CORE
