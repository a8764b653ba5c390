// Multi-head attention between whole maps: softmax(q k^T / sqrt(D)) v for each head, in one pass over the keys.
//
// A block has 32 queries of an image, one a lane, and heads of 128 channels together, one a warp: of 16 channels 8, of
// 32 channels 4, of 64 channels 2. Queries are turned in shared memory, and keys and values come through it 16 at a
// time, so that all of them are read in rows; a warp looks at one key at a time. Shared memory: 33 KB.
//
// Few keys (the image reads the tokens): blocks (32 queries, image and heads). Many keys (the tokens read the image):
// the keys are shared out, 128 a part, to blocks (32 queries, part, image and heads), and the parts merged.
#pragma once

#include <cmath>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/cuda/softmax.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr int kSlice = 128;               // channels of a block's heads, with what fills them up
inline constexpr int kQueries = 32, kKeys = 16;  // of a block; of a tile
inline constexpr Index kPartKeys = 128, kFewKeys = 256;

// The heads of a block: `width` channels each, `count` in all.
struct Heads {
  int first, count, width;

  __device__ bool has(int head, int d) const noexcept { return first + head < count && d < width; }
  __device__ int channel(int head, int d) const noexcept { return (first + head) * width + d; }
};

struct AttentionTile {
  float queries[kQueries][kSlice + 1];  // then what they read
  float keys[2 * kKeys][kSlice];        // then as many values
};

// Rows [first, first + count) of a map's heads -> kRows rows of shared memory, `stride` apart, zeros elsewhere.
template <int kWidth, int kRows, class T>
__device__ void load_heads(const Map<const T>& from, const Heads& heads, Index first, Index count, float* to,
                           int stride) noexcept {
  const int threads = static_cast<int>(blockDim.x * blockDim.y);
  for (int i = static_cast<int>(threadIdx.y * kWarp + threadIdx.x); i < kRows * kSlice; i += threads) {
    const int row = i / kSlice, head = i % kSlice / kWidth, d = i % kWidth;
    const bool inside = row < count && heads.has(head, d);
    to[row * stride + i % kSlice] = inside ? static_cast<float>(from.row(first + row)[heads.channel(head, d)]) : 0.0f;
  }
}
// The other way: the first `count` rows of the tile's queries.
template <int kWidth, class T>
__device__ void store_heads(const AttentionTile& tile, const Heads& heads, Index count, const Map<T>& to,
                            Index first) noexcept {
  const int threads = static_cast<int>(blockDim.x * blockDim.y);
  for (int i = static_cast<int>(threadIdx.y * kWarp + threadIdx.x); i < kQueries * kSlice; i += threads) {
    const int row = i / kSlice, head = i % kSlice / kWidth, d = i % kWidth;
    if (row < count && heads.has(head, d)) {
      to.row(first + row)[heads.channel(head, d)] = static_cast<T>(tile.queries[row][i % kSlice]);
    }
  }
}

// Queries [row, row + count) of all images read keys [begin, end) of all images. Ends with all threads at work on their
// own: no barrier after the last key.
template <int kWidth, class T>
__device__ void attend(AttentionTile& tile, const Heads& heads, float scale, const Map<const T>& q, Index row,
                       Index count, const Map<const T>& k, const Map<const T>& v, Index begin, Index end,
                       Reader<kWidth>& reader) noexcept {
  const unsigned lane = threadIdx.x, at = threadIdx.y * kWidth;
  load_heads<kWidth, kQueries>(q, heads, row, count, tile.queries[0], kSlice + 1);
  __syncthreads();
  reader.begin(tile.queries[lane] + at, scale);
  for (Index first = begin; first < end; first += kKeys) {
    const Index keys = end - first < kKeys ? end - first : kKeys;
    __syncthreads();
    load_heads<kWidth, kKeys>(k, heads, first, keys, tile.keys[0], kSlice);
    load_heads<kWidth, kKeys>(v, heads, first, keys, tile.keys[kKeys], kSlice);
    __syncthreads();
    for (Index key = 0; key < keys; ++key) reader.add(reader.dot(tile.keys[key] + at), tile.keys[kKeys + key] + at);
  }
}

