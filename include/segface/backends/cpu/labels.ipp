// Labels of pixels: logits interpolated, the largest found, and its softmax probability.
//
// The logits of kLanes pixels are interpolated with the classes of a pixel in lanes, as they lie in memory; then they
// are transposed, and the classes are compared with pixels in lanes.

SEGFACE_ALWAYS_INLINE void store_bytes(Vec numbers, Index count, std::uint8_t* out) noexcept {
  float lanes[kLanes];
  store(lanes, numbers);
  for (Index i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(lanes[i]);
}

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
    store_bytes(label, pixels, a.labels + first);
    if (a.confidence == nullptr) continue;
    Vec total = splat(0.0f);
    for (Index c = 0; c < a.classes; ++c) total = total + exp(of_class[c] - most);
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

// settled_label() in image/settled_labels.hpp, of pixels side by side, ld floats from one to the next.
template <int Vectors>
inline void settle_vectors(const float* logits, Index ld, Index classes, Index pixels, std::uint8_t* labels) noexcept {
  const Index last = classes - (Vectors - 1) * kLanes;  // lanes of the last vector
  Vec numbers[Vectors][kLanes];
  for (Index first = 0; first < pixels; first += kLanes) {
    const Index count = pixels - first < kLanes ? pixels - first : kLanes;
    for (Index p = 0; p < kLanes; ++p) {
      const float* const pixel = logits + (first + (p < count ? p : count - 1)) * ld;
#pragma GCC unroll 16
      for (int i = 0; i < Vectors; ++i) {
        numbers[i][p] = i + 1 < Vectors ? load(pixel + i * kLanes) : load_lanes(pixel + i * kLanes, last);
      }
    }
    for (int i = 0; i < Vectors; ++i) transpose(numbers[i]);
    const Vec* const of_class = &numbers[0][0];
    const Vec zero = splat(0.0f);
    Vec most = of_class[0], second = splat(-std::numeric_limits<float>::max()), label = zero;
    Vec sum = max(most, zero - most);
    for (Index c = 1; c < classes; ++c) {
      const Vec value = of_class[c];
      sum = sum + max(value, zero - value);
      second = where_greater(value, most, most, where_greater(value, second, value, second));
      label = where_greater(value, most, splat(static_cast<float>(c)), label);
      most = where_greater(value, most, value, most);
    }
    const Vec least = sum * splat(SettledLead::kEnlargement) * splat(SettledLead::kShare) + splat(SettledLead::kLeast);
    store_bytes(where_greater(most - second, least, label, splat(static_cast<float>(kUndecided))), count,
                labels + first);
  }
}

template <int Vectors>
inline void settle_pixels_of(const float* logits, Index ld, Index classes, Index pixels,
                             std::uint8_t* labels) noexcept {
  if constexpr (Vectors > 1) {
    if (classes <= (Vectors - 1) * kLanes) return settle_pixels_of<Vectors - 1>(logits, ld, classes, pixels, labels);
  }
  settle_vectors<Vectors>(logits, ld, classes, pixels, labels);
}
inline void settle_pixels(const float* logits, Index ld, Index classes, Index pixels, std::uint8_t* labels) noexcept {
  settle_pixels_of<(LabelArguments::kMostClasses + kLanes - 1) / kLanes>(logits, ld, classes, pixels, labels);
}
