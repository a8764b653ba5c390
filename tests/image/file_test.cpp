#include "segface/image/file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/temp_directory.hpp"
#include "image/pictures.hpp"

using namespace segface;

namespace {

using pictures::File;

Result<Image> decode(const File& file, const ImageOptions& options = {}) {
  return decode_image(pictures::bytes(file), "photo", options);
}

Errc code(const File& file, const ImageOptions& options = {}) {
  return decode(file, options).error().code();
}

File bytes_of(const std::string& text) {
  return File(text.begin(), text.end());
}

// Position of the marker FF `marker`, which must be there.
std::size_t find(const File& file, std::uint8_t marker) {
  for (std::size_t at = 0; at + 1 < file.size(); ++at) {
    if (file[at] == 0xff && file[at + 1] == marker) return at;
  }
  FAIL("no such marker");
  return 0;
}

// A copy with `segment` put right after the start marker.
File with_segment(const File& jpeg, const File& segment) {
  File file = jpeg;
  file.insert(file.begin() + 2, segment.begin(), segment.end());
  return file;
}

// A TIFF block whose only entry is the orientation.
File tiff(int orientation, bool little_endian) {
  const auto value = static_cast<std::uint8_t>(orientation);
  if (little_endian) {
    return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0};
  }
  return {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0, 0, 0, 0, 0};
}

File exif_segment(const File& block) {
  const auto size = static_cast<std::uint8_t>(2 + 6 + block.size());
  File segment = {0xff, 0xe1, 0, size, 'E', 'x', 'i', 'f', 0, 0};
  segment.insert(segment.end(), block.begin(), block.end());
  return segment;
}

}  // namespace

TEST_CASE("decode: JPEGs agree with Pillow's decoder") {
  for (const char* name : {"444", "422", "420", "progressive", "restarts", "rgb", "gray"}) {
    INFO(name);
    auto image = decode(pictures::read(std::string("jpeg_") + name + ".jpg"));
    REQUIRE(image.ok());
    auto expected = decode(pictures::read(std::string("jpeg_") + name + ".png"));
    REQUIRE(expected.ok());
    REQUIRE(image->width() == 41);
    REQUIRE(image->height() == 35);
    int largest = 0;
    double sum = 0;
    for (std::size_t i = 0; i < image->size_bytes(); ++i) {
      const int difference = std::abs(image->data()[i] - expected->data()[i]);
      largest = std::max(largest, difference);
      sum += difference;
    }
    CHECK(largest <= 12);
    CHECK(sum / static_cast<double>(image->size_bytes()) <= 0.6);
  }
}

