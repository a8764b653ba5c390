// What a stream of frames says of itself: Y4M (YUV4MPEG2), or pictures one after the other as PGM, PPM and PAM.
//
// Y4M has one line for all frames, "YUV4MPEG2 W640 H480 F30:1 C420jpeg XCOLORRANGE=FULL", then before each "FRAME". A frame
// is its planes Y, Cb, Cr, whose sides are rounded up where chroma has fewer samples. PNM has a header before each frame.
// Traps: without C it is 420jpeg; without XCOLORRANGE the range is limited; F0:0 is no rate; the matrix of the colours is
// told nowhere (see frame_colors.hpp). Samples have 8 bits here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/numerals.hpp"
#include "segface/base/status.hpp"
#include "segface/image/image.hpp"
#include "segface/image/limits.hpp"

SEGFACE_BEGIN_CORE

// Where the samples of chroma lie among those of luma, and how many there are.
struct ChromaLayout {
  std::string_view name;  // behind C in a header
  bool halves_columns, halves_rows;
  bool on_columns, on_rows;  // of halves: sample i lies on column 2 i; else between 2 i and 2 i + 1
};
inline constexpr ChromaLayout kChromaLayouts[] = {
    {"420jpeg", true, true, false, false}, {"420mpeg2", true, true, true, false}, {"420paldv", true, true, true, true},
    {"422", true, false, true, false},     {"444", false, false, false, false},
};

struct FrameFormat {
  enum class Kind : std::uint8_t { y4m, pgm, ppm, pam };

  Kind kind = Kind::y4m;
  Index width = 0, height = 0;
  const ChromaLayout* chroma = nullptr;           // of Y4M; null where there is luma alone
  bool full_range = false;                        // of Y4M: 0 to 255; else luma 16 to 235, chroma 16 to 240
  Index channels = 1;                             // of PNM: 1, 3, or 4 with alpha
  std::uint64_t frames = 0, seconds = 1;          // of Y4M: so many frames in so many seconds; 0 is no rate
  std::string interlacing = "p", aspect = "0:0";  // of Y4M, as written
  std::string header;                             // of Y4M: its line as it came, with the end of the line

  bool is_y4m() const noexcept { return kind == Kind::y4m; }
  bool is_gray() const noexcept { return is_y4m() ? chroma == nullptr : channels == 1; }
  // Frames a second; 0 where it is not told.
  double rate() const noexcept { return static_cast<double>(frames) / static_cast<double>(seconds); }
  Index chroma_width() const noexcept {
    return chroma == nullptr ? 0 : chroma->halves_columns ? (width + 1) / 2 : width;
  }
  Index chroma_height() const noexcept {
    return chroma == nullptr ? 0 : chroma->halves_rows ? (height + 1) / 2 : height;
  }
  std::size_t frame_bytes() const noexcept {
    const Index bytes = is_y4m() ? width * height + 2 * chroma_width() * chroma_height() : width * height * channels;
    return static_cast<std::size_t>(bytes);
  }
  // Whether frames of the other follow those of this in one stream.
  bool goes_on_as(const FrameFormat& other) const noexcept {
    return kind == other.kind && width == other.width && height == other.height && channels == other.channels;
  }

  // The format of one value a pixel, which goes along with this: of luma alone and the full range, or PGM.
  FrameFormat gray() const {
    FrameFormat one = *this;
    one.chroma = nullptr, one.channels = 1, one.full_range = true;
    if (!is_y4m()) one.kind = Kind::pgm;
    one.header = one.stream_header();
    return one;
  }
  // Colours with alpha: PAM.
  FrameFormat with_alpha() const {
    FrameFormat rgba = *this;
    rgba.kind = Kind::pam, rgba.channels = 4, rgba.chroma = nullptr;
    rgba.header.clear();
    return rgba;
  }

