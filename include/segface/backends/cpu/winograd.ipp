// Winograd's F(4 x 4, 3 x 3), see cpu/winograd.hpp: its transforms with channels in lanes, and its products.

// t = B^T d
SEGFACE_ALWAYS_INLINE void winograd_forward(const Vec (&d)[6], Vec (&t)[6]) noexcept {
  constexpr float kA = Winograd::kA, kB = Winograd::kB, kA2 = kA * kA, kB2 = kB * kB;
  const Vec a = splat(kA), b = splat(kB), a2 = splat(-kA2), b2 = splat(-kB2), sum = splat(-kA2 - kB2),
            product = splat(kA2 * kB2);
  const Vec even_a = fma(d[2], b2, d[4]), odd_a = fma(d[1], b2, d[3]) * a;
  const Vec even_b = fma(d[2], a2, d[4]), odd_b = fma(d[1], a2, d[3]) * b;
  t[0] = fma(d[0], product, fma(d[2], sum, d[4]));
  t[1] = even_a + odd_a;
  t[2] = even_a - odd_a;
  t[3] = even_b + odd_b;
  t[4] = even_b - odd_b;
  t[5] = fma(d[1], product, fma(d[3], sum, d[5]));
}

// y = A^T t
SEGFACE_ALWAYS_INLINE void winograd_back(const Vec (&t)[6], Vec (&y)[4]) noexcept {
  constexpr float kA = Winograd::kA, kB = Winograd::kB, kA2 = kA * kA, kB2 = kB * kB;
  const Vec sum_a = t[1] + t[2], odd_a = t[1] - t[2], sum_b = t[3] + t[4], odd_b = t[3] - t[4];
  y[0] = t[0] + (sum_a + sum_b);
  y[1] = fma(odd_b, splat(kB), odd_a * splat(kA));
  y[2] = fma(sum_b, splat(kB2), sum_a * splat(kA2));
  y[3] = fma(odd_b, splat(kB2 * kB), fma(odd_a, splat(kA2 * kA), t[5]));
}

// v[f, c] = (B^T d B)[f] of the 6 x 6 pixels of a tile.
inline void winograd_input(const float* const* pixels, Index channels, float* v, Index ldv) noexcept {
  for_lanes(channels, [&](Index c, Index lanes) {
    Vec half[6][6];  // [column][row]
#pragma GCC unroll 6
    for (int x = 0; x < 6; ++x) {
      Vec d[6];
#pragma GCC unroll 6
      for (int y = 0; y < 6; ++y) d[y] = load_lanes(pixels[y * 6 + x] + c, lanes);
      winograd_forward(d, half[x]);
    }
#pragma GCC unroll 6
    for (int y = 0; y < 6; ++y) {
      Vec d[6], t[6];
#pragma GCC unroll 6
      for (int x = 0; x < 6; ++x) d[x] = half[x][y];
      winograd_forward(d, t);
#pragma GCC unroll 6
      for (int x = 0; x < 6; ++x) store_lanes(v + (y * 6 + x) * ldv + c, t[x], lanes);
    }
  });
}

// m[f] = v[f] u[f] for one panel of outputs and every frequency.
inline void winograd_products(const WinogradProducts& p) noexcept {
  const float* u = p.panel;
  for (Index f = 0; f < Winograd::kFrequencies; ++f, u += p.channels * kPanel) {
    for (Index row = 0; row < p.tiles; row += kTileRows) {
      const Index rows = p.tiles - row < kTileRows ? p.tiles - row : kTileRows;
      float* const m = p.m + f * p.ldm + row * kPanel;
      for (Index i = 0; i < rows * kPanel; i += kLine) SEGFACE_PREFETCH_TO_WRITE(m + i);
      multiply_rows(rows, p.v + f * p.ldv + row * p.ld_tile, p.ld_tile, u, p.channels, m);
    }
  }
}

// y = last(activation(A^T m A + bias) + residual) for one tile and one panel of outputs.
inline void winograd_output(const WinogradOutput& o) noexcept {
  for (Index c = 0; c < o.channels; c += kLanes) {
    const Index lanes = o.channels - c < kLanes ? o.channels - c : kLanes;
    Vec half[4][6];  // [row][column]
#pragma GCC unroll 6
    for (int x = 0; x < 6; ++x) {
      Vec t[6], y[4];
#pragma GCC unroll 6
      for (int r = 0; r < 6; ++r) t[r] = load(o.m + (r * 6 + x) * o.ldm + c);
      winograd_back(t, y);
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) half[r][x] = y[r];
    }
    for (Index r = 0; r < o.height; ++r) {
      Vec y[4];
      winograd_back(half[r], y);
      float row[4 * kLanes];
#pragma GCC unroll 4
      for (int x = 0; x < 4; ++x) store(row + x * kLanes, y[x]);
      const float* const residual = o.residual == nullptr ? nullptr : o.residual + r * o.residual_row + c;
      finish_rows(o.activation, o.bias + c, residual, o.residual_pixel, o.last, row, kLanes, o.width, lanes,
                  o.y + r * o.row + c, o.pixel);
    }
  }
}
