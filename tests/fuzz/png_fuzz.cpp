// PNGs. First byte even: any pixels are encoded, with a palette or without, and decoded. Odd: a PNG is made of any
// header and any rows, so that filters, depths and passes are met without a fuzzer that packs.
#include <algorithm>
#include <string>

#include "segface/base/crc32.hpp"
#include "segface/image/decode.hpp"
#include "segface/image/deflate.hpp"
#include "segface/image/png_write.hpp"

#include "fuzz.hpp"

namespace {

using namespace fuzz;

void check_round_trip(Numbers& numbers) {
  const auto order = static_cast<PixelOrder>(numbers.byte() % 5);
  const Index width = numbers.within(1, 300), height = numbers.within(1, 40), gap = numbers.byte() % 9;
  const auto colors = static_cast<std::size_t>(numbers.flag() ? numbers.within(0, 300) : 0);
  const Index stride = width * channels_of(order) + gap;
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(stride * height - gap));  // the last row has no gap
  const Bytes rest = numbers.rest();
  for (std::size_t i = 0; i < pixels.size() && !rest.empty(); ++i) pixels[i] = rest[(i + i / 97) % rest.size()];
  std::vector<Rgb> palette(colors);
  for (std::size_t i = 0; i < colors; ++i) {
    palette[i] = {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(3 * i), static_cast<std::uint8_t>(~i)};
  }
  const ImageView picture(pixels.data(), width, height, stride, order);
  bool fits = colors == 0 || (order == PixelOrder::gray && colors <= 256);
  for (Index y = 0; fits && colors != 0 && y < height; ++y) {
    fits = std::all_of(picture.row(y), picture.row(y) + width, [&](std::uint8_t value) { return value < colors; });
  }
  const auto file = encode_png(picture, {palette.data(), colors});
  demand(file.ok() == fits, "a file of valid pixels alone");
  if (!file.ok()) return;
  const Image image = decode_image(file->span(), "fuzz").value();
  demand(image.width() == width && image.height() == height, "the size");
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      const Rgb color = picture.rgb(x, y);
      demand(image.rgb(x, y) == (colors == 0 ? color : palette[color.r]), "the pixels");
    }
  }
  if (order != PixelOrder::gray) return;
  const Image labels = decode_label_png(file->span()).value();
  for (Index y = 0; y < height; ++y) {
    demand(std::equal(labels.row(y), labels.row(y) + width, picture.row(y)), "the labels");
  }
}

void append_chunk(std::string& file, std::string_view type, std::string_view body) {
  std::string chunk(12 + body.size(), '\0');
  png_detail::put_chunk(reinterpret_cast<std::uint8_t*>(chunk.data()), type, bytes_of(body));
  file += chunk;
}

// Bytes that the rows of a picture unpack to.
std::size_t stream_bytes(std::size_t width, std::size_t height, std::size_t bits, bool interlaced) {
  constexpr std::size_t kPasses[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                         {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};  // first x, y; step x, y
  if (!interlaced) return height * (1 + (width * bits + 7) / 8);
  std::size_t bytes = 0;
  for (const auto& [x, y, across, down] : kPasses) {
    if (width <= x || height <= y) continue;
    const std::size_t columns = (width - x + across - 1) / across, rows = (height - y + down - 1) / down;
    bytes += rows * (1 + (columns * bits + 7) / 8);
  }
  return bytes;
}

void check_rows(Numbers& numbers) {
  constexpr int kDepths[] = {1, 2, 4, 8, 16, 3}, kColors[] = {0, 2, 3, 4, 6, 1}, kChannels[] = {1, 3, 1, 2, 4, 1};
  const auto width = static_cast<std::uint32_t>(numbers.within(1, 40));
  const auto height = static_cast<std::uint32_t>(numbers.within(1, 40));
  const int depth = kDepths[numbers.byte() % 6], color = numbers.byte() % 6, interlace = numbers.byte() % 3;
  const int colors = numbers.byte() % 64;
  std::uint8_t header[13] = {};
  png_detail::put_big(png_detail::put_big(header, width), height);
  header[8] = static_cast<std::uint8_t>(depth);
  header[9] = static_cast<std::uint8_t>(kColors[color]);
  header[12] = static_cast<std::uint8_t>(interlace);
  std::string file(text_of(kPngSignature));
  append_chunk(file, "IHDR", text_of(header));
  if (colors != 0) append_chunk(file, "PLTE", std::string(static_cast<std::size_t>(3 * colors), '\x42'));
  const auto bits = static_cast<std::size_t>(depth * kChannels[color]);
  std::vector<std::uint8_t> rows(stream_bytes(width, height, bits, interlace == 1));
  const Bytes rest = numbers.rest();
  for (std::size_t i = 0; i < rows.size() && !rest.empty(); ++i) rows[i] = rest[i % rest.size()];
  const auto packed = deflate_zlib({rows.data(), rows.size()});
  append_chunk(file, "IDAT", text_of(packed.value().bytes()));
  append_chunk(file, "IEND", "");
  const Bytes bytes = bytes_of(file);
  const auto image = decode_image(bytes, "fuzz");
  const auto labels = decode_label_png(bytes);
  if (!image.ok()) demand_reason(image.error());
  if (!labels.ok()) demand_reason(labels.error());
  if (image.ok()) {
    demand(image->width() == static_cast<Index>(width) && image->height() == static_cast<Index>(height), "the size");
  }
}

}  // namespace

SEGFACE_FUZZ_TARGET(png, 100) {
  Numbers numbers(input);
  if (numbers.byte() % 2 == 0) return check_round_trip(numbers);
  check_rows(numbers);
}
