// FrameReader: the frames of a stream (see frame_format.hpp), one after the other, as they came.
//
// A frame's bytes and its header are kept as they are, so that what is not changed can be passed on byte for byte. Sizes
// are checked before anything is allocated, and frames that follow need the memory of the first. Messages tell the number
// of the frame, from 1.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "segface/base/config.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/numerals.hpp"
#include "segface/base/status.hpp"
#include "segface/image/frame_format.hpp"
#include "segface/image/limits.hpp"
#include "segface/image/sniff.hpp"

SEGFACE_BEGIN_CORE

// A frame as it came: planes or pixels, and the bytes in front of them.
struct Frame {
  std::string header;
  Buffer<std::uint8_t> data;
};

class FrameReader {
 public:
  // Gives some bytes, at most as many as there is room for, or 0 at the end.
  using Source = std::function<Result<std::size_t>(Span<std::uint8_t>)>;

  // Reads what comes before the first frame's samples. Errors: bad_format (no stream), unsupported_image (another kind of
  // samples), truncated, limit_exceeded, out_of_memory, those of the source.
  static Result<FrameReader> open(Source source, const ImageLimits& limits = {}) noexcept {
    return guarded([&]() -> Result<FrameReader> {
      FrameReader reader;
      reader.source_ = std::move(source);
      reader.limits_ = limits;
      SEGFACE_ASSIGN(room, Buffer<std::uint8_t>::make(kBufferBytes));
      reader.buffer_ = std::move(room);
      SEGFACE_RETURN_IF_ERROR(reader.begin());
      return Result<FrameReader>(std::move(reader));
    });
  }

  const FrameFormat& format() const noexcept { return format_; }
  // Frames that were read.
  Index count() const noexcept { return count_; }

  // The next frame, in the memory of `frame` where that is large enough; false where there is none. Errors: truncated (it
  // ends too early), bad_format (no frame, or one of another kind or size), out_of_memory, those of the source; then there
  // is no next one.
  Result<bool> next(Frame& frame) noexcept {
    return guarded([&]() -> Result<bool> {
      const Result<bool> read = read_frame(frame);
      if (!read.ok()) return in_context(read.error(), "frame ", count_ + 1);
      if (*read) ++count_;
      return read;
    });
  }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 16;
  static constexpr std::size_t kMostOfHeader = 2048;
  static constexpr std::string_view kY4m = "YUV4MPEG2";

  FrameReader() noexcept = default;

  // ---- bytes ----------------------------------------------------------------------------------------------------

  // Has `least` bytes in the buffer, or all that there are.
  Status fill(std::size_t least) {
    if (end_ - at_ >= least) return {};
    std::copy(buffer_.data() + at_, buffer_.data() + end_, buffer_.data());
    end_ -= at_, at_ = 0;
    while (end_ < least && !ended_) {
      SEGFACE_ASSIGN(got, source_(buffer_.span().subspan(end_, buffer_.size() - end_)));
      ended_ = got == 0;
      end_ += got;
    }
    return {};
  }
  std::string_view ahead() const noexcept { return {reinterpret_cast<const char*>(buffer_.data() + at_), end_ - at_}; }
  // A byte of a header, which is added to it. Errors: truncated, bad_format.
  Result<char> take(std::string& header) {
    SEGFACE_RETURN_IF_ERROR(fill(1));
    if (at_ == end_) return error(Errc::truncated, "the stream ends within a header");
    if (header.size() >= kMostOfHeader) {
      return error(Errc::bad_format, "a header of more than ", kMostOfHeader, " bytes");
    }
    header += static_cast<char>(buffer_[at_]);
    ++at_;
    return header.back();
  }
  // A line, without its end, which is in the header too.
  Result<std::string> take_line(std::string& header) {
    std::string line;
    while (true) {
      SEGFACE_ASSIGN(byte, take(header));
      if (byte == '\n') return line;
      line += byte;
    }
  }
  Status read_samples(Span<std::uint8_t> out) {
    std::size_t done = std::min(out.size(), end_ - at_);
    std::copy_n(buffer_.data() + at_, done, out.data());
    at_ += done;
    while (done < out.size()) {
      std::size_t got = 0;
      if (!ended_) {
        SEGFACE_ASSIGN(more, source_(out.subspan(done, out.size() - done)));
        got = more;
      }
      if (got == 0) {
        ended_ = true;
        return error(Errc::truncated, "the stream ends after ", done, " of its ", out.size(), " bytes");
      }
      done += got;
    }
    return {};
  }

