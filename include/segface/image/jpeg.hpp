// Checks a JPEG before a decoder sees it: decoders are quick and forgiving, so what must be refused is refused here,
// from the markers alone; what they cost is bounded here.
//
// A JPEG is a chain of segments (FF, marker, length, body); each scan (SOS) is followed by coded data up to the next
// marker. Read: baseline, extended and progressive, 8 bits, gray or three components, any sampling, restarts.
// Refused: tables that are damaged, or named and never defined; missing, doubled or contradicting scans; more scans
// than the limits allow (each costs a whole picture); fewer bits than the pixels need; restart markers that do not
// count up; arithmetic coding, lossless, 12 bits, CMYK. Read as libjpeg-turbo reads them: bytes between segments, spare
// restart markers, a DNL segment, numbers that make no sense in a baseline scan, a missing end marker where the one
// scan of a baseline file has come. Whether the coded data itself is complete, only the decoder can tell.
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
#include "segface/image/exif.hpp"
#include "segface/image/jpeg_tables.hpp"
#include "segface/image/limits.hpp"

SEGFACE_BEGIN_CORE

struct JpegComponent {
  std::uint8_t id;
  std::uint8_t quantization;  // place of its table
  Index across, down;         // samples in each unit of the picture
};

// One pass over the picture, for some components, some coefficients (in zigzag order) and some of their bits.
struct JpegScan {
  int count = 0;
  int component[3] = {};
  std::uint8_t means[3] = {}, details[3] = {};  // places of their Huffman tables
  int first = 0, last = 63;                     // coefficients
  int high = 0, low = 0;       // bits below 1 << high were missing before, those below 1 << low are now
  Index units = 0;             // blocks of one component, or of all that belong to one part of the picture
  Index restart_interval = 0;  // in units; 0: none
  Bytes data;                  // coded, inside the file, with all restart markers
  std::size_t position = 0;    // of the data in the file

  // Whether there are codes of a table for means, of one for details.
  bool means_coded() const noexcept { return first == 0 && high == 0; }
  bool details_coded() const noexcept { return last != 0; }
};

// Sees nothing of a file's scans: for a decoder that reads the file by itself.
struct JpegNoScans {
  template <class File>
  Status scan(const File&, const JpegScan&) noexcept {
    return Status();
  }
};

class JpegFile {
 public:
  // Walks the file; each scan, once checked, is shown: `decoder.scan(const JpegFile&, const JpegScan&)` with tables and
  // frame as they stand then. Errors: truncated, corrupt, bad_format, unsupported_image, limit_exceeded; those of scan.
  template <class Decoder>
  static Result<JpegFile> open(Bytes file, const ImageOptions& options, Decoder& decoder) noexcept {
    JpegFile jpeg(file, options);
    SEGFACE_RETURN_IF_ERROR(jpeg.walk(decoder));
    return jpeg;
  }
  static Result<JpegFile> open(Bytes file, const ImageOptions& options) noexcept {
    JpegNoScans none;
    return open(file, options, none);
  }

  Bytes bytes() const noexcept { return file_; }
  const ImageOptions& options() const noexcept { return options_; }
  Index width() const noexcept { return width_; }
  Index height() const noexcept { return height_; }
  bool progressive() const noexcept { return progressive_; }
  Span<const JpegComponent> components() const noexcept { return {components_, static_cast<std::size_t>(count_)}; }
  // Blocks of 8 x 8 samples that are coded of a component where it has a scan of its own.
  Index blocks(const JpegComponent& component) const noexcept {
    return ceil_divide(ceil_divide(width_ * component.across, most_across_), 8) *
           ceil_divide(ceil_divide(height_ * component.down, most_down_), 8);
  }
  const JpegTables& tables() const noexcept { return tables_; }
  // The file ends with the data of its last scan.
  bool cut() const noexcept { return cut_; }
  // Red, green and blue instead of light and colour: as libjpeg tells it, from what Adobe's segment, else the
  // components' names say.
  bool rgb() const noexcept {
    if (count_ != 3 || jfif_) return false;
    if (adobe_transform_ >= 0) return adobe_transform_ == 0;
    return components_[0].id == 'R' && components_[1].id == 'G' && components_[2].id == 'B';
  }
  // 1 .. 8, see exif.hpp.
  int orientation() const noexcept { return orientation_.value(); }

