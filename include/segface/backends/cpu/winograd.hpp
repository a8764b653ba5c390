// Winograd's F(4 x 4, 3 x 3): a 3 x 3 convolution of stride 1 with a quarter of the multiplications.
//
// A tile of 4 x 4 outputs sees 6 x 6 inputs d; with g the 3 x 3 weights between an input and an output channel it is
//   Y = A^T [sum over input channels of (G g G^T) . (B^T d B)] A,
// where . multiplies 36 numbers by 36 others, "frequencies". For each of these the sum over channels is a product of
// matrices, tiles x channels x outputs. G g G^T is made in double when weights are prepared; it is 4 times as large as
// g. Polynomials are taken at 0, +-5/8, +-3/2 and infinity: the error beside the exact sum is then 1.6 to 1.8 times
// that of the plain one (1.4e-6 of the output's deviation at 256 channels); at the usual 0, +-1, +-2 it is 4 times.
#pragma once

#include <algorithm>

#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"
#include "segface/backends/fold.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// By channels alone: weights are packed before a size is known. Above 256 channels the larger weights cost more memory
// than the few such layers are worth, and more time on small maps.
inline bool suits_winograd(Index kernel, Index stride, Index in, Index out) noexcept {
  constexpr Index kLeast = 24, kMost = 256;
  return kernel == 3 && stride == 1 && in >= kLeast && in <= kMost && out >= kLeast;
}

// G g G^T of 3 x 3 weights -> frequency f at transformed[f step].
inline void transform_weights(const float* g, float* transformed, Index step) noexcept {
  constexpr double kA = Winograd::kA, kB = Winograd::kB, kA2 = kA * kA, kB2 = kB * kB;
  constexpr double kAt0 = 1 / (kA2 * kB2), kAtA = 0.5 / (kA2 * (kA2 - kB2)), kAtB = 0.5 / (kB2 * (kB2 - kA2));
  constexpr double kG[Winograd::kPatch][3] = {{kAt0, 0, 0},
                                              {kAtA, kAtA * kA, kAtA * kA2},
                                              {kAtA, -kAtA * kA, kAtA * kA2},
                                              {kAtB, kAtB * kB, kAtB * kB2},
                                              {kAtB, -kAtB * kB, kAtB * kB2},
                                              {0, 0, 1}};
  for (const auto& down : kG) {
    double row[3];
    for (Index x = 0; x < 3; ++x) {
      row[x] = down[0] * static_cast<double>(g[x]) + down[1] * static_cast<double>(g[3 + x]) +
               down[2] * static_cast<double>(g[6 + x]);
    }
    for (const auto& across : kG) {
      *transformed = static_cast<float>(across[0] * row[0] + across[1] * row[1] + across[2] * row[2]);
      transformed += step;
    }
  }
}

// Weights [out, in, 3, 3] -> [panels, frequencies, in, panel], and the bias in panels.
inline Result<Linear> pack_winograd(const Kernels& kernels, WeightBlocks& blocks, Index in, Index out,
                                    const LinearNumbers& w) noexcept {
  const Index panel = kernels.panel, padded = panel_count(kernels, out) * panel;
  SEGFACE_ASSIGN(panels, blocks.take(static_cast<std::size_t>(padded * Winograd::kFrequencies * in)));
  SEGFACE_ASSIGN(bias, pad(w.bias.data(), out, padded));
  // Of a panel and one input at a time: frequencies lie so far apart that few of them fit into the cache together.
  SEGFACE_ASSIGN(rows, Buffer<float>::make(static_cast<std::size_t>(Winograd::kFrequencies * panel)));
  for (Index first = 0; first < padded; first += panel) {
    std::fill(rows.begin(), rows.end(), 0.0f);
    for (Index i = 0; i < in; ++i) {
      for (Index o = first; o < std::min(first + panel, out); ++o) {
        transform_weights(w.weight.data() + (o * in + i) * 9, rows.data() + o - first, panel);
      }
      for (Index f = 0; f < Winograd::kFrequencies; ++f) {
        std::copy_n(rows.data() + f * panel, panel,
                    panels.data() + (first * Winograd::kFrequencies + f * panel) * in + i * panel);
      }
    }
  }
  return Linear{std::move(panels), std::move(bias), in, out, {}};
}

// How the tiles of y's images are cut, and what a worker needs for a block of them.
struct WinogradBlocks {
  Index padding;
  Index across, tiles, block, per_image;  // tiles in a row, of an image and in a block; blocks of an image
  Index ld_tile, ldv, ldm, room;          // floats: see WinogradProducts; room: of V, M and a pixel of zeros

