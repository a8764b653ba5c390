// ScaledTensors: tensors of bytes with scales, read as floats.
//
// A tensor NAME of I8 has the scales NAME.scale, F32, one for each of its outermost size: value = byte scale. What is not
// of bytes stays as it is, and scales are no tensors of their own.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "segface/base/config.hpp"
#include "segface/base/half.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/bind.hpp"
#include "segface/tensors/tensor_source.hpp"

SEGFACE_BEGIN_CORE

// "linear_fuse.weight" -> "linear_fuse.weight.scale"
inline std::string scale_name(const std::string& tensor) {
  return tensor + ".scale";
}

class ScaledTensors final : public TensorSource {
 public:
  // The source must outlive it. Errors: missing_tensor (tensors of bytes without scales, all listed), shape_mismatch,
  // unsupported_dtype (of scales).
  static Result<ScaledTensors> make(const TensorSource& source) noexcept {
    return guarded([&]() -> Result<ScaledTensors> {
      ScaledTensors scaled(source);
      SEGFACE_RETURN_IF_ERROR(in_context(scaled.pair(), source.name()));
      return Result<ScaledTensors>(std::move(scaled));
    });
  }

  const std::string& name() const noexcept override { return source_->name(); }
  std::size_t size() const noexcept override { return tensors_.size(); }
  const TensorInfo& info(std::size_t index) const noexcept override { return tensors_[index].info; }
  // Errors: those of the source; non_finite (a scale).
  Status read(std::size_t index, std::uint8_t* out) const noexcept override {
    const Tensor& tensor = tensors_[index];
    if (tensor.scale == kNone) return source_->read(tensor.at, out);
    const auto rows = static_cast<std::size_t>(tensor.info.shape.dims[0]), count = tensor.info.shape.count();
    SEGFACE_ASSIGN(scales, Buffer<float>::make(rows));
    SEGFACE_ASSIGN(bytes, Buffer<std::int8_t>::make(count));
    SEGFACE_RETURN_IF_ERROR(source_->read(tensor.scale, reinterpret_cast<std::uint8_t*>(scales.data())));
    SEGFACE_RETURN_IF_ERROR(source_->read(tensor.at, reinterpret_cast<std::uint8_t*>(bytes.data())));
    for (std::size_t row = 0; row < rows; ++row) {
      if (!is_finite(scales[row])) {
        return error(Errc::non_finite, name(), ": tensor '", scale_name(tensor.info.name),
                     "' is not a finite number at index ", row, "; the file is damaged");
      }
      for (std::size_t i = row * (count / rows); i < (row + 1) * (count / rows); ++i) {
        const float value = static_cast<float>(bytes[i]) * scales[row];
        std::memcpy(out + i * sizeof value, &value, sizeof value);
      }
    }
    return {};
  }

  // Whether any tensor is of bytes.
  bool any() const noexcept { return any_; }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Tensor {
    TensorInfo info;
    std::size_t at, scale;  // in the source; scale: kNone where it is not of bytes
  };

  explicit ScaledTensors(const TensorSource& source) noexcept : source_(&source) {}

  Status pair() {
    const NameIndex names(*source_);
    std::vector<bool> is_scale(source_->size());
    std::size_t missing = 0;
    std::string first;
    for (std::size_t i = 0; i < source_->size(); ++i) {
      const TensorInfo& info = source_->info(i);
      if (info.dtype != DType::i8 || info.shape.rank == 0) {
        tensors_.push_back({info, i, kNone});
        continue;
      }
      any_ = true;
      const std::string wanted = scale_name(info.name);
      const auto found = names.find(wanted);
      if (!found) {
        if (missing++ == 0) first = wanted;
        continue;
      }
      SEGFACE_RETURN_IF_ERROR(check_scale(source_->info(*found), info));
      is_scale[*found] = true;
      tensors_.push_back({{info.name, DType::f32, info.shape}, i, *found});
    }
    if (missing != 0) {
      return error(Errc::missing_tensor, missing, " tensors of I8 lack their scales, the first is '", first,
                   "'; convert the checkpoint again");
    }
    std::vector<Tensor> kept;
    for (Tensor& tensor : tensors_) {
      if (!is_scale[tensor.at]) kept.push_back(std::move(tensor));
    }
    tensors_ = std::move(kept);
    return {};
  }
  static Status check_scale(const TensorInfo& scale, const TensorInfo& tensor) noexcept {
    if (scale.dtype != DType::f32) {
      return error(Errc::unsupported_dtype, "tensor '", scale.name, "' holds ", dtype_name(scale.dtype),
                   ", expected F32: these are scales");
    }
    const Shape expected = {tensor.shape.dims[0]};
    if (scale.shape == expected) return {};
    return error(Errc::shape_mismatch, "tensor '", scale.name, "' has shape ", scale.shape, ", expected ", expected,
                 ": a scale for each row of '", tensor.name, "'");
  }

  const TensorSource* source_;
  std::vector<Tensor> tensors_;
  bool any_ = false;
};

// Bytes and scales of a matrix [out, in]: the largest value of a row is 127 of its scale.
inline void scale_to_bytes(const float* values, std::size_t out, std::size_t in, std::int8_t* bytes, float* scales) {
  for (std::size_t o = 0; o < out; ++o) {
    const float* const row = values + o * in;
    float most = 0;
    for (std::size_t i = 0; i < in; ++i) most = std::max(most, std::fabs(row[i]));
    const float steps = most > 1e-35f ? 127 / most : 0;
    scales[o] = most / 127;
    for (std::size_t i = 0; i < in; ++i) {
      bytes[o * in + i] = static_cast<std::int8_t>(std::lrint(std::min(std::max(row[i] * steps, -127.0f), 127.0f)));
    }
  }
}

SEGFACE_END_CORE
