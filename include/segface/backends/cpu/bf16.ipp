// Rows of bfloat16, and their products with weights of bfloat16, by AVX-512 BF16. Included inside a target region.

struct Bfloat16Dots {
  static constexpr Precision kPrecision = Precision::bf16;
  using Groups = __m512i;
  using Sums = Vec;

  static SEGFACE_ALWAYS_INLINE Sums none() noexcept { return SEGFACE_SET::splat(0.0f); }
  static SEGFACE_ALWAYS_INLINE Groups load(const std::uint32_t* p) noexcept { return _mm512_loadu_si512(p); }
  static SEGFACE_ALWAYS_INLINE Groups splat(std::uint32_t group) noexcept {
    return _mm512_set1_epi32(static_cast<int>(group));
  }
  // _mm512_dpbf16_ps; see dot_avx512.ipp.
  static SEGFACE_ALWAYS_INLINE Sums add_products(Sums sums, const Groups& x, const Groups& w) noexcept {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(x), "v"(w));
    return sums;
  }
  static SEGFACE_ALWAYS_INLINE Vec result(const Sums& sums, const RoundedRows&, Index, const RoundedWeights&,
                                          Index) noexcept {
    return sums;
  }
};

inline void round_to_bfloat16(const float* x, Index ldx, Index rows, Index depth, const RoundedRows& out) noexcept {
  const Index count = group_count(Precision::bf16, depth);
  for (Index r = 0; r < rows; ++r, x += ldx) {
    std::uint32_t* const row = out.groups + r * count;
    row[count - 1] = 0;
    for_lanes(depth, [&](Index i, Index lanes) {
      __m256i halves;
      __asm__("vcvtneps2bf16 %1, %0" : "=v"(halves) : "v"(load_lanes(x + i, lanes)));
      _mm256_mask_storeu_epi16(reinterpret_cast<std::uint16_t*>(row) + i, static_cast<__mmask16>((1u << lanes) - 1u),
                               halves);
    });
  }
}
