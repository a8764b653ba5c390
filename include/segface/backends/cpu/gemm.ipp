// Matrix product C = epilogue(A W^T + b), with W packed in panels of kPanel outputs.
//
// A tile of kTileRows x kPanel results stays in registers over the whole of K, so nothing is blocked along K. The
// finished tile is stored once to the stack, where the epilogue (a run-time choice) is applied row by row. The sum
// of one result runs over k in order in every tile height: a row's bits do not depend on where its tile begins.

inline constexpr Index kPanel = 2 * kLanes;
inline constexpr Index kLine = 16;            // floats in a cache line
inline constexpr Index kAhead = 32 * kPanel;  // how far before its use a panel is fetched

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
    __builtin_prefetch(panel + kAhead);
    __builtin_prefetch(panel + kAhead + kLine);
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
inline void multiply_rows(Index rows, const float* a, Index lda, const float* panel, Index k_count, float* tile,
                          const float* begin = nullptr) noexcept {
  if constexpr (Rows > 1) {
    if (rows < Rows) return multiply_rows<Rows - 1>(rows, a, lda, panel, k_count, tile, begin);
  }
  multiply_tile<Rows>(a, lda, panel, k_count, tile, begin);
}

// Columns [column, column + columns) of a finished tile -> C. The activation is a compile-time number here, so that its
// many steps are laid out once for whole rows of vectors.
template <Activation activation>
inline void store_tile(const GemmArguments& g, const float* tile, Index row, Index rows, Index column,
                       Index columns) noexcept {
  const float* const bias = g.bias == nullptr ? nullptr : g.bias + column;  // padded to whole panels
  const float* residual = g.residual == nullptr ? nullptr : g.residual + row * g.ldr + column;
  float* out = g.c + row * g.ldc + column;
  const Vec bias0 = bias == nullptr ? splat(0.0f) : load(bias), bias1 = bias == nullptr ? bias0 : load(bias + kLanes);
  for (Index r = 0; r < rows; ++r, tile += kPanel, out += g.ldc) {
    Vec y0 = activate(activation, load(tile) + bias0), y1 = activate(activation, load(tile + kLanes) + bias1);
    if (columns == kPanel && residual == nullptr) {
      store(out, y0);
      store(out + kLanes, y1);
      continue;
    }
    const Index lanes0 = columns < kLanes ? columns : kLanes, lanes1 = columns - lanes0;
    if (residual != nullptr) {
      y0 = activate(g.last, y0 + load_lanes(residual, lanes0));
      if (lanes1 > 0) y1 = activate(g.last, y1 + load_lanes(residual + kLanes, lanes1));
      residual += g.ldr;
    }
    store_lanes(out, y0, lanes0);
    if (lanes1 > 0) store_lanes(out + kLanes, y1, lanes1);
  }
}

inline void multiply_panels(const GemmArguments& g) noexcept {
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
      with_constant(g.activation,
                    [&](auto activation) { store_tile<activation.value>(g, tile, row, rows, column, columns); });
    }
  }
}
