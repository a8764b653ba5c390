// Vector functions, and the activations made of them. Their errors are tested over the ranges named here by
// tests/backends/cpu_math_test.cpp.

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
  return times_power_of_two(p, n);
}

// x (1 + erf(x / sqrt 2)) / 2, error below 4e-7 max(1, |x|). That is x (1/2 + x g(x^2)) with g smooth: a polynomial in
// t = 2 x^2 / 5.5^2 - 1, fitted by tools/fit_gelu.py; beyond 5.5 the normal distribution is taken as 0 or 1.
SEGFACE_ALWAYS_INLINE Vec gelu(Vec x) noexcept {
  x = max(x, splat(-5.5f));
  const Vec inner = min(x, splat(5.5f));
  const Vec t = fma(inner * inner, splat(2 / (5.5f * 5.5f)), splat(-1.0f));
  const Vec t2 = t * t;  // even and odd powers apart: two chains of multiply-adds under way together
  Vec even = splat(0.00042880862f), odd = splat(-0.00127530622f);
  even = fma(even, t2, splat(0.00134166214f));
  odd = fma(odd, t2, splat(-0.00149289949f));
  even = fma(even, t2, splat(0.00388048799f));
  odd = fma(odd, t2, splat(-0.00739237014f));
  even = fma(even, t2, splat(0.0106612844f));
  odd = fma(odd, t2, splat(-0.0148146078f));
  even = fma(even, t2, splat(0.0202361774f));
  odd = fma(odd, t2, splat(-0.0260776952f));
  even = fma(even, t2, splat(0.0320880823f));
  odd = fma(odd, t2, splat(-0.0387908146f));
  even = fma(even, t2, splat(0.0477367155f));
  odd = fma(odd, t2, splat(-0.0641723722f));
  even = fma(even, t2, splat(0.128551945f));
  const Vec g = fma(odd, t, even);
  return x * fma(inner, g, splat(0.5f));
}

// min(max(x + 3, 0), 6) / 6
SEGFACE_ALWAYS_INLINE Vec hard_sigmoid(Vec x) noexcept {
  return min(max(x + splat(3.0f), splat(0.0f)), splat(6.0f)) * splat(1.0f / 6);
}

// 1 / (1 + e^-x), relative error below 5e-7 for x >= -87.
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

// y[r] = activation(x[r] + bias) for rows of n channels; x: rows that may be y itself; bias: null, or whole vectors.
// The activation is a compile-time number in each loop, so that its many constants are loaded once.
inline void activate_rows(Activation activation, const float* bias, const float* x, Index ldx, Index rows, Index n,
                          float* y, Index ldy) noexcept {
  const auto with = [&](auto constant) {
    for (Index r = 0; r < rows; ++r, x += ldx, y += ldy) {
      for_lanes(n, [&](Index i, Index lanes) {
        Vec v = load_lanes(x + i, lanes);
        if (bias != nullptr) v = v + load(bias + i);
        store_lanes(y + i, activate(constant.value, v), lanes);
      });
    }
  };
  switch (activation) {
    case Activation::none:
      return with(std::integral_constant<Activation, Activation::none>());
    case Activation::relu:
      return with(std::integral_constant<Activation, Activation::relu>());
    case Activation::gelu:
      return with(std::integral_constant<Activation, Activation::gelu>());
    case Activation::silu:
      return with(std::integral_constant<Activation, Activation::silu>());
    case Activation::hard_swish:
      return with(std::integral_constant<Activation, Activation::hard_swish>());
    case Activation::sigmoid:
      return with(std::integral_constant<Activation, Activation::sigmoid>());
    case Activation::hard_sigmoid:
      return with(std::integral_constant<Activation, Activation::hard_sigmoid>());
  }
}

// y[r] = a[r] + b[r]
inline void add_rows(const float* a, Index lda, const float* b, Index ldb, Index rows, Index channels, float* y,
                     Index ldy) noexcept {
  for (Index r = 0; r < rows; ++r, a += lda, b += ldb, y += ldy) {
    for_lanes(channels, [&](Index i, Index lanes) {
      store_lanes(y + i, load_lanes(a + i, lanes) + load_lanes(b + i, lanes), lanes);
    });
  }
}

// y[r] = last(activation(x[r] + bias) + residual[r]) for rows of n channels. bias: null, or whole vectors; residual:
// null, or rows that may be y itself; x is changed.
inline void finish_rows(Activation activation, const float* bias, const float* residual, Index ldr, Activation last,
                        float* x, Index ldx, Index rows, Index n, float* y, Index ldy) noexcept {
  if (residual == nullptr) return activate_rows(activation, bias, x, ldx, rows, n, y, ldy);
  activate_rows(activation, bias, x, ldx, rows, n, x, ldx);
  add_rows(x, ldx, residual, ldr, rows, n, y, ldy);
  if (last != Activation::none) activate_rows(last, nullptr, y, ldy, rows, n, y, ldy);
}
