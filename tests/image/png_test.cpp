#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

#include "segface/faces/label_png.hpp"
#include "segface/image/png_read.hpp"
#include "segface/image/png_write.hpp"

#include "image/pictures.hpp"

using namespace segface;
using namespace segface::core;

namespace {

using pictures::File;

// Assembles PNG files chunk by chunk.
struct Builder {
  File file = File(std::begin(kPngSignature), std::end(kPngSignature));

  Builder& chunk(const std::string& type, const File& body) {
    const auto number = [this](std::uint32_t value) {
      for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<std::uint8_t>(value >> shift));
    };
    number(static_cast<std::uint32_t>(body.size()));
    const std::size_t begin = file.size();
    file.insert(file.end(), type.begin(), type.end());
    file.insert(file.end(), body.begin(), body.end());
    number(crc32(0, file.data() + begin, file.size() - begin));
    return *this;
  }
  Builder& header(std::uint32_t width, std::uint32_t height, int depth, int color, int interlace = 0) {
    File body;
    for (const std::uint32_t side : {width, height}) {
      for (int shift = 24; shift >= 0; shift -= 8) body.push_back(static_cast<std::uint8_t>(side >> shift));
    }
    for (const int value : {depth, color, 0, 0, interlace}) body.push_back(static_cast<std::uint8_t>(value));
    return chunk("IHDR", body);
  }
  // Rows with their filter bytes.
  Builder& data(const File& rows) { return chunk("IDAT", packed(rows)); }
  Builder& end() { return chunk("IEND", {}); }

  static File packed(const File& rows) {
    auto stream = deflate_zlib({rows.data(), rows.size()});
    REQUIRE(stream.ok());
    return File(stream->bytes().begin(), stream->bytes().end());
  }
};

Result<Image> photo(const File& file, const ImageLimits& limits = {}) {
  auto png = PngFile::open(pictures::bytes(file), limits);
  if (!png.ok()) return png.error();
  return png->photo();
}

Errc code(const File& file) {
  return photo(file).error().code();
}

// 2 x 1 gray pixels, 7 and 9.
Builder gray() {
  return Builder().header(2, 1, 8, 0);
}
const File kGrayRow = {0, 7, 9};

}  // namespace

TEST_CASE("png: every form equals Pillow's RGB") {
  const File list = pictures::read("png.txt");
  std::istringstream lines(std::string(list.begin(), list.end()));
  std::string name, expected;
  Index width, height;
  int count = 0;
  while (lines >> name >> width >> height >> expected) {
    ++count;
    INFO(name);
    auto image = photo(pictures::read(name));
    REQUIRE(image.ok());
    CHECK(image->width() == width);
    CHECK(image->height() == height);
    CHECK(pictures::fnv1a(image->data(), image->size_bytes()) == std::stoull(expected, nullptr, 16));
  }
  CHECK(count == 30);
}

TEST_CASE("png: any byte changed under a checksum, and any cut, is refused") {
  for (const char* name : {"png_color3_4bit_interlaced.png", "png_color2_8bit.png"}) {
    const File whole = pictures::read(name);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Errc answer = code(File(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      CHECK(answer == (size < 8 ? Errc::unsupported_image : Errc::truncated));
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      File damaged = whole;
      damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ 0x11);
      CHECK_FALSE(photo(damaged).ok());
    }
  }
}

TEST_CASE("png: sides beyond the limits are refused from the header") {
  const auto answer = [](std::uint32_t width, std::uint32_t height) {
    return photo(Builder().header(width, height, 8, 2).data({}).end().file).error().code();
  };
  CHECK(answer(0, 5) == Errc::limit_exceeded);
  CHECK(answer(5, 0) == Errc::limit_exceeded);
  CHECK(answer(0x80000000u, 1) == Errc::limit_exceeded);
  CHECK(answer(16385, 1) == Errc::limit_exceeded);
  CHECK(answer(1, 16385) == Errc::limit_exceeded);
  CHECK(answer(16384, 8192) == Errc::limit_exceeded);  // 128 Mpixel
  CHECK(answer(16384, 1) == Errc::bad_format);         // allowed, but the pixels are missing
  const auto bomb = photo(Builder().header(8192, 8192, 8, 2).data(File(10000)).end().file);  // 201 MB of 65 bytes
  CHECK(bomb.error().code() == Errc::bad_format);
  CHECK(std::string(bomb.error().message()).find(" bytes of data cannot hold 8192 x 8192 pixels") != std::string::npos);
  ImageLimits tight;
  tight.max_decode_bytes = 100;
  CHECK(photo(gray().data(kGrayRow).end().file, tight).ok());
  CHECK(photo(Builder().header(10, 10, 8, 2).data({}).end().file, tight).error().code() == Errc::limit_exceeded);
}

