// Attention of one head, in two forms: few keys (the image reads the tokens) and few queries (the tokens read the
// image). The many, pixels of the image, are in lanes; the few are taken one after the other.

// Calls body(first, constant size) for groups that cover n: of kAtOnce, the last of which may overlap the one before
// (the same numbers are written again), or of 1 where n is smaller. 11 and 19, the numbers of classes, are covered
// without overlap: the first group is then larger. One score is a chain of D additions, each waiting for the one
// before: those of a group are under way together. How many are makes no difference to the bits of any of them.
template <class Body>
SEGFACE_ALWAYS_INLINE void for_groups(Index n, const Body& body) noexcept {
  constexpr int kAtOnce = 8, kLarger = kAtOnce + 3;
  Index i = 0;
  if (n < kAtOnce) {
    for (; i < n; ++i) body(i, std::integral_constant<int, 1>());
    return;
  }
  if (n % kAtOnce == kLarger - kAtOnce) {
    body(i, std::integral_constant<int, kLarger>());
    i = kLarger;
  }
  for (; i < n; i += kAtOnce) body(i + kAtOnce <= n ? i : n - kAtOnce, std::integral_constant<int, kAtOnce>());
}

// Channels [d, d + lanes) of rows [count, D], at most kLanes -> columns [D, kLanes]; beyond the last row: the last
// again.
SEGFACE_ALWAYS_INLINE void to_columns(const float* rows, Index ld, Index count, Index d, Index lanes,
                                      float* columns) noexcept {
  Vec block[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) block[i] = load_lanes(rows + (i < count ? i : count - 1) * ld + d, lanes);
  transpose(block);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if (i < lanes) store(columns + (d + i) * kLanes, block[i]);
  }
}
inline void to_columns(const float* rows, Index ld, Index count, Index width, float* columns) noexcept {
  for_lanes(width, [=](Index d, Index lanes) { to_columns(rows, ld, count, d, lanes, columns); });
}

// Products of `Rows` of the few, [D, ld], with all columns [D, kLanes]: use(i, those of number i).
template <int Rows, class Use>
SEGFACE_ALWAYS_INLINE void multiply_columns(const float* few, Index ld, const float* columns, Index width,
                                            const Use& use) noexcept {
  Vec s[Rows];
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) s[i] = splat(0.0f);
  for (Index d = 0; d < width; ++d) {
    const Vec column = load(columns + d * kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) s[i] = fma(splat(few[d * ld + i]), column, s[i]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < Rows; ++i) use(i, s[i]);
}

// Values [d, d + lanes) of all keys, weighted for kLanes queries: y[i] is value d + i.
SEGFACE_ALWAYS_INLINE void weigh_few_values(const FewKeysArguments& a, Index d, Index lanes, const float* powers,
                                            Vec share, Vec (&y)[kLanes]) noexcept {
  Vec sums[kLanes];  // in registers, as no other array is
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) sums[i] = splat(0.0f);
  for (Index m = 0; m < a.count; ++m) {
    const Vec power = load(powers + m * kLanes);
    const float* const values = a.v + m * a.ldv + d;
    if (lanes == kLanes) {
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) sums[i] = fma(splat(values[i]), power, sums[i]);
    } else {
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) sums[i] = fma(splat(i < lanes ? values[i] : 0.0f), power, sums[i]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) y[i] = sums[i] * share;
}

