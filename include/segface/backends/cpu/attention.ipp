// Attention of one head, in two forms: few keys (the image reads the tokens) and few queries (the tokens read the
// image). Scores are scaled by `scale` = 1 / sqrt(D).
//
// One score is a chain of D additions, each waiting for the one before: kAtOnce of them are under way together.
// How many are makes no difference to the bits of any of them.

inline constexpr int kAtOnce = FewKeysArguments::kAtOnce;

// out[n] = softmax over m of (q[n] . k[m]) v[m], for `Queries` queries; see attend_few_keys.
template <int Queries>
inline void attend_queries(const FewKeysArguments& a, const float* q, float* scores, float* out) noexcept {
  for (Index m = 0; m < a.padded; m += kLanes) {
    Vec s[Queries];
#pragma GCC unroll 4
    for (int i = 0; i < Queries; ++i) s[i] = splat(0.0f);
    for (Index d = 0; d < a.width; ++d) {
      const Vec key = load(a.keys_t + d * a.padded + m);
#pragma GCC unroll 4
      for (int i = 0; i < Queries; ++i) s[i] = fma(splat(q[i * a.ldq + d]), key, s[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Queries; ++i) store(scores + i * a.padded + m, s[i] * splat(a.scale));
  }
  Vec share[Queries];
  for (int i = 0; i < Queries; ++i) {
    float* const row = scores + i * a.padded;
    float most = row[0], total = 0;
    for (Index m = 1; m < a.count; ++m) most = row[m] > most ? row[m] : most;
    for (Index m = 0; m < a.padded; m += kLanes) store(row + m, exp(load(row + m) - splat(most)));
    for (Index m = 0; m < a.count; ++m) total += row[m];
    share[i] = splat(1.0f / total);
  }
  for_lanes(a.width, [&](Index d, Index lanes) {
    Vec y[Queries];
#pragma GCC unroll 4
    for (int i = 0; i < Queries; ++i) y[i] = splat(0.0f);
    for (Index m = 0; m < a.count; ++m) {
      const Vec value = load_lanes(a.v + m * a.ldv + d, lanes);
#pragma GCC unroll 4
      for (int i = 0; i < Queries; ++i) y[i] = fma(splat(scores[i * a.padded + m]), value, y[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Queries; ++i) store_lanes(out + i * a.ldo + d, y[i] * share[i], lanes);
  });
}

// All queries q [queries, D] against all keys. scores: scratch of kAtOnce x padded floats.
inline void attend_few_keys(const FewKeysArguments& a, const float* q, Index queries, float* scores,
                            float* out) noexcept {
  Index n = 0;
  for (; n + kAtOnce <= queries; n += kAtOnce) attend_queries<kAtOnce>(a, q + n * a.ldq, scores, out + n * a.ldo);
  for (; n < queries; ++n) attend_queries<1>(a, q + n * a.ldq, scores, out + n * a.ldo);
}

// Scores of `Keys` keys with all queries of one vector of lanes; returns the largest of them and of `most`.
template <int Keys>
SEGFACE_ALWAYS_INLINE Vec score_keys(const StripArguments& a, Index first, Index n, float* scores, Vec most) noexcept {
  Vec s[Keys];
#pragma GCC unroll 4
  for (int i = 0; i < Keys; ++i) s[i] = splat(0.0f);
  for (Index d = 0; d < a.width; ++d) {
    const Vec query = load(a.queries_t + d * a.padded + n);
#pragma GCC unroll 4
    for (int i = 0; i < Keys; ++i) s[i] = fma(splat(a.k[(first + i) * a.ldk + d]), query, s[i]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < Keys; ++i) {
    s[i] = s[i] * splat(a.scale);
    most = max(most, s[i]);
    store(scores + (first + i) * a.padded + n, s[i]);
  }
  return most;
}

// The values, weighted for `Queries` queries from n on.
template <int Queries>
SEGFACE_ALWAYS_INLINE void weigh_values(const StripArguments& a, Index n, const float* scores, float* sums) noexcept {
  for_lanes(a.width, [&](Index d, Index lanes) {
    Vec y[Queries];
#pragma GCC unroll 4
    for (int i = 0; i < Queries; ++i) y[i] = splat(0.0f);
    for (Index m = 0; m < a.keys; ++m) {
      const Vec value = load_lanes(a.v + m * a.ldv + d, lanes);
#pragma GCC unroll 4
      for (int i = 0; i < Queries; ++i) y[i] = fma(splat(scores[m * a.padded + n + i]), value, y[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < Queries; ++i) store_lanes(sums + (n + i) * a.width + d, y[i], lanes);
  });
}

// One strip of keys, for all queries: most [padded], total [padded] and sums [count, D] of the softmax relative to
// the strip's own largest scores. scores: scratch of keys x padded floats.
inline void attend_strip(const StripArguments& a, float* scores, float* most, float* total, float* sums) noexcept {
  for (Index n = 0; n < a.padded; n += kLanes) {
    Vec largest_score = splat(-3.0e38f);
    Index m = 0;
    for (; m + kAtOnce <= a.keys; m += kAtOnce) largest_score = score_keys<kAtOnce>(a, m, n, scores, largest_score);
    for (; m < a.keys; ++m) largest_score = score_keys<1>(a, m, n, scores, largest_score);
    Vec sum_of_powers = splat(0.0f);
    for (m = 0; m < a.keys; ++m) {
      const Vec p = exp(load(scores + m * a.padded + n) - largest_score);
      sum_of_powers = sum_of_powers + p;
      store(scores + m * a.padded + n, p);
    }
    store(most + n, largest_score);
    store(total + n, sum_of_powers);
  }
  Index n = 0;
  for (; n + kAtOnce <= a.count; n += kAtOnce) weigh_values<kAtOnce>(a, n, scores, sums);
  for (; n < a.count; ++n) weigh_values<1>(a, n, scores, sums);
}
