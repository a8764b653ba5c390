// Labels of pixels: logits interpolated, the largest found, and its softmax probability.
//
// The classes of a pixel are in lanes. The lanes beyond the last class start so low that they neither win nor count.

template <int Vectors>
inline void label_vectors(const LabelArguments& a) noexcept {
  constexpr Index kPadded = Vectors * kLanes;
  const Vec below = splat(a.fraction), above = splat(1.0f - a.fraction);
  const Index lanes = a.classes - kPadded + kLanes;  // of the last vector
  const auto load_class = [&](const float* p, int i) {
    return i + 1 < Vectors ? load(p + i * kLanes) : load_lanes(p + i * kLanes, lanes);
  };
  float padding[kLanes];
  for (Index i = 0; i < kLanes; ++i) padding[i] = i < lanes ? 0.0f : -1e30f;
  const Vec start = load(padding);
  Vec left[Vectors], right[Vectors];
  const auto column = [&](Index x, Vec* mixed) {
#pragma GCC unroll 16
    for (int i = 0; i < Vectors; ++i) {
      mixed[i] = fma(load_class(a.lower + x * a.ld, i), below, load_class(a.upper + x * a.ld, i) * above);
    }
    mixed[Vectors - 1] = mixed[Vectors - 1] + start;
  };
  Index held = a.left[0];
  column(held, left);
  column(a.right[0], right);
  for (Index p = 0; p < a.pixels; ++p) {
    if (a.left[p] != held) {
      held = a.left[p];
      column(held, left);
      column(a.right[p], right);
    }
    const Vec across = splat(a.across[p]), rest = splat(1.0f - a.across[p]);
    Vec mixed[Vectors];
#pragma GCC unroll 16
    for (int i = 0; i < Vectors; ++i) mixed[i] = fma(right[i], across, left[i] * rest);
    Vec most = mixed[0];
#pragma GCC unroll 16
    for (int i = 1; i < Vectors; ++i) most = max(most, mixed[i]);
    most = splat(largest(most));
    Index label = kPadded;
    Vec total = splat(0.0f);
#pragma GCC unroll 16
    for (int i = Vectors - 1; i >= 0; --i) {
      const Index lane = first_equal(mixed[i], most);
      label = lane < kLanes ? i * kLanes + lane : label;
      total = total + exp(mixed[i] - most);
    }
    a.labels[p] = static_cast<std::uint8_t>(label < a.classes ? label : 0);  // none is equal where there are NaNs
    a.confidence[p] = 1.0f / sum(total);
  }
}

template <int Vectors>
inline void label_pixels_of(const LabelArguments& a) noexcept {
  if constexpr (Vectors > 1) {
    if (a.classes <= (Vectors - 1) * kLanes) return label_pixels_of<Vectors - 1>(a);
  }
  label_vectors<Vectors>(a);
}
inline void label_pixels(const LabelArguments& a) noexcept {
  label_pixels_of<(LabelArguments::kMostClasses + kLanes - 1) / kLanes>(a);
}
