// Products of rounded numbers, for the dot products Dots that were included before: int8's or bf16's. See
// product_kernels.hpp.

// tile [Rows, kPanel] = the product, in float32.
template <class Dots, int Rows>
inline void multiply_rounded_tile(const RoundedRows& rows, Index count, const RoundedWeights& w, float* tile) noexcept {
  typename Dots::Sums sums[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) sums[r][0] = sums[r][1] = Dots::none();
  const std::uint32_t* panel = w.panels;
  for (Index k = 0; k < count; ++k, panel += kPanel) {
    SEGFACE_PREFETCH(panel + kAhead);
    SEGFACE_PREFETCH(panel + kAhead + kLine);
    const typename Dots::Groups w0 = Dots::load(panel), w1 = Dots::load(panel + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const typename Dots::Groups x = Dots::splat(rows.groups[r * count + k]);
      sums[r][0] = Dots::add_products(sums[r][0], x, w0);
      sums[r][1] = Dots::add_products(sums[r][1], x, w1);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    store(tile + r * kPanel, Dots::result(sums[r][0], rows, r, w, 0));
    store(tile + r * kPanel + kLanes, Dots::result(sums[r][1], rows, r, w, kLanes));
  }
}

template <class Dots>
inline void multiply_rounded(const GemmArguments& g, const RoundedRows& rows, const RoundedWeights& weights) noexcept {
  const Index count = group_count(Dots::kPrecision, g.depth);
  for (Index panel = g.first_panel; panel < g.last_panel; ++panel) {
    const Index column = panel * kPanel;
    const Index columns = g.columns - column < kPanel ? g.columns - column : kPanel;
    const RoundedWeights of_panel = weights.from(column, count);
    for (Index row = 0; row < g.rows; row += kTileRows) {
      const Index height = g.rows - row < kTileRows ? g.rows - row : kTileRows;
      prefetch_tile(g, row, height, column, columns);
      float tile[kTileRows * kPanel];
      cut_into_tiles(height, [&](auto rows_of_tile, Index r) {
        multiply_rounded_tile<Dots, rows_of_tile.value>(rows.from(row + r, count), count, of_panel, tile + r * kPanel);
      });
      store_tile(g, tile, row, height, column, columns);
    }
  }
}
