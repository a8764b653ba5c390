// 8-bit RGB to the network's input: (x / 255 - mean) / std per channel, with ImageNet's statistics.
//
// out[p, c] = (rgb[p, c] / 255 - mean[c]) / std[c], every step rounded to float32, as torchvision's ToTensor and
// Normalize do it. There are only 256 x 3 answers: they are computed by the compiler, hence the same on every machine.
#pragma once

#include <cstdint>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"

SEGFACE_BEGIN_CORE

// value[c][x] is what the network sees where channel c (red, green, blue) is x.
struct NormalizationTable {
  float value[3][256];
};

constexpr NormalizationTable make_normalization_table() noexcept {
  constexpr float kMean[3] = {0.485f, 0.456f, 0.406f};
  constexpr float kStd[3] = {0.229f, 0.224f, 0.225f};
  NormalizationTable table{};
  for (int c = 0; c < 3; ++c) {
    for (int x = 0; x < 256; ++x) table.value[c][x] = (static_cast<float>(x) / 255.0f - kMean[c]) / kStd[c];
  }
  return table;
}

inline constexpr NormalizationTable kNormalization = make_normalization_table();

// rgb [pixels, 3] without padding -> out [pixels, 3] in rows of `stride` elements. Scalar is float or double; a
// double holds the float32 value, which is what the official network is fed.
template <class Scalar>
void normalize(const std::uint8_t* rgb, Index pixels, Scalar* out, Index stride) noexcept {
  for (Index p = 0; p < pixels; ++p, rgb += 3, out += stride) {
    for (int c = 0; c < 3; ++c) out[c] = static_cast<Scalar>(kNormalization.value[c][rgb[c]]);
  }
}

SEGFACE_END_CORE
