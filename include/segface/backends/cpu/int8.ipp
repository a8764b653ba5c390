// Rows of bytes, and their products with weights of bytes, by the dot products of four that were included before.

template <class Products>
struct ByteDots {
  static constexpr Precision kPrecision = Precision::int8;
  using Groups = Ints;
  using Sums = Ints;

  static SEGFACE_ALWAYS_INLINE Sums none() noexcept { return no_ints(); }
  static SEGFACE_ALWAYS_INLINE Groups load(const std::uint32_t* p) noexcept { return load_ints(p); }
  static SEGFACE_ALWAYS_INLINE Groups splat(std::uint32_t group) noexcept { return splat_ints(group); }
  static SEGFACE_ALWAYS_INLINE Sums add_products(const Sums& sums, const Groups& x, const Groups& w) noexcept {
    return Products::add(sums, x, w);
  }
  // scale scale_w (q . w - zero sum(w)), of outputs from `o` on
  static SEGFACE_ALWAYS_INLINE Vec result(const Sums& products, const RoundedRows& rows, Index row,
                                          const RoundedWeights& w, Index o) noexcept {
    const Vec exact = to_floats(subtract_product(products, rows.zeros[row], w.sums + o));
    return exact * SEGFACE_SET::load(w.scales + o) * SEGFACE_SET::splat(rows.scales[row]);
  }
};

// How a row becomes bytes: its smallest entry, its largest one and zero lie in 255 steps. What is not finite makes the
// scale NaN, and so the results.
struct ByteSteps {
  float scale, steps, zero;
};
SEGFACE_ALWAYS_INLINE ByteSteps byte_steps(const float* x, Index depth) noexcept {
  constexpr float kTiny = 1e-35f;  // rows within are zeros: 255 parts of them would be no normal numbers
  Vec low = splat(0.0f), high = splat(0.0f), invalid = splat(0.0f);
  for_lanes(depth, [&](Index i, Index lanes) {
    const Vec v = load_lanes(x + i, lanes);
    low = min(low, v);
    high = max(high, v);
    invalid = fma(v, splat(0.0f), invalid);
  });
  const float least = -largest(splat(0.0f) - low), difference = largest(high) - least;
  const float range = difference > kTiny ? difference : 0.0f, steps = range > 0 ? 255.0f / range : 0.0f;
  return {range * (1.0f / 255) + sum(invalid), steps, 0.0f - least * steps};
}
inline void round_to_bytes(const float* x, Index ldx, Index rows, Index depth, const RoundedRows& out) noexcept {
  constexpr Index kRows = 4;  // whose steps are found together, since one waits for most of its time
  const Index count = group_count(Precision::int8, depth);
  for (Index first = 0; first < rows; first += kRows) {
    const Index end = rows - first < kRows ? rows : first + kRows;
    ByteSteps steps[kRows];
    for (Index r = first; r < end; ++r) steps[r - first] = byte_steps(x + r * ldx, depth);
    for (Index r = first; r < end; ++r) {
      const ByteSteps& of_row = steps[r - first];
      const Vec zero = round(splat(of_row.zero));
      std::uint32_t* const row = out.groups + r * count;
      row[count - 1] = 0;
      auto* const bytes = reinterpret_cast<std::uint8_t*>(row);
      for_lanes(depth, [&](Index i, Index lanes) {
        store_bytes(bytes + i, load_lanes(x + r * ldx + i, lanes) * splat(of_row.steps), zero, lanes);
      });
      float lanes[kLanes];
      store(lanes, zero);
      out.scales[r] = of_row.scale;
      out.zeros[r] = static_cast<std::int32_t>(lanes[0]);
    }
  }
}
