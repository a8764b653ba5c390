// Depthwise convolution of one output row: y[x, c] = activation(bias[c] + sum over taps of in[.., c] w[tap, c]).
//
// Channels are in lanes; kBlock neighbouring pixels are summed at a time, so that as many additions are under way.

inline constexpr int kDepthwiseBlock = 4;

template <int Pixels>
inline void depthwise_pixels(const DepthwiseArguments& d, Index x, Index tap_begin, Index tap_end,
                             float* out) noexcept {
  for_lanes(d.channels, [&](Index c, Index lanes) {
    Vec sums[Pixels];
    for (int p = 0; p < Pixels; ++p) sums[p] = load_lanes(d.bias + c, lanes);
    for (Index dy = 0; dy < d.kernel; ++dy) {
      const float* row = d.rows[dy];
      if (row == nullptr) continue;  // above or below the image: zeros
      for (Index dx = tap_begin; dx < tap_end; ++dx) {
        const Vec w = load_lanes(d.weights + (dy * d.kernel + dx) * d.channels + c, lanes);
        const float* in = row + (x * d.stride + dx - d.padding) * d.pixel_stride + c;
#pragma GCC unroll 8
        for (int p = 0; p < Pixels; ++p)
          sums[p] = fma(load_lanes(in + p * d.stride * d.pixel_stride, lanes), w, sums[p]);
      }
    }
    for (int p = 0; p < Pixels; ++p) {
      store_lanes(out + (x + p) * d.out_stride + c, activate(d.activation, sums[p]), lanes);
    }
  });
}

inline void depthwise_row(const DepthwiseArguments& d, float* out) noexcept {
  // Pixels whose taps all lie inside the row: [inner_begin, inner_end).
  const Index inner_begin = (d.padding + d.stride - 1) / d.stride;
  const Index room = d.in_width + d.padding - d.kernel;
  const Index inner_end = room < 0 ? 0 : (room / d.stride + 1 < d.out_width ? room / d.stride + 1 : d.out_width);
  for (Index x = 0; x < d.out_width;) {
    if (x >= inner_begin && x + kDepthwiseBlock <= inner_end) {
      depthwise_pixels<kDepthwiseBlock>(d, x, 0, d.kernel, out);
      x += kDepthwiseBlock;
    } else {
      const Index left = x * d.stride - d.padding;
      const Index tap_end = d.in_width - left < d.kernel ? d.in_width - left : d.kernel;
      depthwise_pixels<1>(d, x, left < 0 ? -left : 0, tap_end, out);
      ++x;
    }
  }
}