TEST_CASE("decode: a JPEG cut anywhere is never read") {
  for (const char* name : {"jpeg_progressive.jpg", "jpeg_restarts.jpg", "jpeg_gray.jpg"}) {
    const File whole = pictures::read(name);
    REQUIRE(code(whole) == Errc::ok);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Errc answer = code(File(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      CHECK(answer == (size < 3 ? Errc::unsupported_image : Errc::truncated));
    }
  }
}

TEST_CASE("decode: a cut JPEG is read where that is asked for") {
  ImageOptions options;
  options.allow_truncated = true;
  const File whole = pictures::read("jpeg_420.jpg");
  const File cut(whole.begin(), whole.end() - 60);
  auto image = decode(cut, options);
  REQUIRE(image.ok());
  auto complete = decode(whole);
  REQUIRE(complete.ok());
  for (Index x = 0; x < 41; ++x) CHECK(image->rgb(x, 0) == complete->rgb(x, 0));
  CHECK(code(File(whole.begin(), whole.begin() + 100), options) == Errc::truncated);  // not a pixel yet
}

TEST_CASE("decode: damaged and unusual JPEGs are refused by name") {
  const File jpeg = pictures::read("jpeg_420.jpg"), restarts = pictures::read("jpeg_restarts.jpg");
  const auto changed = [](File file, std::size_t at, int value) {
    file[at] = static_cast<std::uint8_t>(value);
    return file;
  };
  const std::size_t frame = find(jpeg, 0xc0);
  for (const int kind : {0xc3, 0xc5, 0xc7, 0xc9, 0xcb, 0xcd, 0xcf}) {
    CHECK(code(changed(jpeg, frame + 1, kind)) == Errc::unsupported_image);
  }
  CHECK(code(changed(jpeg, frame + 4, 12)) == Errc::unsupported_image);  // bits
  File no_height = changed(changed(jpeg, frame + 5, 0), frame + 6, 0);
  CHECK(code(no_height) == Errc::unsupported_image);
  CHECK(code(pictures::read("jpeg_cmyk.jpg")) == Errc::unsupported_image);
  CHECK(code(changed(jpeg, frame + 5, 0xff)) == Errc::limit_exceeded);
  CHECK(code(changed(jpeg, frame + 11, 0)) == Errc::bad_format);             // sampling
  CHECK(code(changed(jpeg, frame + 3, 16)) == Errc::bad_format);             // length of the frame header
  CHECK(code(changed(jpeg, find(jpeg, 0xda) + 5, 99)) == Errc::bad_format);  // component of the scan
  CHECK(code(with_segment(jpeg, {0xff, 0xcc, 0, 2})) == Errc::unsupported_image);
  CHECK(code(with_segment(jpeg, {0xff, 0xe5, 0, 1})) == Errc::bad_format);
  File stray = jpeg;
  stray.insert(stray.begin() + static_cast<std::ptrdiff_t>(frame), 7);
  CHECK(code(stray) == Errc::bad_format);
  CHECK(code(with_segment(jpeg, {0xff, 0xff, 0xff})) == Errc::ok);  // fill bytes

  // Huffman tables with more than 256 symbols, too many codes, a place that is none, and cut ones.
  const auto table = [](int place, const File& counts, std::size_t symbols) {
    File segment = {0xff, 0xc4, 0, 0, static_cast<std::uint8_t>(place)};
    segment.resize(5 + 16 + symbols);
    std::copy(counts.begin(), counts.end(), segment.begin() + 5);
    segment[2] = static_cast<std::uint8_t>((segment.size() - 2) >> 8);
    segment[3] = static_cast<std::uint8_t>(segment.size() - 2);
    return segment;
  };
  const auto answer = [&](const File& segment) { return code(with_segment(jpeg, segment)); };
  CHECK(answer(table(0x00, {1, 1}, 2)) == Errc::ok);  // replaced by the file's own later
  CHECK(answer(table(0x10, {0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 200}, 400)) == Errc::bad_format);
  CHECK(answer(table(0x10, {3}, 3)) == Errc::bad_format);
  CHECK(answer(table(0x20, {1, 1}, 2)) == Errc::bad_format);
  CHECK(answer(table(0x04, {1, 1}, 2)) == Errc::bad_format);
  CHECK(answer(table(0x00, {1, 1}, 1)) == Errc::bad_format);
  File symbol = table(0x00, {1, 1}, 2);
  symbol.back() = 16;
  CHECK(answer(symbol) == Errc::bad_format);
  CHECK(answer({0xff, 0xc4, 0, 4, 0, 0}) == Errc::bad_format);

  // Quantization tables of a precision or place that is none, and cut ones.
  const auto quantization = [&](int precision_and_place, std::size_t size) {
    File segment = {0xff, 0xdb, 0, 0, static_cast<std::uint8_t>(precision_and_place)};
    segment.resize(5 + size);
    segment[3] = static_cast<std::uint8_t>(segment.size() - 2);
    return answer(segment);
  };
  CHECK(quantization(0x00, 64) == Errc::ok);  // replaced by the file's own later
  CHECK(quantization(0x11, 128) == Errc::ok);
  CHECK(quantization(0x00, 63) == Errc::bad_format);
  CHECK(quantization(0x10, 64) == Errc::bad_format);
  CHECK(quantization(0x20, 64) == Errc::bad_format);
  CHECK(quantization(0x04, 64) == Errc::bad_format);

  // A restart marker out of order, and one taken away.
  const std::size_t restart = find(restarts, 0xd1);
  CHECK(code(changed(restarts, restart + 1, 0xd2)) == Errc::corrupt);
  File missing(restarts.begin(), restarts.begin() + static_cast<std::ptrdiff_t>(restart));
  missing.insert(missing.end(), {0xff, 0xd9});
  CHECK(code(missing) == Errc::corrupt);
}

TEST_CASE("decode: a refusal of stb_image without a reason is one, and takes no reason from an earlier photo") {
  // Its table is three bytes long. stb_image keeps reasons a thread, and gives none for this file.
  const File file = {0xff, 0xd8, 0xff, 0xdb, 0, 5,    3,  4, 4,    0xff, 0xc2, 0,    17,   8,    0,
                     35,   0,    41,   3,    1, 0x22, 0,  2, 0x11, 1,    3,    0x11, 1,    0xff, 0xda,
                     0,    12,   3,    1,    0, 2,    16, 3, 16,   0,    0,    0,    0xff, 0xd9};
  CHECK(code(file) == Errc::bad_format);
  std::string fresh, later;
  std::thread([&] {
    fresh = stb_decode_jpeg(pictures::bytes(file), 41, 35, 1 << 20).error().message();
    const File empty = {0xff, 0xd8};
    REQUIRE(!stb_decode_jpeg(pictures::bytes(empty), 41, 35, 1 << 20).ok());
    later = stb_decode_jpeg(pictures::bytes(file), 41, 35, 1 << 20).error().message();
  }).join();
  CHECK(fresh == "JPEG: the file is damaged");
  CHECK(later == fresh);
}

TEST_CASE("decode: a JPEG whose scans leave a component out is refused") {
  // The first scan of a progressive file holds all means: without it details come first.
  const File jpeg = pictures::read("jpeg_progressive.jpg");
  const std::size_t first = find(jpeg, 0xda);
  File rest(jpeg.begin() + static_cast<std::ptrdiff_t>(first) + 2, jpeg.end());
  std::size_t next = 0;
  while (!(rest[next] == 0xff && rest[next + 1] != 0)) ++next;
  File without(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(first));
  without.insert(without.end(), rest.begin() + static_cast<std::ptrdiff_t>(next), rest.end());
  CHECK(code(without) == Errc::bad_format);
  // The means after the details.
  File late(without.begin(), without.end() - 2);
  late.insert(late.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(first),
              jpeg.begin() + static_cast<std::ptrdiff_t>(first + 2 + next));
  late.insert(late.end(), {0xff, 0xd9});
  CHECK(std::string(decode(late).error().message()).find("before its means") != std::string::npos);
  // The scan twice.
  File twice(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(first + 2 + next));
  twice.insert(twice.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(first), jpeg.end());
  CHECK(code(twice) == Errc::bad_format);
}

TEST_CASE("decode: more scans than allowed cost nothing") {
  const File jpeg = pictures::read("jpeg_progressive.jpg");
  ImageOptions options;
  options.limits.max_jpeg_scans = 3;
  CHECK(code(jpeg, options) == Errc::limit_exceeded);
  options.limits.max_jpeg_scans = 64;
  options.limits.max_scan_pixels = 41 * 35 * 3;
  CHECK(code(jpeg, options) == Errc::limit_exceeded);
  options.limits.max_scan_pixels = 41 * 35 * 64;
  CHECK(code(jpeg, options) == Errc::ok);
  options.limits.max_decode_bytes = 10000;
  CHECK(code(jpeg, options) == Errc::limit_exceeded);
}

TEST_CASE("decode: the eight orientations, in JPEG and PNG, in either byte order") {
  const File jpeg = pictures::read("jpeg_444.jpg");
  auto stored = decode(jpeg);
  REQUIRE(stored.ok());
  const Index w = stored->width(), h = stored->height();
  for (int orientation = 0; orientation <= 9; ++orientation) {
    CAPTURE(orientation);
    for (const bool little_endian : {false, true}) {
      const File file = with_segment(jpeg, exif_segment(tiff(orientation, little_endian)));
      auto image = decode(file);
      REQUIRE(image.ok());
      const bool swapped = orientation >= 5 && orientation <= 8;
      REQUIRE(image->width() == (swapped ? h : w));
      // Where the corner and its neighbour to the right, as stored, belong.
      const Index right = image->width() - 1, bottom = image->height() - 1;
      struct Place {
        Index corner_x, corner_y, next_x, next_y;
      };
      const Place places[] = {
          {0, 0, 1, 0}, {right, 0, right - 1, 0}, {right, bottom, right - 1, bottom}, {0, bottom, 1, bottom},
          {0, 0, 0, 1}, {right, 0, right, 1},     {right, bottom, right, bottom - 1}, {0, bottom, 0, bottom - 1}};
      const Place& place = places[orientation >= 1 && orientation <= 8 ? orientation - 1 : 0];
      CHECK(image->rgb(place.corner_x, place.corner_y) == stored->rgb(0, 0));
      CHECK(image->rgb(place.next_x, place.next_y) == stored->rgb(1, 0));
      ImageOptions ignore;
      ignore.apply_orientation = false;
      auto plain = decode(file, ignore);
      REQUIRE(plain.ok());
      CHECK(plain->width() == w);
      CHECK(plain->rgb(0, 0) == stored->rgb(0, 0));
    }
  }
  File png = pictures::read("png_color2_8bit.png");
  File chunk = {0, 0, 0, 26, 'e', 'X', 'I', 'f'};
  const File block = tiff(6, false);
  chunk.insert(chunk.end(), block.begin(), block.end());
  const std::uint32_t crc = crc32(0, chunk.data() + 4, chunk.size() - 4);
  for (int shift = 24; shift >= 0; shift -= 8) chunk.push_back(static_cast<std::uint8_t>(crc >> shift));
  auto upright = decode(png);
  png.insert(png.begin() + 33, chunk.begin(), chunk.end());
  auto turned = decode(png);
  REQUIRE(turned.ok());
  CHECK(turned->width() == upright->height());
  CHECK(turned->rgb(turned->width() - 1, 0) == upright->rgb(0, 0));
}

TEST_CASE("decode: a damaged EXIF block turns nothing") {
  const File block = tiff(6, true);
  for (std::size_t size = 0; size < 20; ++size) {
    CHECK(exif_orientation({block.data(), size}) == 1);
  }
  CHECK(exif_orientation({block.data(), block.size()}) == 6);
  for (const std::size_t at : {0u, 2u, 4u, 5u, 7u, 12u, 14u}) {
    File damaged = block;
    damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ 0xff);
    CHECK(exif_orientation({damaged.data(), damaged.size()}) == 1);
  }
}

