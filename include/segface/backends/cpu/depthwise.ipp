// Depthwise convolution of one output row: y[x, c] = activation(bias[c] + sum over taps of in[.., c] w[tap, c]).
//
// Channels are in lanes; kDepthwiseBlock neighbouring pixels are summed at a time, so that as many additions are under
// way. ReLU is applied to the sums; the other activations are a pass of their own, which holds their constants.

inline constexpr int kDepthwiseBlock = 8;

// Channels [c, c + lanes) of `Pixels` pixels from x on; lanes is a constant kLanes but at the end of a row.
template <int Pixels, class Lanes>
SEGFACE_ALWAYS_INLINE void depthwise_vector(const DepthwiseArguments& d, Index x, Index tap_begin, Index tap_end,
                                            Index c, Lanes lanes, float* out) noexcept {
  Vec sums[Pixels];
  const Vec bias = load_lanes(d.bias + c, lanes);
#pragma GCC unroll 8
  for (int p = 0; p < Pixels; ++p) sums[p] = bias;
  const Index step = d.stride * d.pixel_stride;
  for (Index dy = 0; dy < d.kernel; ++dy) {
    const float* row = d.rows[dy];
    if (row == nullptr) continue;  // above or below the image: zeros
    const float* in = row + (x * d.stride + tap_begin - d.padding) * d.pixel_stride + c;
    const float* weights = d.weights + (dy * d.kernel + tap_begin) * d.channels + c;
    for (Index dx = tap_begin; dx < tap_end; ++dx, in += d.pixel_stride, weights += d.channels) {
      const Vec w = load_lanes(weights, lanes);
#pragma GCC unroll 8
      for (int p = 0; p < Pixels; ++p) sums[p] = fma(load_lanes(in + p * step, lanes), w, sums[p]);
    }
  }
  if (d.activation == Activation::relu) {
#pragma GCC unroll 8
    for (int p = 0; p < Pixels; ++p) sums[p] = activate(Activation::relu, sums[p]);
  }
#pragma GCC unroll 8
  for (int p = 0; p < Pixels; ++p) store_lanes(out + (x + p) * d.out_stride + c, sums[p], lanes);
}

template <int Pixels>
inline void depthwise_pixels(const DepthwiseArguments& d, Index x, Index tap_begin, Index tap_end,
                             float* out) noexcept {
  constexpr std::integral_constant<Index, kLanes> kWhole;
  Index c = 0;
  for (; c + kLanes <= d.channels; c += kLanes) depthwise_vector<Pixels>(d, x, tap_begin, tap_end, c, kWhole, out);
  if (c < d.channels) depthwise_vector<Pixels>(d, x, tap_begin, tap_end, c, d.channels - c, out);
  if (d.activation == Activation::none || d.activation == Activation::relu) return;
  float* const y = out + x * d.out_stride;
  activate_rows(d.activation, nullptr, y, d.out_stride, Pixels, d.channels, y, d.out_stride);
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
