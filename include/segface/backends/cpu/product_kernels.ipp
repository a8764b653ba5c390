// Products of bytes, for the vectors and the dot products that were included before. See product_kernels.hpp.

// A row between its smallest and its largest entry and zero, in 255 steps. What is not finite makes the scale NaN, and so
// the results.
inline void round_rows(const float* x, Index ldx, Index rows, Index depth, const ByteRows& out) noexcept {
  constexpr float kTiny = 1e-35f;  // rows within are zeros: 255 parts of them would be no normal numbers
  const Index padded = byte_depth(depth);
  for (Index r = 0; r < rows; ++r, x += ldx) {
    Vec low = splat(0.0f), high = splat(0.0f), invalid = splat(0.0f);
    for_lanes(depth, [&](Index i, Index lanes) {
      const Vec v = load_lanes(x + i, lanes);
      low = min(low, v);
      high = max(high, v);
      invalid = fma(v, splat(0.0f), invalid);
    });
    const float least = -largest(splat(0.0f) - low), difference = largest(high) - least;
    const float range = difference > kTiny ? difference : 0.0f, steps = range > 0 ? 255.0f / range : 0.0f;
    const Vec zero = round(splat(0.0f - least * steps));
    std::uint8_t* const bytes = out.bytes + r * padded;
    for_lanes(depth, [&](Index i, Index lanes) {
      const Vec v = round(load_lanes(x + i, lanes) * splat(steps)) + zero;
      store_bytes(bytes + i, max(min(v, splat(255.0f)), splat(0.0f)), lanes);
    });
    for (Index i = depth; i < padded; ++i) bytes[i] = 0;
    float lanes[kLanes];
    store(lanes, zero);
    out.scales[r] = range * (1.0f / 255) + sum(invalid);
    out.zeros[r] = static_cast<std::int32_t>(lanes[0]);
  }
}

// tile [Rows, kPanel] = scale scale_w (q . w - zero sum(w))
template <int Rows>
inline void multiply_byte_tile(const ByteRows& rows, Index depth, const std::int8_t* panel, const float* scales,
                               const std::int32_t* sums, float* tile) noexcept {
  Ints products[Rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) products[r][0] = products[r][1] = no_ints();
  for (Index k = 0; k < depth; k += kByteGroup, panel += kByteGroup * kPanel) {
    SEGFACE_PREFETCH(panel + kByteGroup * kAhead);
    SEGFACE_PREFETCH(panel + kByteGroup * (kAhead + kLine));
    const Ints w0 = load_groups(panel), w1 = load_groups(panel + kByteGroup * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
      const Ints q = splat_group(rows.bytes + r * depth + k);
      products[r][0] = add_products(products[r][0], q, w0);
      products[r][1] = add_products(products[r][1], q, w1);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
    const Vec scale = splat(rows.scales[r]);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const Index o = half * kLanes;
      store(tile + r * kPanel + o, to_floats(products[r][half], rows.zeros[r], sums + o) * load(scales + o) * scale);
    }
  }
}

// 1 to kTileRows rows, as multiply_rows.
template <int Rows = kTileRows>
inline void multiply_byte_rows(Index count, const ByteRows& rows, Index depth, const std::int8_t* panel,
                               const float* scales, const std::int32_t* sums, float* tile) noexcept {
  if constexpr (Rows == 1) {
    multiply_byte_tile<1>(rows, depth, panel, scales, sums, tile);
  } else {
    constexpr int kFewer = Rows > 8 ? 8 : Rows > 4 ? 4 : Rows / 2;
    if (count < Rows) return multiply_byte_rows<kFewer>(count, rows, depth, panel, scales, sums, tile);
    multiply_byte_tile<Rows>(rows, depth, panel, scales, sums, tile);
    if constexpr (Rows < kTileRows) {
      if (count == Rows) return;
      multiply_byte_rows<kFewer>(count - Rows, rows.from(Rows, depth), depth, panel, scales, sums,
                                 tile + Rows * kPanel);
    }
  }
}

inline void multiply_bytes(const GemmArguments& g, const ByteRows& rows, const ByteWeights& weights) noexcept {
  const Index depth = byte_depth(g.depth);
  for (Index panel = g.first_panel; panel < g.last_panel; ++panel) {
    const Index column = panel * kPanel;
    const Index columns = g.columns - column < kPanel ? g.columns - column : kPanel;
    for (Index row = 0; row < g.rows; row += kTileRows) {
      const Index count = g.rows - row < kTileRows ? g.rows - row : kTileRows;
      prefetch_tile(g, row, count, column, columns);
      float tile[kTileRows * kPanel];
      multiply_byte_rows(count, rows.from(row, depth), depth, weights.panels + column * depth, weights.scales + column,
                         weights.sums + column, tile);
      store_tile(g, tile, row, count, column, columns);
    }
  }
}
