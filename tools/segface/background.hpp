// What a cutout is put before: one colour, or a picture that fills each photo.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "segface/image/crop.hpp"
#include "segface/image/file.hpp"
#include "segface/image/resize.hpp"

#include "arguments.hpp"

namespace tool {

// "white", "black", "gray", or six hexadecimal digits of red, green and blue, as "30a0ff" or "#30a0ff".
inline std::optional<Rgb> parse_color(std::string_view text) {
  constexpr struct {
    std::string_view name;
    Rgb color;
  } kNamed[] = {{"white", {255, 255, 255}}, {"black", {0, 0, 0}}, {"gray", {128, 128, 128}}};
  for (const auto& row : kNamed) {
    if (text == row.name) return row.color;
  }
  if (!text.empty() && text[0] == '#') text.remove_prefix(1);
  constexpr std::string_view kDigits = "0123456789abcdefABCDEF";
  if (text.size() != 6 || text.find_first_not_of(kDigits) != std::string_view::npos) return std::nullopt;
  const auto byte = [&](std::size_t at) {
    int value = 0;
    for (const char c : text.substr(at, 2)) {
      const std::size_t digit = kDigits.find(c);
      value = 16 * value + static_cast<int>(digit < 16 ? digit : digit - 6);
    }
    return static_cast<std::uint8_t>(value);
  };
  return Rgb{byte(0), byte(2), byte(4)};
}

class Background {
 public:
  // The value of --background: a colour, else the path of a picture. Errors: invalid_argument (neither), those of load_image.
  static Result<Background> read(const std::string& text) {
    Background background;
    if (const auto color = parse_color(text)) {
      SEGFACE_ASSIGN(pixel, Image::make(1, 1, PixelOrder::rgb));
      pixel.data()[0] = color->r, pixel.data()[1] = color->g, pixel.data()[2] = color->b;
      background.picture_ = std::move(pixel);
      return Result<Background>(std::move(background));
    }
    auto picture = load_image(text);
    if (!picture.ok() && picture.error().code() == Errc::io) {
      return error(Errc::invalid_argument,
                   "--background is neither a colour, as white, black, gray or 30a0ff, nor a picture: ",
                   picture.error().message());
    }
    if (!picture.ok()) return in_context(picture.error(), "--background");
    background.picture_ = std::move(*picture);
    return Result<Background>(std::move(background));
  }

  // The middle of it, as large as a photo.
  Result<Image> fill(Index width, Index height) const {
    const Index own_width = picture_.width(), own_height = picture_.height();
    Box part = {0, 0, std::clamp<Index>(own_height * width / height, 1, own_width),
                std::clamp<Index>(own_width * height / width, 1, own_height)};
    part.x = (own_width - part.width) / 2, part.y = (own_height - part.height) / 2;
    SEGFACE_ASSIGN(middle, crop(picture_.view(), part));
    return resize_bicubic(middle.view(), width, height);
  }

 private:
  Image picture_;
};

}  // namespace tool
