// Attention of one head, in two forms: few keys (the image reads the tokens) and few queries (the tokens read the
// image). Scores are scaled by `scale` = 1 / sqrt(D).

// out[n] = softmax over m of (q[n] . k[m]) v[m], for every query n. keys_t [D, padded]: the keys transposed, in rows
// of `padded` = count rounded up to whole vectors; scores: scratch of `padded` floats.
inline void attend_few_keys(const float* q, Index ldq, Index queries, const float* keys_t, Index padded, const float* v,
                            Index ldv, Index count, Index width, float scale, float* scores, float* out,
                            Index ldo) noexcept {
  for (Index n = 0; n < queries; ++n, q += ldq, out += ldo) {
    float most = -3.0e38f;
    for (Index m = 0; m < padded; m += kLanes) {
      Vec s = splat(0.0f);
      for (Index d = 0; d < width; ++d) s = fma(splat(q[d]), load(keys_t + d * padded + m), s);
      store(scores + m, s * splat(scale));
    }
    for (Index m = 0; m < count; ++m) most = scores[m] > most ? scores[m] : most;
    for (Index m = 0; m < padded; m += kLanes) store(scores + m, exp(load(scores + m) - splat(most)));
    float total = 0;
    for (Index m = 0; m < count; ++m) total += scores[m];
    const Vec share = splat(1.0f / total);
    for_lanes(width, [&](Index d, Index lanes) {
      Vec y = splat(0.0f);
      for (Index m = 0; m < count; ++m) y = fma(splat(scores[m]), load_lanes(v + m * ldv + d, lanes), y);
      store_lanes(out + d, y * share, lanes);
    });
  }
}

// One strip of keys, for all queries: most [padded], total [padded] and sums [count, D] of the softmax relative to
// the strip's own largest scores. queries_t [D, padded]; scores: scratch of keys x padded floats.
inline void attend_strip(const float* queries_t, Index padded, Index count, const float* k, Index ldk, const float* v,
                         Index ldv, Index keys, Index width, float scale, float* scores, float* most, float* total,
                         float* sums) noexcept {
  for (Index n = 0; n < padded; n += kLanes) {
    Vec largest_score = splat(-3.0e38f);
    for (Index m = 0; m < keys; ++m) {
      Vec s = splat(0.0f);
      for (Index d = 0; d < width; ++d) s = fma(splat(k[m * ldk + d]), load(queries_t + d * padded + n), s);
      s = s * splat(scale);
      largest_score = max(largest_score, s);
      store(scores + m * padded + n, s);
    }
    Vec sum_of_powers = splat(0.0f);
    for (Index m = 0; m < keys; ++m) {
      const Vec p = exp(load(scores + m * padded + n) - largest_score);
      sum_of_powers = sum_of_powers + p;
      store(scores + m * padded + n, p);
    }
    store(most + n, largest_score);
    store(total + n, sum_of_powers);
  }
  for (Index n = 0; n < count; ++n) {
    for_lanes(width, [&](Index d, Index lanes) {
      Vec y0 = splat(0.0f), y1 = y0;  // two chains, for the latency of an addition
      Index m = 0;
      for (; m + 2 <= keys; m += 2) {
        y0 = fma(splat(scores[m * padded + n]), load_lanes(v + m * ldv + d, lanes), y0);
        y1 = fma(splat(scores[(m + 1) * padded + n]), load_lanes(v + (m + 1) * ldv + d, lanes), y1);
      }
      if (m < keys) y0 = fma(splat(scores[m * padded + n]), load_lanes(v + m * ldv + d, lanes), y0);
      store_lanes(sums + n * width + d, y0 + y1, lanes);
    });
  }
}
