// SyntheticCheckpoint: weights for any network, made from nothing but names and a seed.
//
// Every value is a hash of its tensor's name and its own index, so that any language can rebuild it bit by bit:
//
//   h = FNV-1a-64(name) xor (seed * kGolden),   z = splitmix64's finaliser of h + (i + 1) * kGolden   (mod 2^64)
//   value[i] = offset + scale * (floor(z / 2^40) / 2^23 - 1),   computed in double and then rounded to float
//
// offset and scale follow from the name and shape (see distribution()): weights get a variance of gain / fan-in, so
// that activations neither die nor explode. What the official models compute instead of learning is computed:
// num_batches_tracked, and Swin's relative_position_index and relative_coords_table.
//
// Traps: a multiply-add that is fused would change the last bit of a double; a transposed convolution has its
// fan-in in the first dimension.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/floating_point.hpp"
#include "segface/base/half.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/base/uniform_sequence.hpp"
#include "segface/tensors/tensor_source.hpp"

SEGFACE_BEGIN_CORE

class SyntheticCheckpoint final : public TensorSource {
 public:
  // Tensors as the network states them: f32, and i64 for counters and indices. Errors: unsupported_dtype;
  // shape_mismatch (a tensor that is computed, of an impossible shape); missing_tensor (a relative_coords_table
  // without the relative_position_index beside it, which tells its window).
  static Result<SyntheticCheckpoint> make(std::vector<TensorInfo> tensors, std::uint64_t seed) noexcept {
    return guarded([&]() -> Result<SyntheticCheckpoint> {
      SyntheticCheckpoint checkpoint(std::move(tensors), seed);
      SEGFACE_RETURN_IF_ERROR(in_context(checkpoint.check(), checkpoint.name_));
      return Result<SyntheticCheckpoint>(std::move(checkpoint));
    });
  }

