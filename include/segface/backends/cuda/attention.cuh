// Multi-head attention between whole maps: softmax(q k^T / sqrt(D)) v for each head, in one pass over the keys.
//
// A block has 32 queries of an image, one a lane, and heads of 128 channels together, one a warp: of 16 channels 8, of
// 32 channels 4. A thread reads its query and writes its result; keys and values come through shared memory, 16 at a
// time, where all lanes of a warp look at the same ones. Shared memory: 16 KB.
//
// Few keys (the image reads the tokens): blocks (32 queries, image and heads). Many keys (the tokens read the image):
// the keys are shared out, 64 a part, to blocks (32 queries, part, image and heads), and the parts merged.
#pragma once

#include <cmath>

#include "segface/backends/cuda/launch.cuh"
#include "segface/backends/cuda/softmax.cuh"
#include "segface/base/config.hpp"

SEGFACE_BEGIN_CORE
namespace cuda {

inline constexpr int kSlice = 128;               // channels of a block's heads, with what fills them up
inline constexpr int kQueries = 32, kKeys = 16;  // of a block; of a tile
inline constexpr Index kPartKeys = 64, kFewKeys = 256;

// The heads of a block: `width` channels each, `count` in all.
struct Heads {
  int first, count, width;

  __device__ bool has(int head, int d) const noexcept { return first + head < count && d < width; }
  __device__ int channel(int head, int d) const noexcept { return (first + head) * width + d; }
};

struct alignas(16) AttentionTile {
  float keys[kKeys][kSlice], values[kKeys][kSlice];
};

// Rows [first, first + count) of both maps' heads, N channels at a time -> the tile; zeros elsewhere.
template <int kWidth, int N, class T>
__device__ void load_tile(AttentionTile& tile, const Heads& heads, const Map<const T>& k, const Map<const T>& v,
                          Index first, Index count) noexcept {
  constexpr int kThreads = static_cast<int>(kWarp) * (kSlice / kWidth), kPacks = kKeys * kSlice / N / kThreads;
  constexpr int kAtOnce = kPacks < 2 ? kPacks : 2;
  const auto thread = static_cast<int>(threadIdx.y * kWarp + threadIdx.x);
  for (int begin = 0; begin < kPacks; begin += kAtOnce) {
    Numbers<N> keys[kAtOnce], values[kAtOnce];  // all are asked for before any is stored
    const auto place = [&](int i) { return ((begin + i) * kThreads + thread) * N; };
    for (int i = 0; i < kAtOnce; ++i) {
      const int row = place(i) / kSlice, head = place(i) % kSlice / kWidth, d = place(i) % kWidth;
      const bool inside = row < count && heads.has(head, d);
      keys[i] = read_if<N>(inside, k.row(first + row) + heads.channel(head, d), k.row(first));
      values[i] = read_if<N>(inside, v.row(first + row) + heads.channel(head, d), v.row(first));
    }
    for (int i = 0; i < kAtOnce; ++i) {
      write(keys[i], tile.keys[0] + place(i));
      write(values[i], tile.values[0] + place(i));
    }
  }
}

// The query of a thread and its head, as it goes through a block's kernel. row: of all images; count: of the block's
// queries that are there, of which others do as the first does.
template <int kWidth, int N>
struct Query {
  Heads heads;
  int head;
  bool inside;
  Index row;
  Reader<kWidth> reader;

  __device__ Query(const Heads& all, Index first, Index count) noexcept
      : heads(all),
        head(static_cast<int>(threadIdx.y)),
        inside(static_cast<Index>(threadIdx.x) < count),
        row(inside ? first + threadIdx.x : first) {}

  // Reads keys [begin, end) of all images.
  template <class T>
  __device__ void attend(AttentionTile& tile, float scale, const Map<const T>& q, const Map<const T>& k,
                         const Map<const T>& v, Index begin, Index end) noexcept {
    SEGFACE_UNROLL(kWidth / N)
    for (int d = 0; d < kWidth; d += N) {
      const Numbers<N> own = read_if<N>(heads.has(head, d), q.row(row) + heads.channel(head, d), q.row(row));
      for (int i = 0; i < N; ++i) reader.query[d + i] = own[i];
    }
    reader.begin(scale);
    for (Index first = begin; first < end; first += kKeys) {
      const int keys = static_cast<int>(end - first < kKeys ? end - first : kKeys);
      __syncthreads();
      load_tile<kWidth, N>(tile, heads, k, v, first, keys);
      __syncthreads();
      for (int at = 0; at < keys; at += kKeysAtOnce) {
        float scores[kKeysAtOnce];
        for (int j = 0; j < kKeysAtOnce; ++j) scores[j] = at + j < keys ? 0.0f : kNoKey;
        reader.template add<kSlice>(scores, tile.keys[at] + head * kWidth, tile.values[at] + head * kWidth);
      }
    }
  }
  // What was read, times a factor -> row `to` of a map.
  template <class T>
  __device__ void store(float factor, const Map<T>& map, Index to) const noexcept {
    SEGFACE_UNROLL(kWidth / N)
    for (int d = 0; d < kWidth; d += N) {
      if (!inside || !heads.has(head, d)) continue;
      Numbers<N> numbers;
      for (int i = 0; i < N; ++i) numbers[i] = reader.mixed[d + i] * factor;
      write(numbers, map.row(to) + heads.channel(head, d));
    }
  }
};

// The heads, image and first query of a block.
template <int kWidth>
struct AttentionBlock {
  Heads heads;
  Index image, first;