 private:
  enum Marker : std::uint8_t {
    kTem = 0x01,
    kSof0 = 0xc0,  // 0xc0 .. 0xcf: a frame and its kind, but for three
    kDht = 0xc4,
    kJpg = 0xc8,
    kDac = 0xcc,
    kSof15 = 0xcf,
    kRst0 = 0xd0,
    kRst7 = 0xd7,
    kSoi = 0xd8,
    kEoi = 0xd9,
    kSos = 0xda,
    kDqt = 0xdb,
    kDnl = 0xdc,
    kDri = 0xdd,
    kApp0 = 0xe0,
    kApp1 = 0xe1,
    kApp14 = 0xee,
    kApp15 = 0xef,
    kCom = 0xfe
  };

  JpegFile(Bytes file, const ImageOptions& options) noexcept : file_(file), options_(options) {
    for (auto& of_component : missing_bits_) std::fill(std::begin(of_component), std::end(of_component), kNotCoded);
  }

  static Index ceil_divide(Index a, Index b) noexcept { return (a + b - 1) / b; }
  static bool is_restart(std::uint8_t marker) noexcept { return marker >= kRst0 && marker <= kRst7; }
  static Status bad(std::string_view what) noexcept { return error(Errc::bad_format, "JPEG: ", what); }
  static Status unsupported(std::string_view what) noexcept {
    return error(Errc::unsupported_image, "JPEG: ", what, " is not read; save it as an ordinary RGB JPEG or PNG");
  }

  template <class Decoder>
  Status walk(Decoder& decoder) noexcept {
    if (file_.size() < 2 || file_[0] != 0xff || file_[1] != kSoi) {
      return error(Errc::unsupported_image, "JPEG: the start marker is missing");
    }
    for (std::size_t at = 2;;) {
      if (!find_marker(at)) return ended();
      const std::uint8_t marker = file_[at++];
      if (marker == kEoi) return every_component_coded();
      if (marker == kTem || is_restart(marker)) continue;  // have no body
      const bool frame = marker >= kSof0 && marker <= kSof15;
      if (!frame && (marker < kSos || (marker > kDri && marker < kApp0) || (marker > kApp15 && marker != kCom))) {
        return error(Errc::bad_format, "JPEG: marker ", int{marker}, " at byte ", at - 1, " does not belong there");
      }
      if (file_.size() - at < 2) return ended();
      // Some cameras write lengths too small for themselves in front of what is skipped anyway.
      const bool skipped = marker >= kApp0 || marker == kDnl;
      std::size_t size = big<std::uint16_t>(file_.data() + at);
      if (size < 2 && !skipped) {
        return error(Errc::bad_format, "JPEG: the segment at byte ", at, " is shorter than its length");
      }
      size = std::max<std::size_t>(size, 2);
      if (size > file_.size() - at) return ended();
      const Bytes body = file_.subspan(at + 2, size - 2);
      at += size;
      if (marker != kSos) {
        SEGFACE_RETURN_IF_ERROR(segment(marker, body));
        continue;
      }
      JpegScan scan;
      SEGFACE_RETURN_IF_ERROR(scan_header(body, scan));
      SEGFACE_RETURN_IF_ERROR(coded_data(at, scan));
      SEGFACE_RETURN_IF_ERROR(decoder.scan(*this, scan));
      // All is said; what may follow changes nothing.
      if (!progressive_ && scan.count == count_) return Status();
    }
  }

  // Moves to the next marker's number: over anything that is none, fill bytes (FF) and FF 00. False at the file's end.
  bool find_marker(std::size_t& at) const noexcept {
    for (;;) {
      const void* next = at < file_.size() ? std::memchr(file_.data() + at, 0xff, file_.size() - at) : nullptr;
      if (next == nullptr) return at = file_.size(), false;
      at = static_cast<std::size_t>(static_cast<const std::uint8_t*>(next) - file_.data());
      while (at < file_.size() && file_[at] == 0xff) ++at;
      if (at < file_.size() && file_[at] != 0) return true;
    }
  }

  // The end of the file where the end marker, or more of the last scan, has not come.
  Status ended() const noexcept {
    return error(Errc::truncated, "JPEG: the file ends after ", file_.size(), " bytes, before its end marker");
  }

  // All bits of all coefficients, which no decoder asks for: the picture of a file that was cut between two scans, and
  // got an end marker, is only blurred.
  Status every_component_coded() const noexcept {
    if (scans_ == 0) return bad("there are no pixels (no scan)");
    for (int c = 0; c < count_; ++c) {
      if (missing_bits_[c][0] == kNotCoded) return bad("a colour component has no scan");
      const auto whole = [](std::int8_t missing) { return missing == 0; };
      if (!std::all_of(missing_bits_[c], missing_bits_[c] + 64, whole)) {
        return error(Errc::corrupt, "JPEG: the file ends after ", scans_, " scans, before the details of its picture");
      }
    }
    return Status();
  }

