// The backbones by name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

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

inline constexpr std::array<Backbone, 9> kBackbones = {
    Backbone::swin_base,   Backbone::swinv2_base,   Backbone::swinv2_small,
    Backbone::swinv2_tiny, Backbone::convnext_base, Backbone::convnext_small,
    Backbone::resnet,      Backbone::mobilenet,     Backbone::efficientnet};

// The official spelling (--model).
inline const char* backbone_name(Backbone backbone) noexcept {
  constexpr const char* kNames[] = {"swin_base",      "swinv2_base", "swinv2_small", "swinv2_tiny", "convnext_base",
                                    "convnext_small", "resnet",      "mobilenet",    "efficientnet"};
  return kNames[static_cast<std::size_t>(backbone)];
}

SEGFACE_END_NAMESPACE
