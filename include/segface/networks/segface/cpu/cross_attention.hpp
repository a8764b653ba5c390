// Attention between tokens and image on the cpu: tiles of the image go through everything while they are in the cache.
//
// A tile is a block of image tokens. Its queries, keys and values live in its task's scratch and never reach memory;
// of its keys only the parts of the softmax over all keys remain (see KeyStrips).
#pragma once

#include "segface/backends/cpu/attention.hpp"
#include "segface/networks/segface/compounds/cross_attention.hpp"
#include "segface/networks/segface/cpu/projection.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// What the tokens read: see compound::tokens_from_image.
template <class Backend, class ImageLinear, class Image>
Out stream_tokens_from_image(Run<Backend>& run, const Kernels& kernels,
                             const compound::TokensFromImage<Backend, ImageLinear>& w, const PositionTerm& key_position,
                             const Out& queries, const Image& image) noexcept {
  const Out y = run.map(queries.batch, 1, queries.width, w.out_proj.out);
  const auto scope = run.scope();
  const Out q = ops::linear<Backend>(run, w.q_proj, queries);
  const Projection key = project(run, kernels, w.k_proj, &key_position, image);
  const Projection value = project(run, kernels, w.v_proj, nullptr, image);
  const KeyStrips strips(run, kernels, q, w.heads, key.x);
  const Index inner = q.channels, tile = kRowBlock * inner;
  float* const scratch = run.template scratch<float>(run.workers() * 2 * tile);
  Cost all = projection_cost(key);
  all += projection_cost(value);
  all += attention_cost(q, key.x);
  run.kernel(all, blocks(key.x), [&](Index task, Index worker) {
    const RowBlock block = row_block(key.x, task);
    float* const keys = scratch + worker * 2 * tile;
    key(kernels, block, worker, keys);
    value(kernels, block, worker, keys + tile);
    strips.attend(task, worker, block.rows, keys, inner, keys + tile, inner);
  });
  const Out read = run.map(q.batch, 1, q.width, inner);
  strips.merge(run, read);
  ops::linear<Backend>(run, w.out_proj, read, {}, y);
  return y;
}

// The image reads the tokens, then other tokens read the image: see compound::image_from_tokens_and_back.
template <class Backend, class ImageLinear, class Image>
Out stream_image_and_back(Run<Backend>& run, const Kernels& kernels,
                          const compound::ImageFromTokens<Backend, ImageLinear>& image_reads, const LayerNorm& norm,
                          const PositionTerm& query_position, const Image& image, const Out& keys, const Out& values,
                          const compound::TokensFromImage<Backend, Linear>& tokens_read,
                          const PositionTerm& key_position, const Out& queries, const Out& y) noexcept {
  const Out result = run.map(queries.batch, 1, queries.width, tokens_read.out_proj.out);
  const auto scope = run.scope();
  const In x = compound::image_map<Backend>(image);
  const Projection query = project(run, kernels, image_reads.q_proj, &query_position, image);
  const FewKeys few(run, kernels, ops::linear<Backend>(run, image_reads.k_proj, keys),
                    ops::linear<Backend>(run, image_reads.v_proj, values), image_reads.heads);
  const Out q = ops::linear<Backend>(run, tokens_read.q_proj, queries);
  const Projection key = project(run, kernels, tokens_read.k_proj, &key_position, In(y));
  const Projection value = project(run, kernels, tokens_read.v_proj, nullptr, In(y));
  const KeyStrips strips(run, kernels, q, tokens_read.heads, x);
  const Multiplication multiply(run, kernels, image_reads.out_proj, x.pixels());
  const Index inner = q.channels, tile = kRowBlock * inner;
  float* const scratch = run.template scratch<float>(run.workers() * 2 * tile);
  Cost all = gemm_cost<float>(x.rows(), y.channels, image_reads.out_proj.in);
  for (const Projection* p : {&query, &key, &value}) all += projection_cost(*p);
  all += attention_cost(x, q);
  all += attention_cost(q, x);
  run.kernel(all, blocks(x), [&](Index task, Index worker) {
    const RowBlock block = row_block(x, task);
    float* const a = scratch + worker * 2 * tile;
    float* const b = a + tile;
    query(kernels, block, worker, a);
    few.attend(block.image, worker, block.rows, a, inner, b, inner);
    GemmArguments g = product(kernels, image_reads.out_proj, image_reads.out_proj.bias.data(), block.rows, b, inner,
                              y.row(block.first), y.stride);
    g.residual = x.row(block.first);
    g.ldr = x.stride;
    multiply(g, worker);
    kernels.layer_norm(norm_in_place(norm, block.rows, y.channels, y.row(block.first), y.stride));
    key(kernels, block, worker, a);
    value(kernels, block, worker, b);
    strips.attend(task, worker, block.rows, a, inner, b, inner);
  });
  const Out read = run.map(q.batch, 1, q.width, q.channels);
  strips.merge(run, read);
  ops::linear<Backend>(run, tokens_read.out_proj, read, {}, result);
  return result;
}

}  // namespace cpu
SEGFACE_END_CORE
