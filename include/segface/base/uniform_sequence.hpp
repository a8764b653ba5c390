// Numbers made from a name and a seed, which any language can make again: for self-tests and weights without training.
//
//   h = FNV-1a-64(name) xor (seed * kGolden)
//   number[i] = floor(z / 2^40) / 2^23 - 1,   z = splitmix64's finaliser of h + (i + 1) * kGolden   (mod 2^64)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE

// FNV-1a, 64 bits; `hash` continues an earlier one.
constexpr std::uint64_t fnv1a(std::string_view text, std::uint64_t hash = 0xcbf29ce484222325u) noexcept {
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

// A sequence of uniform numbers in [-1, 1), each a multiple of 2^-23, read in any order.
class UniformSequence {
 public:
  UniformSequence(std::string_view name, std::uint64_t seed) noexcept : hash_(fnv1a(name) ^ (seed * kGolden)) {}

  double operator[](std::size_t i) const noexcept {
    std::uint64_t z = hash_ + (std::uint64_t{i} + 1) * kGolden;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return static_cast<double>(static_cast<std::int64_t>(z >> 40) - (std::int64_t{1} << 23)) / (1 << 23);
  }

 private:
  static constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;

  std::uint64_t hash_;
};

SEGFACE_END_CORE
