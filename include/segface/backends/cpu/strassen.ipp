// The same product with seven multiplications of halves instead of eight: Strassen's algorithm in Winograd's form.
//
// Rows and depth of A, depth and columns of B = W^T are halved:
//   S1 = A21 + A22   S2 = S1 - A11    S3 = A11 - A21   S4 = A12 - S2
//   T1 = B12 - B11   T2 = B22 - T1    T3 = B22 - B12   T4 = T2 - B21
//   U2 = A11 B11 + S2 T2   U3 = U2 + S3 T3
//   C11 = A11 B11 + A12 B21   C12 = U2 + S1 T1 + S4 B22   C21 = U3 - A22 T4   C22 = U3 + S1 T1
// The sums of B are made once a call of the layer, those of A once a block of rows; the sums of products cost nothing,
// because a tile's accumulators go on from a product that is there already. A row's result is rounded as sums of the
// largest entries of its half block are, some units in the last place more than by gemm, and depends on its partner,
// half a block away.

// Pairs of panels of the whole product.
SEGFACE_ALWAYS_INLINE Index panel_pairs(const GemmArguments& g) noexcept {
  return (g.columns + 2 * kPanel - 1) / (2 * kPanel);
}

inline Index strassen_stride(Index depth) noexcept {
  return depth / 2 + kLine;  // not a power of two
}

// Panels [panel] and [panel + pairs] of w [2 pairs, depth, kPanel] -> T1, T2, T3, -T4, each [depth / 2, kPanel].
inline void sum_panels(const float* panels, Index depth, Index pairs, Index panel, float* sums) noexcept {
  const Index quarter = depth / 2 * kPanel;
  const float* const b11 = panels + 2 * panel * quarter;
  const float* const b12 = b11 + 2 * pairs * quarter;
  float* const out = sums + 4 * panel * quarter;
  for (Index i = 0; i < quarter; i += kLanes) {
    const Vec upper_left = load(b11 + i), upper_right = load(b12 + i), lower_right = load(b12 + quarter + i);
    const Vec t1 = upper_right - upper_left, t2 = lower_right - t1;
    store(out + i, t1);
    store(out + quarter + i, t2);
    store(out + 2 * quarter + i, lower_right - upper_right);
    store(out + 3 * quarter + i, load(b11 + quarter + i) - t2);
  }
}

// S1, S2, S3, S4 of 2 `half` rows of A, one after the other.
inline void sum_rows_of_halves(const GemmArguments& g, Index half) noexcept {
  const Index stride = strassen_stride(g.depth), size = half * stride;
  for (Index r = 0; r < half; ++r) {
    const float* const upper = g.a + r * g.lda;
    const float* const lower = upper + half * g.lda;
    float* const out = g.row_sums + r * stride;
    for_lanes(g.depth / 2, [&](Index k, Index lanes) {
      const Vec a11 = load_lanes(upper + k, lanes), a21 = load_lanes(lower + k, lanes);
      const Vec s1 = a21 + load_lanes(lower + g.depth / 2 + k, lanes), s2 = s1 - a11;
      store_lanes(out + k, s1, lanes);
      store_lanes(out + size + k, s2, lanes);
      store_lanes(out + 2 * size + k, a11 - a21, lanes);
      store_lanes(out + 3 * size + k, load_lanes(upper + g.depth / 2 + k, lanes) - s2, lanes);
    });
  }
}

// The first 2 `half` rows of C, for the pairs of panels first_panel .. last_panel.
inline void strassen(const GemmArguments& g, Index half) noexcept {
  sum_rows_of_halves(g, half);
  const Index depth = g.depth / 2, quarter = depth * kPanel, stride = strassen_stride(g.depth), size = half * stride;
  const Index pairs = panel_pairs(g);
  for (Index panel = g.first_panel; panel < g.last_panel; ++panel) {
    const float* const b11 = g.panels + 2 * panel * quarter;
    const float* const b22 = b11 + (2 * pairs + 1) * quarter;
    const float* const t = g.panel_sums + 4 * panel * quarter;
    const Index left = panel * kPanel, right = left + pairs * kPanel;
    const Index columns = g.columns - right < kPanel ? g.columns - right : kPanel;
    for (Index row = 0; row < half; row += kTileRows) {
      const Index rows = half - row < kTileRows ? half - row : kTileRows;
      const float* const a11 = g.a + row * g.lda;
      const float* const a22 = a11 + half * g.lda + depth;
      const float* const s = g.row_sums + row * stride;
      float c[kTileRows * kPanel], u2[kTileRows * kPanel], u3[kTileRows * kPanel], p[kTileRows * kPanel];
      const auto add = [&](const float* a, Index lda, const float* b, float* tile, const float* begin) {
        multiply_rows(rows, a, lda, b, depth, tile, begin);
      };
      const auto finish = [&](float* tile, Index first, Index column, Index width) {
        store_tile(g, tile, first, rows, column, width);
      };
      add(a11, g.lda, b11, p, nullptr);
      add(a11 + depth, g.lda, b11 + quarter, c, p);
      finish(c, row, left, kPanel);
      add(s + size, stride, t + quarter, u2, p);
      add(s + 2 * size, stride, t + 2 * quarter, u3, u2);
      add(s, stride, t, p, nullptr);
      for (Index i = 0; i < rows * kPanel; i += kLanes) {
        const Vec product = load(p + i);
        store(c + i, load(u3 + i) + product);
        store(u2 + i, load(u2 + i) + product);
      }
      finish(c, half + row, right, columns);
      add(s + 3 * size, stride, b22, c, u2);
      finish(c, row, right, columns);
      add(a22, g.lda, t + 3 * quarter, c, u3);
      finish(c, half + row, left, kPanel);
    }
  }
}

// See GemmArguments.
inline void gemm(const GemmArguments& g) noexcept {
  if (g.panel_sums == nullptr) return multiply_panels(g);
  const Index half = g.rows / 2;
  strassen(g, half);
  if (g.rows == 2 * half) return;
  GemmArguments last = g;
  last.rows = 1;
  last.a += 2 * half * g.lda;
  last.c += 2 * half * g.ldc;
  if (g.residual != nullptr) last.residual += 2 * half * g.ldr;
  multiply_panels(last);
  last.first_panel += panel_pairs(g);
  last.last_panel += panel_pairs(g);
  multiply_panels(last);
}
