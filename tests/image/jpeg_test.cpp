// JPEGs through each decoder that is built: what is read, and what is refused.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "segface/image/decode.hpp"
#include "segface/image/stb.hpp"

#include "image/pictures.hpp"

using namespace segface;
using namespace segface::core;

#if defined(SEGFACE_WITH_LIBJPEG)
#define JPEG_DECODERS StbJpeg, LibJpeg
#else
#define JPEG_DECODERS StbJpeg
#endif
TYPE_TO_STRING(StbJpeg);
#if defined(SEGFACE_WITH_LIBJPEG)
TYPE_TO_STRING(LibJpeg);
#endif

namespace {

using pictures::File;
using pictures::with;
using pictures::with_segment;
using pictures::without;

template <class Decoder>
Result<Image> decode(const File& file, const ImageOptions& options = {}) {
  return decode_image<Decoder>(pictures::bytes(file), "photo", options);
}

template <class Decoder>
Errc code(const File& file, const ImageOptions& options = {}) {
  return decode<Decoder>(file, options).error().code();
}

// Position of the marker FF `marker`, which must be there.
std::size_t find(const File& file, std::uint8_t marker) {
  const std::size_t at = pictures::find_marker(file, marker);
  REQUIRE(at < file.size());
  return at;
}

File changed(File file, std::size_t at, int value) {
  file[at] = static_cast<std::uint8_t>(value);
  return file;
}

File front(const File& file, std::size_t size) {
  return File(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
}

File operator+(File a, const File& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

bool same(const Image& a, const Image& b) {
  return a.width() == b.width() && a.height() == b.height() &&
         std::equal(a.data(), a.data() + a.size_bytes(), b.data());
}

// Behind the header of the first scan.
std::size_t data_of(const File& file) {
  const std::size_t at = find(file, 0xda);
  return at + 2 + 256u * file[at + 2] + file[at + 3];
}

const File kEnd = {0xff, 0xd9};

}  // namespace

TEST_CASE_TEMPLATE("jpeg: pixels are Pillow's", Decoder, JPEG_DECODERS) {
  for (const char* name : {"444", "422", "420", "progressive", "restarts", "rgb", "gray"}) {
    INFO(name);
    auto image = decode<Decoder>(pictures::read(std::string("jpeg_") + name + ".jpg"));
    REQUIRE(image.ok());
    auto expected = decode<Decoder>(pictures::read(std::string("jpeg_") + name + ".png"));
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
    const bool exact = std::string(Decoder::kName) != StbJpeg::kName;  // stb_image rounds in its own way
    CHECK(largest <= (exact ? 0 : 12));
    CHECK(sum / static_cast<double>(image->size_bytes()) <= 0.6);
  }
}

TEST_CASE_TEMPLATE("jpeg: one that was cut is read only where all its pixels are there", Decoder, JPEG_DECODERS) {
  for (const char* name : {"jpeg_progressive.jpg", "jpeg_restarts.jpg", "jpeg_gray.jpg"}) {
    INFO(name);
    const File whole = pictures::read(name);
    const auto complete = decode<Decoder>(whole);
    REQUIRE(complete.ok());
    const bool one_scan = std::string(name) != "jpeg_progressive.jpg";
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      const auto image = decode<Decoder>(front(whole, size));
      if (one_scan && size + 2 >= whole.size()) {  // the end marker alone is missing
        REQUIRE(image.ok());
        CHECK(same(*image, *complete));
      } else {
        CHECK(image.error().code() == (size < 3 ? Errc::unsupported_image : Errc::truncated));
      }
    }
  }
}

TEST_CASE_TEMPLATE("jpeg: an end marker does not make a cut one whole", Decoder, JPEG_DECODERS) {
  for (const char* name : {"jpeg_progressive.jpg", "jpeg_420.jpg", "jpeg_gray.jpg", "jpeg_restarts.jpg"}) {
    INFO(name);
    const File whole = pictures::read(name);
    for (std::size_t size = 0; size + 2 < whole.size(); ++size) {
      CAPTURE(size);
      CHECK_FALSE(decode<Decoder>(front(whole, size) + kEnd).ok());
    }
    const Status status = decode<Decoder>(front(whole, data_of(whole) + 150) + kEnd).error();
    CHECK(status.code() == Errc::corrupt);
    // Zeros in place of the rest.
    CHECK_FALSE(decode<Decoder>(front(whole, data_of(whole) + 50) + File(20) + kEnd).ok());
  }
}

TEST_CASE_TEMPLATE("jpeg: damaged and unusual JPEGs are refused by name", Decoder, JPEG_DECODERS) {
  const File jpeg = pictures::read("jpeg_420.jpg"), restarts = pictures::read("jpeg_restarts.jpg");
  const std::size_t frame = find(jpeg, 0xc0);
  for (const int kind : {0xc3, 0xc5, 0xc7, 0xc9, 0xcb, 0xcd, 0xcf}) {
    CHECK(code<Decoder>(changed(jpeg, frame + 1, kind)) == Errc::unsupported_image);
  }
  CHECK(code<Decoder>(changed(jpeg, frame + 4, 12)) == Errc::unsupported_image);  // bits
  File no_height = changed(changed(jpeg, frame + 5, 0), frame + 6, 0);
  CHECK(code<Decoder>(no_height) == Errc::unsupported_image);
  CHECK(code<Decoder>(pictures::read("jpeg_cmyk.jpg")) == Errc::unsupported_image);
  CHECK(code<Decoder>(changed(jpeg, frame + 5, 0xff)) == Errc::limit_exceeded);
  CHECK(code<Decoder>(changed(jpeg, frame + 11, 0)) == Errc::bad_format);             // sampling
  CHECK(code<Decoder>(changed(jpeg, frame + 3, 16)) == Errc::bad_format);             // length of the frame header
  CHECK(code<Decoder>(changed(jpeg, find(jpeg, 0xda) + 5, 99)) == Errc::bad_format);  // component of the scan
  CHECK(code<Decoder>(with_segment(jpeg, {0xff, 0xcc, 0, 2})) == Errc::unsupported_image);
  CHECK(code<Decoder>(with_segment(jpeg, {0xff, 0xf0, 0, 2})) == Errc::bad_format);     // a reserved marker
  CHECK(code<Decoder>(with_segment(jpeg, {0xff, 0xd8})) == Errc::bad_format);           // a second start
  CHECK(code<Decoder>(with_segment(jpeg, {0xff, 0xdd, 0, 3, 0})) == Errc::bad_format);  //
  CHECK(code<Decoder>(changed(changed(jpeg, frame + 11, 0x31), frame + 14, 0x21)) == Errc::unsupported_image);  // 3 : 2
  CHECK(code<Decoder>(with_segment(jpeg, {0xff, 0xff, 0xff})) == Errc::ok);  // fill bytes

  // Huffman tables with more than 256 symbols, too many codes, a place that is none, and cut ones.
  const auto table = [](int place, const File& counts, std::size_t symbols) {
    File segment = {0xff, 0xc4, 0, 0, static_cast<std::uint8_t>(place)};
    segment.resize(5 + 16 + symbols);
    std::copy(counts.begin(), counts.end(), segment.begin() + 5);
    segment[2] = static_cast<std::uint8_t>((segment.size() - 2) >> 8);
    segment[3] = static_cast<std::uint8_t>(segment.size() - 2);
    return segment;
  };
  const auto answer = [&](const File& segment) { return code<Decoder>(with_segment(jpeg, segment)); };
  CHECK(answer(table(0x00, {1, 1}, 2)) == Errc::ok);  // replaced by the file's own later
  CHECK(answer(table(0x10, {0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 200}, 400)) == Errc::bad_format);
  CHECK(answer(table(0x10, {3}, 3)) == Errc::bad_format);
  CHECK(answer(table(0x10, {2}, 2)) == Errc::bad_format);  // a code of ones only
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
  CHECK(code<Decoder>(changed(restarts, restart + 1, 0xd2)) == Errc::corrupt);
  File missing(restarts.begin(), restarts.begin() + static_cast<std::ptrdiff_t>(restart));
  missing.insert(missing.end(), {0xff, 0xd9});
  CHECK(code<Decoder>(missing) == Errc::corrupt);
}

TEST_CASE_TEMPLATE("jpeg: what libjpeg-turbo overlooks is read the same", Decoder, JPEG_DECODERS) {
  const File jpeg = pictures::read("jpeg_420.jpg"), restarts = pictures::read("jpeg_restarts.jpg");
  const File progressive = pictures::read("jpeg_progressive.jpg");
  const auto check = [](const char* what, const File& odd, const File& plain) {
    INFO(what);
    const auto image = decode<Decoder>(odd), expected = decode<Decoder>(plain);
    INFO(image.error().message());
    REQUIRE(image.ok());
    CHECK(same(*image, *expected));
  };
  const std::size_t end = jpeg.size() - 2, frame = find(jpeg, 0xc0), scan = find(jpeg, 0xda);
  check("bytes between segments", with(jpeg, frame, {1, 2, 0, 3}), jpeg);
  check("the same, later", with(progressive, find(progressive, 0xda), {1, 2, 0, 3}), progressive);
  check("FF 00 between segments", with(jpeg, frame, {0xff, 0}), jpeg);
  check("fill bytes", with(jpeg, frame, {0xff, 0xff, 0xff}), jpeg);
  check("markers without a body", with(jpeg, frame, {0xff, 1, 0xff, 0xd3}), jpeg);
  check("a length of 0", with_segment(jpeg, {0xff, 0xe5, 0, 0}), jpeg);
  check("a length of 1", with_segment(jpeg, {0xff, 0xfe, 0, 1}), jpeg);
  check("FF 00 behind the data", with(jpeg, end, {0xff, 0, 0xff, 0}), jpeg);
  check("zeros behind the data", with(jpeg, end, File(100)), jpeg);
  check("zeros instead of an end", front(jpeg, end) + File(100), jpeg);
  check("a restart behind the data", with(jpeg, end, {0xff, 0xd5}), jpeg);
  check("restarts behind the last", with(restarts, restarts.size() - 2, {0xff, 0xd0, 1, 2, 3, 0xff, 0xd7}), restarts);
  check("bytes before a restart", with(restarts, find(restarts, 0xd1), {1, 2, 3, 0xff, 0, 5}), restarts);
  check("a height once more", with(jpeg, end, {0xff, 0xdc, 0, 4, 0, 35}), jpeg);
  check("another height", with(jpeg, end, {0xff, 0xdc, 0, 4, 0, 3}), jpeg);
  check("a height between scans", with(progressive, find(progressive, 0xda), {0xff, 0xdc, 0, 4, 0, 35}), progressive);
  const std::size_t range = data_of(jpeg) - 3;
  check("first coefficient 1", changed(jpeg, range, 1), jpeg);
  check("last coefficient 0", changed(jpeg, range + 1, 0), jpeg);
  check("missing bits", changed(jpeg, range + 2, 0x21), jpeg);
  check("no more after the scan", front(jpeg, end) + File{0xff, 0xda, 0, 9, 9, 0xff, 0xc3}, jpeg);
  File named = progressive;  // tables that a scan of means, or of details, has no use for
  named[find(progressive, 0xda) + 6] |= 0x0f;
  check("a table that is not used", named, progressive);
  check("an empty table", with(jpeg, scan, {0xff, 0xc4, 0, 2}), jpeg);
  // A quantization table changed between the scans: the one before a component's first scan counts.
  File table = {0xff, 0xdb, 0, 67, 0};
  table.resize(69, 99);
  std::size_t second = data_of(progressive);
  while (progressive[second] != 0xff || progressive[second + 1] == 0) ++second;
  check("a table changed too late", with(progressive, second, table), progressive);
  // Components named R, G and B are colours where nothing else is said: not beside JFIF.
  const File rgb = pictures::read("jpeg_rgb.jpg");
  const std::uint8_t names[] = {'R', 'G', 'B'};
  File renamed = jpeg;
  for (std::size_t c = 0; c < 3; ++c) {
    renamed[frame + 10 + 3 * c] = names[c];
    renamed[scan + 5 + 2 * c] = names[c];
  }
  check("JFIF before names", renamed, jpeg);
  const File adobe = {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 1};
  check("Adobe before names", with_segment(without(renamed, 0xe0), adobe), jpeg);
  const auto colours = decode<Decoder>(without(renamed, 0xe0)), light = decode<Decoder>(jpeg);
  REQUIRE(colours.ok());
  CHECK_FALSE(same(*colours, *light));
  File transform = adobe;
  transform.back() = 0;
  check("names or Adobe", without(renamed, 0xe0), with_segment(without(jpeg, 0xe0), transform));
}

TEST_CASE_TEMPLATE("jpeg: pictures inside a segment or behind the end are not the photo", Decoder, JPEG_DECODERS) {
  const File jpeg = pictures::read("jpeg_420.jpg"), other = pictures::read("jpeg_gray.jpg");
  const auto expected = decode<Decoder>(jpeg);
  const auto segment = [](std::uint8_t marker, const std::string& head, File body) {
    body.insert(body.begin(), head.begin(), head.end());
    const std::size_t size = body.size() + 2;
    REQUIRE(size < 65536);
    return File{0xff, marker, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)} + body;
  };
  using namespace std::string_literals;
  const std::pair<const char*, File> kFiles[] = {
      {"a thumbnail in EXIF", with_segment(jpeg, segment(0xe1, "Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"s, other))},
      {"an EXIF block as large as may be", with_segment(jpeg, segment(0xe1, "Exif\0\0MM\0*"s, File(65523, 0x11)))},
      {"a colour profile", with_segment(jpeg, segment(0xe2, "ICC_PROFILE\0\x01\x01"s, File(3000, 0x5a)))},
      {"a second picture behind", jpeg + other},
      {"the same picture behind", jpeg + jpeg},
  };
  for (const auto& row : kFiles) {
    INFO(row.first);
    const auto image = decode<Decoder>(row.second);
    INFO(image.error().message());
    REQUIRE(image.ok());
    CHECK(same(*image, *expected));
  }
}

