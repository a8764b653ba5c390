// Which way up: every form in which cameras and editors write it.
#include "segface/image/exif.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

#include "segface/image/decode.hpp"

#include "image/pictures.hpp"

using namespace segface;
using namespace segface::core;

namespace {

using pictures::File;

File operator+(File a, const File& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

File bytes_of(const std::string& text) {
  return File(text.begin(), text.end());
}

enum Type { kByte = 1, kText = 2, kShort = 3, kLong = 4, kSignedShort = 8, kSignedLong = 9 };

// A TIFF block whose only entry is the orientation; the entry's last four bytes are given, in the block's order.
File tiff(bool little_endian, int type, int count, const File& value) {
  const auto byte = [](int number) { return static_cast<std::uint8_t>(number); };
  if (little_endian) {
    return File{'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, byte(type), 0, byte(count), 0, 0, 0} + value + File(4);
  }
  return File{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, byte(type), 0, 0, 0, byte(count)} + value + File(4);
}

// As most cameras write it.
File tiff(int orientation, bool little_endian = false) {
  const auto value = static_cast<std::uint8_t>(orientation);
  return tiff(little_endian, kShort, 1, little_endian ? File{value, 0, 0, 0} : File{0, value, 0, 0});
}

const File kHead = {'E', 'x', 'i', 'f', 0, 0};

File app1(const File& body) {
  const std::size_t size = body.size() + 2;
  return File{0xff, 0xe1, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)} + body;
}

File chunk(const std::string& type, const File& body) {
  const auto number = [](std::uint32_t value) {
    File bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::uint8_t>(value >> shift));
    return bytes;
  };
  const File content = bytes_of(type) + body;
  return number(static_cast<std::uint32_t>(body.size())) + content + number(crc32(0, content.data(), content.size()));
}

File packed(const std::string& text) {
  const auto stream = deflate_zlib({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  REQUIRE(stream.ok());
  return File(stream->bytes().begin(), stream->bytes().end());
}

// ImageMagick's text for an EXIF block.
std::string raw_profile(const File& block) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string text = "\nexif\n" + std::to_string(block.size()) + "\n";
  for (std::size_t i = 0; i < block.size(); ++i) {
    text += kHex[block[i] >> 4];
    text += kHex[block[i] & 15];
    if (i % 36 == 35) text += '\n';
  }
  return text + "\n";
}

std::string xmp(const std::string& orientation) {
  return "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:Description " + orientation + "</x:xmpmeta>";
}

const std::string kXmpHead = std::string("http://ns.adobe.com/xap/1.0/") + '\0';

int of(const File& block) {
  return exif_orientation({block.data(), block.size()});
}

// What the whole picture says: with these segments in a JPEG, and with these chunks in a PNG.
int of_jpeg(const File& segments) {
  const File file = pictures::with_segment(pictures::read("jpeg_444.jpg"), segments);
  const auto jpeg = JpegFile::open(pictures::bytes(file), {});
  REQUIRE(jpeg.ok());
  return jpeg->orientation();
}
int of_png(const File& chunks, bool late = false) {
  const File plain = pictures::read("png_color2_8bit.png");
  const File file = pictures::with(plain, late ? plain.size() - 12 : 33, chunks);
  const auto png = PngFile::open(pictures::bytes(file), {});
  REQUIRE(png.ok());
  return png->orientation();
}

}  // namespace

TEST_CASE("exif: the eight orientations, in either byte order") {
  const File jpeg = pictures::read("jpeg_444.jpg");
  auto stored = decode_image(pictures::bytes(jpeg), "photo");
  REQUIRE(stored.ok());
  const Index w = stored->width(), h = stored->height();
  for (int orientation = 0; orientation <= 9; ++orientation) {
    CAPTURE(orientation);
    for (const bool little_endian : {false, true}) {
      const File file = pictures::with_segment(jpeg, app1(kHead + tiff(orientation, little_endian)));
      auto image = decode_image(pictures::bytes(file), "photo");
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
      auto plain = decode_image(pictures::bytes(file), "photo", ignore);
      REQUIRE(plain.ok());
      CHECK(plain->width() == w);
      CHECK(plain->rgb(0, 0) == stored->rgb(0, 0));
    }
  }
  const File png = pictures::read("png_color2_8bit.png"), turned_png = pictures::with(png, 33, chunk("eXIf", tiff(6)));
  const auto upright = decode_image(pictures::bytes(png), "photo");
  const auto turned = decode_image(pictures::bytes(turned_png), "photo");
  REQUIRE(turned.ok());
  CHECK(turned->width() == upright->height());
  CHECK(turned->rgb(turned->width() - 1, 0) == upright->rgb(0, 0));
}

TEST_CASE("exif: the entry may be any type of integer, and hold more than one") {
  for (const bool little : {false, true}) {
    CAPTURE(little);
    const File pair = little ? File{6, 0, 3, 0} : File{0, 6, 0, 3};
    CHECK(of(tiff(little, kShort, 1, pair)) == 6);
    CHECK(of(tiff(little, kShort, 2, pair)) == 6);
    CHECK(of(tiff(little, kSignedShort, 1, pair)) == 6);
    const File number = little ? File{6, 0, 0, 0} : File{0, 0, 0, 6};
    CHECK(of(tiff(little, kLong, 1, number)) == 6);
    CHECK(of(tiff(little, kSignedLong, 1, number)) == 6);
    CHECK(of(tiff(little, kByte, 1, {6, 0, 0, 0})) == 6);
    CHECK(of(tiff(little, kByte, 4, {6, 1, 1, 1})) == 6);
    // More than four bytes stand elsewhere: here behind the directory, in which no more entries follow.
    const File elsewhere = little ? File{26, 0, 0, 0} : File{0, 0, 0, 26};
    CHECK(of(tiff(little, kShort, 3, elsewhere) + pair) == 6);
    CHECK(of(tiff(little, kLong, 2, elsewhere) + number) == 6);
    CHECK(of(tiff(little, kLong, 2, elsewhere)) == 1);  // and is not there
    CHECK(of(tiff(little, kText, 2, {'6', 0, 0, 0})) == 1);
    CHECK(of(tiff(little, kShort, 0, pair)) == 1);
    CHECK(of(tiff(little, kLong, 1, little ? File{6, 0, 1, 0} : File{0, 1, 0, 6})) == 1);
  }
  File swapped = tiff(6);  // its mark written in the other order
  std::swap(swapped[2], swapped[3]);
  CHECK(of(swapped) == 6);
  CHECK(of(kHead + tiff(6)) == 6);
  CHECK(of(kHead + kHead + tiff(6)) == 6);
}

TEST_CASE("exif: a damaged block says nothing") {
  const File block = tiff(6, true);
  for (std::size_t size = 0; size < 22; ++size) CHECK(exif_orientation({block.data(), size}) == 0);
  CHECK(of(block) == 6);
  for (const std::size_t at : {0u, 2u, 4u, 5u, 7u, 10u}) {
    File damaged = block;
    damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ 0xff);
    CHECK(of(damaged) == 0);
  }
  CHECK(of({}) == 0);
}