// out[n] = softmax over m of (q[n] . k[m]) v[m], with kLanes queries in lanes. scratch: (D + count) kLanes floats.
inline void attend_few_keys(const FewKeysArguments& a, const float* q, Index queries, float* scratch,
                            float* out) noexcept {
  float* const scores = scratch + a.width * kLanes;  // [count, kLanes]
  for (Index first = 0; first < queries; first += kLanes) {
    const Index count = queries - first < kLanes ? queries - first : kLanes;
    to_columns(q + first * a.ldq, a.ldq, count, a.width, scratch);
    Vec most = splat(-3.0e38f);
    for_groups(a.count, [&](Index m, auto size) {
      multiply_columns<size.value>(a.keys + m, a.count, scratch, a.width, [&](int i, Vec score) {
        most = max(most, score);
        store(scores + (m + i) * kLanes, score);
      });
    });
    Vec total = splat(0.0f);
    for (Index m = 0; m < a.count; ++m) {
      const Vec p = exp(load(scores + m * kLanes) - most);
      total = total + p;
      store(scores + m * kLanes, p);
    }
    const Vec share = splat(1.0f) / total;
    for_lanes(a.width, [&](Index d, Index lanes) {
      Vec block[kLanes];
      weigh_few_values(a, d, lanes, scores, share, block);
      transpose(block);
      for (Index i = 0; i < count; ++i) store_lanes(out + (first + i) * a.ldo + d, block[i], lanes);
    });
  }
}

// sums[n] = (or +=, but for the first) values [d, d + lanes) of kLanes keys, weighted for each query: powers [count,
// ld].
SEGFACE_ALWAYS_INLINE void weigh_values(const StripArguments& a, const float* v, Index keys, const float* powers,
                                        Index ld, bool first, Index d, Index lanes, float* sums) noexcept {
  Vec values[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) values[i] = load_lanes(v + (i < keys ? i : keys - 1) * a.ldv + d, lanes);
  float* sum = sums + d;
  for (Index n = a.count, width = a.width; n > 0; --n, powers += ld, sum += width) {
    Vec even = first ? splat(0.0f) : load_lanes(sum, lanes), odd = splat(0.0f);  // two shorter chains of additions
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; i += 2) {
      even = fma(splat(powers[i]), values[i], even);
      odd = fma(splat(powers[i + 1]), values[i + 1], odd);
    }
    store_lanes(sum, even + odd, lanes);
  }
}

// One strip of keys, for all queries: most [padded], total [padded] and sums [count, D] of the softmax relative to
// the strip's own largest scores. scratch: D kLanes floats, and count times as many as there are keys in whole vectors.
inline void attend_strip(const StripArguments& a, float* scratch, float* most, float* total, float* sums) noexcept {
  const Index ld = (a.keys + kLanes - 1) / kLanes * kLanes;
  float* const scores = scratch + a.width * kLanes;  // [count, ld]
  for (Index first = 0; first < a.keys; first += kLanes) {
    const Index keys = a.keys - first < kLanes ? a.keys - first : kLanes;
    to_columns(a.k + first * a.ldk, a.ldk, keys, a.width, scratch);
    for_groups(a.count, [&](Index n, auto size) {
      multiply_columns<size.value>(a.queries + n, a.count, scratch, a.width,
                                   [&](int i, Vec score) { store(scores + (n + i) * ld + first, score); });
    });
  }
  for (Index n = 0; n < a.padded; ++n) {
    if (n >= a.count) {  // read by merge_strips, and not used
      most[n] = 0;
      total[n] = 1;
      continue;
    }
    float* const row = scores + n * ld;
    Vec largest_scores = load(row);  // beyond the last key: the last again
    for (Index m = kLanes; m < ld; m += kLanes) largest_scores = max(largest_scores, load(row + m));
    most[n] = largest(largest_scores);
    Vec sum_of_powers = splat(0.0f);
    for_lanes(a.keys, [&](Index m, Index lanes) {
      store(row + m, exp(load(row + m) - splat(most[n])));
      if (lanes < kLanes) std::fill(row + a.keys, row + ld, 0.0f);
      sum_of_powers = sum_of_powers + load(row + m);
    });
    total[n] = sum(sum_of_powers);
  }
  for (Index first = 0; first < a.keys; first += kLanes) {
    const Index keys = a.keys - first < kLanes ? a.keys - first : kLanes;
    for_lanes(a.width, [&, sums](Index d, Index lanes) {
      weigh_values(a, a.v + first * a.ldv, keys, scores + first, ld, first == 0, d, lanes, sums);
    });
  }
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
