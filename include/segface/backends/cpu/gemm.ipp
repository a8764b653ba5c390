// Matrix product C = epilogue(A W^T + b), with W packed in panels of kPanel outputs.
//
// A tile of kTileRows x kPanel results stays in registers over the whole of K, so nothing is blocked along K. The
// finished tile is stored once to the stack, where the epilogue (a run-time choice) is applied row by row. The sum
// of one result runs over k in order in every tile height: a row's bits do not depend on where its tile begins.

// tile = begin + the product; begin: a tile, or null for zeros.
template <int Rows>
inline void multiply_tile(const float* a, Index lda, const float* panel, Index k_count, float* tile,
                          const float* begin) noexcept {
  Vec sums[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    sums[r][0] = begin == nullptr ? splat(0.0f) : load(begin + r * kPanel);
    sums[r][1] = begin == nullptr ? splat(0.0f) : load(begin + r * kPanel + kLanes);
  }
  for (Index k = 0; k < k_count; ++k, panel += kPanel) {
    SEGFACE_PREFETCH(panel + kAhead);
    SEGFACE_PREFETCH(panel + kAhead + kLine);
    const Vec w0 = load(panel), w1 = load(panel + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const Vec x = splat(a[r * lda + k]);
      sums[r][0] = fma(x, w0, sums[r][0]);
      sums[r][1] = fma(x, w1, sums[r][1]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    store(tile + r * kPanel, sums[r][0]);
    store(tile + r * kPanel + kLanes, sums[r][1]);
  }
}

// 1 to kTileRows rows.
inline void multiply_rows(Index rows, const float* a, Index lda, const float* panel, Index k_count, float* tile,
                          const float* begin = nullptr) noexcept {
  cut_into_tiles(rows, [&](auto height, Index r) {
    multiply_tile<height.value>(a + r * lda, lda, panel, k_count, tile + r * kPanel,
                                begin == nullptr ? nullptr : begin + r * kPanel);
  });
}

inline void multiply_panels(const GemmArguments& g) noexcept {
  for (Index panel = g.first_panel; panel < g.last_panel; ++panel) {
    const Index column = panel * kPanel;
    const Index columns = g.columns - column < kPanel ? g.columns - column : kPanel;
    const float* weights = g.panels + panel * kPanel * g.depth;
    for (Index row = 0; row < g.rows; row += kTileRows) {
      const Index rows = g.rows - row < kTileRows ? g.rows - row : kTileRows;
      prefetch_tile(g, row, rows, column, columns);
      float tile[kTileRows * kPanel];
      multiply_rows(rows, g.a + row * g.lda, g.lda, weights, g.depth, tile);
      store_tile(g, tile, row, rows, column, columns);
    }
  }
}