TEST_CASE("exif: in a JPEG, the first block that says something counts, and EXIF before XMP") {
  const File good = app1(kHead + tiff(6)), other = app1(kHead + tiff(3));
  CHECK(of_jpeg({}) == 1);
  CHECK(of_jpeg(good) == 6);
  CHECK(of_jpeg(app1(kHead + kHead + tiff(6))) == 6);
  CHECK(of_jpeg(app1(kHead) + good) == 6);
  CHECK(of_jpeg(app1(kHead + File{'I', 'I', 42}) + good) == 6);
  CHECK(of_jpeg(app1(kHead + tiff(6, true)) + other) == 6);
  CHECK(of_jpeg(File{0xff, 0xe1, 0, 0} + kHead + tiff(6)) == 1);  // a segment of no length
  CHECK(of_jpeg(app1(tiff(6))) == 1);                             // without its head it may be anything
  const auto packet = [](const std::string& orientation) { return app1(bytes_of(kXmpHead + xmp(orientation))); };
  CHECK(of_jpeg(packet("tiff:Orientation=\"6\"/>")) == 6);
  CHECK(of_jpeg(packet("tiff:Orientation='6'/>")) == 6);
  CHECK(of_jpeg(packet("><tiff:Orientation>6</tiff:Orientation>")) == 6);
  CHECK(of_jpeg(packet("tiff:Orientation=\"9\"/>")) == 1);
  CHECK(of_jpeg(packet("tiff:Orientation tiff:Orientation=\"6\"/>")) == 6);
  CHECK(of_jpeg(packet("tiff:Orientation")) == 1);
  CHECK(of_jpeg(packet("tiff:Orientation=\"6\"/>") + other) == 3);
  CHECK(of_jpeg(packet("tiff:Orientation=\"6\"/>") + app1(kHead + tiff(0))) == 1);  // said, if nonsense
  CHECK(of_jpeg(packet("tiff:Orientation=\"6\"/>") + app1(kHead)) == 6);
}

TEST_CASE("exif: in a PNG, as a chunk of its own, as ImageMagick's text and in XMP") {
  CHECK(of_png({}) == 1);
  for (const bool late : {false, true}) {
    CAPTURE(late);
    CHECK(of_png(chunk("eXIf", tiff(6)), late) == 6);
    CHECK(of_png(chunk("eXIf", kHead + tiff(6)), late) == 6);
    const File name = bytes_of("Raw profile type exif") + File{0};
    const std::string profile = raw_profile(kHead + tiff(6, true));
    CHECK(of_png(chunk("tEXt", name + bytes_of(profile)), late) == 6);
    CHECK(of_png(chunk("zTXt", name + File{0} + packed(profile)), late) == 6);
    // Longer than what is looked at.
    CHECK(of_png(chunk("zTXt", name + File{0} + packed(raw_profile(kHead + tiff(6) + File(30000)))), late) == 6);
    const File xmp_name = bytes_of("XML:com.adobe.xmp") + File{0};
    const std::string packet = xmp("tiff:Orientation=\"6\"/>");
    CHECK(of_png(chunk("iTXt", xmp_name + File{0, 0, 0, 0} + bytes_of(packet)), late) == 6);
    CHECK(of_png(chunk("iTXt", xmp_name + File{1, 0, 'e', 'n', 0, 'x', 0} + packed(packet)), late) == 6);
    CHECK(of_png(chunk("iTXt", xmp_name + File{0, 0, 0, 0} + bytes_of(packet)) + chunk("eXIf", tiff(3)), late) == 3);
  }
  // Cut short anywhere, they say nothing and break nothing.
  const File name = bytes_of("Raw profile type exif") + File{0};
  for (const File& body :
       {name + bytes_of(raw_profile(tiff(6))), name + File{0} + packed(raw_profile(tiff(6))),
        bytes_of("XML:com.adobe.xmp") + File{0, 1, 0, 0, 0} + packed(xmp("tiff:Orientation='6'/>"))}) {
    for (std::size_t size = 0; size < body.size(); ++size) {
      Orientation orientation;
      for (const char* type : {"tEXt", "zTXt", "iTXt", "eXIf"}) orientation.read_png_chunk(type, {body.data(), size});
      CHECK((orientation.value() == 1 || orientation.value() == 6));
    }
  }
}
