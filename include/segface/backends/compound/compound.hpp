// The vocabulary, second rank: compounds. Each has one default, written in primitives, in this folder.
//
// A backend overrides a compound, or the operand of one, by having a member function, or a type, of its name and naming
// it in its Overrides. Layers call ops::name(run, ...) and never know. Every override is compared with its default by a
// test; one whose parameters are not the compound's, or that is not named, does not compile.
#pragma once

#include <type_traits>
#include <utility>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE

enum class Compound {
  tokens_from_image,
  image_from_tokens,
  image_from_tokens_and_back,
  fuse,
  position,
  image_linear,
  position_term,
  image_linear_at,
  squeeze_excitation,
  expand_and_filter,
  inverted_residual,
  label_map,
  class_planes,
  upscale_and_classify,
  upscale_and_label,
  window_attention,
  // Operands.
  MlpFusion,
  PhotoInput,
  Position,
  PositionTerm,
  PyramidLinear,
};

// Those that a backend overrides.
template <Compound... kNames>
struct OverrideList {
  static constexpr bool has(Compound compound) noexcept { return ((compound == kNames) || ...); }
};

namespace detail {
template <class B, class = void>
struct Overrides {
  static constexpr bool has(Compound) noexcept { return false; }
};
template <class B>
struct Overrides<B, std::void_t<typename B::Overrides>> : B::Overrides {};
}  // namespace detail
SEGFACE_END_CORE

// After compound::name: declares ops::name, which calls backend.name(run, ...) where the backend names it among its
// overrides, and compound::name(run, ...) elsewhere. Whether a backend has a member of that name, with whatever
// parameters, is seen from a class that inherits a second one: there the name alone is ambiguous.
#define SEGFACE_COMPOUND(name)                                                                \
  namespace detail {                                                                          \
  struct Second_##name {                                                                      \
    int name;                                                                                 \
  };                                                                                          \
  template <class B>                                                                          \
  struct Both_##name : B, Second_##name {};                                                   \
  template <class B, class = void>                                                            \
  inline constexpr bool kHas_##name = true;                                                   \
  template <class B>                                                                          \
  inline constexpr bool kHas_##name<B, std::void_t<decltype(&Both_##name<B>::name)>> = false; \
  }                                                                                           \
  namespace ops {                                                                             \
  template <class B, class... A>                                                              \
  auto name(Run<B>& run, const A&... a) noexcept {                                            \
    constexpr bool kOverridden = detail::Overrides<B>::has(Compound::name);                   \
    static_assert(kOverridden == detail::kHas_##name<B>,                                      \
                  "Overrides and the backend's members differ on this compound");             \
    if constexpr (kOverridden) {                                                              \
      return run.backend().name(run, a...);                                                   \
    } else {                                                                                  \
      return compound::name<B>(run, a...);                                                    \
    }                                                                                         \
  }                                                                                           \
  }

// After compound::Name<B>: declares ops::Name<B>, the backend's own operand of that name where it names it among its
// overrides, and the default elsewhere.
#define SEGFACE_COMPOUND_OPERAND(Name)                                                                  \
  namespace detail {                                                                                    \
  template <class B, class = void>                                                                      \
  inline constexpr bool kHas_##Name = false;                                                            \
  template <class B>                                                                                    \
  inline constexpr bool kHas_##Name<B, std::void_t<typename B::Name>> = true;                           \
  template <class B, bool kOverridden = Overrides<B>::has(Compound::Name)>                              \
  struct Name {                                                                                         \
    static_assert(!kHas_##Name<B>, "the backend has an operand of this name that Overrides lacks");     \
    using type = compound::Name<B>;                                                                     \
  };                                                                                                    \
  template <class B>                                                                                    \
  struct Name<B, true> {                                                                                \
    static_assert(kHas_##Name<B>, "Overrides names an operand of the compound that the backend lacks"); \
    using type = typename B::Name;                                                                      \
  };                                                                                                    \
  }                                                                                                     \
  namespace ops {                                                                                       \
  template <class B>                                                                                    \
  using Name = typename detail::Name<B>::type;                                                          \
  }
