// StridedView: a tensor laid over a row of elements, as PyTorch describes it.
//
// Element (i, j, ...) lies at offset + i strides[0] + j strides[1] + ... elements. A transposed or channels-last
// tensor has its strides out of order, an expanded one strides of 0, a slice an offset.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/tensors/tensor_source.hpp"

SEGFACE_BEGIN_CORE

struct StridedView {
  Shape shape;
  std::size_t offset = 0;
  std::size_t strides[Shape::kMaxRank] = {};

  // Whether the tensor's size in bytes can be a size of memory. Sizes of 0 hide no overflow of the others.
  bool fits_in_memory(std::size_t bytes_of_element) const noexcept {
    std::size_t bytes = bytes_of_element;
    for (int i = 0; i < shape.rank; ++i) {
      const auto size = static_cast<std::size_t>(shape.dims[i]);
      if (!multiply_fits(bytes, size == 0 ? 1 : size, bytes) || bytes > PTRDIFF_MAX) return false;
    }
    return true;
  }

  // Whether every element lies among the first `elements`.
  bool fits_in(std::size_t elements) const noexcept {
    if (shape.count() == 0) return offset <= elements;
    if (offset >= elements) return false;
    std::size_t room = elements - 1 - offset;  // behind the first element
    for (int i = 0; i < shape.rank; ++i) {
      std::size_t step = 0;
      if (!multiply_fits(static_cast<std::size_t>(shape.dims[i]) - 1, strides[i], step) || step > room) return false;
      room -= step;
    }
    return true;
  }

  // Whether the elements lie one after another in row-major order.
  bool is_contiguous() const noexcept {
    std::size_t expected = 1;
    for (int i = shape.rank; i-- != 0;) {
      if (shape.dims[i] != 1 && strides[i] != expected) return false;
      expected *= static_cast<std::size_t>(shape.dims[i]);
    }
    return true;
  }

  // Whether the rows of some axis lie between or over those of another, as no transposed, sliced or expanded tensor's
  // do. Only for views that fit.
  bool interlocks() const noexcept {
    for (int i = 0; i < shape.rank; ++i) {
      std::size_t inner = 0;  // how far the axes of smaller strides reach
      for (int j = 0; j < shape.rank; ++j) {
        const bool smaller = strides[j] < strides[i] || (strides[j] == strides[i] && j > i);
        if (smaller && shape.dims[j] > 0) inner += (static_cast<std::size_t>(shape.dims[j]) - 1) * strides[j];
      }
      if (shape.dims[i] > 1 && strides[i] != 0 && inner >= strides[i]) return true;
    }
    return false;
  }

  // Writes the elements to `out` in row-major order. They are copied in the order of their positions, so that a
  // small window on the source moves forward once; only views whose rows interlock make it jump back.
  // `fetch(first, count, bytes)` copies elements [first, first + count) of the source's `elements` to `bytes`.
  template <class Fetch>
  Status gather(std::size_t bytes_of_element, std::size_t elements, const Fetch& fetch,
                std::uint8_t* out) const noexcept {
    struct Axis {
      std::size_t size, stride, out_stride;
    };
    Axis axes[Shape::kMaxRank];  // by falling stride
    std::size_t count = 1;
    for (int i = shape.rank, placed = 0; i-- != 0; ++placed) {
      const auto size = static_cast<std::size_t>(shape.dims[i]);
      int at = placed;
      for (; at > 0 && axes[at - 1].stride < strides[i]; --at) axes[at] = axes[at - 1];
      axes[at] = {size, strides[i], count};
      count *= size;
    }

    constexpr std::size_t kWindowBytes = std::size_t{1} << 16;
    // Where each window would hold few elements, they are fetched one by one.
    constexpr std::size_t kSparseBytes = 4096;
    std::size_t step = SIZE_MAX;
    for (int i = 0; i < shape.rank; ++i) {
      if (axes[i].size > 1 && axes[i].stride != 0) step = std::min(step, axes[i].stride);
    }
    const std::size_t most = step > kSparseBytes / bytes_of_element ? 1 : kWindowBytes / bytes_of_element;
    SEGFACE_ASSIGN(window, Buffer<std::uint8_t>::make(kWindowBytes));
    std::size_t window_begin = 0;
    std::size_t window_size = 0;
    std::size_t counter[Shape::kMaxRank] = {};
    std::size_t from = offset;
    std::size_t to = 0;
    for (std::size_t done = 0; done < count; ++done) {
      if (from < window_begin || from - window_begin >= window_size) {
        window_begin = from;
        window_size = std::min(most, elements - from);
        SEGFACE_RETURN_IF_ERROR(fetch(window_begin, window_size, window.data()));
      }
      std::memcpy(out + to * bytes_of_element, window.data() + (from - window_begin) * bytes_of_element,
                  bytes_of_element);
      for (int i = shape.rank; i-- != 0;) {
        from += axes[i].stride;
        to += axes[i].out_stride;
        if (++counter[i] < axes[i].size) break;
        from -= axes[i].stride * axes[i].size;
        to -= axes[i].out_stride * axes[i].size;
        counter[i] = 0;
      }
    }
    return {};
  }
};

SEGFACE_END_CORE
