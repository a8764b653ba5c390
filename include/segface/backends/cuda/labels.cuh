// Logits to results on the device: labels and confidence at the photo's size, and logits as planes. Only these are
// copied to where the caller wants them, in memory of the host or of the device.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/cuda/memory.cuh"
#include "segface/base/bilinear.hpp"
#include "segface/base/config.hpp"
#include "segface/image/limits.hpp"
#include "segface/image/postprocess.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr int kLabelBlock = 256;
inline constexpr int kLabelColumns = kLabelBlock + 2;  // of logits that a block holds
inline constexpr int kMostClasses = static_cast<int>(kMaxClasses);

// Where results are on the device before they are copied; null where they are not wanted.
struct DeviceLabels {
  std::uint8_t* labels;  // [height, width]
  float* confidence;     // [height, width]
  double* sums;          // [height]: of the row's probabilities
  Index width, height;
};

// Logits [1, h, w, K] -> a row of the target a block, `tile` pixels at a time: the two rows of logits that it lies
// between are mixed into shared memory, for the columns that the tile looks at, then a thread mixes two columns and
// takes the largest. Columns are K apart, which is odd: no two threads compete for a bank. 22 KB of shared memory. See
// label_rows in image/postprocess.hpp, whose order of operations this is.
template <class T>
__global__ void label_row(Map<const T> logits, int tile, DeviceLabels out) {
  __shared__ float columns[kLabelColumns * kMostClasses];
  __shared__ double sums[kLabelBlock];
  const int thread = static_cast<int>(threadIdx.x), classes = static_cast<int>(logits.channels);
  const Index y = blockIdx.x;
  const BilinearTap<float> down(y, logits.height, out.height);
  double sum = 0;
  for (Index begin = 0; begin < out.width; begin += tile) {
    const Index end = begin + tile < out.width ? begin + tile : out.width;
    const Index first = BilinearTap<float>(begin, logits.width, out.width).first;
    const Index last = BilinearTap<float>(end - 1, logits.width, out.width).second;
    const int count = static_cast<int>(last - first + 1) * classes;
    __syncthreads();  // the tile before has been read
    for (int i = thread; i < count; i += kLabelBlock) {
      const Index column = first + i / classes, c = i % classes;
      auto value = static_cast<float>(logits.pixel(0, down.first, column)[c]);
      if (down.fraction > 0) {
        const auto lower = static_cast<float>(logits.pixel(0, down.second, column)[c]);
        value = (1 - down.fraction) * value + down.fraction * lower;
      }
      columns[i] = value;
    }
    __syncthreads();
    const Index x = begin + thread;
    if (x >= end) continue;
    const BilinearTap<float> across(x, logits.width, out.width);
    const float* const left = columns + (across.first - first) * classes;
    const float* const right = columns + (across.second - first) * classes;
    const auto mixed = [&](int c) { return (1 - across.fraction) * left[c] + across.fraction * right[c]; };
    int best = 0;
    float most = mixed(0);
    for (int c = 1; c < classes; ++c) {
      const float value = mixed(c);
      if (value > most) most = value, best = c;
    }
    const Index at = y * out.width + x;
    if (out.labels != nullptr) out.labels[at] = static_cast<std::uint8_t>(best);
    if (out.confidence == nullptr && out.sums == nullptr) continue;
    float total = 0;
    for (int c = 0; c < classes; ++c) total += expf(mixed(c) - most);
    const float probability = 1 / total;
    if (out.confidence != nullptr) out.confidence[at] = probability;
    sum += static_cast<double>(probability);
  }
  if (out.sums == nullptr) return;  // the whole block
  sums[thread] = sum;
  for (int half = kLabelBlock / 2; half > 0; half /= 2) {
    __syncthreads();
    if (thread < half) sums[thread] += sums[thread + half];
  }
  if (thread == 0) out.sums[y] = sums[0];
}

// Bytes from the device to where somebody wants them, on either side.
inline Status copy_out(Memory& memory, void* to, const void* from, std::size_t bytes) noexcept {
  return check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, memory.stream()), "cudaMemcpyAsync");
}

