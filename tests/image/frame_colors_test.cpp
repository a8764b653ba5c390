#include "segface/image/frame_colors.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "segface/base/threads/pool.hpp"
#if defined(__x86_64__)
#include "segface/backends/cpu/x86_features.hpp"
#endif

using namespace segface;
using namespace segface::core;

namespace {

FrameFormat y4m(Index width, Index height, const ChromaLayout* chroma, bool full = false) {
  FrameFormat format;
  format.width = width, format.height = height, format.chroma = chroma, format.full_range = full;
  return format;
}
std::vector<std::uint8_t> noise(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  unsigned state = 5;
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>((state = state * 1664525u + 1013904223u) >> 24);
  return bytes;
}
Image picture_of(const FrameColors& colors, const std::vector<std::uint8_t>& frame) {
  SerialExecutor serial;
  Image room;
  REQUIRE(colors.picture({frame.data(), frame.size()}, room, serial).ok());
  return room;
}

Box all_of(const ImageView& picture) {
  return {0, 0, picture.width, picture.height};
}

// Where a sample of chroma lies among the pixels of an axis.
double place(Index sample, bool halved, bool on) {
  const double at = static_cast<double>(sample);
  return halved ? (on ? 2 * at : 2 * at + 0.5) : at;
}
double interpolated(const std::uint8_t* plane, const FrameFormat& f, Index x, Index y) {
  const auto axis = [](Index pixel, Index samples, bool halved, bool on, Index& first, Index& second) {
    first = 0;
    while (first + 1 < samples && place(first + 1, halved, on) <= static_cast<double>(pixel)) ++first;
    second = std::min(first + 1, samples - 1);
    const double from = place(first, halved, on);
    if (first == second || static_cast<double>(pixel) <= from) return 0.0;
    return (static_cast<double>(pixel) - from) / (place(second, halved, on) - from);
  };
  Index left, right, upper, lower;
  const double u = axis(x, f.chroma_width(), f.chroma->halves_columns, f.chroma->on_columns, left, right);
  const double v = axis(y, f.chroma_height(), f.chroma->halves_rows, f.chroma->on_rows, upper, lower);
  const auto at = [&](Index column, Index row) { return static_cast<double>(plane[row * f.chroma_width() + column]); };
  return (1 - v) * ((1 - u) * at(left, upper) + u * at(right, upper)) +
         v * ((1 - u) * at(left, lower) + u * at(right, lower));
}

}  // namespace

TEST_CASE("colours: planes of any layout, size, range and matrix become RGB as the formulas say") {
  for (const ChromaLayout& layout : kChromaLayouts) {
    for (const auto& size : {std::pair<Index, Index>{1, 1}, {2, 3}, {7, 5}, {131, 19}, {200, 34}}) {
      for (const bool full : {false, true}) {
        for (const ColorMatrix matrix : {ColorMatrix::bt601, ColorMatrix::bt709}) {
          const FrameFormat f = y4m(size.first, size.second, &layout, full);
          const std::vector<std::uint8_t> frame = noise(f.frame_bytes());
          const Image picture = picture_of(FrameColors(f, matrix), frame);
          const double kr = matrix == ColorMatrix::bt601 ? 0.299 : 0.2126;
          const double kb = matrix == ColorMatrix::bt601 ? 0.114 : 0.0722, kg = 1 - kr - kb;
          const std::uint8_t* const planes = frame.data() + f.width * f.height;
          double worst = 0;
          for (Index y = 0; y < f.height; ++y) {
            for (Index x = 0; x < f.width; ++x) {
              const double luma = full ? frame[static_cast<std::size_t>(y * f.width + x)] / 255.0
                                       : (frame[static_cast<std::size_t>(y * f.width + x)] - 16) / 219.0;
              const double scale = full ? 255 : 224;
              const double cb = (interpolated(planes, f, x, y) - 128) / scale;
              const double cr = (interpolated(planes + f.chroma_width() * f.chroma_height(), f, x, y) - 128) / scale;
              const double red = luma + (2 - 2 * kr) * cr, blue = luma + (2 - 2 * kb) * cb;
              const double rgb[3] = {red, (luma - kr * red - kb * blue) / kg, blue};
              for (int c = 0; c < 3; ++c) {
                const double expected = std::min(std::max(255 * rgb[c], 0.0), 255.0);
                worst = std::max(worst, std::fabs(expected - picture.row(y)[3 * x + c]));
              }
            }
          }
          CAPTURE(layout.name);
          CAPTURE(f.width);
          CHECK(worst < 0.51);
        }
      }
    }
  }
}

#if defined(__x86_64__)
TEST_CASE("colours: with AVX2 they are the same") {
  if (!cpu::x86_features().avx2) return;
  for (const ChromaLayout& layout : kChromaLayouts) {
    CAPTURE(layout.name);
    const FrameFormat f = y4m(203, 37, &layout);
    const std::vector<std::uint8_t> frame = noise(f.frame_bytes());
    const Image plain = picture_of(FrameColors(f, ColorMatrix::bt709), frame);
    const Image fast = picture_of(FrameColors(f, ColorMatrix::bt709, true), frame);
    CHECK(std::equal(plain.data(), plain.data() + plain.size_bytes(), fast.data()));
  }
}
#endif

