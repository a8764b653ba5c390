// The lowest precision of each layer's products where nothing better is known than the layer's name.
//
// Measured with the demonstration weights, imitated on renders (tools/torch/imitate_precision.py, tools/bench/SPEED.md):
// of all labels that int8 changes, the two layers before the logits change a third. The tokens' own layers and
// squeeze-excitation have so few rows that rounding gains nothing.
#pragma once

#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/precision.hpp"

SEGFACE_BEGIN_CORE

// Of the layer that a tensor belongs to.
inline Precision lowest_precision(std::string_view tensor) noexcept {
  struct Rule {
    std::string_view part;  // of the tensor's name
    Precision lowest;
  };
  constexpr Rule kRules[] = {
      {"output_upscaling.", Precision::bf16},
      {".self_attn.", Precision::float32},
      {".mlp.lin", Precision::float32},
      {"token_to_image.q_proj", Precision::float32},
      {"token_to_image.out_proj", Precision::float32},
      {"image_to_token.k_proj", Precision::float32},
      {"image_to_token.v_proj", Precision::float32},
      {"output_hypernetwork_mlps.", Precision::float32},
      {".fc1.", Precision::float32},
      {".fc2.", Precision::float32},
  };
  for (const Rule& rule : kRules) {
    if (tensor.find(rule.part) != std::string_view::npos) return rule.lowest;
  }
  return Precision::int8;
}

SEGFACE_END_CORE