TEST_CASE("png: the chunks must make sense") {
  CHECK(code(gray().data(kGrayRow).end().file) == Errc::ok);
  const File palette = {1, 2, 3, 4, 5, 6};
  const auto indexed = [] { return Builder().header(2, 1, 8, 3); };
  CHECK(code(indexed().chunk("PLTE", palette).data({0, 1, 0}).end().file) == Errc::ok);

  CHECK(code(Builder().data(kGrayRow).header(2, 1, 8, 0).end().file) == Errc::bad_format);       // not first
  CHECK(code(gray().header(2, 1, 8, 0).data(kGrayRow).end().file) == Errc::bad_format);          // twice
  CHECK(code(gray().end().file) == Errc::bad_format);                                            // no pixels
  CHECK(code(gray().data(kGrayRow).file) == Errc::truncated);                                    // no end
  CHECK(code(gray().data(kGrayRow).chunk("IEND", {1}).file) == Errc::bad_format);                //
  CHECK(code(indexed().data({0, 1, 0}).end().file) == Errc::bad_format);                         // no palette
  CHECK(code(indexed().chunk("PLTE", {1, 2}).data({0, 1, 0}).end().file) == Errc::bad_format);   //
  CHECK(code(indexed().chunk("PLTE", palette).data({0, 2, 0}).end().file) == Errc::bad_format);  // beyond it
  CHECK(code(indexed().chunk("PLTE", palette).chunk("PLTE", palette).data({0, 1, 0}).end().file) == Errc::bad_format);
  CHECK(code(Builder().header(2, 1, 1, 3).chunk("PLTE", File(9)).data({0, 0}).end().file) == Errc::bad_format);
  CHECK(code(gray().chunk("PLTE", palette).data(kGrayRow).end().file) == Errc::bad_format);
  CHECK(code(gray().chunk("tRNS", {0, 1, 2}).data(kGrayRow).end().file) == Errc::bad_format);
  CHECK(code(indexed().chunk("PLTE", palette).chunk("tRNS", {1, 2, 3}).data({0, 1, 0}).end().file) == Errc::ok);
  CHECK(code(indexed().chunk("tRNS", {1}).chunk("PLTE", palette).data({0, 1, 0}).end().file) == Errc::bad_format);
  CHECK(code(gray().data(kGrayRow).chunk("tRNS", {0, 1}).end().file) == Errc::bad_format);
  CHECK(code(gray().chunk("FOOO", {}).data(kGrayRow).end().file) == Errc::bad_format);
  CHECK(code(gray().chunk("foOo", {1, 2}).data(kGrayRow).end().file) == Errc::ok);
  CHECK(code(Builder().chunk("CgBI", {1, 2, 3, 4}).end().file) == Errc::unsupported_image);

  const File stream = Builder::packed(kGrayRow);
  const File first(stream.begin(), stream.begin() + 3), second(stream.begin() + 3, stream.end());
  CHECK(code(gray().chunk("IDAT", first).chunk("IDAT", second).end().file) == Errc::ok);
  CHECK(code(gray().chunk("IDAT", first).chunk("tEXt", {}).chunk("IDAT", second).end().file) == Errc::bad_format);
}

TEST_CASE("png: gamma and colour profiles change no pixel") {
  const auto plain = photo(gray().data(kGrayRow).end().file);
  for (const char* type : {"gAMA", "cHRM", "sRGB", "iCCP"}) {
    CAPTURE(type);
    const auto image = photo(gray().chunk(type, {0, 0, 0x27, 0x10, 'x', 0, 0, 1}).data(kGrayRow).end().file);
    REQUIRE(image.ok());
    CHECK(std::equal(plain->data(), plain->data() + plain->size_bytes(), image->data()));
  }
}

TEST_CASE("png: the header must be one of the standard's") {
  for (int color = 0; color < 8; ++color) {
    for (const int depth : {0, 1, 2, 3, 4, 8, 15, 16, 32, 255}) {
      const bool small = depth == 1 || depth == 2 || depth == 4;
      const bool legal = color == 0   ? small || depth == 8 || depth == 16
                         : color == 3 ? small || depth == 8
                                      : (color == 2 || color == 4 || color == 6) && (depth == 8 || depth == 16);
      const auto opened = PngFile::open(
          pictures::bytes(
              Builder().header(1, 1, depth, color).chunk(color == 3 ? "PLTE" : "none", File(3)).data({0}).end().file),
          {});
      CHECK(opened.ok() == legal);
    }
  }
  CHECK(code(Builder().header(2, 1, 8, 0, 2).data(kGrayRow).end().file) == Errc::bad_format);
}

