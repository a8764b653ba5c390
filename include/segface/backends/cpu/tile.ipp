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

// Calls multiply(height, first row) for tiles that cover 1 to kTileRows rows. The height of a tile is a compile-time
// number: fewer rows are cut into tiles of 8, 4, 2 and 1.
template <int Rows = kTileRows, class Multiply>
inline void cut_into_tiles(Index rows, const Multiply& multiply, Index first = 0) noexcept {
  static_assert(Rows <= 16 && Rows != 3, "what is left must fit into the next lower tiles");
  if constexpr (Rows == 1) {
    multiply(std::integral_constant<int, 1>(), first);
  } else {
    constexpr int kFewer = Rows > 8 ? 8 : Rows > 4 ? 4 : Rows / 2;
    if (rows < Rows) return cut_into_tiles<kFewer>(rows, multiply, first);
    multiply(std::integral_constant<int, Rows>(), first);
    if constexpr (Rows < kTileRows) {
      if (rows > Rows) cut_into_tiles<kFewer>(rows - Rows, multiply, first + Rows);
    }
  }
}
