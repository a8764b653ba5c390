// Where weights come from: a named list of tensors that can be read one at a time.
//
// Implemented by safetensors files, PyTorch checkpoints and synthetic checkpoints, so that loading, converting
// and describing never ask which of them they have. Data is fetched only when read(): a network is prepared
// tensor by tensor, and the file is never held in memory as a whole.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/half.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"

SEGFACE_BEGIN_CORE

// Sizes of a tensor, outermost first. Rank 0 is a scalar.
struct Shape {
  static constexpr int kMaxRank = 8;

  Shape() noexcept = default;
  Shape(std::initializer_list<Index> sizes) noexcept {
    for (const Index size : sizes) dims[rank++] = size;
  }

  int rank = 0;
  Index dims[kMaxRank] = {};

  // Number of elements; only for shapes whose product is known to fit.
  std::size_t count() const noexcept {
    std::size_t product = 1;
    for (int i = 0; i < rank; ++i) product *= static_cast<std::size_t>(dims[i]);
    return product;
  }
  friend bool operator==(const Shape& a, const Shape& b) noexcept {
    if (a.rank != b.rank) return false;
    for (int i = 0; i < a.rank; ++i) {
      if (a.dims[i] != b.dims[i]) return false;
    }
    return true;
  }
  friend bool operator!=(const Shape& a, const Shape& b) noexcept { return !(a == b); }
  // "[256, 1024, 1, 1]"
  friend void append_to(Message& message, const Shape& shape) noexcept {
    message.append('[');
    for (int i = 0; i < shape.rank; ++i) message.append(i == 0 ? "" : ", ").append(shape.dims[i]);
    message.append(']');
  }
};

struct TensorInfo {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;

  std::size_t bytes() const noexcept { return shape.count() * bytes_of(dtype); }
};

// An ordered list of named tensors. Const calls are safe from several threads.
class TensorSource {
 public:
  virtual ~TensorSource() = default;

  // The file's name (or "memory", "synthetic seed 1"), for messages.
  virtual const std::string& name() const noexcept = 0;
  virtual std::size_t size() const noexcept = 0;
  virtual const TensorInfo& info(std::size_t index) const noexcept = 0;
  // Writes the tensor's info(index).bytes() bytes, contiguous, row-major, little-endian, to `out`.
  virtual Status read(std::size_t index, std::uint8_t* out) const noexcept = 0;
};

SEGFACE_END_CORE
