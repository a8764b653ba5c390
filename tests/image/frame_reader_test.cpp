#include "segface/image/frame_reader.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "check_error.hpp"
#include "frames.hpp"

using namespace segface;
using namespace segface::core;
using test::check_error;
using test::samples;
using test::source_of;
using test::text_of;

namespace {

FrameReader reader_of(const std::string& stream, std::size_t at_a_time = 7) {
  auto reader = FrameReader::open(source_of(stream, at_a_time));
  CAPTURE(reader.error().message());
  REQUIRE(reader.ok());
  return std::move(*reader);
}
Status opening(const std::string& stream) {
  return FrameReader::open(source_of(stream)).error();
}
// Of the first frame that cannot be read.
Status reading(const std::string& stream) {
  FrameReader reader = reader_of(stream);
  Frame frame;
  while (true) {
    const Result<bool> read = reader.next(frame);
    if (!read.ok()) return read.error();
    REQUIRE(*read);
  }
}

const std::string kPpm = "P6\n3 2\n255\n" + samples(18);
const std::string kY4m = "YUV4MPEG2 W3 H2 C420jpeg\nFRAME\n" + samples(10);

}  // namespace

TEST_CASE("frames: a stream's bytes come back as they are, whatever their kind and however they arrive") {
  struct {
    std::string header, frame;
    std::size_t bytes;
  } const cases[] = {
      {"YUV4MPEG2 W5 H3 F30:1 Ip A0:0 C420jpeg XYSCSS=420JPEG\n", "FRAME\n", 15 + 2 * 6},
      {"YUV4MPEG2 H3 W5\n", "FRAME Ip\n", 15 + 2 * 6},
      {"YUV4MPEG2 W5 H3 C420\n", "FRAME\n", 15 + 2 * 6},
      {"YUV4MPEG2 W5 H3 C420mpeg2\n", "FRAME\n", 15 + 2 * 6},
      {"YUV4MPEG2 W5 H3 C420paldv\n", "FRAME\n", 15 + 2 * 6},
      {"YUV4MPEG2 W5 H3 C422\n", "FRAME\n", 15 + 2 * 9},
      {"YUV4MPEG2 W5 H3 C444\n", "FRAME\n", 15 + 2 * 15},
      {"YUV4MPEG2 W5 H3 Cmono\n", "FRAME\n", 15},
      {"", "P5\n5 3\n255\n", 15},
      {"", "P6 # made by hand\n# twice\n5\t3 255\n", 45},
      {"", "P7\nWIDTH 5\nHEIGHT 3\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n", 60},
      {"", "P7\nHEIGHT 3\nWIDTH 5\n# odd\nMAXVAL 255\nDEPTH 3\nENDHDR\n", 45},
  };
  for (const auto& one : cases) {
    CAPTURE(one.header);
    CAPTURE(one.frame);
    std::string stream = one.header;
    for (unsigned i = 1; i <= 3; ++i) stream += one.frame + samples(one.bytes, i);
    for (const std::size_t at_a_time : {std::size_t{1}, std::size_t{1} << 20}) {
      FrameReader reader = reader_of(stream, at_a_time);
      CHECK(reader.format().width == 5);
      CHECK(reader.format().height == 3);
      CHECK(reader.format().header == one.header);
      std::string back = reader.format().header;
      Frame frame;
      const std::uint8_t* memory = nullptr;
      for (int i = 0; i < 3; ++i) {
        const auto read = reader.next(frame);
        REQUIRE(read.ok());
        REQUIRE(*read);
        if (i > 0) CHECK(frame.data.data() == memory);
        memory = frame.data.data();
        back += frame.header + std::string(text_of(frame));
      }
      CHECK(back == stream);
      CHECK(reader.count() == 3);
      const auto none = reader.next(frame);
      REQUIRE(none.ok());
      CHECK_FALSE(*none);
    }
  }
}

TEST_CASE("frames: rate, range and chroma are those of the header, or what holds without it") {
  const FrameFormat bare = reader_of("YUV4MPEG2 W4 H2\n").format();
  CHECK(bare.rate() == 0);
  CHECK_FALSE(bare.full_range);
  CHECK(bare.chroma->name == "420jpeg");
  const FrameFormat told = reader_of("YUV4MPEG2 W4 H2 F30000:1001 It A1:1 C422 XCOLORRANGE=FULL\n").format();
  CHECK(told.rate() == doctest::Approx(29.97).epsilon(1e-4));
  CHECK(told.full_range);
  CHECK(told.chroma->name == "422");
  CHECK(reader_of("YUV4MPEG2 W4 H2 F0:0\n").format().rate() == 0);
  CHECK(reader_of("YUV4MPEG2 W4 H2 F25:0\n").format().rate() == 0);
  CHECK(told.stream_header() == "YUV4MPEG2 W4 H2 F30000:1001 It A1:1 C422 XCOLORRANGE=FULL\n");
  CHECK(told.gray().header == "YUV4MPEG2 W4 H2 F30000:1001 It A1:1 Cmono XCOLORRANGE=FULL\n");
  CHECK(told.gray().frame_bytes() == 8);
  const FrameFormat colors = reader_of(kPpm).format();
  CHECK(colors.gray().stream_header().empty());
  CHECK(colors.gray().frame_header() == "P5\n3 2\n255\n");
  CHECK(colors.frame_header() == "P6\n3 2\n255\n");
  CHECK(colors.with_alpha().frame_header() ==
        "P7\nWIDTH 3\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n");
}

