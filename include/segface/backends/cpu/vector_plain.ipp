// The vector type where a compiler has none: 4 floats in a row, which it may or may not make vectors of. Included by
// kernels.hpp inside a namespace.

struct Vec {
  float lanes[4];
};
inline constexpr Index kLanes = 4;
inline constexpr int kTileRows = 6;

// Lane by lane.
template <class Function>
SEGFACE_ALWAYS_INLINE Vec each(const Function& function) noexcept {
  return {{function(0), function(1), function(2), function(3)}};
}
SEGFACE_ALWAYS_INLINE Vec operator+(Vec a, Vec b) noexcept {
  return each([&](int i) { return a.lanes[i] + b.lanes[i]; });
}
SEGFACE_ALWAYS_INLINE Vec operator-(Vec a, Vec b) noexcept {
  return each([&](int i) { return a.lanes[i] - b.lanes[i]; });
}
SEGFACE_ALWAYS_INLINE Vec operator*(Vec a, Vec b) noexcept {
  return each([&](int i) { return a.lanes[i] * b.lanes[i]; });
}
SEGFACE_ALWAYS_INLINE Vec operator/(Vec a, Vec b) noexcept {
  return each([&](int i) { return a.lanes[i] / b.lanes[i]; });
}
SEGFACE_ALWAYS_INLINE Vec splat(float x) noexcept {
  return {{x, x, x, x}};
}
SEGFACE_ALWAYS_INLINE Vec load(const float* p) noexcept {
  return {{p[0], p[1], p[2], p[3]}};
}
SEGFACE_ALWAYS_INLINE void store(float* p, Vec v) noexcept {
  std::memcpy(p, v.lanes, sizeof v.lanes);
}
SEGFACE_ALWAYS_INLINE Vec load_part(const float* p, Index n) noexcept {
  Vec v = splat(0);
  std::memcpy(v.lanes, p, static_cast<std::size_t>(n) * sizeof(float));
  return v;
}
SEGFACE_ALWAYS_INLINE void store_part(float* p, Vec v, Index n) noexcept {
  std::memcpy(p, v.lanes, static_cast<std::size_t>(n) * sizeof(float));
}
SEGFACE_ALWAYS_INLINE Vec fma(Vec a, Vec b, Vec c) noexcept {
  return a * b + c;
}
// a > b ? x : y
SEGFACE_ALWAYS_INLINE Vec where_greater(Vec a, Vec b, Vec x, Vec y) noexcept {
  return each([&](int i) { return a.lanes[i] > b.lanes[i] ? x.lanes[i] : y.lanes[i]; });
}
SEGFACE_ALWAYS_INLINE Vec max(Vec a, Vec b) noexcept {
  return where_greater(a, b, a, b);
}
SEGFACE_ALWAYS_INLINE Vec min(Vec a, Vec b) noexcept {
  return where_greater(b, a, a, b);
}
// Nearest integer, ties to even.
SEGFACE_ALWAYS_INLINE Vec round(Vec a) noexcept {
  return each([&](int i) { return std::nearbyint(a.lanes[i]); });
}
// a 2^n for integers n from -126 to 127.
SEGFACE_ALWAYS_INLINE Vec times_power_of_two(Vec a, Vec n) noexcept {
  return each([&](int i) {
    const std::int32_t bits = (static_cast<std::int32_t>(n.lanes[i]) + 127) * (std::int32_t{1} << 23);
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return a.lanes[i] * power;
  });
}
// Over the lanes.
SEGFACE_ALWAYS_INLINE float sum(Vec v) noexcept {
  return (v.lanes[0] + v.lanes[1]) + (v.lanes[2] + v.lanes[3]);
}
SEGFACE_ALWAYS_INLINE float largest(Vec v) noexcept {
  const Vec halves = max(v, {{v.lanes[2], v.lanes[3], v.lanes[2], v.lanes[3]}});
  return halves.lanes[0] > halves.lanes[1] ? halves.lanes[0] : halves.lanes[1];
}
// rows[i][j] <- rows[j][i]
SEGFACE_ALWAYS_INLINE void transpose(Vec (&rows)[kLanes]) noexcept {
  const Vec a = rows[0], b = rows[1], c = rows[2], d = rows[3];
  for (int i = 0; i < 4; ++i) rows[i] = {{a.lanes[i], b.lanes[i], c.lanes[i], d.lanes[i]}};
}