// q [B, ..N, C], k and v [B, ..M, C] -> y [B, ..N, C]
template <int kWidth, class T>
__global__ void attend_few_keys(Map<const T> q, Map<const T> k, Map<const T> v, int heads, float scale, Map<T> y) {
  __shared__ AttentionTile tile;
  constexpr int kHeads = kSlice / kWidth;
  const int groups = (heads + kHeads - 1) / kHeads, group = static_cast<int>(blockIdx.z) % groups;
  const Heads own = {group * kHeads, heads, static_cast<int>(q.channels) / heads};
  const Index image = static_cast<int>(blockIdx.z) / groups, first = Index{blockIdx.x} * kQueries;
  const Index count = q.pixels() - first, row = image * q.pixels() + first;
  Reader<kWidth> reader;
  attend(tile, own, scale, q, row, count, k, v, image * k.pixels(), (image + 1) * k.pixels(), reader);
  reader.store(tile.queries[threadIdx.x] + threadIdx.y * kWidth, reader.sum);
  __syncthreads();
  store_heads<kWidth>(tile, own, count, y, row);
}

// What the queries read of a part of the keys: see Reader.
struct AttentionParts {
  Map<float> mixed;     // [parts, 1, B N, C]
  float *mosts, *sums;  // [parts, heads, B N]

  static Index floats(Index parts, Index queries, Index heads, Index channels) noexcept {
    return parts * queries * (channels + 2 * heads);
  }
  static AttentionParts of(float* scratch, Index parts, Index queries, Index heads, Index channels) noexcept {
    const Index rows = parts * queries;
    return {{scratch, parts, 1, queries, channels, channels},
            scratch + rows * channels,
            scratch + rows * (channels + heads)};
  }
};

template <int kWidth, class T>
__global__ void attend_part(Map<const T> q, Map<const T> k, Map<const T> v, int heads, float scale,
                            AttentionParts parts) {
  __shared__ AttentionTile tile;
  constexpr int kHeads = kSlice / kWidth;
  const int groups = (heads + kHeads - 1) / kHeads, group = static_cast<int>(blockIdx.z) % groups;
  const Heads own = {group * kHeads, heads, static_cast<int>(q.channels) / heads};
  const Index image = static_cast<int>(blockIdx.z) / groups, first = Index{blockIdx.x} * kQueries;
  const Index count = q.pixels() - first, row = image * q.pixels() + first;
  const Index begin = Index{blockIdx.y} * kPartKeys;
  const Index end = begin + kPartKeys < k.pixels() ? begin + kPartKeys : k.pixels();
  Reader<kWidth> reader;
  attend(tile, own, scale, q, row, count, k, v, image * k.pixels() + begin, image * k.pixels() + end, reader);
  reader.store(tile.queries[threadIdx.x] + threadIdx.y * kWidth, 1.0f);
  __syncthreads();
  const Index part_row = blockIdx.y * q.rows() + row;
  store_heads<kWidth>(tile, own, count, parts.mixed, part_row);
  const int head = own.first + static_cast<int>(threadIdx.y);
  if (static_cast<Index>(threadIdx.x) < count && head < heads) {
    const Index at = (Index{blockIdx.y} * heads + head) * q.rows() + row + threadIdx.x;
    parts.mosts[at] = reader.most;
    parts.sums[at] = reader.sum;
  }
}

inline constexpr unsigned kMergeRows = 8;  // of threads

