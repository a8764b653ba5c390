// A photo to the network's input on the device: Pillow's bicubic and the normalisation, bit for bit as on the host.
//
// The host computes the tables of the two axes, once for a size (image/resize.hpp tells the rule); sums of bytes times
// weights are of integers, hence the same in any order, and what a byte means to the network is looked up.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/cuda/memory.cuh"
#include "segface/backends/memory.hpp"
#include "segface/backends/run.hpp"
#include "segface/base/config.hpp"
#include "segface/base/threads/executor.hpp"
#include "segface/image/image.hpp"
#include "segface/image/preprocess.hpp"
#include "segface/image/resize.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

// A picture of bytes on the device.
struct Picture {
  const std::uint8_t* bytes;
  Index row;    // bytes from a row to the next
  int pixel;    // from a pixel to the next
  int r, g, b;  // where the colours stand in a pixel
};

// A BicubicAxis on the device; null where the side keeps its size.
struct AxisTable {
  const std::int32_t* first = nullptr;    // [to]
  const std::int32_t* count = nullptr;    // [to]
  const std::int32_t* weights = nullptr;  // [to, taps]
  int taps = 0;
};

// in -> y [1, H, W, 3] along one axis: to bytes again (T = uint8_t), or to the network's input by `meaning` [3, 256]. A
// thread a byte: neighbours in a warp read neighbouring bytes going down, and overlapping windows going across.
template <class T>
__global__ void resize_axis(Picture in, AxisTable axis, bool down, const float* meaning, Map<T> y) {
  const Element at = Element::of<1>(y);
  if (!at.inside) return;
  const std::uint8_t* from = in.bytes + (at.channel == 0 ? in.r : at.channel == 1 ? in.g : in.b);
  int value = 0;
  if (axis.weights == nullptr) {
    value = from[at.y * in.row + at.x * in.pixel];
  } else {
    const Index to = down ? at.y : at.x, step = down ? in.row : Index{in.pixel};
    from += (down ? at.x * in.pixel : at.y * in.row) + axis.first[to] * step;
    const std::int32_t* const weights = axis.weights + to * axis.taps;
    std::int32_t total = BicubicAxis::kHalf;
    for (int k = 0; k < axis.count[to]; ++k) total += from[k * step] * weights[k];
    total >>= BicubicAxis::kFractionBits;
    value = total < 0 ? 0 : total > 255 ? 255 : total;
  }
  T* const out = y.row(at.row) + at.channel;
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    *out = static_cast<std::uint8_t>(value);
  } else {
    *out = static_cast<T>(meaning[at.channel * 256 + value]);
  }
}

// See compound::PhotoInput. The photo's pixels may be in memory of the host or of the device. T is the network's
// number.
template <class T>
class PhotoInput {
 public:
  // Errors: those of BicubicResize::make, out_of_memory, those of check.
  Status take(Memory& memory, const ImageView& photo, Index side, Executor&) noexcept {
    SEGFACE_RETURN_IF_ERROR(fit(memory, photo.width, photo.height, side));
    const Index channels = channels_of(photo.order), row = photo.width * channels;
    SEGFACE_RETURN_IF_ERROR(reserve(bytes_, static_cast<std::size_t>(photo.height * row + between_bytes())));
    SEGFACE_RETURN_IF_ERROR(
        check(cudaMemcpy2DAsync(bytes_.data(), static_cast<std::size_t>(row), photo.pixels,
                                static_cast<std::size_t>(photo.stride_bytes), static_cast<std::size_t>(row),
                                static_cast<std::size_t>(photo.height), cudaMemcpyDefault, memory.stream()),
              "cudaMemcpy2DAsync"));
    const RgbOffsets offset = rgb_offsets(photo.order);
    const auto as_int = [](Index number) { return static_cast<int>(number); };
    photo_ = {bytes_.data(), row, as_int(channels), as_int(offset.r), as_int(offset.g), as_int(offset.b)};
    between_ = bytes_.data() + photo.height * row;
    return {};
  }

  template <class Backend>
  void give(Run<Backend>& run, const Map<T>& image) const noexcept {
    run.device({}, [&] { return resize(run.memory().stream(), image); });
  }

