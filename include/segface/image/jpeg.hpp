// Checks a JPEG before stb_image decodes it: the decoder is quick and forgiving, so everything that must be refused is
// refused here, from the markers alone.
//
// A JPEG is a chain of segments (FF, marker, length, body); each scan (SOS) is followed by coded data up to the next
// marker. Read: baseline, extended and progressive, 8 bits, gray or three components, any sampling, restarts.
// Refused: cut files (stb would fill up with gray), more scans than the limits allow (each costs a whole picture),
// missing or doubled scans, Huffman tables that are none (stb_image 2.27 writes past its arrays), restart markers that
// do not count up, arithmetic coding, lossless, 12 bits, CMYK.
// Colour profiles are not applied. What follows the end marker (previews, a second picture) is ignored.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/endian.hpp"
#include "segface/base/memory.hpp"
#include "segface/base/status.hpp"
#include "segface/image/limits.hpp"

SEGFACE_BEGIN_NAMESPACE

class JpegFile {
 public:
  // Errors: truncated, corrupt, bad_format, unsupported_image, limit_exceeded.
  static Result<JpegFile> open(Bytes file, const ImageOptions& options) noexcept {
    JpegFile jpeg(file);
    SEGFACE_RETURN_IF_ERROR(jpeg.walk(options));
    return jpeg;
  }

  Index width() const noexcept { return width_; }
  Index height() const noexcept { return height_; }
  // Bytes that hold whole segments and coded data: all of the file, or what a cut one has left.
  Bytes usable() const noexcept { return file_.subspan(0, usable_); }
  // False for a file that was cut, which only ImageOptions::allow_truncated lets through.
  bool complete() const noexcept { return complete_; }
  // The TIFF block of the EXIF segment; empty where there is none. Points into the file.
  Bytes exif() const noexcept { return exif_; }

 private:
  enum Marker : std::uint8_t {
    kSof0 = 0xc0,  // 0xc0 .. 0xcf: a frame and its kind, but for three
    kDht = 0xc4,
    kJpg = 0xc8,
    kDac = 0xcc,
    kRst0 = 0xd0,  // .. 0xd7
    kSoi = 0xd8,
    kEoi = 0xd9,
    kSos = 0xda,
    kDqt = 0xdb,
    kDnl = 0xdc,
    kDri = 0xdd,
    kApp1 = 0xe1
  };
  struct Component {
    std::uint8_t id;
    Index across, down;  // samples in each unit of the picture
    int scans;           // with the mean of the blocks (DC) for the first time
  };

  explicit JpegFile(Bytes file) noexcept : file_(file) {}

  static Status bad(std::string_view what) noexcept { return error(Errc::bad_format, "JPEG: ", what); }
  static Status unsupported(std::string_view what) noexcept {
    return error(Errc::unsupported_image, "JPEG: ", what, " is not read; save it as an ordinary RGB JPEG or PNG");
  }
  Status truncated() const noexcept {
    return error(Errc::truncated, "JPEG: the file ends after ", file_.size(), " bytes, before its end marker");
  }

  Status walk(const ImageOptions& options) noexcept {
    if (file_.size() < 2 || file_[0] != 0xff || file_[1] != kSoi) {
      return error(Errc::unsupported_image, "JPEG: the start marker is missing");
    }
    std::size_t at = 2;
    for (;;) {
      usable_ = at;
      // Any number of FF may stand before a marker.
      if (at < file_.size() && file_[at] != 0xff) {
        return error(Errc::bad_format, "JPEG: a marker belongs at byte ", at);
      }
      while (at < file_.size() && file_[at] == 0xff) ++at;
      if (at >= file_.size()) return ended(options);
      const std::uint8_t marker = file_[at++];
      if (marker == kEoi) break;
      if (marker == 0 || marker == 1 || marker == kSoi || (marker >= kRst0 && marker <= kRst0 + 7)) {
        return error(Errc::bad_format, "JPEG: marker ", int{marker}, " at byte ", at - 1, " does not belong there");
      }
      if (file_.size() - at < 2) return ended(options);
      const std::size_t size = big<std::uint16_t>(file_.data() + at);
      if (size < 2) return error(Errc::bad_format, "JPEG: the segment at byte ", at, " is shorter than its length");
      if (size > file_.size() - at) return ended(options);
      const Bytes body = file_.subspan(at + 2, size - 2);
      at += size;
      SEGFACE_RETURN_IF_ERROR(segment(marker, body, options.limits));
      if (marker == kSos) SEGFACE_RETURN_IF_ERROR(coded_data(at, options.allow_truncated));
    }
    usable_ = file_.size();
    complete_ = true;
    return every_component_coded();
  }

