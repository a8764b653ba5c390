// Attention of one head, in two forms: few keys (the image reads the tokens) and few queries (the tokens read the
// image).
//
// One score is a chain of D additions, each waiting for the one before: kAtOnce of them are under way together.
// How many are makes no difference to the bits of any of them.

inline constexpr int kAtOnce = FewKeysArguments::kAtOnce;

// Calls body(first, constant size) for groups that cover n: of kAtOnce, the last of which may overlap the one before
// (the same numbers are written again), or of 1 where n is smaller.
template <class Body>
SEGFACE_ALWAYS_INLINE void for_groups(Index n, const Body& body) noexcept {
  if (n < kAtOnce) {
    for (Index i = 0; i < n; ++i) body(i, std::integral_constant<int, 1>());
  } else {
    for (Index i = 0; i < n; i += kAtOnce)
      body(i + kAtOnce <= n ? i : n - kAtOnce, std::integral_constant<int, kAtOnce>());
  }
}

// out[n] = softmax over m of (q[n] . k[m]) v[m], for `Queries` queries; see attend_few_keys.
template <int Queries>
inline void attend_queries(const FewKeysArguments& a, const float* q, float* scores, float* out) noexcept {
  for (Index m = 0; m < a.padded; m += kLanes) {
    Vec s[Queries];
#pragma GCC unroll 8
    for (int i = 0; i < Queries; ++i) s[i] = load(a.start + m);
    for (Index d = 0; d < a.width; ++d) {
      const Vec key = load(a.keys_t + d * a.padded + m);
#pragma GCC unroll 8
      for (int i = 0; i < Queries; ++i) s[i] = fma(splat(q[i * a.ldq + d]), key, s[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Queries; ++i) store(scores + i * a.padded + m, s[i]);
  }
  Vec share[Queries];
  for (int i = 0; i < Queries; ++i) {
    float* const row = scores + i * a.padded;
    Vec most = load(row);
    for (Index m = kLanes; m < a.padded; m += kLanes) most = max(most, load(row + m));
    most = splat(largest(most));
    Vec total = splat(0.0f);
    for (Index m = 0; m < a.padded; m += kLanes) {
      const Vec p = exp(load(row + m) - most);
      total = total + p;
      store(row + m, p);
    }
    share[i] = splat(1.0f / sum(total));
  }
  for_lanes(a.width, [&](Index d, Index lanes) {
    Vec y[Queries];
#pragma GCC unroll 8
    for (int i = 0; i < Queries; ++i) y[i] = splat(0.0f);
    for (Index m = 0; m < a.count; ++m) {
      const Vec value = load_lanes(a.v + m * a.ldv + d, lanes);
#pragma GCC unroll 8
      for (int i = 0; i < Queries; ++i) y[i] = fma(splat(scores[i * a.padded + m]), value, y[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Queries; ++i) store_lanes(out + i * a.ldo + d, y[i] * share[i], lanes);
  });
}

// All queries q [queries, D] against all keys. scores: scratch of kAtOnce x padded floats.
inline void attend_few_keys(const FewKeysArguments& a, const float* q, Index queries, float* scores,
                            float* out) noexcept {
  for_groups(queries,
             [&](Index n, auto size) { attend_queries<size.value>(a, q + n * a.ldq, scores, out + n * a.ldo); });
}

// Scores of `Keys` keys with all queries of one vector of lanes; returns the largest of them and of `most`.
template <int Keys>
SEGFACE_ALWAYS_INLINE Vec score_keys(const StripArguments& a, Index first, Index n, float* scores, Vec most) noexcept {
  Vec s[Keys];
#pragma GCC unroll 8
  for (int i = 0; i < Keys; ++i) s[i] = splat(0.0f);
  for (Index d = 0; d < a.width; ++d) {
    const Vec query = load(a.queries_t + d * a.padded + n);
#pragma GCC unroll 8
    for (int i = 0; i < Keys; ++i) s[i] = fma(splat(a.k[(first + i) * a.ldk + d]), query, s[i]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < Keys; ++i) {
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
#pragma GCC unroll 8
    for (int i = 0; i < Queries; ++i) y[i] = splat(0.0f);
    for (Index m = 0; m < a.keys; ++m) {
      const Vec value = load_lanes(a.v + m * a.ldv + d, lanes);
#pragma GCC unroll 8
      for (int i = 0; i < Queries; ++i) y[i] = fma(splat(scores[m * a.padded + n + i]), value, y[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < Queries; ++i) store_lanes(sums + (n + i) * a.width + d, y[i], lanes);
  });
}

// One strip of keys, for all queries: most [padded], total [padded] and sums [count, D] of the softmax relative to
// the strip's own largest scores. scores: scratch of keys x padded floats.
inline void attend_strip(const StripArguments& a, float* scores, float* most, float* total, float* sums) noexcept {
  for (Index n = 0; n < a.padded; n += kLanes) {
    Vec largest_score = splat(-3.0e38f);
    for_groups(a.keys,
               [&](Index m, auto size) { largest_score = score_keys<size.value>(a, m, n, scores, largest_score); });
    Vec sum_of_powers = splat(0.0f);
    for (Index m = 0; m < a.keys; ++m) {
      const Vec p = exp(load(scores + m * a.padded + n) - largest_score);
      sum_of_powers = sum_of_powers + p;
      store(scores + m * a.padded + n, p);
    }
    store(most + n, largest_score);
    store(total + n, sum_of_powers);
  }
  for_groups(a.count, [&](Index n, auto size) { weigh_values<size.value>(a, n, scores, sums); });
}