  const std::string& name() const noexcept override { return name_; }
  std::size_t size() const noexcept override { return tensors_.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return tensors_[index]; }

  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    const FloatingPointGuard guard;
    const TensorInfo& tensor = tensors_[index];
    switch (kind_of(tensor.name)) {
      case Kind::drawn:
        draw(tensor, out);
        break;
      case Kind::batches:
        store(out, 0, std::int64_t{299000});
        break;
      case Kind::position_index:
        store_position_index(windows_[index], out);
        break;
      case Kind::coords_table:
        store_coords_table(windows_[index], out);
        break;
    }
    return {};
  }

 private:
  enum class Kind { drawn, batches, position_index, coords_table };

  struct Distribution {
    double offset, scale;
  };

  SyntheticCheckpoint(std::vector<TensorInfo> tensors, std::uint64_t seed)
      : name_("synthetic, seed " + std::to_string(seed)), tensors_(std::move(tensors)), seed_(seed) {}

  static bool ends_with(std::string_view text, std::string_view end) noexcept {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
  }

  static Kind kind_of(std::string_view name) noexcept {
    return ends_with(name, "num_batches_tracked")       ? Kind::batches
           : ends_with(name, "relative_position_index") ? Kind::position_index
           : ends_with(name, "relative_coords_table")   ? Kind::coords_table
                                                        : Kind::drawn;
  }

  // --- What is computed --------------------------------------------------------------------------------------

  // The side of the window of every tensor that depends on one, and that shapes agree with it.
  Status check() {
    windows_.resize(tensors_.size());
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const TensorInfo& tensor = tensors_[i];
      const Kind kind = kind_of(tensor.name);
      const DType dtype = kind == Kind::batches || kind == Kind::position_index ? DType::i64 : DType::f32;
      if (tensor.dtype != dtype) {
        return error(Errc::unsupported_dtype, "tensor '", tensor.name, "' is ", dtype_name(tensor.dtype), ", expected ",
                     dtype_name(dtype));
      }
      if (kind == Kind::drawn) continue;
      std::size_t expected = 1;
      if (kind != Kind::batches) {
        SEGFACE_RETURN_IF_ERROR(find_window(tensor.name, windows_[i]));
        const auto window = static_cast<std::size_t>(windows_[i]);
        const std::size_t span = 2 * window - 1;
        expected = kind == Kind::position_index ? window * window * window * window : span * span * 2;
      }
      if (tensor.shape.count() != expected) {
        return error(Errc::shape_mismatch, "tensor '", tensor.name, "' has shape ", tensor.shape, ", expected ",
                     expected, " elements");
      }
    }
    return {};
  }

  // A block's relative_position_index has window^4 elements.
  Status find_window(const std::string& name, Index& window) const {
    const std::string index_name = name.substr(0, name.rfind('.') + 1) + "relative_position_index";
    for (const TensorInfo& tensor : tensors_) {
      if (tensor.name != index_name) continue;
      const double elements = static_cast<double>(tensor.shape.count());
      window = static_cast<Index>(std::lround(std::sqrt(std::sqrt(elements))));
      if (window < 2) return error(Errc::shape_mismatch, "tensor '", index_name, "' has shape ", tensor.shape);
      return {};
    }
    return error(Errc::missing_tensor, "tensor '", index_name, "' is needed for '", name, "'");
  }

  template <class T>
  static void store(std::uint8_t* out, std::size_t i, T value) noexcept {
    std::memcpy(out + i * sizeof value, &value, sizeof value);
  }

  // For each pair of tokens of a window, the row of their offset in the bias table. [w w, w w]
  static void store_position_index(Index window, std::uint8_t* out) noexcept {
    const Index tokens = window * window;
    for (Index a = 0; a < tokens; ++a) {
      for (Index b = 0; b < tokens; ++b) {
        const Index dy = a / window - b / window + window - 1;
        const Index dx = a % window - b % window + window - 1;
        store(out, static_cast<std::size_t>(a * tokens + b), std::int64_t{dy * (2 * window - 1) + dx});
      }
    }
  }

  // Swin V2's log-spaced offsets: sign(r) log2(1 + |r|) / 3 with r in [-8, 8]. [1, 2w - 1, 2w - 1, 2]
  static void store_coords_table(Index window, std::uint8_t* out) noexcept {
    const Index span = 2 * window - 1;
    const auto coordinate = [&](Index i) {
      const float r = static_cast<float>(i - (window - 1)) / static_cast<float>(window - 1) * 8.0f;
      const auto magnitude = static_cast<float>(std::log2(static_cast<double>(std::fabs(r) + 1.0f)));
      return (r < 0 ? -magnitude : magnitude) / 3.0f;
    };
    for (Index y = 0; y < span; ++y) {
      for (Index x = 0; x < span; ++x) {
        const auto at = static_cast<std::size_t>(2 * (y * span + x));
        store(out, at, coordinate(y));
        store(out, at + 1, coordinate(x));
      }
    }
  }

  // --- What is drawn -----------------------------------------------------------------------------------------

  void draw(const TensorInfo& tensor, std::uint8_t* out) const noexcept {
    const UniformSequence x(tensor.name, seed_);
    const Distribution d = distribution(tensor);
    const std::size_t count = tensor.shape.count();
    if (d.offset == 0) {
      for (std::size_t i = 0; i < count; ++i) store(out, i, static_cast<float>(d.scale * x[i]));
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        const volatile double product = d.scale * x[i];  // rounded by itself: keeps the compiler from fusing
        store(out, i, static_cast<float>(d.offset + product));
      }
    }
  }

  static Distribution distribution(const TensorInfo& tensor) noexcept {
    constexpr struct {
      std::string_view end;
      Distribution distribution;
    } kByName[] = {
        {"running_mean", {0, 0.1}},
        {"running_var", {1, 0.25}},
        {"positional_encoding_gaussian_matrix", {0, 1.7}},
        {"relative_position_bias_table", {0, 0.5}},
        {"logit_scale", {2.3, 0.3}},
        {"layer_scale", {0.3, 0.1}},
        {"_token.weight", {0, 1}},
    };
    const std::string_view name = tensor.name;
    for (const auto& row : kByName) {
      if (ends_with(name, row.end)) return row.distribution;
    }
    const Shape& shape = tensor.shape;
    if (shape.rank == 1) return ends_with(name, ".weight") ? Distribution{1, 0.1} : Distribution{0, 0.1};
    double fan_in = 1;
    for (int i = 1; i < shape.rank; ++i) fan_in *= static_cast<double>(shape.dims[i]);
    if (name.substr(0, 29) == "face_decoder.output_upscaling") fan_in = static_cast<double>(shape.dims[0]);
    return {0, std::sqrt(3.0 * gain(name, shape) / fan_in)};
  }

  // The variance gain of a weight: 1, but in the convolutions of the backbones.
  static double gain(std::string_view name, const Shape& shape) noexcept {
    if (name.substr(0, 9) != "backbone." || shape.rank != 4) return 1;
    const bool depthwise = shape.dims[1] == 1;
    const auto part_is_block = [&](int part) {
      std::string_view rest = name;
      for (; part > 0 && rest.find('.') != std::string_view::npos; --part) rest.remove_prefix(rest.find('.') + 1);
      return part == 0 && rest.substr(0, rest.find('.')) == "block";
    };
    if (part_is_block(2)) return depthwise ? 4.0 : 1.25;  // MobileNetV3: backbone.N.block
    if (part_is_block(3)) return 1;                       // EfficientNetV2: backbone.N.M.block
    return depthwise ? 1.5 : 1.25;
  }

  std::string name_;
  std::vector<TensorInfo> tensors_;
  std::vector<Index> windows_;  // beside tensors_: 0 where there is no window
  std::uint64_t seed_;
};

SEGFACE_END_CORE