TEST_CASE("decode: what is no photo is named") {
  const auto says = [](const std::string& content, const char* name) {
    const Status status = decode(bytes_of(content)).error();
    INFO(status.message());
    return status.code() == Errc::unsupported_image && std::string(status.message()).find(name) != std::string::npos;
  };
  using namespace std::string_literals;
  CHECK(says("", "empty"));
  CHECK(says("x", "text"));
  CHECK(says("\x01"s, "unknown"));
  CHECK(says("GIF89a......", "GIF"));
  CHECK(says("BM\x36\0\0\0\0\0"s, "BMP"));
  CHECK(says("8BPS\0\1"s, "PSD"));
  CHECK(says("II*\0\x08\0\0\0"s, "TIFF"));
  CHECK(says("RIFF\x10\0\0\0WEBPVP8 "s, "WebP"));
  CHECK(says("\0\0\0\x1c"s + "ftypavif\0\0\0\0"s, "AVIF"));
  CHECK(says("\0\0\0\x18"s + "ftypheic\0\0\0\0"s, "HEIC"));
  CHECK(says("%PDF-1.7\n", "PDF"));
  CHECK(says("  <!DOCTYPE html><html>", "HTML"));
  CHECK(says("<svg xmlns=''/>", "SVG"));
  CHECK(says("#?RADIANCE\n", "HDR"));
  CHECK(says("\x53\x80\xf6\x34....", "PIC"));
  CHECK(says("P6\n2 2\n255\n", "PNM"));
  CHECK(says("\0\0\2\0\0\0\0\0\0\0\0\0\2\0\2\0\x18\0\0\0"s, "TGA"));
  CHECK(says("PK\x03\x04rest", "zip"));
  CHECK(says("version https://git-lfs.github.com/spec/v1\n", "git-lfs"));
  std::uint32_t state = 5;
  std::string noise;
  for (int i = 0; i < 1000; ++i) noise += static_cast<char>((state = state * 1664525u + 1013904223u) >> 24);
  CHECK(says(noise, "unknown"));
}