TEST_CASE_TEMPLATE("jpeg: tables that are named must be there", Decoder, JPEG_DECODERS) {
  const File jpeg = pictures::read("jpeg_420.jpg"), progressive = pictures::read("jpeg_progressive.jpg");
  // Motion JPEG means the standard's; this file holds just those.
  const auto image = decode<Decoder>(without(jpeg, 0xc4)), expected = decode<Decoder>(jpeg);
  REQUIRE(image.ok());
  CHECK(same(*image, *expected));
  const auto answer = [](const File& file) {
    const Status status = decode<Decoder>(file).error();
    return std::string(status.code() == Errc::bad_format ? status.message() : "another code");
  };
  const std::size_t frame = find(jpeg, 0xc0), scan = find(jpeg, 0xda);
  CHECK(answer(without(jpeg, 0xdb)) == "photo: JPEG: scan 1 uses quantization table 0, which the file does not define");
  CHECK(answer(changed(jpeg, frame + 12, 3)) ==
        "photo: JPEG: scan 1 uses quantization table 3, which the file does not define");
  CHECK(answer(changed(jpeg, frame + 12, 77)) ==
        "photo: JPEG: scan 1 uses quantization table 77, which the file does not define");
  for (const int places : {0x02, 0x20}) {
    CHECK(answer(changed(jpeg, scan + 6, places)) ==
          "photo: JPEG: scan 1 uses Huffman table 2, which the file does not define");
  }
  CHECK(answer(changed(jpeg, scan + 6, 0x0f)) ==
        "photo: JPEG: scan 1 uses Huffman table 15, which the file does not define");
  CHECK(answer(without(progressive, 0xc4)) ==
        "photo: JPEG: scan 1 uses Huffman table 0, which the file does not define");
}

