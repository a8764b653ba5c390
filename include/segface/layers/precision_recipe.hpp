// PrecisionRecipe: the precision of each layer's products, as a weight file may say.
//
// As text, layers by precision: "int8: backbone.3.0 linear_fuse bf16: face_decoder.output_upscaling.0". A layer is called
// as its weight is, without ".weight"; what is not named is float32, and an empty text means float32 throughout.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/precision.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

// "linear_fuse.weight" -> "linear_fuse"
inline std::string_view layer_of(std::string_view tensor) noexcept {
  constexpr std::string_view kEnd = ".weight";
  const bool ends = tensor.size() > kEnd.size() && tensor.substr(tensor.size() - kEnd.size()) == kEnd;
  return ends ? tensor.substr(0, tensor.size() - kEnd.size()) : tensor;
}

class PrecisionRecipe {
 public:
  struct Layer {
    std::string name;
    Precision precision;
  };
  static constexpr std::size_t kMostLayers = 4096;

  // Errors: bad_format (a word that is no precision where one belongs, a layer twice); limit_exceeded.
  static Result<PrecisionRecipe> parse(std::string_view text) noexcept {
    return guarded([&]() -> Result<PrecisionRecipe> {
      PrecisionRecipe recipe;
      std::optional<Precision> precision;
      while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty()) continue;
        if (word.back() == ':') {
          precision = named(word.substr(0, word.size() - 1));
          if (!precision) return error(Errc::bad_format, "'", word, "' is no precision; expected bf16: or int8:");
          continue;
        }
        if (!precision) {
          return error(Errc::bad_format, "layer '", word.substr(0, 64), "' stands before any precision");
        }
        if (recipe.layers_.size() == kMostLayers) {
          return error(Errc::limit_exceeded, "more than ", kMostLayers, " layers");
        }
        const auto at = recipe.find(word);
        if (at != recipe.layers_.end() && at->name == word) {
          return error(Errc::bad_format, "layer '", word.substr(0, 64), "' stands there twice");
        }
        recipe.layers_.insert(at, {std::string(word), *precision});
      }
      return Result<PrecisionRecipe>(std::move(recipe));
    });
  }
  std::string text() const {
    std::string text;
    for (const Precision precision : {Precision::int8, Precision::bf16}) {
      if (count(precision) == 0) continue;
      text.append(text.empty() ? "" : " ").append(precision_name(precision)).append(":");
      for (const Layer& layer : layers_) {
        if (layer.precision == precision) text.append(" ").append(layer.name);
      }
    }
    return text;
  }

  // float32 where it is not named.
  Precision lowest(std::string_view layer) const noexcept {
    const auto at = find(layer);
    return at != layers_.end() && at->name == layer ? at->precision : Precision::float32;
  }
  // Of any layer.
  Precision lowest() const noexcept {
    Precision lowest = Precision::float32;
    for (const Layer& layer : layers_) lowest = std::max(lowest, layer.precision);
    return lowest;
  }
  // In the order of their names.
  const std::vector<Layer>& layers() const noexcept { return layers_; }
  std::size_t count(Precision precision) const noexcept {
    return static_cast<std::size_t>(std::count_if(layers_.begin(), layers_.end(),
                                                  [&](const Layer& layer) { return layer.precision == precision; }));
  }

  // float32 takes a layer out. Throws where memory runs out: call it inside guarded().
  void set(std::string_view layer, Precision precision) {
    const auto at = layers_.begin() + (find(layer) - layers_.cbegin());
    const bool there = at != layers_.end() && at->name == layer;
    if (precision == Precision::float32) {
      if (there) layers_.erase(at);
    } else if (there) {
      at->precision = precision;
    } else {
      layers_.insert(at, {std::string(layer), precision});
    }
  }

 private:
  static std::optional<Precision> named(std::string_view word) noexcept {
    for (const Precision precision : {Precision::bf16, Precision::int8}) {
      if (word == precision_name(precision)) return precision;
    }
    return std::nullopt;
  }
  std::vector<Layer>::const_iterator find(std::string_view name) const noexcept {
    return std::lower_bound(layers_.begin(), layers_.end(), name,
                            [](const Layer& layer, std::string_view wanted) { return layer.name < wanted; });
  }

  std::vector<Layer> layers_;
};

SEGFACE_END_CORE
