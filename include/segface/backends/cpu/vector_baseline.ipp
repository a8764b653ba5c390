// The vector type every processor has: 4 floats, by the vector extension of g++ and clang++ (SSE2 on x86-64, SIMD128 in
// WebAssembly). Included by kernels.hpp inside a target region.

typedef float Vec __attribute__((vector_size(16)));
typedef std::int32_t IntVec __attribute__((vector_size(16)));
inline constexpr Index kLanes = 4;
inline constexpr int kTileRows = 6;  // 6 x 8 tile of 16 registers: 12 accumulators

SEGFACE_ALWAYS_INLINE Vec splat(float x) noexcept {
  return Vec{x, x, x, x};
}
SEGFACE_ALWAYS_INLINE Vec load(const float* p) noexcept {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
SEGFACE_ALWAYS_INLINE void store(float* p, Vec v) noexcept {
  std::memcpy(p, &v, sizeof v);
}
SEGFACE_ALWAYS_INLINE Vec load_part(const float* p, Index n) noexcept {
  Vec v = splat(0);
  std::memcpy(&v, p, static_cast<std::size_t>(n) * sizeof(float));
  return v;
}
SEGFACE_ALWAYS_INLINE void store_part(float* p, Vec v, Index n) noexcept {
  std::memcpy(p, &v, static_cast<std::size_t>(n) * sizeof(float));
}
SEGFACE_ALWAYS_INLINE Vec fma(Vec a, Vec b, Vec c) noexcept {
  return a * b + c;
}
SEGFACE_ALWAYS_INLINE Vec max(Vec a, Vec b) noexcept {
  return a > b ? a : b;
}
SEGFACE_ALWAYS_INLINE Vec min(Vec a, Vec b) noexcept {
  return a < b ? a : b;
}
// Nearest integer, ties to even, for |a| < 2^22. -ffast-math must not see through it: (a + c) - c would be a.
SEGFACE_ALWAYS_INLINE Vec round(Vec a) noexcept {
#if defined(__SSE2__)
  return __builtin_convertvector(__builtin_ia32_cvtps2dq(a), Vec);
#elif defined(__wasm_simd128__)
  return __builtin_wasm_nearest_f32x4(a);
#else
  Vec shifted = a + splat(12582912.0f);  // 1.5 x 2^23, which leaves no bits for a fraction
  __asm__("" : "+m"(shifted));           // in memory, so that x87 keeps no bits for one either
  return shifted - splat(12582912.0f);
#endif
}
SEGFACE_ALWAYS_INLINE Vec times_power_of_two(Vec a, Vec n) noexcept {
  const IntVec bits = (__builtin_convertvector(n, IntVec) + 127) << 23;
  Vec power;
  std::memcpy(&power, &bits, sizeof power);
  return a * power;
}
// Over the lanes.
SEGFACE_ALWAYS_INLINE float sum(Vec v) noexcept {
  return (v[0] + v[1]) + (v[2] + v[3]);
}
SEGFACE_ALWAYS_INLINE float largest(Vec v) noexcept {
  const float a = v[0] > v[1] ? v[0] : v[1], b = v[2] > v[3] ? v[2] : v[3];
  return a > b ? a : b;
}
// a > b ? x : y
SEGFACE_ALWAYS_INLINE Vec where_greater(Vec a, Vec b, Vec x, Vec y) noexcept {
  return a > b ? x : y;
}
// rows[i][j] <- rows[j][i]
SEGFACE_ALWAYS_INLINE void transpose(Vec (&rows)[kLanes]) noexcept {
  const Vec a = rows[0], b = rows[1], c = rows[2], d = rows[3];
  for (int i = 0; i < 4; ++i) rows[i] = Vec{a[i], b[i], c[i], d[i]};
}
