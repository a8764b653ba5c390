// What windowed attention is tested on: maps smaller than a window, whole ones and remainders, shifted or not, cosine.
#pragma once

#include <doctest/doctest.h>

#include <vector>

#include "segface/backends/parameters.hpp"

#include "random_maps.hpp"

namespace test {

struct WindowCase {
  Index height, width, window, channels, heads, shift = 0;
};

// Calls check(case, parameters) for each.
template <class Check>
void on_each_window_case(const Check& check) {
  for (WindowCase w :
       {WindowCase{1, 1, 7, 32, 1}, WindowCase{7, 7, 7, 64, 2}, WindowCase{8, 9, 7, 32, 1}, WindowCase{16, 8, 8, 96, 3},
        WindowCase{9, 23, 8, 64, 2}, WindowCase{5, 6, 3, 15, 3}, WindowCase{20, 4, 7, 40, 1}}) {
    for (const Index shift : {Index{0}, w.window / 2}) {
      for (const bool cosine : {false, true}) {
        w.shift = shift;
        CAPTURE(w.height);
        CAPTURE(w.width);
        CAPTURE(w.shift);
        CAPTURE(cosine);
        const Index tokens = w.window * w.window;
        const std::vector<float> bias = random_numbers("bias", w.heads * tokens * tokens);
        const std::vector<float> padding = random_numbers("padding", 3 * w.channels);
        // At 100, a key whose score is lowered by 100 for its region may still win.
        const std::vector<float> scale(static_cast<std::size_t>(w.heads), cosine ? 100.0f : 2.0f);
        check(w, WindowAttentionParameters{w.channels, w.heads, w.window, cosine, scale.data(), bias.data(),
                                           padding.data()});
      }
    }
  }
}

}  // namespace test
