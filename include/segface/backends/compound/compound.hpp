// The vocabulary, second rank: compounds. Each has one default, written in primitives, in this folder.
//
// A backend overrides a compound, or the operand of one, by having a member function, or a type, of its name and naming
// it in its Overrides. Layers call ops::name(run, ...) and never know. Every override is compared with its default by a
// test; one whose parameters are not the compound's, or that is not named, does not compile. Words of one network are
// declared by the same macros beside that network, where a class beside the backend says them: see
// networks/segface/compounds/words.hpp.
#pragma once

#include <type_traits>
#include <utility>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE

enum class Compound {
  squeeze_excitation,
  expand_and_filter,
  inverted_residual,
  label_map,
  class_planes,
  window_attention,
  PhotoInput,  // an operand
};

// Those that a backend overrides: of Compound, or of the words of one network.
template <auto... kNames>
struct OverrideList {
  template <class Words>
  static constexpr bool has([[maybe_unused]] Words word) noexcept {
    return ((word == kNames) || ...);
  }
};

namespace detail {
template <class Speaker, class = void>
struct Overrides {
  template <class Words>
  static constexpr bool has(Words) noexcept {
    return false;
  }
};
template <class Speaker>
struct Overrides<Speaker, std::void_t<typename Speaker::Overrides>> : Speaker::Overrides {};

template <class B>
using Itself = B;
}  // namespace detail
SEGFACE_END_CORE

// After compound::name, a word of the enum Words: declares ops::name, which calls speaker.name(run, ...) where Speaker<B>,
// made of the backend, names it among its overrides, and compound::name(run, ...) elsewhere. Whether a speaker has a
// member of that name, with whatever parameters, is seen from a class that inherits a second one: there the name alone is
// ambiguous.
#define SEGFACE_WORD(name, Words, Speaker)                                                                          \
  namespace detail {                                                                                                \
  struct Second_##name {                                                                                            \
    int name;                                                                                                       \
  };                                                                                                                \
  template <class S>                                                                                                \
  struct Both_##name : S, Second_##name {};                                                                         \
  template <class S, class = void>                                                                                  \
  inline constexpr bool kHas_##name = true;                                                                         \
  template <class S>                                                                                                \
  inline constexpr bool kHas_##name<S, std::void_t<decltype(&Both_##name<S>::name)>> = false;                       \
  }                                                                                                                 \
  namespace ops {                                                                                                   \
  template <class B, class... A>                                                                                    \
  auto name(Run<B>& run, const A&... a) noexcept {                                                                  \
    constexpr bool kOverridden = detail::Overrides<Speaker<B>>::has(Words::name);                                   \
    static_assert(kOverridden == detail::kHas_##name<Speaker<B>>, "Overrides and the members differ on this word"); \
    if constexpr (kOverridden) {                                                                                    \
      const Speaker<B>& speaker = run.backend();                                                                    \
      return speaker.name(run, a...);                                                                               \
    } else {                                                                                                        \
      return compound::name<B>(run, a...);                                                                          \
    }                                                                                                               \
  }                                                                                                                 \
  }

// After compound::Name<B>: declares ops::Name<B>, the speaker's own operand of that name where it names it among its
// overrides, and the default elsewhere.
#define SEGFACE_WORD_OPERAND(Name, Words, Speaker)                                                    \
  namespace detail {                                                                                  \
  template <class S, class = void>                                                                    \
  inline constexpr bool kHas_##Name = false;                                                          \
  template <class S>                                                                                  \
  inline constexpr bool kHas_##Name<S, std::void_t<typename S::Name>> = true;                         \
  template <class B, bool kOverridden = Overrides<Speaker<B>>::has(Words::Name)>                      \
  struct Name {                                                                                       \
    static_assert(!kHas_##Name<Speaker<B>>, "there is an operand of this name that Overrides lacks"); \
    using type = compound::Name<B>;                                                                   \
  };                                                                                                  \
  template <class B>                                                                                  \
  struct Name<B, true> {                                                                              \
    static_assert(kHas_##Name<Speaker<B>>, "Overrides names an operand that there is not");           \
    using type = typename Speaker<B>::Name;                                                           \
  };                                                                                                  \
  }                                                                                                   \
  namespace ops {                                                                                     \
  template <class B>                                                                                  \
  using Name = typename detail::Name<B>::type;                                                        \
  }

// Words of any network: the backend itself has its own way of them.
#define SEGFACE_COMPOUND(name) SEGFACE_WORD(name, Compound, detail::Itself)
#define SEGFACE_COMPOUND_OPERAND(Name) SEGFACE_WORD_OPERAND(Name, Compound, detail::Itself)
