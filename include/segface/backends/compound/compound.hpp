// The vocabulary, second rank: compounds. Each has one default, written in primitives, in this folder.
//
// A backend overrides a compound by having a member function of its name, or an operand type of its name. Layers
// call ops::name(run, ...) and never know. Every override is compared with its default by a test.
#pragma once

#include <type_traits>
#include <utility>

#include "segface/base/config.hpp"

// After compound::name: declares ops::name, which calls backend.name(run, ...) where that compiles, and
// compound::name(run, ...) elsewhere.
#define SEGFACE_COMPOUND(name)                                                                     \
  namespace detail {                                                                               \
  template <class B, class... A>                                                                   \
  auto name(int, Run<B>& run, const A&... a) noexcept -> decltype(run.backend().name(run, a...)) { \
    return run.backend().name(run, a...);                                                          \
  }                                                                                                \
  template <class B, class... A>                                                                   \
  auto name(long, Run<B>& run, const A&... a) noexcept {                                           \
    return compound::name<B>(run, a...);                                                           \
  }                                                                                                \
  }                                                                                                \
  namespace ops {                                                                                  \
  template <class B, class... A>                                                                   \
  auto name(Run<B>& run, const A&... a) noexcept {                                                 \
    return detail::name<B>(0, run, a...);                                                          \
  }                                                                                                \
  }

// After compound::Name<B>: declares ops::Name<B>, the backend's own operand of that name, or the default.
#define SEGFACE_COMPOUND_OPERAND(Name)            \
  namespace detail {                              \
  template <class B, class = void>                \
  struct Name {                                   \
    using type = compound::Name<B>;               \
  };                                              \
  template <class B>                              \
  struct Name<B, std::void_t<typename B::Name>> { \
    using type = typename B::Name;                \
  };                                              \
  }                                               \
  namespace ops {                                 \
  template <class B>                              \
  using Name = typename detail::Name<B>::type;    \
  }
