// Matrix product C = epilogue(A W^T + b), with W packed in panels of kPanel outputs.
//
// A tile of kTileRows x kPanel results stays in registers over the whole of K, so nothing is blocked along K. The
// finished tile is stored once to the stack, where the epilogue (a run-time choice) is applied row by row. The sum
// of one result runs over k in order in every tile height: a row's bits do not depend on where its tile begins.

inline constexpr Index kPanel = 2 * kLanes;
inline constexpr Index kLine = 16;  // floats in a cache line

template <int Rows>
inline void multiply_tile(const float* a, Index lda, const float* panel, Index k_count, float* tile) noexcept {
  Vec sums[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) sums[r][0] = sums[r][1] = splat(0.0f);
  for (Index k = 0; k < k_count; ++k, panel += kPanel) {
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

// The tile height is a compile-time number: tries Rows, then fewer.
template <int Rows>
inline void multiply_rows(Index rows, const float* a, Index lda, const float* panel, Index k_count,
                          float* tile) noexcept {
  if constexpr (Rows > 1) {
    if (rows < Rows) return multiply_rows<Rows - 1>(rows, a, lda, panel, k_count, tile);
  }
  multiply_tile<Rows>(a, lda, panel, k_count, tile);
}

inline void gemm(const GemmArguments& g) noexcept {
  for (Index panel = g.first_panel; panel < g.last_panel; ++panel) {
    const Index column = panel * kPanel;
    const Index columns = g.columns - column < kPanel ? g.columns - column : kPanel;
    const float* weights = g.panels + panel * kPanel * g.depth;
    for (Index row = 0; row < g.rows; row += kTileRows) {
      const Index rows = g.rows - row < kTileRows ? g.rows - row : kTileRows;
      // What the epilogue will read and write is fetched meanwhile.
      for (Index r = row; r < row + rows; ++r) {
        for (Index i = 0; i < columns; i += kLine) {
          __builtin_prefetch(g.c + r * g.ldc + column + i, 1);
          if (g.residual != nullptr) __builtin_prefetch(g.residual + r * g.ldr + column + i);
        }
      }
      float tile[kTileRows * kPanel];
      multiply_rows<kTileRows>(rows, g.a + row * g.lda, g.lda, weights, g.depth, tile);
      for (Index r = 0; r < rows; ++r) {
        const float* sums = tile + r * kPanel;
        float* out = g.c + (row + r) * g.ldc + column;
        const float* residual = g.residual == nullptr ? nullptr : g.residual + (row + r) * g.ldr + column;
        for_lanes(columns, [&](Index i, Index lanes) {
          Vec y = load(sums + i);
          if (g.bias != nullptr) y = y + load(g.bias + column + i);  // padded to whole panels
          y = finish(y, g.activation, residual == nullptr ? nullptr : residual + i, g.last, lanes);
          store_lanes(out + i, y, lanes);
        });
      }
    }
  }
}