TEST_CASE("frames: what is no stream is called by its name") {
  check_error(opening(""), Errc::bad_format, {"no bytes", "Y4M"});
  check_error(opening("\xff\xd8\xff\xe0 and so on"), Errc::bad_format, {"JPEG", "yuv4mpegpipe"});
  check_error(opening(std::string("\0\0\0\x18"
                                  "ftypisom",
                                  12)),
              Errc::bad_format, {"a video", "ffmpeg"});
  check_error(opening("words and words"), Errc::bad_format, {"text"});
  check_error(opening("YUV4MPEG3 W4 H4\n"), Errc::bad_format, {"no stream of frames"});
  check_error(opening("YUV4MPEG2W4 H4\n"), Errc::bad_format, {"'YUV4MPEG2W'"});
}

TEST_CASE("frames: headers that lack fields, or have strange ones, are refused before anything is allocated") {
  check_error(opening("YUV4MPEG2 H4\n"), Errc::bad_format, {"no width", "W"});
  check_error(opening("YUV4MPEG2 W4 F25:1\n"), Errc::bad_format, {"no height"});
  check_error(opening("YUV4MPEG2\n"), Errc::bad_format, {"no width"});
  check_error(opening("YUV4MPEG2 W4 H4"), Errc::truncated, {"within a header"});
  check_error(opening("YUV4MPEG2 W4 H4 W8\n"), Errc::bad_format, {"W twice"});
  check_error(opening("YUV4MPEG2 W-4 H4\n"), Errc::bad_format, {"'W-4'"});
  check_error(opening("YUV4MPEG2 W4 H4x\n"), Errc::bad_format, {"'H4x'"});
  check_error(opening("YUV4MPEG2 W4 H4 F25\n"), Errc::bad_format, {"'F25'", "F30:1"});
  check_error(opening("YUV4MPEG2 W4 H4 Q7\n"), Errc::bad_format, {"'Q7'"});
  check_error(opening("YUV4MPEG2 W4 H4 X" + std::string(5000, 'x')), Errc::bad_format, {"2048"});
  check_error(opening("P6\n3 2\n"), Errc::truncated, {"header"});
  check_error(opening("P6\nthree 2\n255\n"), Errc::bad_format, {"width", "'three'"});
  check_error(opening("P6\n3 2 1234567890123 "), Errc::bad_format, {"largest value"});
  check_error(opening("P7\nWIDTH 3\nDEPTH 3\nMAXVAL 255\nENDHDR\n"), Errc::bad_format, {"PAM", "no HEIGHT"});
  check_error(opening("P7\nWIDTH x\nENDHDR\n"), Errc::bad_format, {"'WIDTH x'"});
}

TEST_CASE("frames: samples of other kinds are refused with what makes those that are read") {
  for (const char* kind : {"420p10", "422p10", "444p12", "mono16", "411", "444alpha", "410"}) {
    check_error(opening("YUV4MPEG2 W4 H4 C" + std::string(kind) + "\n"), Errc::unsupported_image,
                {kind, "8 bits", "-pix_fmt yuv420p"});
  }
  check_error(opening("P6\n4 4\n65535\n"), Errc::unsupported_image, {"65535", "rgb24"});
  check_error(opening("P6\n4 4\n1023\n"), Errc::unsupported_image, {"1023"});
  check_error(opening("P4\n4 4\n"), Errc::unsupported_image, {"P4", "P6"});
  check_error(opening("P7\nWIDTH 4\nHEIGHT 4\nDEPTH 2\nMAXVAL 255\nENDHDR\n"), Errc::unsupported_image, {"2", "rgba"});
}

TEST_CASE("frames: absurd sizes are refused before anything is allocated") {
  for (const char* size : {"W999999999 H999999999", "W0 H4", "W4 H0", "W16385 H1", "W16384 H16384"}) {
    check_error(opening("YUV4MPEG2 " + std::string(size) + "\n"), Errc::limit_exceeded, {"pixels"});
  }
  check_error(opening("P6\n999999999 2\n255\n"), Errc::limit_exceeded, {"999999999"});
  check_error(opening("P5\n0 2\n255\n"), Errc::limit_exceeded, {"0 x 2"});
  check_error(opening("P7\nWIDTH 20000\nHEIGHT 20000\nDEPTH 4\nMAXVAL 255\nENDHDR\n"), Errc::limit_exceeded, {"20000"});
}

TEST_CASE("frames: a short last frame, another size, and what is no frame are told with the frame's number") {
  check_error(reading(kY4m + "FRAME\n" + samples(4)), Errc::truncated, {"frame 2", "4 of its 10 bytes"});
  check_error(reading(kY4m + "FRAM"), Errc::truncated, {"frame 2", "header"});
  check_error(reading(kY4m + "FRAMES\n"), Errc::bad_format, {"frame 2", "'FRAMES'"});
  check_error(reading(kY4m + kY4m), Errc::bad_format, {"frame 2", "another header", "one size"});
  check_error(reading(kPpm + kPpm + kPpm.substr(0, 20)), Errc::truncated, {"frame 3"});
  check_error(reading(kPpm + "P6\n2 3\n255\n" + samples(18)), Errc::bad_format, {"frame 2", "2 x 3", "3 x 2"});
  check_error(reading(kPpm + "P5\n3 2\n255\n" + samples(6)), Errc::bad_format, {"frame 2", "one size and kind"});
  check_error(reading(kPpm + "P6\n3 2\n65535\n"), Errc::unsupported_image, {"frame 2", "65535"});
  check_error(reading(kPpm + "\n"), Errc::truncated, {"frame 2"});
  check_error(reading(kPpm + "XY"), Errc::bad_format, {"frame 2", "'XY'"});
  const auto failing = [](Span<std::uint8_t>) -> Result<std::size_t> { return error(Errc::io, "gone"); };
  check_error(FrameReader::open(failing).error(), Errc::io, {"gone"});
}
