// Dot products of four bytes in vectors of 16: by AVX-512 alone, and by VNNI, for processors that have it. Included inside
// a target region.

using Ints = __m512i;

SEGFACE_ALWAYS_INLINE Ints no_ints() noexcept {
  return _mm512_setzero_si512();
}
// Four weights of each of kLanes outputs.
SEGFACE_ALWAYS_INLINE Ints load_ints(const std::uint32_t* p) noexcept {
  return _mm512_loadu_si512(p);
}
// Four bytes of a row, for every lane.
SEGFACE_ALWAYS_INLINE Ints splat_ints(std::uint32_t group) noexcept {
  return _mm512_set1_epi32(static_cast<int>(group));
}
// See dot_avx2.ipp.
struct ByteProducts {
  static SEGFACE_ALWAYS_INLINE Ints add(Ints sums, Ints bytes, Ints weights) noexcept {
    const Ints low = _mm512_set1_epi16(0xff), one = _mm512_set1_epi16(1);
    const Ints even = _mm512_maddubs_epi16(_mm512_and_si512(bytes, low), weights);
    const Ints odd = _mm512_maddubs_epi16(_mm512_andnot_si512(low, bytes), weights);
    sums = _mm512_add_epi32(sums, _mm512_madd_epi16(even, one));
    return _mm512_add_epi32(sums, _mm512_madd_epi16(odd, one));
  }
};
// _mm512_dpbusd_epi32; with it g++ 12 copies every sum in every step, which takes 2.5 times as long.
struct VnniProducts {
  static SEGFACE_ALWAYS_INLINE Ints add(Ints sums, Ints bytes, Ints weights) noexcept {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(bytes), "v"(weights));
    return sums;
  }
};
// products - zero sums
SEGFACE_ALWAYS_INLINE Ints subtract_product(Ints products, std::int32_t zero, const std::int32_t* sums) noexcept {
  return _mm512_sub_epi32(products, _mm512_mullo_epi32(_mm512_set1_epi32(zero), _mm512_loadu_si512(sums)));
}
SEGFACE_ALWAYS_INLINE Vec to_floats(Ints ints) noexcept {
  return _mm512_cvtepi32_ps(ints);
}
// The nearest integers to v + those of zero, where that is more 255. Less than 0 it is not.
SEGFACE_ALWAYS_INLINE void store_bytes(std::uint8_t* p, Vec v, Vec zero, Index n) noexcept {
  const Ints ints = _mm512_add_epi32(_mm512_cvtps_epi32(v), _mm512_cvtps_epi32(zero));
  if (n == kLanes) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtusepi32_epi8(ints));
  } else {
    _mm512_mask_cvtusepi32_storeu_epi8(p, static_cast<__mmask16>((1u << n) - 1u), ints);
  }
}
