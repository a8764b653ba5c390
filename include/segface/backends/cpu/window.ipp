// Attention of one head inside one window: both products are tiles of the matrix product in gemm.ipp.

// Keys of a window and width of a head, rounded up to whole panels.
SEGFACE_ALWAYS_INLINE Index whole_panels(Index n) noexcept {
  return (n + kPanel - 1) / kPanel * kPanel;
}

// Floats of scratch that attend_window needs: queries, keys, values, and the scores of a tile of queries.
inline Index window_scratch(Index tokens, Index width) noexcept {
  return tokens * width + whole_panels(tokens) * width + tokens * whole_panels(width) +
         kTileRows * whole_panels(tokens);
}

// 1 / max(length of x, 1e-12)
inline float inverse_length(const float* x, Index width) noexcept {
  Vec squares = splat(0.0f);
  for_lanes(width, [&](Index d, Index lanes) {
    const Vec v = load_lanes(x + d, lanes);  // zeros beyond
    squares = fma(v, v, squares);
  });
  const float length = SEGFACE_SQUARE_ROOT(sum(squares));
  return 1.0f / (length > 1e-12f ? length : 1e-12f);
}

// Scaled keys [first, first + kLanes) of a window -> [D, kPanel]; zeros beyond the last.
SEGFACE_ALWAYS_INLINE void transpose_keys(const WindowArguments& a, const float* const* rows, Index first,
                                          float* keys) noexcept {
  const Index count = a.tokens - first < kLanes ? a.tokens - first : kLanes;  // none, or less, beyond the last
  Vec scale[kLanes];
  for (Index i = 0; i < kLanes; ++i) {
    const float* const k = i < count ? rows[first + i] + a.first + a.channels : nullptr;
    scale[i] = splat(a.cosine && i < count ? a.scale * inverse_length(k, a.width) : a.scale);
  }
  for_lanes(a.width, [&](Index d, Index lanes) {
    Vec block[kLanes];
    for (Index i = 0; i < kLanes; ++i) {
      const float* const k = i < count ? rows[first + i] + a.first + a.channels + d : nullptr;
      block[i] = k != nullptr ? load_lanes(k, lanes) * scale[i] : splat(0.0f);
    }
    transpose(block);
    for (Index i = 0; i < lanes; ++i) store(keys + (d + i) * kPanel, block[i]);
  });
}

// rows[t]: q, k and v of place t, from first, first + channels and first + 2 channels on. out[t]: the row that the
// result goes to, from first on; null where it is not wanted.
inline void attend_window(const WindowArguments& a, const float* const* rows, float* const* out,
                          float* scratch) noexcept {
  const Index value_width = whole_panels(a.width);
  float* const queries = scratch;                         // [N, D]
  float* const keys = queries + a.tokens * a.width;       // [panels, D, kPanel]
  float* const values = keys + a.padded * a.width;        // [panels, N, kPanel]
  float* const scores = values + a.tokens * value_width;  // [kTileRows, padded]
  for (Index t = 0; t < a.tokens; ++t) {
    const float* const q = rows[t] + a.first;
    const float* const v = q + 2 * a.channels;
    const Vec query_scale = splat(a.cosine ? inverse_length(q, a.width) : 1.0f);
    for_lanes(a.width, [&](Index d, Index lanes) {
      store_lanes(queries + t * a.width + d, load_lanes(q + d, lanes) * query_scale, lanes);
    });
    for (Index d = 0; d < value_width; d += kLanes) {
      const Index lanes = a.width - d < 0 ? 0 : a.width - d < kLanes ? a.width - d : kLanes;
      store(values + d / kPanel * kPanel * a.tokens + t * kPanel + d % kPanel, load_lanes(v + d, lanes));
    }
  }
  for (Index t = 0; t < a.padded; t += kLanes) {
    transpose_keys(a, rows, t, keys + t / kPanel * kPanel * a.width + t % kPanel);
  }
  float tile[kTileRows * kPanel];
  for (Index first = 0; first < a.tokens; first += kTileRows) {
    const Index count = a.tokens - first < kTileRows ? a.tokens - first : kTileRows;
    for (Index panel = 0; panel < a.padded; panel += kPanel) {
      multiply_rows(count, queries + first * a.width, a.width, keys + panel * a.width, a.width, tile);
      for (Index r = 0; r < count; ++r) {
        for (Index i = 0; i < kPanel; i += kLanes) {
          const Index at = (first + r) * a.padded + panel + i;
          Vec s = load(tile + r * kPanel + i) + load(a.bias + at);
          if (a.mask != nullptr) s = s + load(a.mask + at);
          store(scores + r * a.padded + panel + i, s);
        }
      }
    }
    float share[kTileRows];
    for (Index r = 0; r < count; ++r) {
      float* const row = scores + r * a.padded;
      Vec most = load(row);
      for (Index i = kLanes; i < a.padded; i += kLanes) most = max(most, load(row + i));
      most = splat(largest(most));
      Vec total = splat(0.0f);
      for (Index i = 0; i < a.padded; i += kLanes) {
        const Vec p = exp(load(row + i) - most);
        total = total + p;
        store(row + i, p);
      }
      share[r] = 1.0f / sum(total);
    }
    for (Index panel = 0; panel < value_width; panel += kPanel) {
      multiply_rows(count, scores, a.padded, values + panel * a.tokens, a.tokens, tile);
      const Index columns = a.width - panel < kPanel ? a.width - panel : kPanel;
      for (Index r = 0; r < count; ++r) {
        float* const y = out[first + r];
        if (y == nullptr) continue;
        for_lanes(columns, [&](Index i, Index lanes) {
          store_lanes(y + a.first + panel + i, load(tile + r * kPanel + i) * splat(share[r]), lanes);
        });
      }
    }
  }
}