// Block (32 channels, query of all images): each of its rows of threads merges every eighth part, then the first merges
// the rows, in order. Shared memory: 3 KB.
template <class T>
__global__ void merge_parts(AttentionParts parts, int heads, Map<T> y) {
  __shared__ float mosts[kMergeRows][kWarp], sums[kMergeRows][kWarp], mixed[kMergeRows][kWarp];
  const Index channel = Index{blockIdx.x} * kWarp + threadIdx.x, row = blockIdx.y;
  const bool inside = channel < y.channels;
  const Index head = inside ? channel * heads / y.channels : 0;
  Reader<1> reader = {{0}, -3e38f, 0, {0}};
  const auto merge = [&](float most, float sum, float value) {
    const float larger = fmaxf(reader.most, most), before = expf(reader.most - larger), weight = expf(most - larger);
    reader.most = larger;
    reader.sum = reader.sum * before + sum * weight;
    reader.mixed[0] = reader.mixed[0] * before + value * weight;
  };
  for (Index part = threadIdx.y; inside && part < parts.mixed.batch; part += kMergeRows) {
    const Index at = (part * heads + head) * y.rows() + row;
    merge(parts.mosts[at], parts.sums[at], parts.mixed.row(part * y.rows() + row)[channel]);
  }
  mosts[threadIdx.y][threadIdx.x] = reader.most;
  sums[threadIdx.y][threadIdx.x] = reader.sum;
  mixed[threadIdx.y][threadIdx.x] = reader.mixed[0];
  __syncthreads();
  if (threadIdx.y != 0 || !inside) return;
  for (unsigned other = 1; other < kMergeRows; ++other) {
    merge(mosts[other][threadIdx.x], sums[other][threadIdx.x], mixed[other][threadIdx.x]);
  }
  y.row(row)[channel] = static_cast<T>(reader.mixed[0] / reader.sum);
}

// Parts that the keys are cut into, and the floats of scratch they need; none where there is one part only.
inline Index key_parts(Index keys) noexcept {
  return keys <= kFewKeys ? 1 : static_cast<Index>(ceil_divide(keys, kPartKeys));
}
template <class T>
Index attention_scratch(const Map<const T>& q, const Map<const T>& k, Index heads) noexcept {
  const Index parts = key_parts(k.pixels());
  return parts == 1 ? 0 : AttentionParts::floats(parts, q.rows(), heads, q.channels);
}

// Errors: internal (heads too wide), those of launch.
template <class T>
Status launch_attention(cudaStream_t stream, const Map<const T>& q, const Map<const T>& k, const Map<const T>& v,
                        Index heads, float* scratch, const Map<T>& y) noexcept {
  const Index width = q.channels / heads, parts = key_parts(k.pixels());
  if (width > kMostHeadWidth) return error(Errc::internal, "heads have at most ", kMostHeadWidth, " channels");
  const float scale = 1 / std::sqrt(static_cast<float>(width));
  const int all = static_cast<int>(heads);
  return with_head_width(width, [&](auto most) -> Status {
    constexpr int kWidth = decltype(most)::value, kHeads = kSlice / kWidth;
    const Geometry geometry = {{ceil_divide(q.pixels(), kQueries), static_cast<unsigned>(parts),
                                static_cast<unsigned>(q.batch) * ceil_divide(heads, kHeads)},
                               {kWarp, kHeads}};
    if (parts == 1) return launch("attention", attend_few_keys<kWidth, T>, geometry, stream, q, k, v, all, scale, y);
    const auto all_parts = AttentionParts::of(scratch, parts, q.rows(), heads, q.channels);
    SEGFACE_RETURN_IF_ERROR(
        launch("attention", attend_part<kWidth, T>, geometry, stream, q, k, v, all, scale, all_parts));
    const Geometry merging = {{ceil_divide(q.channels, kWarp), static_cast<unsigned>(q.rows())}, {kWarp, kMergeRows}};
    return launch("attention", merge_parts<T>, merging, stream, all_parts, all, y);
  });
}

}  // namespace cuda
SEGFACE_END_CORE
