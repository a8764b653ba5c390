// The vector type of 64-bit ARM: 4 floats, 32 registers. Included by kernels.hpp inside a namespace.

using Vec = float32x4_t;
inline constexpr Index kLanes = 4;
inline constexpr int kTileRows = 12;  // 12 x 8 tile: 24 accumulators, 2 for weights, 6 to spare

SEGFACE_ALWAYS_INLINE Vec splat(float x) noexcept {
  return vdupq_n_f32(x);
}
SEGFACE_ALWAYS_INLINE Vec load(const float* p) noexcept {
  return vld1q_f32(p);
}
SEGFACE_ALWAYS_INLINE void store(float* p, Vec v) noexcept {
  vst1q_f32(p, v);
}
SEGFACE_ALWAYS_INLINE Vec load_part(const float* p, Index n) noexcept {
  Vec v = splat(0);
  if (n > 0) v = vld1q_lane_f32(p, v, 0);
  if (n > 1) v = vld1q_lane_f32(p + 1, v, 1);
  if (n > 2) v = vld1q_lane_f32(p + 2, v, 2);
  return v;
}
SEGFACE_ALWAYS_INLINE void store_part(float* p, Vec v, Index n) noexcept {
  if (n > 0) vst1q_lane_f32(p, v, 0);
  if (n > 1) vst1q_lane_f32(p + 1, v, 1);
  if (n > 2) vst1q_lane_f32(p + 2, v, 2);
}
SEGFACE_ALWAYS_INLINE Vec fma(Vec a, Vec b, Vec c) noexcept {
  return vfmaq_f32(c, a, b);
}
// a > b ? x : y
SEGFACE_ALWAYS_INLINE Vec where_greater(Vec a, Vec b, Vec x, Vec y) noexcept {
  return vbslq_f32(vcgtq_f32(a, b), x, y);
}
// b where one of the two is no number, as the other sets have it; vmaxq_f32 would pass it on.
SEGFACE_ALWAYS_INLINE Vec max(Vec a, Vec b) noexcept {
  return where_greater(a, b, a, b);
}
SEGFACE_ALWAYS_INLINE Vec min(Vec a, Vec b) noexcept {
  return where_greater(b, a, a, b);
}
// Nearest integer, ties to even.
SEGFACE_ALWAYS_INLINE Vec round(Vec a) noexcept {
  return vrndnq_f32(a);
}
// a 2^n for integers n from -126 to 127.
SEGFACE_ALWAYS_INLINE Vec times_power_of_two(Vec a, Vec n) noexcept {
  const int32x4_t exponent = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
  return vmulq_f32(a, vreinterpretq_f32_s32(vshlq_n_s32(exponent, 23)));
}
// Over the lanes.
SEGFACE_ALWAYS_INLINE float sum(Vec v) noexcept {
  return vaddvq_f32(v);
}
SEGFACE_ALWAYS_INLINE float largest(Vec v) noexcept {
  return vmaxvq_f32(v);
}
// rows[i][j] <- rows[j][i]: neighbours, then halves of the vectors change places.
SEGFACE_ALWAYS_INLINE void transpose(Vec (&rows)[kLanes]) noexcept {
  const float32x4x2_t low = vtrnq_f32(rows[0], rows[1]), high = vtrnq_f32(rows[2], rows[3]);
  rows[0] = vcombine_f32(vget_low_f32(low.val[0]), vget_low_f32(high.val[0]));
  rows[1] = vcombine_f32(vget_low_f32(low.val[1]), vget_low_f32(high.val[1]));
  rows[2] = vcombine_f32(vget_high_f32(low.val[0]), vget_high_f32(high.val[0]));
  rows[3] = vcombine_f32(vget_high_f32(low.val[1]), vget_high_f32(high.val[1]));
}
