// Dot products of four bytes, for instruction sets that have none. Included inside a target region.

struct Ints {
  std::int32_t lanes[kLanes];
};

SEGFACE_ALWAYS_INLINE Ints no_ints() noexcept {
  return {};
}
// Four weights of each of kLanes outputs.
SEGFACE_ALWAYS_INLINE Ints load_ints(const std::uint32_t* p) noexcept {
  Ints groups;
  std::memcpy(&groups, p, sizeof groups);
  return groups;
}
// Four bytes of a row, for every lane.
SEGFACE_ALWAYS_INLINE Ints splat_ints(std::uint32_t group) noexcept {
  Ints groups;
  for (std::int32_t& lane : groups.lanes) std::memcpy(&lane, &group, sizeof group);
  return groups;
}
struct ByteProducts {
  static SEGFACE_ALWAYS_INLINE Ints add(Ints sums, const Ints& bytes, const Ints& weights) noexcept {
    std::uint8_t q[sizeof(Ints)];
    std::int8_t w[sizeof(Ints)];
    std::memcpy(q, &bytes, sizeof q);
    std::memcpy(w, &weights, sizeof w);
    for (Index lane = 0; lane < kLanes; ++lane) {
      for (Index i = 4 * lane; i < 4 * lane + 4; ++i) sums.lanes[lane] += q[i] * w[i];
    }
    return sums;
  }
};
// products - zero sums
SEGFACE_ALWAYS_INLINE Ints subtract_product(Ints products, std::int32_t zero, const std::int32_t* sums) noexcept {
  for (Index lane = 0; lane < kLanes; ++lane) products.lanes[lane] -= zero * sums[lane];
  return products;
}
SEGFACE_ALWAYS_INLINE Vec to_floats(const Ints& ints) noexcept {
  float floats[kLanes];
  for (Index lane = 0; lane < kLanes; ++lane) floats[lane] = static_cast<float>(ints.lanes[lane]);
  return load(floats);
}
// The nearest integers to v + those of zero, where that is more 255.
SEGFACE_ALWAYS_INLINE void store_bytes(std::uint8_t* p, Vec v, Vec zero, Index n) noexcept {
  float floats[kLanes];
  store(floats, max(min(round(v) + zero, splat(255.0f)), splat(0.0f)));
  for (Index i = 0; i < n; ++i) p[i] = static_cast<std::uint8_t>(floats[i]);
}