  Status segment(std::uint8_t marker, Bytes body) noexcept {
    const std::string_view text(reinterpret_cast<const char*>(body.data()), body.size());
    switch (marker) {
      case kDac:
        return unsupported("arithmetic coding");
      case kDht:
        return tables_.read_huffman(body);
      case kDqt:
        return tables_.read_quantization(body);
      case kDri:
        if (body.size() != 2) return bad("the restart interval does not have 2 bytes");
        restart_interval_ = big<std::uint16_t>(body.data());
        return Status();
      case kApp0:
        jfif_ = jfif_ || (body.size() >= 14 && std::memcmp(body.data(), "JFIF", 5) == 0);
        return Status();
      case kApp1:
        orientation_.read_app1(body);
        return Status();
      case kApp14:
        if (body.size() >= 12 && text.substr(0, 5) == "Adobe") adobe_transform_ = body[11];
        return Status();
      default:
        return marker <= kSof15 ? frame(marker, body) : Status();
    }
  }

  Status frame(std::uint8_t marker, Bytes body) noexcept {
    const int kind = marker - kSof0;
    if (kind == 3 || kind == 7 || kind == 11 || kind == 15) return unsupported("lossless coding");
    if (kind >= 8) return unsupported(marker == kJpg ? "an extension of the standard" : "arithmetic coding");
    if (kind > 2) return unsupported("hierarchical coding");
    if (count_ != 0) return bad("there are two frames");
    if (body.size() < 6 || body.size() != 6 + std::size_t{3} * body[5]) return bad("the frame header is damaged");
    if (body[0] != 8) return unsupported("a depth other than 8 bits");
    height_ = big<std::uint16_t>(body.data() + 1);
    width_ = big<std::uint16_t>(body.data() + 3);
    if (height_ == 0) return unsupported("a height given after the pixels");
    SEGFACE_RETURN_IF_ERROR(in_context(check_sides(width_, height_, options_.limits), "JPEG"));
    if (body[5] == 4) return unsupported("CMYK");
    if (body[5] != 1 && body[5] != 3) return unsupported("a number of components other than 1 or 3");
    progressive_ = kind == 2;
    count_ = body[5];
    for (int c = 0; c < count_; ++c) {
      const std::uint8_t* entry = body.data() + 6 + 3 * c;
      components_[c] = {entry[0], entry[2], entry[1] >> 4, entry[1] & 15};
      const JpegComponent& it = components_[c];
      if (it.across < 1 || it.across > 4 || it.down < 1 || it.down > 4) return bad("the frame header is damaged");
      most_across_ = std::max(most_across_, it.across);
      most_down_ = std::max(most_down_, it.down);
    }
    for (const JpegComponent& it : components()) {
      if (most_across_ % it.across != 0 || most_down_ % it.down != 0) return unsupported("a fraction in the sampling");
    }
    return Status();
  }

  Status scan_header(Bytes body, JpegScan& scan) noexcept {
    if (count_ == 0) return bad("a scan stands before the frame");
    scan.count = body.empty() ? 0 : body[0];
    if (scan.count < 1 || scan.count > count_ || body.size() != 4 + std::size_t{2} * body[0]) {
      return bad("a scan header is damaged");
    }
    const ImageLimits& limits = options_.limits;
    if (++scans_ > limits.max_jpeg_scans || scans_ > limits.max_scan_pixels / (width_ * height_)) {
      return error(Errc::limit_exceeded, "JPEG: more than ", scans_ - 1, " scans of ", width_, " x ", height_,
                   " pixels cost too much to decode");
    }
    Index blocks = 0;
    unsigned seen = 0;
    for (int i = 0; i < scan.count; ++i) {
      const std::uint8_t* entry = body.data() + 1 + 2 * i;
      int c = i;  // components come in the order of the frame
      while (c < count_ && components_[c].id != entry[0]) ++c;
      if (c == count_ || (seen >> c & 1u) != 0) return bad("a scan names a component that is not there, or twice");
      seen |= 1u << c;
      scan.component[i] = c;
      scan.means[i] = static_cast<std::uint8_t>(entry[1] >> 4);
      scan.details[i] = entry[1] & 15;
      blocks += components_[c].across * components_[c].down;
    }
    constexpr Index kMostBlocks = 10;
    if (scan.count > 1 && blocks > kMostBlocks) return bad("its sampling is too large for one scan");
    const std::uint8_t* range = body.data() + 1 + 2 * scan.count;
    if (progressive_) {
      scan.first = range[0];
      scan.last = range[1];
      scan.high = range[2] >> 4;
      scan.low = range[2] & 15;
    }  // else cameras are known to write anything there
    SEGFACE_RETURN_IF_ERROR(check_progress(scan));
    SEGFACE_RETURN_IF_ERROR(check_tables(scan));
    scan.restart_interval = restart_interval_;
    scan.units = scan.count > 1 ? ceil_divide(width_, 8 * most_across_) * ceil_divide(height_, 8 * most_down_)
                                : this->blocks(components_[scan.component[0]]);
    least_bits_ = scan.units * (scan.count > 1 ? blocks : 1) * (progressive_ ? scan.first == 0 : 2);
    return Status();
  }