  // What comes before all frames, as ffmpeg writes it; of PNM nothing.
  std::string stream_header() const {
    if (!is_y4m()) return {};
    std::string line = "YUV4MPEG2 W" + decimal(static_cast<std::uint64_t>(width)) + " H" +
                       decimal(static_cast<std::uint64_t>(height)) + " F" + decimal(frames) + ":" + decimal(seconds) +
                       " I" + interlacing + " A" + aspect + " C";
    line += chroma == nullptr ? std::string_view("mono") : chroma->name;
    return line + " XCOLORRANGE=" + (full_range ? "FULL" : "LIMITED") + "\n";
  }
  // And before each.
  std::string frame_header() const {
    const std::string w = decimal(static_cast<std::uint64_t>(width)), h = decimal(static_cast<std::uint64_t>(height));
    if (is_y4m()) return "FRAME\n";
    if (kind != Kind::pam) return (kind == Kind::pgm ? "P5\n" : "P6\n") + w + " " + h + "\n255\n";
    return "P7\nWIDTH " + w + "\nHEIGHT " + h + "\nDEPTH " + decimal(static_cast<std::uint64_t>(channels)) +
           "\nMAXVAL 255\nTUPLTYPE " +
           (channels == 1   ? "GRAYSCALE"
            : channels == 3 ? "RGB"
                            : "RGB_ALPHA") +
           "\nENDHDR\n";
  }
};

// A field of a Y4M header behind its letter. Errors: bad_format, unsupported_image.
inline Status read_y4m_field(std::string_view field, FrameFormat& format) {
  const char letter = field[0];
  const std::string_view value = field.substr(1);
  const auto number_of = [](std::string_view text, Index& number) {
    std::uint64_t read = 0;
    if (text.size() > 9 || !parse_decimal(text, read)) return false;
    number = static_cast<Index>(read);
    return true;
  };
  const auto strange = [&](const char* expected) {
    return error(Errc::bad_format, "Y4M: the header has '", field, "', expected ", expected);
  };
  switch (letter) {
    case 'W':
      return number_of(value, format.width) ? Status() : strange("W and the width in pixels");
    case 'H':
      return number_of(value, format.height) ? Status() : strange("H and the height in pixels");
    case 'F': {
      const std::size_t colon = value.find(':');
      Index frames = 0, seconds = 0;
      if (colon == std::string_view::npos || !number_of(value.substr(0, colon), frames) ||
          !number_of(value.substr(colon + 1), seconds)) {
        return strange("F and a rate, as F30:1 or F30000:1001");
      }
      const bool known = frames != 0 && seconds != 0;
      format.frames = known ? static_cast<std::uint64_t>(frames) : 0;
      format.seconds = known ? static_cast<std::uint64_t>(seconds) : 1;
      return {};
    }
    case 'I':
      format.interlacing = value;
      return {};
    case 'A':
      format.aspect = value;
      return {};
    case 'X':
      if (value == "COLORRANGE=FULL") format.full_range = true;
      if (value == "COLORRANGE=LIMITED") format.full_range = false;
      return {};
    case 'C':
      format.chroma = nullptr;
      if (value == "mono") return {};
      for (const ChromaLayout& layout : kChromaLayouts) {
        if (value == layout.name) format.chroma = &layout;
      }
      if (value == "420") format.chroma = &kChromaLayouts[0];
      if (format.chroma != nullptr) return {};
      return error(Errc::unsupported_image, "Y4M: samples of the kind '", value,
                   "' are not read, only 8 bits of 420jpeg, 420mpeg2, 420paldv, 422, 444 and mono; ",
                   "ffmpeg's -pix_fmt yuv420p makes such");
    default:
      return strange("W, H, F, I, A, C or X in front");
  }
}

// The line of a Y4M stream, without the end of the line. Errors: bad_format, unsupported_image, limit_exceeded.
inline Result<FrameFormat> read_y4m_header(std::string_view line, const ImageLimits& limits) {
  FrameFormat format;
  format.chroma = &kChromaLayouts[0];
  format.header = std::string(line) + '\n';
  std::string_view rest = line.substr(std::string_view("YUV4MPEG2").size());
  bool has_width = false, has_height = false;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view field = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (field.empty()) continue;
    bool* const size = field[0] == 'W' ? &has_width : field[0] == 'H' ? &has_height : nullptr;
    if (size != nullptr && *size) return error(Errc::bad_format, "Y4M: the header has ", field[0], " twice");
    if (size != nullptr) *size = true;
    SEGFACE_RETURN_IF_ERROR(read_y4m_field(field, format));
  }
  if (!has_width || !has_height) {
    return error(Errc::bad_format, "Y4M: the header has no ", has_width ? "height: expected H" : "width: expected W",
                 " and a number of pixels");
  }
  SEGFACE_RETURN_IF_ERROR(in_context(check_sides(format.width, format.height, limits), "Y4M"));
  return Result<FrameFormat>(std::move(format));
}

SEGFACE_END_CORE
