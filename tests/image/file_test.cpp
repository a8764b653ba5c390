#include "segface/image/file.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "segface/faces/label_png.hpp"

#include "base/temp_directory.hpp"
#include "image/pictures.hpp"

using namespace segface;
using namespace segface::core;

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

}  // namespace

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
  for (const char* brand : {"heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"}) {
    CHECK(says("\0\0\0\x18"s + "ftyp" + brand + "\0\0\0\0"s, "HEIC"));
  }
  CHECK(says("\0\0\0\x18"s + "ftypheic\0\0\0\0"s, "convert it: heif-convert photo.heic photo.jpg"));
  CHECK(says("RIFF\x10\0\0\0WEBPVP8 "s, "convert it: dwebp photo.webp -o photo.png"));
  CHECK(says("\0\0\0\x1c"s + "ftypavif\0\0\0\0"s, "convert it: avifdec photo.avif photo.png"));
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
