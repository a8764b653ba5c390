// Labels of pixels: logits interpolated, the largest found, and its softmax probability.
//
// The logits of kLanes pixels are interpolated with the classes of a pixel in lanes, as they lie in memory; then they
// are transposed, and the classes are compared with pixels in lanes.

template <int Vectors>
inline void label_vectors(const LabelArguments& a) noexcept {
  const Vec below = splat(a.fraction), above = splat(1.0f - a.fraction);
  const Index last = a.classes - (Vectors - 1) * kLanes;  // lanes of the last vector
  const auto load_classes = [&](const float* p, int i) {
    return i + 1 < Vectors ? load(p + i * kLanes) : load_lanes(p + i * kLanes, last);
  };
  Vec left[Vectors], right[Vectors];
  const auto column = [&](Index x, Vec* mixed) {
#pragma GCC unroll 16
    for (int i = 0; i < Vectors; ++i) {
      mixed[i] = fma(load_classes(a.lower + x * a.ld, i), below, load_classes(a.upper + x * a.ld, i) * above);
    }
  };
  Index held = a.left[0];
  column(held, left);
  column(a.right[0], right);
  Vec mixed[Vectors][kLanes];
  for (Index first = 0; first < a.pixels; first += kLanes) {
    const Index pixels = a.pixels - first < kLanes ? a.pixels - first : kLanes;
    for (Index p = 0; p < kLanes; ++p) {
      const Index at = first + (p < pixels ? p : pixels - 1);  // beyond the last: the last again
      if (a.left[at] != held) {
        held = a.left[at];
        column(held, left);
        column(a.right[at], right);
      }
      const Vec across = splat(a.across[at]), rest = splat(1.0f - a.across[at]);
#pragma GCC unroll 16
      for (int i = 0; i < Vectors; ++i) mixed[i][p] = fma(right[i], across, left[i] * rest);
    }
    for (int i = 0; i < Vectors; ++i) transpose(mixed[i]);
    const Vec* const of_class = &mixed[0][0];
    Vec most = of_class[0], label = splat(0.0f);
    for (Index c = 1; c < a.classes; ++c) {
      label = where_greater(of_class[c], most, splat(static_cast<float>(c)), label);
      most = where_greater(of_class[c], most, of_class[c], most);
    }
    Vec total = splat(0.0f);
    for (Index c = 0; c < a.classes; ++c) total = total + exp(of_class[c] - most);
    float labels[kLanes];
    store(labels, label);
    for (Index p = 0; p < pixels; ++p) a.labels[first + p] = static_cast<std::uint8_t>(labels[p]);
    store_lanes(a.confidence + first, splat(1.0f) / total, pixels);
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
