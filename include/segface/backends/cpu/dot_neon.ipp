// Dot products of four bytes in vectors of 4, by the dot products of ARMv8.2. Included inside a target region.
//
// sdot takes signed bytes on both sides: a row's are 128 less, which is a zero point that is 128 less.

using Ints = int32x4_t;

SEGFACE_ALWAYS_INLINE Ints no_ints() noexcept {
  return vdupq_n_s32(0);
}
// Four weights of each of kLanes outputs.
SEGFACE_ALWAYS_INLINE Ints load_ints(const std::uint32_t* p) noexcept {
  return vreinterpretq_s32_u32(vld1q_u32(p));
}
// Four bytes of a row, for every lane.
SEGFACE_ALWAYS_INLINE Ints splat_ints(std::uint32_t group) noexcept {
  return vreinterpretq_s32_u32(veorq_u32(vdupq_n_u32(group), vdupq_n_u32(0x80808080u)));
}
// vdotq_s32, which clang++ before 16 has only where the whole translation unit is for such processors.
struct ByteProducts {
  static SEGFACE_ALWAYS_INLINE Ints add(Ints sums, Ints bytes, Ints weights) noexcept {
    __asm__("sdot %0.4s, %1.16b, %2.16b" : "+w"(sums) : "w"(bytes), "w"(weights));
    return sums;
  }
};
// products - zero sums
SEGFACE_ALWAYS_INLINE Ints subtract_product(Ints products, std::int32_t zero, const std::int32_t* sums) noexcept {
  return vmlsq_n_s32(products, vld1q_s32(sums), zero - 128);
}
SEGFACE_ALWAYS_INLINE Vec to_floats(Ints ints) noexcept {
  return vcvtq_f32_s32(ints);
}
// See dot_avx512.ipp.
SEGFACE_ALWAYS_INLINE void store_bytes(std::uint8_t* p, Vec v, Vec zero, Index n) noexcept {
  const uint16x4_t words = vqmovun_s32(vaddq_s32(vcvtnq_s32_f32(v), vcvtnq_s32_f32(zero)));
  const uint8x8_t bytes = vqmovn_u16(vcombine_u16(words, words));
  std::memcpy(p, &bytes, static_cast<std::size_t>(n));
}
