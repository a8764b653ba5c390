// The vector type of AVX-512: 16 floats, 32 registers. Included by kernels.hpp inside a target region.

using Vec = __m512;
inline constexpr Index kLanes = 16;
inline constexpr int kTileRows = 14;  // 14 x 32 tile: 28 accumulators, 2 for weights, 2 to spare

SEGFACE_ALWAYS_INLINE Vec splat(float x) noexcept {
  return _mm512_set1_ps(x);
}
SEGFACE_ALWAYS_INLINE Vec load(const float* p) noexcept {
  return _mm512_loadu_ps(p);
}
SEGFACE_ALWAYS_INLINE void store(float* p, Vec v) noexcept {
  _mm512_storeu_ps(p, v);
}
SEGFACE_ALWAYS_INLINE Vec load_part(const float* p, Index n) noexcept {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p);
}
SEGFACE_ALWAYS_INLINE void store_part(float* p, Vec v, Index n) noexcept {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), v);
}
SEGFACE_ALWAYS_INLINE Vec fma(Vec a, Vec b, Vec c) noexcept {
  return _mm512_fmadd_ps(a, b, c);
}
SEGFACE_ALWAYS_INLINE Vec max(Vec a, Vec b) noexcept {
  return _mm512_max_ps(a, b);
}
SEGFACE_ALWAYS_INLINE Vec min(Vec a, Vec b) noexcept {
  return _mm512_min_ps(a, b);
}
// Nearest integer, ties to even.
SEGFACE_ALWAYS_INLINE Vec round(Vec a) noexcept {
  return _mm512_roundscale_ps(a, 0);
}
// a 2^n for integers n from -126 to 127.
SEGFACE_ALWAYS_INLINE Vec times_power_of_two(Vec a, Vec n) noexcept {
  return _mm512_scalef_ps(a, n);
}
// Over the lanes.
SEGFACE_ALWAYS_INLINE float sum(Vec v) noexcept {
  return _mm512_reduce_add_ps(v);
}
SEGFACE_ALWAYS_INLINE float largest(Vec v) noexcept {
  return _mm512_reduce_max_ps(v);
}
// a > b ? x : y
SEGFACE_ALWAYS_INLINE Vec where_greater(Vec a, Vec b, Vec x, Vec y) noexcept {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
}
// Of every quarter of both, the lower pairs of lanes, or the higher ones.
SEGFACE_ALWAYS_INLINE Vec pairs_low(Vec a, Vec b) noexcept {
  return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}
SEGFACE_ALWAYS_INLINE Vec pairs_high(Vec a, Vec b) noexcept {
  return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
}
// rows[i][j] <- rows[j][i]: neighbours, then pairs, then quarters and halves of the vectors change places.
SEGFACE_ALWAYS_INLINE void transpose(Vec (&rows)[kLanes]) noexcept {
  Vec t[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 4) {
    rows[i] = pairs_low(t[i], t[i + 2]);
    rows[i + 1] = pairs_high(t[i], t[i + 2]);
    rows[i + 2] = pairs_low(t[i + 1], t[i + 3]);
    rows[i + 3] = pairs_high(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_f32x4(rows[i], rows[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_f32x4(rows[i], rows[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_f32x4(rows[i + 8], rows[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_f32x4(rows[i + 8], rows[i + 12], 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 8; ++i) {
    rows[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
    rows[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
  }
}
