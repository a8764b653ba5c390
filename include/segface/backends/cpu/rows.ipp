// Kernels on rows of channels: normalisation, sums, interpolation.

// y = activation((x - mean) / sqrt(var + eps) gain + bias), two passes over a row that is in the cache.
inline void layer_norm(const float* x, Index ldx, Index rows, Index channels, const float* gain, const float* bias,
                       float eps, Activation activation, float* y, Index ldy) noexcept {
  const float share = 1.0f / static_cast<float>(channels);
  for (Index r = 0; r < rows; ++r, x += ldx, y += ldy) {
    Vec total = splat(0.0f);
    for_lanes(channels, [&](Index i, Index lanes) { total = total + load_lanes(x + i, lanes); });
    const float mean_value = sum(total) * share;
    const Vec mean = splat(mean_value);
    Vec squares = splat(0.0f);
    Index i = 0;
    for (; i + kLanes <= channels; i += kLanes) {
      const Vec d = load(x + i) - mean;
      squares = fma(d, d, squares);
    }
    float rest = 0;
    for (; i < channels; ++i) rest += (x[i] - mean_value) * (x[i] - mean_value);
    const Vec scale = splat(1.0f / __builtin_sqrtf((sum(squares) + rest) * share + eps));
    for_lanes(channels, [&](Index c, Index lanes) {
      const Vec d = (load_lanes(x + c, lanes) - mean) * scale;
      store_lanes(y + c, activate(activation, fma(d, load_lanes(gain + c, lanes), load_lanes(bias + c, lanes))), lanes);
    });
  }
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

// y[r] = a[r] + b[r]
inline void add_rows(const float* a, Index lda, const float* b, Index ldb, Index rows, Index channels, float* y,
                     Index ldy) noexcept {
  for (Index r = 0; r < rows; ++r, a += lda, b += ldb, y += ldy) {
    for_lanes(channels, [&](Index i, Index lanes) {
      store_lanes(y + i, load_lanes(a + i, lanes) + load_lanes(b + i, lanes), lanes);
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