  // ---- headers --------------------------------------------------------------------------------------------------

  Status begin() {
    SEGFACE_RETURN_IF_ERROR(fill(512));
    if (ahead().substr(0, kY4m.size()) != kY4m) {
      const std::string_view kind = sniff_format(Bytes(buffer_.data() + at_, end_ - at_));
      if (kind != "PNM") {
        return error(Errc::bad_format, kind == "empty" ? "no stream: there are no bytes" : "no stream of frames but ",
                     kind == "empty" ? "" : kind, "; expected Y4M, PPM, PGM or PAM, which `ffmpeg -i FILE -f ",
                     "yuv4mpegpipe -` makes of any video");
      }
      SEGFACE_ASSIGN(format, read_pnm_header(pending_));
      format_ = std::move(format);
      return {};
    }
    std::string header;
    SEGFACE_ASSIGN(line, take_line(header));
    if (line.size() > kY4m.size() && line[kY4m.size()] != ' ') {
      return error(Errc::bad_format, "Y4M: the header begins with '", line.substr(0, kY4m.size() + 1), "'");
    }
    SEGFACE_ASSIGN(format, read_y4m_header(line, limits_));
    format_ = std::move(format);
    return {};
  }

  Result<bool> read_frame(Frame& frame) {
    frame.header = std::exchange(pending_, std::string());
    if (frame.header.empty()) {
      SEGFACE_RETURN_IF_ERROR(fill(1));
      if (at_ == end_) return false;
      SEGFACE_RETURN_IF_ERROR(format_.is_y4m() ? read_y4m_frame_header(frame.header) : read_next_pnm(frame.header));
    }
    const std::size_t bytes = format_.frame_bytes();
    if (frame.data.size() != bytes) {
      SEGFACE_ASSIGN(room, Buffer<std::uint8_t>::make(bytes));
      frame.data = std::move(room);
    }
    SEGFACE_RETURN_IF_ERROR(read_samples(frame.data.span()));
    return true;
  }

  Status read_y4m_frame_header(std::string& header) {
    SEGFACE_RETURN_IF_ERROR(fill(kY4m.size()));
    if (ahead().substr(0, kY4m.size()) == kY4m) {
      return error(Errc::bad_format, "another header of a stream; expected FRAME: all frames have one size and kind");
    }
    SEGFACE_ASSIGN(line, take_line(header));
    if (line == "FRAME" || line.substr(0, 6) == "FRAME ") return {};
    return error(Errc::bad_format, "begins with '", line.substr(0, 16), "', expected FRAME");
  }

  Status read_next_pnm(std::string& header) {
    SEGFACE_ASSIGN(format, read_pnm_header(header));
    if (format_.goes_on_as(format)) return {};
    return error(Errc::bad_format, "of ", format.width, " x ", format.height, " pixels of ", format.channels,
                 " bytes, behind frames of ", format_.width, " x ", format_.height, " pixels of ", format_.channels,
                 "; all frames have one size and kind");
  }

