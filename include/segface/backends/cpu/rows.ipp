// Kernels on rows of channels: normalisation, sums, interpolation.

// Mean and 1 / sqrt(variance + eps) of a row: two passes, the second on what the first brought into the cache.
struct RowStatistics {
  float mean, scale;
};
SEGFACE_ALWAYS_INLINE RowStatistics row_statistics(const float* x, Index channels, float eps) noexcept {
  const float share = 1.0f / static_cast<float>(channels);
  Vec total = splat(0.0f);
  for_lanes(channels, [&](Index i, Index lanes) { total = total + load_lanes(x + i, lanes); });
  const float mean = sum(total) * share;
  Vec squares = splat(0.0f);
  Index i = 0;
  for (; i + kLanes <= channels; i += kLanes) {
    const Vec d = load(x + i) - splat(mean);
    squares = fma(d, d, squares);
  }
  float rest = 0;
  for (; i < channels; ++i) rest += (x[i] - mean) * (x[i] - mean);
  return {mean, 1.0f / SEGFACE_SQUARE_ROOT((sum(squares) + rest) * share + eps)};
}

// See LayerNormArguments.
inline void layer_norm(const LayerNormArguments& a) noexcept {
  constexpr Index kRows = 4;  // the statistics of so many rows are under way together
  for (Index first = 0; first < a.rows; first += kRows) {
    const Index rows = a.rows - first < kRows ? a.rows - first : kRows;
    RowStatistics statistics[kRows];
    for (Index r = 0; r < rows; ++r) statistics[r] = row_statistics(a.x + (first + r) * a.ldx, a.channels, a.eps);
    for (Index r = 0; r < rows; ++r) {
      const float* const x = a.x + (first + r) * a.ldx;
      const float* const residual = a.residual == nullptr ? nullptr : a.residual + (first + r) * a.ldr;
      float* const y = a.y + (first + r) * a.ldy;
      const Vec mean = splat(statistics[r].mean), scale = splat(statistics[r].scale);
      for_lanes(a.channels, [&](Index c, Index lanes) {
        const Vec d = (load_lanes(x + c, lanes) - mean) * scale;
        Vec v = fma(d, load_lanes(a.gain + c, lanes), load_lanes(a.bias + c, lanes));
        if (residual != nullptr) v = activate(a.last, activate(a.activation, v) + load_lanes(residual + c, lanes));
        store_lanes(y + c, v, lanes);
      });
    }
    if (a.residual != nullptr || a.activation == Activation::none) continue;
    float* const y = a.y + first * a.ldy;
    activate_rows(a.activation, nullptr, y, a.ldy, rows, a.channels, y, a.ldy);
  }
}

// y[c] = largest of rows[..][c]
inline void largest_rows(const float* const* rows, Index count, Index channels, float* y) noexcept {
  for_lanes(channels, [&](Index c, Index lanes) {
    Vec most = load_lanes(rows[0] + c, lanes);
    for (Index r = 1; r < count; ++r) most = max(most, load_lanes(rows[r] + c, lanes));
    store_lanes(y + c, most, lanes);
  });
}

// sums[c] = sum over rows of x
inline void sum_rows(const float* x, Index ldx, Index rows, Index channels, float* sums) noexcept {
  for_lanes(channels, [&](Index i, Index lanes) {
    Vec total = splat(0.0f);
    for (Index r = 0; r < rows; ++r) total = total + load_lanes(x + r * ldx + i, lanes);
    store_lanes(sums + i, total, lanes);
  });
}

// x[r] <- x[r] s for every row
inline void scale_rows(float* x, Index ldx, Index rows, Index channels, const float* scale) noexcept {
  for (Index r = 0; r < rows; ++r, x += ldx) {
    for_lanes(channels, [&](Index i, Index lanes) {
      store_lanes(x + i, load_lanes(x + i, lanes) * load_lanes(scale + i, lanes), lanes);
    });
  }
}

// x <- x where it is positive, else x slopes
inline void prelu_rows(float* x, Index ldx, Index rows, Index channels, const float* slopes) noexcept {
  for (Index r = 0; r < rows; ++r, x += ldx) {
    for_lanes(channels, [&](Index i, Index lanes) {
      const Vec v = load_lanes(x + i, lanes), zero = splat(0.0f);
      store_lanes(x + i, fma(min(v, zero), load_lanes(slopes + i, lanes), max(v, zero)), lanes);
    });
  }
}