TEST_CASE_TEMPLATE("jpeg: a code that does not exist is damage, wherever it stands", Decoder, JPEG_DECODERS) {
  // Of gray blocks with a mean of no difference (0) and no details (0): 2 bits a block. The code 11 is no table's.
  File jpeg = pictures::without(pictures::read("jpeg_gray.jpg"), 0xc4);
  const std::size_t frame = find(jpeg, 0xc0);
  for (const std::size_t side : {5u, 7u}) jpeg[frame + side] = 4;  // 1059 x 1065
  const File table = {0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  jpeg = with(jpeg, frame, File{0xff, 0xc4, 0, 40} + table + changed(table, 0, 0x10));
  const File black = front(jpeg, data_of(jpeg)) + File(134 * 133 / 4 + 500);  // and some to spare
  REQUIRE(decode<Decoder>(black + kEnd).ok());
  for (std::size_t at = data_of(jpeg); at + 510 < black.size(); at += 97) {
    CAPTURE(at);
    const Status status = decode<Decoder>(changed(black, at, 0x30) + kEnd).error();
    CHECK(status.code() == Errc::corrupt);
  }
}

TEST_CASE_TEMPLATE("jpeg: sampling must fit into a scan", Decoder, JPEG_DECODERS) {
  File jpeg = pictures::read("jpeg_420.jpg");
  const std::size_t frame = find(jpeg, 0xc0);
  jpeg[frame + 11] = 0x44;  // 16 blocks of light alone
  const Status status = decode<Decoder>(jpeg).error();
  CHECK(status.code() == Errc::bad_format);
  CHECK(std::string(status.message()) == "photo: JPEG: its sampling is too large for one scan");
}

TEST_CASE_TEMPLATE("jpeg: few bytes cannot announce many pixels", Decoder, JPEG_DECODERS) {
  for (const char* name : {"jpeg_gray.jpg", "jpeg_420.jpg", "jpeg_progressive.jpg"}) {
    INFO(name);
    File large = pictures::read(name);
    const std::size_t frame = std::min(pictures::find_marker(large, 0xc0), pictures::find_marker(large, 0xc2));
    for (const std::size_t side : {5u, 7u}) large[frame + side] = 0x1f;  // 7936 and some
    const Status status = decode<Decoder>(large).error();
    INFO(status.message());
    CHECK(status.code() == Errc::corrupt);
    CHECK(std::string(status.message()).find("cannot hold 7977 x 7971 pixels") != std::string::npos);
  }
}

TEST_CASE("jpeg: a refusal of stb_image without a reason is one, and takes no reason from an earlier photo") {
  // Its table is three bytes long. stb_image keeps reasons a thread, and gives none for this file.
  const File file = {0xff, 0xd8, 0xff, 0xdb, 0, 5,    3,  4, 4,    0xff, 0xc2, 0,    17,   8,    0,
                     35,   0,    41,   3,    1, 0x22, 0,  2, 0x11, 1,    3,    0x11, 1,    0xff, 0xda,
                     0,    12,   3,    1,    0, 2,    16, 3, 16,   0,    0,    0,    0xff, 0xd9};
  CHECK(code<StbJpeg>(file) == Errc::bad_format);
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

TEST_CASE_TEMPLATE("jpeg: one whose scans leave a component out is refused", Decoder, JPEG_DECODERS) {
  // The first scan of a progressive file holds all means: without it details come first.
  const File jpeg = pictures::read("jpeg_progressive.jpg");
  const std::size_t first = find(jpeg, 0xda);
  File rest(jpeg.begin() + static_cast<std::ptrdiff_t>(first) + 2, jpeg.end());
  std::size_t next = 0;
  while (!(rest[next] == 0xff && rest[next + 1] != 0)) ++next;
  File without(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(first));
  without.insert(without.end(), rest.begin() + static_cast<std::ptrdiff_t>(next), rest.end());
  CHECK(code<Decoder>(without) == Errc::bad_format);
  // The means after the details.
  File late(without.begin(), without.end() - 2);
  late.insert(late.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(first),
              jpeg.begin() + static_cast<std::ptrdiff_t>(first + 2 + next));
  late.insert(late.end(), {0xff, 0xd9});
  CHECK(std::string(decode<Decoder>(late).error().message()).find("before its means") != std::string::npos);
  // The scan twice.
  File twice(jpeg.begin(), jpeg.begin() + static_cast<std::ptrdiff_t>(first + 2 + next));
  twice.insert(twice.end(), jpeg.begin() + static_cast<std::ptrdiff_t>(first), jpeg.end());
  CHECK(code<Decoder>(twice) == Errc::bad_format);
}

TEST_CASE_TEMPLATE("jpeg: more scans than allowed cost nothing", Decoder, JPEG_DECODERS) {
  const File jpeg = pictures::read("jpeg_progressive.jpg");
  ImageOptions options;
  options.limits.max_jpeg_scans = 3;
  CHECK(code<Decoder>(jpeg, options) == Errc::limit_exceeded);
  options.limits.max_jpeg_scans = 64;
  options.limits.max_scan_pixels = 41 * 35 * 3;
  CHECK(code<Decoder>(jpeg, options) == Errc::limit_exceeded);
  options.limits.max_scan_pixels = 41 * 35 * 64;
  CHECK(code<Decoder>(jpeg, options) == Errc::ok);
  options.limits.max_decode_bytes = 5000;
  CHECK(code<Decoder>(jpeg, options) == Errc::limit_exceeded);
}
