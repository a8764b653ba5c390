// Attention of one head, in two forms: few keys (the image reads the tokens) and few queries (the tokens read the
// image).
//
// One score is a chain of D additions, each waiting for the one before: kAtOnce of them are under way together.
// How many are makes no difference to the bits of any of them.

inline constexpr int kAtOnce = 8;

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

// Scores of `Keys` keys from m on with kLanes queries, [D, kLanes]; returns the largest of them and of `most`.
template <int Keys>
SEGFACE_ALWAYS_INLINE Vec score_queries(const FewKeysArguments& a, Index m, const float* queries, float* scores,
                                        Vec most) noexcept {
  Vec s[Keys];
#pragma GCC unroll 8
  for (int i = 0; i < Keys; ++i) s[i] = splat(0.0f);
  for (Index d = 0; d < a.width; ++d) {
    const Vec query = load(queries + d * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < Keys; ++i) s[i] = fma(splat(a.keys[(m + i) * a.width + d]), query, s[i]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < Keys; ++i) {
    most = max(most, s[i]);
    store(scores + (m + i) * kLanes, s[i]);
  }
  return most;
}

// Values [d, d + lanes) of all keys, weighted for kLanes queries: y[i] is value d + i.
SEGFACE_ALWAYS_INLINE void weigh_few_values(const FewKeysArguments& a, Index d, Index lanes, const float* shares,
                                            Vec (&y)[kLanes]) noexcept {
  for (Index i = 0; i < kLanes; ++i) y[i] = splat(0.0f);
  if (lanes < kLanes) {
    for (Index m = 0; m < a.count; ++m) {
      for (Index i = 0; i < lanes; ++i) {
        y[i] = fma(splat(a.v[m * a.ldv + d + i]), load(shares + m * kLanes), y[i]);
      }
    }
    return;
  }
  for (Index m = 0; m < a.count; ++m) {
    const Vec share = load(shares + m * kLanes);
    const float* const values = a.v + m * a.ldv + d;
#pragma GCC unroll 16
    for (Index i = 0; i < kLanes; ++i) y[i] = fma(splat(values[i]), share, y[i]);
  }
}

// out[n] = softmax over m of (q[n] . k[m]) v[m], with kLanes queries in lanes. scratch: (D + count) kLanes floats.
inline void attend_few_keys(const FewKeysArguments& a, const float* q, Index queries, float* scratch,
                            float* out) noexcept {
  float* const scores = scratch + a.width * kLanes;
  Vec block[kLanes];
  for (Index first = 0; first < queries; first += kLanes) {
    const Index count = queries - first < kLanes ? queries - first : kLanes;
    for_lanes(a.width, [&](Index d, Index lanes) {
      for (Index i = 0; i < kLanes; ++i) {  // beyond the last query: the last again
        block[i] = load_lanes(q + (first + (i < count ? i : count - 1)) * a.ldq + d, lanes);
      }
      transpose(block);
      for (Index i = 0; i < lanes; ++i) store(scratch + (d + i) * kLanes, block[i]);
    });
    Vec most = splat(-3.0e38f);
    for_groups(a.count, [&](Index m, auto size) { most = score_queries<size.value>(a, m, scratch, scores, most); });
    Vec total = splat(0.0f);
    for (Index m = 0; m < a.count; ++m) {
      const Vec p = exp(load(scores + m * kLanes) - most);
      total = total + p;
      store(scores + m * kLanes, p);
    }
    const Vec share = splat(1.0f) / total;
    for_lanes(a.width, [&](Index d, Index lanes) {
      weigh_few_values(a, d, lanes, scores, block);
      for (Index i = 0; i < kLanes; ++i) block[i] = block[i] * share;
      transpose(block);
      for (Index i = 0; i < count; ++i) store_lanes(out + (first + i) * a.ldo + d, block[i], lanes);
    });
  }
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

// All strips together: softmax over all = sum over strips of e^(most_s - most) parts. parts: those of every strip, as
// attend_strip leaves them, part_size apart; overwritten.
inline void merge_strips(const StripArguments& a, float* parts, Index part_size, Index strips, float* out,
                         Index ldo) noexcept {
  for (Index n = 0; n < a.padded; n += kLanes) {
    Vec most = load(parts + n);
    for (Index s = 1; s < strips; ++s) most = max(most, load(parts + s * part_size + n));
    Vec total = splat(0.0f);
    for (Index s = 0; s < strips; ++s) {
      float* const part = parts + s * part_size + n;
      const Vec share = exp(load(part) - most);
      total = fma(share, load(part + a.padded), total);
      store(part, share);
    }
    store(parts + a.padded + n, splat(1.0f) / total);
  }
  const float* const sums = parts + 2 * a.padded;
  for (Index n = 0; n < a.count; ++n) {
    for_lanes(a.width, [&](Index d, Index lanes) {
      Vec y = splat(0.0f);
      for (Index s = 0; s < strips; ++s) {
        y = fma(splat(parts[s * part_size + n]), load_lanes(sums + s * part_size + n * a.width + d, lanes), y);
      }
      store_lanes(out + n * ldo + d, y * splat(parts[a.padded + n]), lanes);
    });
  }
}