TEST_CASE("png: pixels must fill the picture exactly, with known filters") {
  CHECK(code(gray().data({0, 7}).end().file) == Errc::bad_format);
  CHECK(code(gray().data({0, 7, 9, 9}).end().file) == Errc::bad_format);
  CHECK(code(gray().data({5, 7, 9}).end().file) == Errc::bad_format);
}

TEST_CASE("png: labels are indices, whatever the palette says") {
  // All palette entries equal: colours could not tell the labels.
  auto labels = [](const File& file) { return decode_label_png(pictures::bytes(file)); };
  auto indexed = labels(Builder().header(3, 1, 8, 3).chunk("PLTE", File(57, 5)).data({0, 18, 0, 3}).end().file);
  REQUIRE(indexed.ok());
  CHECK(indexed->order() == PixelOrder::gray);
  CHECK(int{indexed->data()[0]} == 18);
  CHECK(int{indexed->data()[2]} == 3);
  auto four = labels(Builder().header(3, 1, 4, 3).chunk("PLTE", File(48, 5)).data({0, 0xa3, 0x70}).end().file);
  REQUIRE(four.ok());
  CHECK(int{four->data()[0]} == 10);
  CHECK(int{four->data()[1]} == 3);
  CHECK(int{four->data()[2]} == 7);
  auto two = labels(Builder().header(4, 1, 2, 0).data({0, 0x1b}).end().file);  // gray is not spread
  REQUIRE(two.ok());
  for (int i = 0; i < 4; ++i) CHECK(int{two->data()[i]} == i);
  auto one = labels(Builder().header(3, 1, 1, 0).data({0, 0xa0}).end().file);
  REQUIRE(one.ok());
  CHECK(int{one->data()[0]} == 1);
  CHECK(int{one->data()[1]} == 0);
  auto ignored = labels(Builder().header(2, 1, 8, 3).chunk("PLTE", File(57, 5)).data({0, 18, 255}).end().file);
  REQUIRE(ignored.ok());  // 19 colours, yet 255
  CHECK(int{ignored->data()[0]} == 18);
  CHECK(int{ignored->data()[1]} == 255);
  CHECK(labels(Builder().header(1, 1, 8, 2).data({0, 1, 2, 3}).end().file).error().code() == Errc::unsupported_image);
  CHECK(labels(Builder().header(1, 1, 16, 0).data({0, 1, 2}).end().file).error().code() == Errc::unsupported_image);
}

TEST_CASE("png: what is written is read back") {
  for (const auto& [width, height] : {std::pair<Index, Index>{1, 1}, {5, 3}, {64, 40}, {1, 300}}) {
    auto rgb = Image::make(width, height, PixelOrder::rgb), mask = Image::make(width, height, PixelOrder::gray);
    REQUIRE(rgb.ok());
    REQUIRE(mask.ok());
    for (std::size_t i = 0; i < rgb->size_bytes(); ++i) rgb->data()[i] = static_cast<std::uint8_t>(i * i / 7 + i % 3);
    for (std::size_t i = 0; i < mask->size_bytes(); ++i) mask->data()[i] = static_cast<std::uint8_t>(i / 3 % 19);

    auto colors = encode_png(rgb->view());
    REQUIRE(colors.ok());
    auto png = PngFile::open(colors->span(), {});
    REQUIRE(png.ok());
    CHECK(png->color() == PngColor::rgb);
    auto again = png->photo();
    REQUIRE(again.ok());
    CHECK(std::equal(rgb->data(), rgb->data() + rgb->size_bytes(), again->data()));

    auto labels = encode_label_png(mask->view(), Dataset::celeb);
    REQUIRE(labels.ok());
    auto indices = decode_label_png(labels->span());
    REQUIRE(indices.ok());
    CHECK(std::equal(mask->data(), mask->data() + mask->size_bytes(), indices->data()));
    auto palette = PngFile::open(labels->span(), {});
    REQUIRE(palette.ok());
    CHECK(palette->color() == PngColor::palette);
    CHECK(palette->depth() == 8);
    CHECK(palette->photo()->rgb(0, 0) == color_of(Dataset::celeb, 0));

    auto plain = encode_png(mask->view());
    REQUIRE(plain.ok());
    CHECK(PngFile::open(plain->span(), {})->color() == PngColor::gray);
    CHECK(std::equal(mask->data(), mask->data() + mask->size_bytes(), decode_label_png(plain->span())->data()));
  }
}

TEST_CASE("png: other orders are written as RGB") {
  const std::uint8_t bgra[] = {1, 2, 3, 4, 5, 6, 7, 8};
  auto file = encode_png({bgra, 2, 1, PixelOrder::bgra});
  REQUIRE(file.ok());
  auto image = PngFile::open(file->span(), {})->photo();
  REQUIRE(image.ok());
  CHECK(image->rgb(0, 0) == Rgb{3, 2, 1});
  CHECK(image->rgb(1, 0) == Rgb{7, 6, 5});
}