  // The end of the file where the end marker has not come.
  Status ended(const ImageOptions& options) const noexcept {
    return options.allow_truncated && scans_ > 0 ? Status() : truncated();
  }

  Status every_component_coded() const noexcept {
    if (scans_ == 0) return bad("there are no pixels (no scan)");
    for (int c = 0; c < count_; ++c) {
      if (components_[c].scans == 0) return bad("a colour component has no scan");
    }
    return Status();
  }

  Status segment(std::uint8_t marker, Bytes body, const ImageLimits& limits) noexcept {
    if (marker == kDac) return unsupported("arithmetic coding");
    if (marker == kDnl) return unsupported("a height given after the pixels");
    if (marker >= kSof0 && marker <= 0xcf && marker != kDht && marker != kJpg) return frame(marker, body, limits);
    if (marker == kSos) return scan(body, limits);
    if (marker == kDht) return huffman_tables(body);
    if (marker == kDqt) return quantization_tables(body);
    if (marker == kDri) {
      if (body.size() != 2) return bad("the restart interval does not have 2 bytes");
      restart_interval_ = big<std::uint16_t>(body.data());
    }
    constexpr char kExif[] = "Exif\0";
    if (marker == kApp1 && exif_.empty() && body.size() > sizeof kExif &&
        std::memcmp(body.data(), kExif, sizeof kExif) == 0) {
      exif_ = body.subspan(sizeof kExif, body.size() - sizeof kExif);
    }
    return Status();
  }

  Status frame(std::uint8_t marker, Bytes body, const ImageLimits& limits) noexcept {
    const int kind = marker - kSof0;
    if (kind == 3 || kind == 7 || kind == 11 || kind == 15) return unsupported("lossless coding");
    if (kind > 8) return unsupported("arithmetic coding");
    if (kind > 2) return unsupported("hierarchical coding");
    if (count_ != 0) return bad("there are two frames");
    if (body.size() < 6 || body.size() != 6 + std::size_t{3} * body[5]) return bad("the frame header is damaged");
    if (body[0] != 8) return unsupported("a depth other than 8 bits");
    height_ = big<std::uint16_t>(body.data() + 1);
    width_ = big<std::uint16_t>(body.data() + 3);
    if (height_ == 0) return unsupported("a height given after the pixels");
    SEGFACE_RETURN_IF_ERROR(in_context(check_sides(width_, height_, limits), "JPEG"));
    if (body[5] == 4) return unsupported("CMYK");
    if (body[5] != 1 && body[5] != 3) return unsupported("a number of components other than 1 or 3");
    progressive_ = kind == 2;
    count_ = body[5];
    for (int c = 0; c < count_; ++c) {
      const std::uint8_t* entry = body.data() + 6 + 3 * c;
      components_[c] = {entry[0], entry[1] >> 4, entry[1] & 15, 0};
      const Component& it = components_[c];
      if (it.across < 1 || it.across > 4 || it.down < 1 || it.down > 4) return bad("the frame header is damaged");
      most_across_ = std::max(most_across_, it.across);
      most_down_ = std::max(most_down_, it.down);
    }
    return Status();
  }

  // Each table: precision (0: bytes, 1: pairs of bytes) and place, then 64 numbers.
  static Status quantization_tables(Bytes body) noexcept {
    for (std::size_t at = 0; at < body.size();) {
      const int precision = body[at] >> 4, place = body[at] & 15;
      if (precision > 1 || place > 3) return bad("a quantization table is damaged");
      const std::size_t size = 1 + (precision == 0 ? 64 : 128);
      if (size > body.size() - at) return bad("a quantization table ends too early");
      at += size;
    }
    return Status();
  }