  // Errors: bad_format, unsupported_image, truncated, limit_exceeded.
  Result<FrameFormat> read_pnm_header(std::string& header) {
    FrameFormat format;
    SEGFACE_ASSIGN(first, take(header));
    SEGFACE_ASSIGN(second, take(header));
    if (first != 'P' || second < '1' || second > '7') {
      return error(Errc::bad_format, "begins with '", header, "', expected P5, P6 or P7");
    }
    if (second < '5') {
      return error(Errc::unsupported_image, "PNM: pictures of the kind '", header,
                   "' are not read, only P5 (PGM), P6 (PPM) and P7 (PAM)");
    }
    std::uint64_t most = 0;
    if (second == '7') {
      SEGFACE_RETURN_IF_ERROR(read_pam_lines(header, format, most));
    } else {
      format.kind = second == '5' ? FrameFormat::Kind::pgm : FrameFormat::Kind::ppm;
      format.channels = second == '5' ? 1 : 3;
      SEGFACE_ASSIGN(width, take_number(header, "the width"));
      SEGFACE_ASSIGN(height, take_number(header, "the height"));
      SEGFACE_ASSIGN(maximum, take_number(header, "the largest value"));
      format.width = static_cast<Index>(width), format.height = static_cast<Index>(height), most = maximum;
    }
    if (most != 255) {
      return error(Errc::unsupported_image, "PNM: samples from 0 to ", most,
                   " are not read, only those from 0 to 255; ffmpeg's -pix_fmt rgb24 makes such");
    }
    SEGFACE_RETURN_IF_ERROR(in_context(check_sides(format.width, format.height, limits_), "PNM"));
    return Result<FrameFormat>(std::move(format));
  }

  // A number behind blanks and comments, and the blank that ends it.
  Result<std::uint64_t> take_number(std::string& header, const char* what) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
    std::string digits;
    while (true) {
      SEGFACE_ASSIGN(byte, take(header));
      if (byte == '#') {
        SEGFACE_ASSIGN(comment, take_line(header));
        static_cast<void>(comment);
        if (!digits.empty()) break;
      } else if (!is_blank(byte)) {
        digits += byte;
      } else if (!digits.empty()) {
        break;
      }
    }
    std::uint64_t number = 0;
    if (digits.size() <= 9 && parse_decimal(digits, number)) return number;
    return error(Errc::bad_format, "PNM: ", what, " is '", digits.substr(0, 16), "', expected a whole number");
  }

  Status read_pam_lines(std::string& header, FrameFormat& format, std::uint64_t& most) {
    format.kind = FrameFormat::Kind::pam;
    std::uint64_t width = 0, height = 0, depth = 0;
    const std::pair<std::string_view, std::uint64_t*> fields[] = {
        {"WIDTH", &width}, {"HEIGHT", &height}, {"DEPTH", &depth}, {"MAXVAL", &most}};
    bool seen[4] = {};
    while (true) {
      SEGFACE_ASSIGN(line, take_line(header));
      if (line == "ENDHDR") break;
      const std::size_t blank = std::min(line.find(' '), line.size());
      const std::string_view name = std::string_view(line).substr(0, blank);
      for (std::size_t i = 0; i < 4; ++i) {
        if (name != fields[i].first) continue;
        const std::string_view value = std::string_view(line).substr(std::min(blank + 1, line.size()));
        if (value.size() > 9 || !parse_decimal(value, *fields[i].second)) {
          return error(Errc::bad_format, "PAM: the header has '", line.substr(0, 40), "', expected ", name,
                       " and a whole number");
        }
        seen[i] = true;
      }
    }
    for (std::size_t i = 0; i < 4; ++i) {
      if (!seen[i]) return error(Errc::bad_format, "PAM: the header has no ", fields[i].first);
    }
    if (depth != 1 && depth != 3 && depth != 4) {
      return error(Errc::unsupported_image, "PAM: pixels of ", depth,
                   " values are not read, only gray of 1, colours of 3, and of 4 with alpha; ffmpeg's -pix_fmt rgba "
                   "makes such");
    }
    format.width = static_cast<Index>(width), format.height = static_cast<Index>(height);
    format.channels = static_cast<Index>(depth);
    return {};
  }

  Source source_;
  ImageLimits limits_;
  FrameFormat format_;
  Buffer<std::uint8_t> buffer_;  // what was read ahead is [at_, end_)
  std::size_t at_ = 0, end_ = 0;
  bool ended_ = false;   // the source has no more
  std::string pending_;  // the header of the first frame of PNM, which is read by open()
  Index count_ = 0;
};

SEGFACE_END_CORE
