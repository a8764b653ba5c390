// Compounds that SegFace alone says: their names, and where a backend has its own way of them.
//
// A backend knows no network. What it does of these in its own way is a SegFaceWords<Backend> beside the network, with
// member functions and operand types as a backend has for its compounds: networks/segface/cpu.hpp, cuda.cuh. Any other
// backend says the defaults in this folder.
#pragma once

#include <type_traits>

#include "segface/backends/compound/compound.hpp"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE

enum class SegFaceWord {
  fuse,
  position,
  position_term,
  image_linear,
  image_linear_at,
  tokens_from_image,
  image_from_tokens,
  image_from_tokens_and_back,
  upscale_and_classify,
  upscale_and_label,
  // Operands.
  MlpFusion,
  Position,
  PositionTerm,
  PyramidLinear,
};

namespace detail {
template <class B, class = void>
inline constexpr bool kHasOwnWays = false;
template <class B>
inline constexpr bool kHasOwnWays<B, std::void_t<decltype(B::kHasOwnWays)>> = B::kHasOwnWays;
}  // namespace detail

template <class B>
struct SegFaceWords {
  static_assert(!detail::kHasOwnWays<B>,
                "include segface/segface.hpp or networks/segface/cpu.hpp, or segface/cuda.cuh, before the network");
  SegFaceWords(const B&) noexcept {}
};

SEGFACE_END_CORE

// After compound::name, as SEGFACE_COMPOUND and SEGFACE_COMPOUND_OPERAND.
#define SEGFACE_OWN_COMPOUND(name) SEGFACE_WORD(name, SegFaceWord, SegFaceWords)
#define SEGFACE_OWN_COMPOUND_OPERAND(Name) SEGFACE_WORD_OPERAND(Name, SegFaceWord, SegFaceWords)
