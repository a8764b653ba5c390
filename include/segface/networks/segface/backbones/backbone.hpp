// The backbones, one row each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "segface/base/config.hpp"

SEGFACE_BEGIN_NAMESPACE

enum class Backbone : std::uint8_t {
  swin_base,
  swinv2_base,
  swinv2_small,
  swinv2_tiny,
  convnext_base,
  convnext_small,
  resnet,
  mobilenet,
  efficientnet,
};

SEGFACE_END_NAMESPACE

SEGFACE_BEGIN_CORE

struct BackboneRow {
  Backbone backbone;
  const char* name;         // the official spelling (--model)
  std::string_view folder;  // how the released folders spell it where that differs
};
inline constexpr BackboneRow kBackbones[] = {
    {Backbone::swin_base, "swin_base", "swinb"},
    {Backbone::swinv2_base, "swinv2_base", "swinv2b"},
    {Backbone::swinv2_small, "swinv2_small", ""},
    {Backbone::swinv2_tiny, "swinv2_tiny", ""},
    {Backbone::convnext_base, "convnext_base", "convnext"},
    {Backbone::convnext_small, "convnext_small", ""},
    {Backbone::resnet, "resnet", ""},
    {Backbone::mobilenet, "mobilenet", ""},
    {Backbone::efficientnet, "efficientnet", ""},
};

// Whether a table has a row for each Backbone, in their order.
template <class Row, std::size_t N>
constexpr bool rows_in_order(const Row (&rows)[N]) noexcept {
  for (std::size_t i = 0; i < N; ++i) {
    if (static_cast<std::size_t>(rows[i].backbone) != i) return false;
  }
  return N == static_cast<std::size_t>(Backbone::efficientnet) + 1;
}
static_assert(rows_in_order(kBackbones), "a row for each Backbone, in their order");

SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

inline const char* backbone_name(Backbone backbone) noexcept {
  return core::kBackbones[static_cast<std::size_t>(backbone)].name;
}

SEGFACE_END_NAMESPACE