  // The means come first, and each bit once.
  Status check_progress(const JpegScan& scan) noexcept {
    const bool means = scan.first == 0;
    if (progressive_ && (scan.last > 63 || scan.first > scan.last || (means && scan.last != 0) || scan.low > 13 ||
                         (!means && scan.count != 1) || (scan.high != 0 && scan.low != scan.high - 1))) {
      return bad("a scan header is damaged");
    }
    for (int i = 0; i < scan.count; ++i) {
      std::int8_t* missing = missing_bits_[scan.component[i]];
      if (!means && missing[0] == kNotCoded) return bad("a component's details come before its means");
      for (int k = scan.first; k <= scan.last; ++k) {
        if (scan.high == 0 && missing[k] != kNotCoded) return bad("a component is coded twice");
        if (scan.high != 0 && missing[k] != scan.high) return bad("the bits of a component are out of order");
        missing[k] = static_cast<std::int8_t>(scan.low);
      }
    }
    return Status();
  }

  Status check_tables(const JpegScan& scan) noexcept {
    if (!progressive_) tables_.add_standard();
    const bool means = scan.means_coded(), details = scan.details_coded();
    for (int i = 0; i < scan.count; ++i) {
      const auto undefined = [&](const char* kind, int place) {
        return error(Errc::bad_format, "JPEG: scan ", scans_, " uses ", kind, " table ", place,
                     ", which the file does not define");
      };
      const int q = components_[scan.component[i]].quantization;
      if (q > 3 || !tables_.quantization[q].defined) return undefined("quantization", q);
      const int dc = scan.means[i], ac = scan.details[i];
      if (means && (dc > 3 || tables_.means[dc].version == 0)) return undefined("Huffman", dc);
      if (details && (ac > 3 || tables_.details[ac].version == 0)) return undefined("Huffman", ac);
    }
    return Status();
  }

  // Coded data up to the next marker. FF 00 is a byte of data, FF D0 .. FF D7 restarts.
  Status coded_data(std::size_t& at, JpegScan& scan) noexcept {
    const Index expected = scan.restart_interval == 0 ? 0 : (scan.units - 1) / scan.restart_interval;
    const std::size_t begin = at;
    Index restarts = 0;
    while (find_marker(at) && is_restart(file_[at])) {
      if (restarts == expected) continue;  // spare ones may be any
      if (file_[at] != kRst0 + restarts % 8) {
        return error(Errc::corrupt, "JPEG: restart markers at byte ", at - 1, " are out of order");
      }
      ++restarts;
    }
    cut_ = at >= file_.size();
    if (!cut_) --at;
    scan.data = file_.subspan(begin, at - begin);
    scan.position = begin;
    if (cut_ && (progressive_ || scan.count != count_)) return ended();
    const Errc code = cut_ ? Errc::truncated : Errc::corrupt;
    if (restarts < expected) {
      return error(code, "JPEG: ", restarts, " restart markers where ", expected, " belong: data is missing");
    }
    if (static_cast<Index>(scan.data.size()) < ceil_divide(least_bits_, 8)) {
      return error(code, "JPEG: ", scan.data.size(), " bytes of coded data cannot hold ", width_, " x ", height_,
                   " pixels: data is missing");
    }
    return Status();
  }

  static constexpr std::int8_t kNotCoded = -1;

  Bytes file_;
  ImageOptions options_;
  JpegTables tables_;
  Orientation orientation_;
  bool jfif_ = false;
  int adobe_transform_ = -1;  // -1: no such segment
  Index width_ = 0, height_ = 0;
  bool progressive_ = false;
  int count_ = 0;  // of components
  JpegComponent components_[3] = {};
  Index most_across_ = 1, most_down_ = 1;
  std::int8_t missing_bits_[3][64];  // of each coefficient of each component, low ones
  Index scans_ = 0;
  Index restart_interval_ = 0;
  Index least_bits_ = 0;  // that the current scan's data must have
  bool cut_ = false;
};

SEGFACE_END_CORE