TEST_CASE("colours: known ones are what broadcasts and JPEGs have") {
  const ChromaLayout& full = kChromaLayouts[4];
  const auto color = [&](std::vector<std::uint8_t> yuv, bool range, ColorMatrix matrix) {
    return picture_of(FrameColors(y4m(1, 1, &full, range), matrix), yuv).rgb(0, 0);
  };
  CHECK(color({235, 128, 128}, false, ColorMatrix::bt601) == Rgb{255, 255, 255});
  CHECK(color({16, 128, 128}, false, ColorMatrix::bt709) == Rgb{0, 0, 0});
  CHECK(color({81, 90, 240}, false, ColorMatrix::bt601) == Rgb{254, 0, 0});
  CHECK(color({63, 102, 240}, false, ColorMatrix::bt709) == Rgb{255, 1, 0});
  CHECK(color({76, 85, 255}, true, ColorMatrix::bt601) == Rgb{254, 0, 0});
  CHECK(likely_matrix(y4m(1280, 720, &full)) == ColorMatrix::bt709);
  CHECK(likely_matrix(y4m(1280, 719, &full)) == ColorMatrix::bt601);
}

TEST_CASE("colours: what is not changed keeps its bytes, what is changed comes back as it was drawn") {
  SerialExecutor serial;
  const auto pool = ThreadPool::make(3);
  REQUIRE(pool.ok());
  for (const ChromaLayout& layout : kChromaLayouts) {
    CAPTURE(layout.name);
    const FrameFormat f = y4m(75, 41, &layout);
    const FrameColors colors(f, ColorMatrix::bt601);
    const std::vector<std::uint8_t> frame = noise(f.frame_bytes());
    const Image before = picture_of(colors, frame);
    Image drawn = picture_of(colors, frame);
    std::vector<std::uint8_t> same = frame;
    colors.put(before.view(), drawn.view(), all_of(before.view()), {same.data(), same.size()}, serial);
    CHECK(same == frame);
    const Rgb blue = {30, 60, 200};
    for (Index y = 10; y < 30; ++y) {
      for (Index x = 21; x < 52; ++x) {
        std::uint8_t* const at = drawn.row(y) + 3 * x;
        at[0] = blue.r, at[1] = blue.g, at[2] = blue.b;
      }
    }
    std::vector<std::uint8_t> put = frame, on_threads = frame;
    colors.put(before.view(), drawn.view(), all_of(before.view()), {put.data(), put.size()}, serial);
    colors.put(before.view(), drawn.view(), all_of(before.view()), {on_threads.data(), on_threads.size()}, **pool);
    CHECK(put == on_threads);
    // The same where only the box of what was drawn is looked at, whatever is beside it.
    const Box box = {21, 10, 31, 20};
    std::vector<std::uint8_t> of_box = frame;
    Image beside = picture_of(colors, frame);
    for (std::size_t i = 0; i < beside.size_bytes(); ++i) beside.data()[i] ^= 255;
    for (Index y = box.y; y < box.y + box.height; ++y) {
      std::copy_n(drawn.row(y) + 3 * box.x, 3 * box.width, beside.row(y) + 3 * box.x);
    }
    colors.put(before.view(), beside.view(), box, {of_box.data(), of_box.size()}, **pool);
    CHECK(put == of_box);
    const Image after = picture_of(colors, put);
    Index touched = 0, wrong = 0;
    for (Index y = 0; y < f.height; ++y) {
      for (Index x = 0; x < f.width; ++x) {
        const bool inside = x >= 21 && x < 52 && y >= 10 && y < 30;
        const bool far = x < 18 || x >= 55 || y < 7 || y >= 33;
        const bool deep = x >= 24 && x < 49 && y >= 13 && y < 27;
        const auto at = static_cast<std::size_t>(y * f.width + x);
        if (!inside && put[at] != frame[at]) ++touched;
        if (far && after.rgb(x, y) != before.rgb(x, y)) ++touched;
        const Rgb c = after.rgb(x, y);
        if (deep && (std::abs(c.r - blue.r) > 2 || std::abs(c.g - blue.g) > 2 || std::abs(c.b - blue.b) > 3)) ++wrong;
      }
    }
    CHECK(touched == 0);
    CHECK(wrong == 0);
  }
}

TEST_CASE("colours: pictures of PNM are looked at where they are; gray ones get the luma of what is drawn") {
  SerialExecutor serial;
  for (const Index channels : {Index{1}, Index{3}, Index{4}}) {
    FrameFormat f;
    f.kind = FrameFormat::Kind::pam, f.width = 9, f.height = 4, f.channels = channels;
    const FrameColors colors(f, ColorMatrix::bt601);
    std::vector<std::uint8_t> frame = noise(f.frame_bytes());
    const std::vector<std::uint8_t> original = frame;
    Image room;
    const ImageView view = colors.picture({frame.data(), frame.size()}, room, serial).value();
    CHECK(view.pixels == frame.data());
    CHECK(room.empty());
    Image drawn = Image::make(9, 4, PixelOrder::rgb).value();
    for (Index y = 0; y < 4; ++y) view.rgb_row(y, drawn.row(y));
    const Image before = [&] {
      Image copy = Image::make(9, 4, PixelOrder::rgb).value();
      for (Index y = 0; y < 4; ++y) view.rgb_row(y, copy.row(y));
      return copy;
    }();
    std::uint8_t* const at = drawn.row(2) + 3 * 5;
    at[0] = 255, at[1] = 0, at[2] = 1;
    colors.put(before.view(), drawn.view(), all_of(before.view()), {frame.data(), frame.size()}, serial);
    const auto place = static_cast<std::size_t>((2 * 9 + 5) * channels);
    for (std::size_t i = 0; i < frame.size(); ++i) {
      if (i < place || i >= place + static_cast<std::size_t>(std::min<Index>(channels, 3))) {
        CHECK(frame[i] == original[i]);
      }
    }
    CHECK(frame[place] == (channels == 1 ? 76 : 255));
  }
}
