// The vector type of AVX2 with FMA: 8 floats, 16 registers. Included by kernels.hpp inside a target region.

using Vec = __m256;
inline constexpr Index kLanes = 8;
inline constexpr int kTileRows = 6;  // 6 x 16 tile: 12 accumulators, 2 for weights, 2 to spare

SEGFACE_ALWAYS_INLINE Vec splat(float x) noexcept {
  return _mm256_set1_ps(x);
}
SEGFACE_ALWAYS_INLINE Vec load(const float* p) noexcept {
  return _mm256_loadu_ps(p);
}
SEGFACE_ALWAYS_INLINE void store(float* p, Vec v) noexcept {
  _mm256_storeu_ps(p, v);
}
SEGFACE_ALWAYS_INLINE __m256i first_lanes(Index n) noexcept {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
SEGFACE_ALWAYS_INLINE Vec load_part(const float* p, Index n) noexcept {
  return _mm256_maskload_ps(p, first_lanes(n));
}
SEGFACE_ALWAYS_INLINE void store_part(float* p, Vec v, Index n) noexcept {
  _mm256_maskstore_ps(p, first_lanes(n), v);
}
SEGFACE_ALWAYS_INLINE Vec fma(Vec a, Vec b, Vec c) noexcept {
  return _mm256_fmadd_ps(a, b, c);
}
SEGFACE_ALWAYS_INLINE Vec max(Vec a, Vec b) noexcept {
  return _mm256_max_ps(a, b);
}
SEGFACE_ALWAYS_INLINE Vec min(Vec a, Vec b) noexcept {
  return _mm256_min_ps(a, b);
}
SEGFACE_ALWAYS_INLINE Vec round(Vec a) noexcept {
  return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
SEGFACE_ALWAYS_INLINE Vec times_power_of_two(Vec a, Vec n) noexcept {
  return _mm256_mul_ps(
      a, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23)));
}
// Over the lanes: halves, then quarters, then eighths.
SEGFACE_ALWAYS_INLINE float sum(Vec v) noexcept {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
SEGFACE_ALWAYS_INLINE float largest(Vec v) noexcept {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
// a > b ? x : y
SEGFACE_ALWAYS_INLINE Vec where_greater(Vec a, Vec b, Vec x, Vec y) noexcept {
  return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_GT_OQ));
}
// rows[i][j] <- rows[j][i]: neighbours, then pairs, then halves of the vectors change places.
SEGFACE_ALWAYS_INLINE void transpose(Vec (&rows)[kLanes]) noexcept {
  Vec t[kLanes];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i += 4) {
    rows[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    rows[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    rows[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    rows[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm256_permute2f128_ps(rows[i], rows[i + 4], 0x20);
    t[i + 4] = _mm256_permute2f128_ps(rows[i], rows[i + 4], 0x31);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) rows[i] = t[i];
}