  // Each table: class and place, the number of codes of 1 to 16 bits, and their symbols.
  static Status huffman_tables(Bytes body) noexcept {
    constexpr std::size_t kLengths = 16;
    for (std::size_t at = 0; at < body.size();) {
      if (body.size() - at < 1 + kLengths) return bad("a Huffman table ends too early");
      const bool means = body[at] >> 4 == 0;
      std::size_t symbols = 0;
      int left = 1;  // codes of this length that are still free
      for (std::size_t length = 1; length <= kLengths; ++length) {
        left = 2 * left - body[at + length];
        symbols += body[at + length];
        if (left < 0) return bad("a Huffman table holds more codes than there are");
      }
      if (body[at] >> 4 > 1 || (body[at] & 15) > 3 || symbols > 256) return bad("a Huffman table is damaged");
      at += 1 + kLengths;
      if (symbols > body.size() - at) return bad("a Huffman table ends too early");
      for (const std::size_t end = at + symbols; at < end; ++at) {
        if (means && body[at] > 15) return bad("a Huffman table is damaged");
      }
    }
    return Status();
  }

  Status scan(Bytes body, const ImageLimits& limits) noexcept {
    if (count_ == 0) return bad("a scan stands before the frame");
    const int in_scan = body.empty() ? 0 : body[0];
    if (in_scan < 1 || in_scan > count_ || body.size() != 4 + std::size_t{2} * body[0]) {
      return bad("a scan header is damaged");
    }
    if (++scans_ > limits.max_jpeg_scans || scans_ > limits.max_scan_pixels / (width_ * height_)) {
      return error(Errc::limit_exceeded, "JPEG: more than ", scans_ - 1, " scans of ", width_, " x ", height_,
                   " pixels cost too much to decode");
    }
    const std::uint8_t* range = body.data() + 1 + 2 * in_scan;  // first and last coefficient, bits
    const bool first_mean = range[0] == 0 && (!progressive_ || range[2] >> 4 == 0);
    unsigned seen = 0;
    for (int i = 0; i < in_scan; ++i) {
      int c = 0;
      while (c < count_ && components_[c].id != body.data()[1 + 2 * i]) ++c;
      if (c == count_ || (seen >> c & 1u) != 0) return bad("a scan names a component that is not there, or twice");
      seen |= 1u << c;
      if (first_mean && components_[c].scans++ != 0) return bad("a component is coded twice");
      if (components_[c].scans == 0) return bad("a component's details come before its means");
      only_ = in_scan == 1 ? c : -1;
    }
    return Status();
  }

  // Units that the current scan codes: blocks of one component, or of all that belong to one part of the picture.
  Index units() const noexcept {
    const auto ceil_divide = [](Index a, Index b) { return (a + b - 1) / b; };
    if (only_ < 0) return ceil_divide(width_, 8 * most_across_) * ceil_divide(height_, 8 * most_down_);
    const Component& only = components_[only_];
    return ceil_divide(ceil_divide(width_ * only.across, most_across_), 8) *
           ceil_divide(ceil_divide(height_ * only.down, most_down_), 8);
  }

  // Coded data up to the next marker. FF 00 is a byte of data, FF D0 .. FF D7 restarts.
  Status coded_data(std::size_t& at, bool allow_truncated) noexcept {
    Index restarts = 0;
    for (;; ++at) {
      const void* next = std::memchr(file_.data() + at, 0xff, file_.size() - at);
      if (next == nullptr) {
        at = file_.size();
        break;
      }
      at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(next) - file_.data());
      if (at + 1 == file_.size()) break;
      const std::uint8_t marker = file_[at + 1];
      if (marker >= kRst0 && marker <= kRst0 + 7) {
        if (marker != kRst0 + restarts % 8) {
          return error(Errc::corrupt, "JPEG: restart markers at byte ", at, " are out of order");
        }
        ++restarts;
      } else if (marker != 0 && marker != 0xff) {
        break;
      }
    }
    if (allow_truncated) return Status();
    if (at + 1 >= file_.size()) return truncated();
    // Some cameras put a last restart behind the last unit.
    const Index expected = restart_interval_ == 0 ? 0 : (units() - 1) / restart_interval_;
    if (restarts == expected || (restart_interval_ != 0 && restarts == expected + 1)) return Status();
    return error(Errc::corrupt, "JPEG: ", restarts, " restart markers where ", expected, " belong: data is missing");
  }

  Bytes file_, exif_;
  std::size_t usable_ = 0;
  bool complete_ = false;
  Index width_ = 0, height_ = 0;
  bool progressive_ = false;
  int count_ = 0;  // of components
  Component components_[3] = {};
  Index most_across_ = 1, most_down_ = 1;
  Index scans_ = 0;
  Index restart_interval_ = 0;
  int only_ = -1;  // the component of the current scan where it is the only one
};

SEGFACE_END_NAMESPACE
