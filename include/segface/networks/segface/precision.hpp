// The precision of each layer's products where the weight file says none: a recipe by the layers' names.
//
// Measured with the demonstration weights, imitated on renders (tools/torch/imitate_precision.py, tools/bench/SPEED.md):
// of all labels that int8 changes, the two layers before the logits change a third. The tokens' own layers and
// squeeze-excitation have so few rows that rounding gains nothing.
#pragma once

#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/precision.hpp"
#include "segface/layers/precision_recipe.hpp"
#include "segface/tensors/visit.hpp"

SEGFACE_BEGIN_CORE

// Of the layer that a matrix belongs to.
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

// Whether a tensor may be stored in bytes, with a scale for each of its outermost size: a matrix whose outputs these are,
// large enough for that to matter.
inline bool stored_in_bytes(std::string_view tensor, const Shape& shape) noexcept {
  constexpr std::size_t kLeastInputs = 64;
  if (layer_of(tensor) == tensor || shape.rank < 2 || tensor.find("output_upscaling.") != std::string_view::npos) {
    return false;
  }
  return shape.count() >= kLeastInputs * static_cast<std::size_t>(shape.dims[0]);
}

// Every layer that has a matrix, whether its products are large enough to be rounded or not.
template <class Weights>
PrecisionRecipe default_recipe(Weights& weights) {
  PrecisionRecipe recipe;
  for_each_tensor(weights, [&](const std::string& name, const Shape& shape, Use use, Weight*) {
    const std::string_view layer = layer_of(name);
    const bool matrix = use == Use::needed && shape.rank >= 2 && layer.size() < name.size();
    if (matrix) recipe.set(layer, lowest_precision(name));
  });
  return recipe;
}

SEGFACE_END_CORE