  std::size_t bytes() const noexcept { return bytes_.size() + tables_.size() * sizeof(std::int32_t); }

 private:
  // Bytes between the two passes.
  Index between_bytes() const noexcept {
    if (!resize_.across() || !resize_.down()) return 0;
    return 3 * (resize_.down_first() ? resize_.to_height() * resize_.from_width()
                                     : resize_.from_height() * resize_.to_width());
  }

  Status resize(cudaStream_t stream, const Map<T>& image) const noexcept {
    const auto pass = [&](const Picture& in, bool down, const auto& y) {
      return launch_elements<1>("resize", resize_axis<std::decay_t<decltype(*y.data)>>, y, stream, in,
                                down ? rows_ : columns_, down, meaning_.data(), y);
    };
    if (!resize_.across() || !resize_.down()) return pass(photo_, resize_.down(), image);
    const bool down_first = resize_.down_first();
    const Index height = down_first ? resize_.to_height() : resize_.from_height(),
                width = down_first ? resize_.from_width() : resize_.to_width();
    SEGFACE_RETURN_IF_ERROR(pass(photo_, down_first, Map<std::uint8_t>{between_, 1, height, width, 3, 3}));
    return pass({between_, 3 * width, 3, 0, 1, 2}, !down_first, image);
  }

  // Makes the tables fit a photo's size.
  Status fit(Memory& memory, Index width, Index height, Index side) noexcept {
    if (resize_.from_width() == width && resize_.from_height() == height && resize_.to_width() == side) return {};
    resize_ = {};  // until all is well
    if (meaning_.data() == nullptr) {
      SEGFACE_ASSIGN(meaning, upload(&kNormalization.value[0][0], 3 * 256));
      meaning_ = std::move(meaning);
    }
    SEGFACE_ASSIGN(resize, BicubicResize::make(width, height, side, side));
    const BicubicAxis &columns = resize.columns(), &rows = resize.rows();
    const std::size_t count = table_size(columns) + table_size(rows);
    SEGFACE_ASSIGN(numbers, Buffer<std::int32_t>::make(count));
    SEGFACE_RETURN_IF_ERROR(reserve(tables_, count));
    columns_ = write_table(columns, numbers.data(), tables_.data());
    rows_ = write_table(rows, numbers.data() + table_size(columns), tables_.data() + table_size(columns));
    SEGFACE_RETURN_IF_ERROR(check(cudaMemcpyAsync(tables_.data(), numbers.data(), count * sizeof(std::int32_t),
                                                  cudaMemcpyHostToDevice, memory.stream()),
                                  "cudaMemcpyAsync"));
    resize_ = std::move(resize);
    return {};
  }
  static std::size_t table_size(const BicubicAxis& axis) noexcept {
    return axis.from() == axis.to() ? 0 : static_cast<std::size_t>(axis.to() * (2 + axis.taps()));
  }
  // The axis's numbers -> `host`, and where they will be on the device, from `device` on.
  static AxisTable write_table(const BicubicAxis& axis, std::int32_t* host, const std::int32_t* device) noexcept {
    const Index to = axis.to(), taps = axis.taps();
    if (axis.from() == to) return {};
    for (Index i = 0; i < to; ++i) {
      host[i] = static_cast<std::int32_t>(axis.first(i));
      host[to + i] = static_cast<std::int32_t>(axis.count(i));
      std::copy_n(axis.weights(i), axis.count(i), host + 2 * to + i * taps);
    }
    return {device, device + to, device + 2 * to, static_cast<int>(taps)};
  }

  BicubicResize resize_;               // its sizes are those of the tables
  DeviceBuffer<float> meaning_;        // [3, 256]: what the network sees where a channel has a byte
  DeviceBuffer<std::int32_t> tables_;  // of columns, then of rows
  DeviceBuffer<std::uint8_t> bytes_;   // the photo, packed, then what is between the two passes
  AxisTable columns_, rows_;
  Picture photo_ = {};
  std::uint8_t* between_ = nullptr;
};

}  // namespace cuda
SEGFACE_END_CORE
