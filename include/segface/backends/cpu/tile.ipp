// A tile of a product, kTileRows x kPanel results: how large it is, and its way out through the epilogue.

inline constexpr Index kPanel = 2 * kLanes;
inline constexpr Index kLine = 16;            // floats in a cache line
inline constexpr Index kAhead = 32 * kPanel;  // how far before its use a panel is fetched

// Columns [column, column + columns) of a finished tile, which is changed -> C.
inline void store_tile(const GemmArguments& g, float* tile, Index row, Index rows, Index column,
                       Index columns) noexcept {
  const float* const bias = g.bias == nullptr ? nullptr : g.bias + column;  // padded to whole panels
  const float* const residual = g.residual == nullptr ? nullptr : g.residual + row * g.ldr + column;
  finish_rows(g.activation, bias, residual, g.ldr, g.last, tile, kPanel, rows, columns, g.c + row * g.ldc + column,
              g.ldc);
}

// What the epilogue of a tile will read and write is fetched while the tile is multiplied.
SEGFACE_ALWAYS_INLINE void prefetch_tile(const GemmArguments& g, Index row, Index rows, Index column,
                                         Index columns) noexcept {
  for (Index r = row; r < row + rows; ++r) {
    for (Index i = 0; i < columns; i += kLine) {
      SEGFACE_PREFETCH_TO_WRITE(g.c + r * g.ldc + column + i);
      if (g.residual != nullptr) SEGFACE_PREFETCH(g.residual + r * g.ldr + column + i);
    }
  }
}