// y = x + [sin(a + b), cos(a + b)] with a of the column and b of the row:
// sin(a + b) = sin a cos b + cos a sin b, cos(a + b) = cos a cos b - sin a sin b.
inline void add_position(const PositionArguments& p) noexcept {
  for (Index pixel = 0; pixel < p.pixels; ++pixel) {
    const float* const across = p.across + pixel * p.lda;
    const float* const x = p.x == nullptr ? nullptr : p.x + pixel * p.ldx;
    float* const y = p.y + pixel * p.ldy;
    for_lanes(p.features, [&](Index f, Index lanes) {
      const Index g = p.features + f;
      const Vec sin_a = load_lanes(across + f, lanes), cos_a = load_lanes(across + g, lanes);
      const Vec sin_b = load_lanes(p.down + f, lanes), cos_b = load_lanes(p.down + g, lanes);
      Vec sine = fma(sin_a, cos_b, cos_a * sin_b), cosine = cos_a * cos_b - sin_a * sin_b;
      if (x != nullptr) {
        sine = sine + load_lanes(x + f, lanes);
        cosine = cosine + load_lanes(x + g, lanes);
      }
      store_lanes(y + f, sine, lanes);
      store_lanes(y + g, cosine, lanes);
    });
  }
}

// y = (or +=, where `accumulate`) the mixture of four neighbours: weights of right and lower ones are fx and fy.
inline void mix_pixel(const float* upper_left, const float* upper_right, const float* lower_left,
                      const float* lower_right, float fx, float fy, Index channels, bool accumulate,
                      float* y) noexcept {
  const Vec right = splat(fx), left = splat(1.0f - fx), lower = splat(fy), upper = splat(1.0f - fy);
  for_lanes(channels, [&](Index i, Index lanes) {
    const Vec above = fma(load_lanes(upper_right + i, lanes), right, load_lanes(upper_left + i, lanes) * left);
    const Vec below = fma(load_lanes(lower_right + i, lanes), right, load_lanes(lower_left + i, lanes) * left);
    Vec mixed = fma(below, lower, above * upper);
    if (accumulate) mixed = mixed + load_lanes(y + i, lanes);
    store_lanes(y + i, mixed, lanes);
  });
}

// `Vectors` neighbouring vectors of channels from c on, the last of which has `lanes`; see mix_pixels.
template <int Vectors>
SEGFACE_ALWAYS_INLINE void mix_channels(const MixArguments& a, Index c, Index lanes) noexcept {
  const Vec below = splat(a.fraction), above = splat(1.0f - a.fraction);
  const auto part = [&](int i) { return i + 1 < Vectors ? kLanes : lanes; };
  Vec left[Vectors], right[Vectors];
  const auto column = [&](Index x, Vec* mixed) {
    const Index at = x * a.ld + c;
#pragma GCC unroll 4
    for (int i = 0; i < Vectors; ++i) {
      const Index j = at + i * kLanes;
      mixed[i] = fma(load_lanes(a.lower + j, part(i)), below, load_lanes(a.upper + j, part(i)) * above);
    }
  };
  Index held = a.left[0], next = a.right[0];
  column(held, left);
  column(next, right);
  for (Index p = 0; p < a.pixels; ++p) {
    if (a.left[p] != held || a.right[p] != next) {
      if (a.left[p] == next) {
#pragma GCC unroll 4
        for (int i = 0; i < Vectors; ++i) left[i] = right[i];
      } else {
        column(a.left[p], left);
      }
      column(a.right[p], right);
      held = a.left[p];
      next = a.right[p];
    }
    const Vec across = splat(a.across[p]), rest = splat(1.0f - a.across[p]);
#pragma GCC unroll 4
    for (int i = 0; i < Vectors; ++i) {
      float* const out = a.y + p * a.ldy + c + i * kLanes;
      Vec y = fma(right[i], across, left[i] * rest);
      if (a.accumulate) y = y + load_lanes(out, part(i));
      store_lanes(out, y, part(i));
    }
  }
}

// y = (or +=) the mixture of two rows, then of two columns. A column between two pixels is mixed once for both.
inline void mix_pixels(const MixArguments& a) noexcept {
  Index c = 0;
  for (; c + 4 * kLanes <= a.channels; c += 4 * kLanes) mix_channels<4>(a, c, kLanes);
  for (; c < a.channels; c += kLanes) mix_channels<1>(a, c, a.channels - c < kLanes ? a.channels - c : kLanes);
}
