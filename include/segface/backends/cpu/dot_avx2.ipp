// Dot products of four bytes in vectors of 8: by AVX2, and by AVX-VNNI, for processors that have it. Included inside a
// target region.

using Ints = __m256i;

SEGFACE_ALWAYS_INLINE Ints no_ints() noexcept {
  return _mm256_setzero_si256();
}
// Four weights of each of kLanes outputs.
SEGFACE_ALWAYS_INLINE Ints load_ints(const std::uint32_t* p) noexcept {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
// Four bytes of a row, for every lane.
SEGFACE_ALWAYS_INLINE Ints splat_ints(std::uint32_t group) noexcept {
  return _mm256_set1_epi32(static_cast<int>(group));
}
// vpmaddubsw adds up two products and saturates: so the even bytes and the odd ones apart, each product for itself.
struct ByteProducts {
  static SEGFACE_ALWAYS_INLINE Ints add(Ints sums, Ints bytes, Ints weights) noexcept {
    const Ints low = _mm256_set1_epi16(0xff), one = _mm256_set1_epi16(1);
    const Ints even = _mm256_maddubs_epi16(_mm256_and_si256(bytes, low), weights);
    const Ints odd = _mm256_maddubs_epi16(_mm256_andnot_si256(low, bytes), weights);
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(even, one));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(odd, one));
  }
};
struct VnniProducts {
  static SEGFACE_ALWAYS_INLINE Ints add(Ints sums, Ints bytes, Ints weights) noexcept {
    __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(bytes), "x"(weights));  // see dot_avx512.ipp
    return sums;
  }
};
// products - zero sums
SEGFACE_ALWAYS_INLINE Ints subtract_product(Ints products, std::int32_t zero, const std::int32_t* sums) noexcept {
  const Ints sum = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums));
  return _mm256_sub_epi32(products, _mm256_mullo_epi32(_mm256_set1_epi32(zero), sum));
}
SEGFACE_ALWAYS_INLINE Vec to_floats(Ints ints) noexcept {
  return _mm256_cvtepi32_ps(ints);
}
// See dot_avx512.ipp.
SEGFACE_ALWAYS_INLINE void store_bytes(std::uint8_t* p, Vec v, Vec zero, Index n) noexcept {
  const Ints ints = _mm256_add_epi32(_mm256_cvtps_epi32(v), _mm256_cvtps_epi32(zero));
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(ints), _mm256_extracti128_si256(ints, 1));
  const __m128i bytes = _mm_packus_epi16(words, words);
  std::memcpy(p, &bytes, static_cast<std::size_t>(n));
}