TEST_CASE("png: alpha is written where it is wanted") {
  constexpr Index kWidth = 13, kHeight = 9;
  std::vector<std::uint8_t> bgra(4 * kWidth * kHeight);
  for (std::size_t i = 0; i < bgra.size(); ++i) bgra[i] = static_cast<std::uint8_t>(i * i / 5 + i % 7);
  const ImageView picture(bgra.data(), kWidth, kHeight, PixelOrder::bgra);
  const auto file = encode_rgba_png(picture);
  REQUIRE(file.ok());
  const auto png = PngFile::open(file->span(), {});
  REQUIRE(png.ok());
  CHECK(png->color() == PngColor::rgba);
  const auto colors = png->photo();
  REQUIRE(colors.ok());

  // The rows as they are in the file: after the signature, IHDR, and the front of IDAT.
  const std::size_t data = 8 + 25 + 8, size = file->data()[data - 5] + 256u * file->data()[data - 6];
  constexpr std::size_t kRow = 4 * kWidth + 1;
  std::vector<std::uint8_t> rows(kRow * kHeight);
  REQUIRE(inflate_zlib(file->span().subspan(data, size), {rows.data(), rows.size()}).ok());
  Index wrong = 0;
  for (std::size_t y = 0; y < kHeight; ++y) {
    REQUIRE(rows[y * kRow] == 4);
    for (std::size_t i = 1; i < kRow; ++i) {
      std::uint8_t* const at = &rows[y * kRow + i];
      const int left = i > 4 ? at[-4] : 0, up = y > 0 ? *(at - kRow) : 0,
                corner = i > 4 && y > 0 ? *(at - kRow - 4) : 0;
      *at = static_cast<std::uint8_t>(*at + png_paeth(left, up, corner));
    }
    for (std::size_t x = 0; x < kWidth; ++x) {
      const std::uint8_t* const pixel = &rows[y * kRow + 1 + 4 * x];
      const auto expected = picture.pixel(static_cast<Index>(x), static_cast<Index>(y));
      wrong += pixel[0] != expected[2] || pixel[1] != expected[1] || pixel[2] != expected[0] || pixel[3] != expected[3];
      wrong +=
          !(colors->rgb(static_cast<Index>(x), static_cast<Index>(y)) == Rgb{expected[2], expected[1], expected[0]});
    }
  }
  CHECK(wrong == 0);
  CHECK(encode_rgba_png({bgra.data(), 2, 2, PixelOrder::rgb}).error().code() == Errc::invalid_argument);
}

TEST_CASE("png: shares are written with 16 bits, and read with their high byte") {
  const float shares[] = {0, 1, 0.5f, 1.0f / 65535, 0.25f, 2, -1, NAN};
  const unsigned levels[] = {0, 65535, 32768, 1, 16384, 65535, 0, 0};
  const auto file = encode_gray16_png(shares, 4, 2);
  REQUIRE(file.ok());
  const auto png = PngFile::open(file->span(), {});
  REQUIRE(png.ok());
  CHECK(png->color() == PngColor::gray);
  CHECK(png->depth() == 16);
  const auto photo = png->photo();
  REQUIRE(photo.ok());
  const std::size_t data = 8 + 25 + 8, size = file->data()[data - 5];
  std::uint8_t rows[2 * 9];
  REQUIRE(inflate_zlib(file->span().subspan(data, size), rows).ok());
  for (std::size_t i = 0; i < 8; ++i) {
    const std::size_t at = i / 4 * 9 + 1 + 2 * (i % 4);
    CHECK(256u * rows[at] + rows[at + 1] == levels[i]);
    CHECK(photo->rgb(static_cast<Index>(i % 4), static_cast<Index>(i / 4)).g == levels[i] >> 8);
  }
  for (const Index width : {Index{-4}, Index{0}, Index{3}, Index{8}}) {
    CHECK(encode_gray16_png(shares, width, 2).error().code() == Errc::invalid_argument);
  }
}

TEST_CASE("png: labels beyond the palette are not written") {
  const std::uint8_t labels[] = {0, 11};
  const auto file = encode_label_png({labels, 2, 1, PixelOrder::gray}, Dataset::lapa);
  CHECK(file.error().code() == Errc::invalid_argument);
  CHECK(std::string(file.error().message()).find("label 11") != std::string::npos);
  const Rgb palette[] = {{0, 0, 0}};
  CHECK(encode_png({labels, 1, 1, PixelOrder::bgr}, palette).error().code() == Errc::invalid_argument);
}