TEST_CASE("decode: files larger than allowed are refused") {
  ImageOptions options;
  options.limits.max_file_bytes = 100;
  CHECK(code(pictures::read("jpeg_420.jpg"), options) == Errc::limit_exceeded);
  const std::string path = std::string(SEGFACE_TEST_DATA) + "/images/jpeg_420.jpg";
  CHECK(load_image(path, options).error().code() == Errc::limit_exceeded);
  CHECK(load_image(path).ok());
}

TEST_CASE("file: masks are saved and loaded as indices; nothing is replaced unasked") {
  const TempDirectory directory;
  const std::string path = directory.file("mask.png");
  const std::uint8_t labels[] = {0, 1, 2, 18, 14, 13};
  const ImageView mask(labels, 3, 2, PixelOrder::gray);
  CHECK(save_label_png(path, mask, Dataset::celeb, OutputFile::Existing::refuse).ok());
  CHECK(save_label_png(path, mask, Dataset::celeb, OutputFile::Existing::refuse).code() == Errc::output);
  auto loaded = load_labels(path);
  REQUIRE(loaded.ok());
  CHECK(std::equal(std::begin(labels), std::end(labels), loaded->data()));
  const std::uint8_t rgb[] = {1, 2, 3};
  CHECK(save_png(path, {rgb, 1, 1, PixelOrder::rgb}, OutputFile::Existing::replace).ok());
  const Status status = load_labels(path).error();
  CHECK(status.code() == Errc::unsupported_image);
  CHECK(std::string(status.message()).find(path) == 0);
  CHECK(load_image(path)->rgb(0, 0) == Rgb{1, 2, 3});
  CHECK(load_image(directory.file("none.png")).error().code() == Errc::io);
  CHECK(load_image(directory.path()).error().code() == Errc::not_regular_file);
}
