// Canvas: an RGB picture to draw on: boxes, other pictures, and text in a small font of its own.
//
// Everything is cut off at the borders. Characters are 5 x 7 pixels in cells of 6 x 9, times a whole number; what is
// not printable ASCII is a hollow box, one for each UTF-8 character.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/crop.hpp"
#include "segface/image/image.hpp"

SEGFACE_BEGIN_CORE

namespace font {

inline constexpr Index kColumns = 5, kRows = 7;  // of a character
inline constexpr Index kAdvance = 6, kLine = 9;  // from one to the next, from a line to the next

// Seven letters for each character from ' ' to '~', a row each: five bits as a digit from 0 to v, the left pixel first.
// Those of kHanging stand two rows lower.
inline constexpr std::string_view kGlyphs =
    "00000004444404aa00000aavavaa4fke5u4op248j3cik8lid44000002488842842224804lel40044v4400000c48000v00000000cc"
    "01248g0ehjlphe4c4444eeh1248vv2421he26aiv22vgu11he68guhhev124888ehhehheehhf12c0cc0cc00cc0c48248g84200v0v00"
    "8421248eh12404eh1dlleehhvhhhuhhuhhuehgggheuhhhhhuvgguggvvggugggehgnhhfhhhvhhhe44444e72222ichikokihggggggv"
    "hrllhhhhhpljhhehhhhheuhhugggehhhliduhhukihfgge11uv444444hhhhhhehhhhha4hhhlllahha4ahhhhha444v1248gve88888e"
    "0g84210e22222e4ah0000000000v842000000e1fhfggmphhu00egghe11djhhf00ehvge698s888fhhhf1eggmphhh40c444e20622ic"
    "ggikokic44444e00qllhh00mphhh00ehhheuhhhuggdjhhf1100mpggg00fge1u88s889600hhhjd00hhha400hhlla00ha4ahhhhhf1e"
    "00v248v244844244444448442448008l200";
inline constexpr std::string_view kUnknown = "vhhhhhv", kHanging = "gpqy";
static_assert(kGlyphs.size() == 95 * kRows);

inline std::string_view glyph(char c) noexcept {
  return c >= ' ' && c <= '~' ? kGlyphs.substr(static_cast<std::size_t>((c - ' ') * kRows), kRows) : kUnknown;
}
inline bool is_set(std::string_view glyph, Index x, Index y) noexcept {
  const char digit = glyph[static_cast<std::size_t>(y)];
  const int bits = digit <= '9' ? digit - '0' : digit - 'a' + 10;
  return (bits >> (kColumns - 1 - x) & 1) != 0;
}
// Whether the byte goes on with a character of UTF-8 that has begun before.
inline bool continues(char c) noexcept {
  return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u;
}

}  // namespace font

// Pixels that a text takes, without the gap after its last character.
inline Index text_width(std::string_view text, Index scale) noexcept {
  const Index count = static_cast<Index>(text.size()) - std::count_if(text.begin(), text.end(), font::continues);
  return std::max<Index>(0, count * font::kAdvance - 1) * scale;
}

// The front of a text that takes at most `width` pixels.
inline std::string_view fitting(std::string_view text, Index width, Index scale) noexcept {
  while (!text.empty() && text_width(text, scale) > width) text.remove_suffix(1);
  return text;
}

class Canvas {
 public:
  // Errors: as Image::make.
  static Result<Canvas> make(Index width, Index height, Rgb background) noexcept {
    SEGFACE_ASSIGN(image, Image::make(width, height, PixelOrder::rgb));
    Canvas canvas;
    canvas.image_ = std::move(image);
    canvas.fill({0, 0, width, height}, background);
    return Result<Canvas>(std::move(canvas));
  }

  Index width() const noexcept { return image_.width(); }
  Index height() const noexcept { return image_.height(); }
  ImageView view() const noexcept { return image_.view(); }
  // The picture; the canvas is empty afterwards.
  Image take() noexcept { return std::move(image_); }

  void fill(const Box& box, Rgb color) noexcept {
    const Box inside = clip_box(box, width(), height());
    for (Index y = inside.y; y < inside.y + inside.height; ++y) {
      std::uint8_t* to = image_.row(y) + 3 * inside.x;
      for (Index x = 0; x < inside.width; ++x, to += 3) to[0] = color.r, to[1] = color.g, to[2] = color.b;
    }
  }

  // A picture with its upper left corner at (x, y). Errors: invalid_argument (a bad view).
  Status draw(const ImageView& picture, Index x, Index y) noexcept {
    SEGFACE_RETURN_IF_ERROR(picture.validate());
    const Box inside = clip_box({x, y, picture.width, picture.height}, width(), height());
    if (inside.width < 1) return {};
    for (Index row = inside.y; row < inside.y + inside.height; ++row) {
      const ImageView part(picture.pixel(inside.x - x, row - y), inside.width, 1, picture.stride_bytes, picture.order);
      part.rgb_row(0, image_.row(row) + 3 * inside.x);
    }
    return {};
  }

  // A line of text with its upper left corner at (x, y), each pixel of the font scale x scale.
  void text(std::string_view line, Index x, Index y, Rgb color, Index scale) noexcept {
    for (const char c : line) {
      if (font::continues(c)) continue;
      const std::string_view glyph = font::glyph(c);
      const Index top = y + (font::kHanging.find(c) == std::string_view::npos ? 0 : 2 * scale);
      for (Index row = 0; row < font::kRows; ++row) {
        for (Index column = 0; column < font::kColumns; ++column) {
          if (font::is_set(glyph, column, row)) fill({x + column * scale, top + row * scale, scale, scale}, color);
        }
      }
      x += font::kAdvance * scale;
    }
  }

 private:
  Canvas() noexcept = default;

  Image image_;
};

SEGFACE_END_CORE