  WinogradBlocks(const Kernels& kernels, Index in, Index around, const Out& y) noexcept : padding(around) {
    constexpr Index kMostTiles = 56;  // 4 times 14 rows: V and M of 64 channels fit into a second cache of 1 MB
    constexpr Index kLine = kAlignment / sizeof(float), kBadStride = 8 * kLine;
    across = (y.width + Winograd::kTile - 1) / Winograd::kTile;
    tiles = across * ((y.height + Winograd::kTile - 1) / Winograd::kTile);
    block = std::min(tiles, kMostTiles);
    per_image = (tiles + block - 1) / block;
    // Rows and frequencies that are powers of two apart would compete for the same cache sets.
    const Index lines = (in + kLine - 1) / kLine * kLine;
    ld_tile = lines % kBadStride == 0 ? lines + kLine : lines;
    ldv = block * ld_tile + kLine;
    ldm = block * kernels.panel + kLine;
    room = Winograd::kFrequencies * (ldv + ldm) + lines;
  }
};

// V of tiles [first, first + count) of one image; pixels outside are `zeros`.
inline void transform_tiles(const Kernels& kernels, const WinogradBlocks& b, const In& x, Index first, Index count,
                            const float* zeros, float* v) noexcept {
  for (Index tile = first; tile < first + count; ++tile, v += b.ld_tile) {
    const Index top = tile / b.across * Winograd::kTile - b.padding,
                left = tile % b.across * Winograd::kTile - b.padding;
    const float* pixels[Winograd::kFrequencies];
    for (Index f = 0; f < Winograd::kFrequencies; ++f) {
      const Index sy = top + f / Winograd::kPatch, sx = left + f % Winograd::kPatch;
      const bool inside = sy >= 0 && sy < x.height && sx >= 0 && sx < x.width;
      pixels[f] = inside ? x.pixel(0, sy, sx) : zeros;
    }
    kernels.winograd_input(pixels, x.channels, v, b.ldv);
  }
}

// The same tiles of one image's y, from M of the panel that begins at output `column`.
template <class EpilogueOf>
void finish_tiles(const Kernels& kernels, const WinogradBlocks& b, const Linear& w, Index column, const float* m,
                  const EpilogueOf& epilogue, const In& residual, Index first, Index count, const Out& y) noexcept {
  WinogradOutput o;
  o.ldm = b.ldm;
  o.bias = w.bias.data() + column;
  o.channels = std::min(kernels.panel, w.out - column);
  o.activation = epilogue.activation;
  o.residual_row = residual.width * residual.stride;
  o.residual_pixel = residual.stride;
  o.last = epilogue.last;
  o.row = y.width * y.stride;
  o.pixel = y.stride;
  for (Index tile = first; tile < first + count; ++tile, m += kernels.panel) {
    const Index top = tile / b.across * Winograd::kTile, left = tile % b.across * Winograd::kTile;
    o.m = m;
    o.height = std::min(Winograd::kTile, y.height - top);
    o.width = std::min(Winograd::kTile, y.width - left);
    o.residual = residual.data == nullptr ? nullptr : residual.pixel(0, top, left) + column;
    o.y = y.pixel(0, top, left) + column;
    kernels.winograd_output(o);
  }
}

// w: from pack_winograd. Tasks are blocks of tiles and groups of panels. A task transforms its tiles, then multiplies
// and transforms back a panel of outputs at a time, all in its worker's scratch.
template <class RunOf, class EpilogueOf>
void convolve_winograd(RunOf& run, const Kernels& kernels, const Linear& w, Index padding, const In& x,
                       const EpilogueOf& epilogue, const Out& y) noexcept {
  constexpr Index kTasks = 16, kLeastPanels = 2;
  const WinogradBlocks b(kernels, w.in, padding, y);
  const PanelGroups groups(y.batch * b.per_image, panel_count(kernels, w.out), kTasks, kLeastPanels);
  const auto scope = run.scope();
  float* const scratch = run.template scratch<float>(run.workers() * b.room);
  Cost cost = gemm_cost<float>(y.batch * b.tiles, w.out, Winograd::kFrequencies * w.in);
  cost.bytes = bytes(x) + bytes(y) + static_cast<double>(w.in * w.out * Winograd::kFrequencies) * sizeof(float);
  run.kernel(cost, groups.tasks(), [&](Index task, Index worker) {
    const Index block = groups.block(task), image = block / b.per_image, first = block % b.per_image * b.block;
    const Index count = std::min(b.block, b.tiles - first);
    float* const v = scratch + worker * b.room;
    float* const m = v + Winograd::kFrequencies * b.ldv;
    float* const zeros = m + Winograd::kFrequencies * b.ldm;
    std::fill_n(zeros, w.in, 0.0f);
    transform_tiles(kernels, b, x.image(image), first, count, zeros, v);

    const In& all = epilogue.residual;
    const In residual = all.data == nullptr || all.batch == 1 ? all : all.image(image);
    WinogradProducts products = {count, w.in, v, b.ldv, b.ld_tile, nullptr, m, b.ldm};
    for (Index p = groups.first_panel(task); p < groups.last_panel(task); ++p) {
      const Index column = p * kernels.panel;
      products.panel = w.panels.data() + column * Winograd::kFrequencies * w.in;
      kernels.winograd_products(products);
      finish_tiles(kernels, b, w, column, m, epilogue, residual, first, count, y.image(image));
    }
  });
}

}  // namespace cpu
SEGFACE_END_CORE