// See ops::label_map; the target's memory may be of either side. Errors: limit_exceeded, out_of_memory, those of check.
template <class T>
Status label_map(Memory& memory, const Map<const T>& logits, const LabelTarget& target) noexcept {
  const auto rows = static_cast<std::size_t>(target.height), pixels = static_cast<std::size_t>(target.width) * rows;
  if (target.height > INT_MAX) return error(Errc::limit_exceeded, "labels: more than 2^31 rows");
  const bool summed = target.row_confidence != nullptr;
  const std::size_t sum_bytes = summed ? static_cast<std::size_t>(logits.height) * sizeof(double) : 0,
                    confidence_bytes = target.confidence != nullptr ? pixels * sizeof(float) : 0;
  SEGFACE_ASSIGN(results, memory.results(sum_bytes + confidence_bytes + pixels));
  DeviceLabels out = {results + sum_bytes + confidence_bytes, nullptr, nullptr, target.width, target.height};
  DeviceLabels sums = {nullptr, nullptr, reinterpret_cast<double*>(results), logits.width, logits.height};
  if (confidence_bytes != 0) out.confidence = reinterpret_cast<float*>(results + sum_bytes);
  const bool at_once = target.width == logits.width && target.height == logits.height;
  if (summed && at_once) out.sums = sums.sums;
  const auto fill = [&](const DeviceLabels& wanted) {
    // As many pixels as look at no more than kLabelColumns columns, whatever the fractions of the first and the last.
    const Index columns = (kLabelColumns - 3) * wanted.width / logits.width;
    const auto tile = static_cast<int>(std::min<Index>(kLabelBlock, 1 + columns));
    return launch("label_map", label_row<T>, {static_cast<unsigned>(wanted.height), kLabelBlock}, memory.stream(),
                  logits, tile, wanted);
  };
  if (summed && !at_once) SEGFACE_RETURN_IF_ERROR(fill(sums));
  if (pixels != 0) SEGFACE_RETURN_IF_ERROR(fill(out));
  if (sum_bytes != 0) SEGFACE_RETURN_IF_ERROR(copy_out(memory, target.row_confidence, sums.sums, sum_bytes));
  if (confidence_bytes != 0) {
    SEGFACE_RETURN_IF_ERROR(copy_out(memory, target.confidence, out.confidence, confidence_bytes));
  }
  return pixels == 0 ? Status() : copy_out(memory, target.labels, out.labels, pixels);
}

inline constexpr int kPlaneBlock = 256, kPlanePixels = 64;

// Logits [B, h, w, K] -> planes [B, K, h, w]: a block has 64 pixels of an image, read pixel by pixel and written class
// by class. 4.8 KB of shared memory, no two threads at a bank, since K is odd.
template <class T>
__global__ void separate_classes(Map<const T> logits, float* planes) {
  __shared__ float tile[kPlanePixels * kMostClasses];
  const int thread = static_cast<int>(threadIdx.x), classes = static_cast<int>(logits.channels);
  const Index first = Index{blockIdx.x} * kPlanePixels, image = blockIdx.y, pixels = logits.pixels();
  const int count = static_cast<int>(pixels - first < kPlanePixels ? pixels - first : kPlanePixels);
  for (int i = thread; i < count * classes; i += kPlaneBlock) {
    tile[i] = static_cast<float>(logits.row(image * pixels + first + i / classes)[i % classes]);
  }
  __syncthreads();
  for (int i = thread; i < kPlanePixels * classes; i += kPlaneBlock) {
    const int c = i / kPlanePixels, pixel = i % kPlanePixels;
    if (pixel < count) planes[(image * classes + c) * pixels + first + pixel] = tile[pixel * classes + c];
  }
}

// See ops::class_planes; `out` may be of either side. Errors: limit_exceeded, out_of_memory, those of check.
template <class T>
Status class_planes(Memory& memory, const Map<const T>& logits, float* out) noexcept {
  const Index blocks = (logits.pixels() + kPlanePixels - 1) / kPlanePixels;
  constexpr Index kMostImages = 65535;
  if (blocks > INT_MAX || logits.batch > kMostImages) return error(Errc::limit_exceeded, "logits: use a smaller batch");
  const std::size_t bytes = static_cast<std::size_t>(logits.rows() * logits.channels) * sizeof(float);
  SEGFACE_ASSIGN(results, memory.results(bytes));
  auto* const planes = reinterpret_cast<float*>(results);
  const Geometry geometry = {{static_cast<unsigned>(blocks), static_cast<unsigned>(logits.batch)}, kPlaneBlock};
  SEGFACE_RETURN_IF_ERROR(launch("class_planes", separate_classes<T>, geometry, memory.stream(), logits, planes));
  return copy_out(memory, out, planes, bytes);
}

}  // namespace cuda
SEGFACE_END_CORE
