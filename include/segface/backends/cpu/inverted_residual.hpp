// The wide half of an inverted residual on the cpu: bands of rows are widened and filtered while they are in the cache.
//
// A band of output rows needs its input rows and, above and below, kernel - stride more, which are widened twice. That
// costs less than writing the wide map to memory and reading it again where the input is narrow and the map is large.
#pragma once

#include <algorithm>

#include "segface/backends/compound/inverted_residual.hpp"
#include "segface/backends/cpu/operands.hpp"
#include "segface/backends/cpu/tasks.hpp"

SEGFACE_BEGIN_CORE
namespace cpu {

// Rows [first, last) of y, from the rows of one image's x that they see: rows[dy] of each is found by `row_at(sy)`.
template <class RowAt>
void filter_rows(const Kernels& kernels, const DepthwiseConvolution& w, Index in_height, Index in_width,
                 Index pixel_stride, Activation activation, const RowAt& row_at, Index first, Index last,
                 const Out& y) noexcept {
  DepthwiseArguments d;
  d.kernel = w.kernel;
  d.stride = w.stride;
  d.padding = w.padding;
  d.channels = y.channels;
  d.in_width = in_width;
  d.out_width = y.width;
  d.pixel_stride = pixel_stride;
  d.out_stride = y.stride;
  d.weights = w.weights.data();
  d.bias = w.bias.data();
  d.activation = activation;
  for (Index row = first; row < last; ++row) {
    for (Index dy = 0; dy < w.kernel; ++dy) {
      const Index source = row * w.stride + dy - d.padding;
      d.rows[dy] = source < 0 || source >= in_height ? nullptr : row_at(source);
    }
    kernels.depthwise_row(d, y.pixel(0, row, 0));
  }
}

// See compound::expand_and_filter. expand is a 1 x 1 convolution.
template <class RunOf>
void expand_and_filter(RunOf& run, const Kernels& kernels, const Convolution& expand,
                       const DepthwiseConvolution& depthwise, const In& x, Activation between, Activation activation,
                       const Out& y) noexcept {
  const Index stride = depthwise.stride, padding = depthwise.padding;
  const auto scope = run.scope();
  const Index band = 8 / stride, bands = (y.height + band - 1) / band;
  const Index most_rows = (band - 1) * stride + depthwise.kernel;
  const Out wide = run.map(run.workers(), most_rows, x.width, expand.out);
  Cost cost = gemm_cost<float>(x.rows(), expand.out, x.channels);
  const auto taps = static_cast<double>(depthwise.kernel * depthwise.kernel);
  cost += {2 * taps * elements(y), bytes(y)};
  run.kernel(cost, y.batch * bands, [&](Index task, Index worker) {
    const Index image = task / bands, first = task % bands * band, last = std::min(first + band, y.height);
    const Index top = std::max<Index>(first * stride - padding, 0);
    const Index bottom = std::min((last - 1) * stride - padding + depthwise.kernel, x.height);
    for (Index row = top; row < bottom; ++row) {
      GemmArguments g = product(kernels, expand.matrix, expand.matrix.bias.data(), x.width, x.pixel(image, row, 0),
                                x.stride, wide.pixel(worker, row - top, 0), wide.stride);
      g.activation = between;
      kernels.gemm(g);
    }
    filter_rows(
        kernels, depthwise, x.height, x.width, wide.stride, activation,
        [&](Index row) { return wide.pixel(worker, row - top, 0); }, first, last, y.image(image));
  });
}

}  // namespace cpu
SEGFACE_END_CORE