  __device__ AttentionBlock(int count, Index channels) noexcept {
    constexpr int kHeads = kSlice / kWidth;
    const int groups = (count + kHeads - 1) / kHeads, z = static_cast<int>(blockIdx.z);
    heads = {z % groups * kHeads, count, static_cast<int>(channels) / count};
    image = z / groups;
    first = Index{blockIdx.x} * kQueries;
  }
};

// q [B, ..N, C], k and v [B, ..M, C] -> y [B, ..N, C]
template <int kWidth, int N, class T>
__global__ void attend_few_keys(Map<const T> q, Map<const T> k, Map<const T> v, int heads, float scale, Map<T> y) {
  __shared__ AttentionTile tile;
  const AttentionBlock<kWidth> block(heads, q.channels);
  Query<kWidth, N> query(block.heads, block.image * q.pixels() + block.first, q.pixels() - block.first);
  query.attend(tile, scale, q, k, v, block.image * k.pixels(), (block.image + 1) * k.pixels());
  query.store(1 / query.reader.sum, y, query.row);
}

// What the queries read of a part of the keys: see Reader.
struct AttentionParts {
  Map<float> mixed;  // [parts, 1, B N, C]
  float* scores;     // [parts, B N, heads, 2]: most and sum

  static Index floats(Index parts, Index queries, Index heads, Index channels) noexcept {
    return parts * queries * (channels + 2 * heads);
  }
  static AttentionParts of(float* scratch, Index parts, Index queries, Index channels) noexcept {
    const Index rows = parts * queries;
    return {{scratch, parts, 1, queries, channels, channels}, scratch + rows * channels};
  }
};

template <int kWidth, int N, class T>
__global__ void attend_part(Map<const T> q, Map<const T> k, Map<const T> v, int heads, float scale,
                            AttentionParts parts) {
  __shared__ AttentionTile tile;
  const AttentionBlock<kWidth> block(heads, q.channels);
  const Index part = blockIdx.y, begin = part * kPartKeys;
  const Index end = begin + kPartKeys < k.pixels() ? begin + kPartKeys : k.pixels(), keys = block.image * k.pixels();
  Query<kWidth, N> query(block.heads, block.image * q.pixels() + block.first, q.pixels() - block.first);
  query.attend(tile, scale, q, k, v, keys + begin, keys + end);
  query.store(1.0f, parts.mixed, part * q.rows() + query.row);
  const int head = block.heads.first + query.head;
  if (!query.inside || head >= heads) return;
  const Index at = (part * q.rows() + query.row) * heads + head;
  write(Numbers<2>{{query.reader.most, query.reader.sum}}, parts.scores + 2 * at);
}

inline constexpr unsigned kMergeRows = 32;  // of threads

// Block (32 channels, query of all images): each of its rows of threads merges every 32nd part, then the first merges
// the rows, in order. Shared memory: 12 KB.
template <class T>
__global__ void merge_parts(AttentionParts parts, int heads, Map<T> y) {
  __shared__ float mosts[kMergeRows][kWarp], sums[kMergeRows][kWarp], mixed[kMergeRows][kWarp];
  const Index channel = Index{blockIdx.x} * kWarp + threadIdx.x, row = blockIdx.y;
  const bool inside = channel < y.channels;
  const Index head = inside ? static_cast<int>(channel) / (static_cast<int>(y.channels) / heads) : 0;
  Reader<1> reader = {{0}, kNoKey, 0, {0}};
  const auto merge = [&](float most, float sum, float value) {
    const float larger = fmaxf(reader.most, most), before = expf(reader.most - larger), weight = expf(most - larger);
    reader.most = larger;
    reader.sum = reader.sum * before + sum * weight;
    reader.mixed[0] = reader.mixed[0] * before + value * weight;
  };
  SEGFACE_UNROLL(4)
  for (Index part = threadIdx.y; inside && part < parts.mixed.batch; part += kMergeRows) {
    const Index at = (part * y.rows() + row) * heads + head;
    const Numbers<2> score = read<2>(parts.scores + 2 * at);
    merge(score[0], score[1], parts.mixed.row(part * y.rows() + row)[channel]);
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
  const auto all_parts = AttentionParts::of(scratch, parts, q.rows(), q.channels);
  // Heads of as many channels as are read at once, or of several times as many.
  const Map<const T> heads_apart = {q.data, q.rows(), 1, heads, width, width};
  const auto attend = [&](auto most, auto n) {
    constexpr int kWidth = decltype(most)::value, N = decltype(n)::value, kHeads = kSlice / kWidth;
    const Geometry geometry = {{ceil_divide(q.pixels(), kQueries), static_cast<unsigned>(parts),
                                static_cast<unsigned>(q.batch) * ceil_divide(heads, kHeads)},
                               {kWarp, kHeads}};
    if (parts == 1) {
      return launch("attention", attend_few_keys<kWidth, N, T>, geometry, stream, q, k, v, all, scale, y);
    }
    return launch("attention", attend_part<kWidth, N, T>, geometry, stream, q, k, v, all, scale, all_parts);
  };
  SEGFACE_RETURN_IF_ERROR(with_head_width(width, [&](auto most) {
    return in_widest_packs<T>([&](auto n) { return attend(most, n); }, q, k, v, y, heads_apart, all_parts.mixed);
  }));
  if (parts == 1) return {};
  const Geometry merging = {{ceil_divide(q.channels, kWarp), static_cast<unsigned>(q.rows())}, {kWarp, kMergeRows}};
  return launch("attention", merge_parts<T>, merging, stream, all_parts, all, y);
}

}  // namespace cuda
SEGFACE_END_CORE
