// Vector functions, and the activations made of them.

// e^x, relative error below 3e-7 for -87 <= x <= 88; arguments beyond are taken as the nearest of these.
// x = n ln 2 + r with |r| <= ln(2) / 2; e^r by its series to the sixth power.
SEGFACE_ALWAYS_INLINE Vec exp(Vec x) noexcept {
  x = max(min(x, splat(88.0f)), splat(-87.0f));
  const Vec n = round(x * splat(1.44269504f));
  const Vec r = fma(n, splat(2.12194440e-4f), fma(n, splat(-0.693359375f), x));
  Vec p = splat(1.0f / 720);
  p = fma(p, r, splat(1.0f / 120));
  p = fma(p, r, splat(1.0f / 24));
  p = fma(p, r, splat(1.0f / 6));
  p = fma(p, r, splat(0.5f));
  p = fma(p, r, splat(1.0f));
  p = fma(p, r, splat(1.0f));
  return p * power_of_two(n);
}

// x (1 + erf(x / sqrt 2)) / 2, absolute error below 1e-6. With z = |x| / sqrt 2:
// erf(z) = 1 - (a1 t + ... + a5 t^5) e^(-z^2), t = 1 / (1 + p z) (Abramowitz and Stegun 7.1.26).
SEGFACE_ALWAYS_INLINE Vec gelu(Vec x) noexcept {
  const Vec magnitude = max(x, splat(0.0f) - x);
  const Vec z = magnitude * splat(0.70710678f);
  const Vec t = splat(1.0f) / fma(z, splat(0.3275911f), splat(1.0f));
  Vec p = splat(1.061405429f);
  p = fma(p, t, splat(-1.453152027f));
  p = fma(p, t, splat(1.421413741f));
  p = fma(p, t, splat(-0.284496736f));
  p = fma(p, t, splat(0.254829592f));
  const Vec tail = p * t * exp(splat(0.0f) - z * z);  // 1 - erf(z)
  // x >= 0: x - x tail / 2; x < 0: x tail / 2. Both are max(x, 0) - |x| tail / 2.
  return fma(magnitude * splat(-0.5f), tail, max(x, splat(0.0f)));
}

// min(max(x + 3, 0), 6) / 6
SEGFACE_ALWAYS_INLINE Vec hard_sigmoid(Vec x) noexcept {
  return min(max(x + splat(3.0f), splat(0.0f)), splat(6.0f)) * splat(1.0f / 6);
}

SEGFACE_ALWAYS_INLINE Vec sigmoid(Vec x) noexcept {
  return splat(1.0f) / (splat(1.0f) + exp(splat(0.0f) - x));
}

SEGFACE_ALWAYS_INLINE Vec activate(Activation activation, Vec x) noexcept {
  switch (activation) {
    case Activation::relu:
      return max(x, splat(0.0f));
    case Activation::hard_swish:
      return x * hard_sigmoid(x);
    case Activation::hard_sigmoid:
      return hard_sigmoid(x);
    case Activation::gelu:
      return gelu(x);
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::none:
      break;
  }
  return x;
}

// Calls body(activation) with the activation as a compile-time number.
template <class Body>
SEGFACE_ALWAYS_INLINE void with_constant(Activation activation, const Body& body) noexcept {
  switch (activation) {
    case Activation::none:
      return body(std::integral_constant<Activation, Activation::none>());
    case Activation::relu:
      return body(std::integral_constant<Activation, Activation::relu>());
    case Activation::gelu:
      return body(std::integral_constant<Activation, Activation::gelu>());
    case Activation::silu:
      return body(std::integral_constant<Activation, Activation::silu>());
    case Activation::hard_swish:
      return body(std::integral_constant<Activation, Activation::hard_swish>());
    case Activation::sigmoid:
      return body(std::integral_constant<Activation, Activation::sigmoid>());
    case Activation::hard_sigmoid:
      return body(std::integral_constant<Activation, Activation::hard_sigmoid>());
  }
}

// Calls body(first channel, lanes) for vectors that cover n channels; the last may have fewer than kLanes.
template <class Body>
SEGFACE_ALWAYS_INLINE void for_lanes(Index n, const Body& body) noexcept {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, n - i);
}
SEGFACE_ALWAYS_INLINE Vec load_lanes(const float* p, Index lanes) noexcept {
  return lanes == kLanes ? load(p) : load_part(p, lanes);
}
SEGFACE_ALWAYS_INLINE void store_lanes(float* p, Vec v, Index lanes) noexcept {
  lanes == kLanes ? store(p, v) : store_part(p, v, lanes);
}
