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

// 1 to kTileRows rows. The height of a tile is a compile-time number: fewer rows are cut into tiles of 8, 4, 2 and 1.
template <int Rows = kTileRows>
inline void multiply_rows(Index rows, const float* a, Index lda, const float* panel, Index k_count, float* tile,
                          const float* begin = nullptr) noexcept {
  static_assert(Rows <= 16 && Rows != 3, "what is left must fit into the next lower tiles");
  if constexpr (Rows == 1) {
    multiply_tile<1>(a, lda, panel, k_count, tile, begin);
  } else {
    constexpr int kFewer = Rows > 8 ? 8 : Rows > 4 ? 4 : Rows / 2;
    if (rows < Rows) return multiply_rows<kFewer>(rows, a, lda, panel, k_count, tile, begin);
    multiply_tile<Rows>(a, lda, panel, k_count, tile, begin);
    if constexpr (Rows < kTileRows) {
      if (rows == Rows) return;
      multiply_rows<kFewer>(rows - Rows, a + Rows * lda, lda, panel, k_count, tile + Rows * kPanel,
                            begin == nullptr ? nullptr : begin + Rows * kPanel);
    }
  }
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
