// The landmarks that LaPa and Helen keep beside their photos, reduced to the five points of a face.
//
// LaPa, one text for each photo: "106", then 106 lines "x y". Helen, one line for each photo: 136 numbers x y x y .. of
// 68 points at twice the photo's scale, then the photo's name. Five points: ten numbers, as numpy.savetxt and most
// detectors' scripts write them. Helen's networks look at a square around the 68 points.
// Mirrors the official data loaders.
#pragma once

#include "segface/base/host_macros_begin.hpp"
//
#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "segface/base/config.hpp"
#include "segface/base/status.hpp"
#include "segface/faces/landmarks.hpp"
#include "segface/image/crop.hpp"

SEGFACE_BEGIN_CORE
namespace landmark_file {

// The next word of `text`, which is shortened by it; empty at the end.
inline std::string_view next_word(std::string_view& text) noexcept {
  constexpr const char* kSpace = " \t\r\n,";
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  const std::size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

// "-12.5" or "2.05e+02" without asking the locale; false where it is no such number, or one beyond 1e30. Digits of the
// fraction that a double cannot hold are dropped, as in 12.345678901234567.
inline bool parse_number(std::string_view word, double& value) noexcept {
  constexpr int kMostDigits = 15, kMostExponent = 30;
  const auto take_sign = [](std::string_view& text) {
    const bool negative = !text.empty() && text[0] == '-';
    if (negative || (!text.empty() && text[0] == '+')) text.remove_prefix(1);
    return negative;
  };
  const bool negative = take_sign(word);
  int digits = 0, exponent = 0;  // value = digits read so far x 10^exponent, zeros in front not counted
  bool fraction = false, any = false;
  std::size_t at = 0;
  value = 0;
  for (; at < word.size() && word[at] != 'e' && word[at] != 'E'; ++at) {
    const char c = word[at];
    if (c == '.' && !fraction) {
      fraction = true;
    } else if (c < '0' || c > '9') {
      return false;
    } else if (any = true; digits == 0 && c == '0') {  // zeros in front
      exponent -= fraction ? 1 : 0;
    } else if (++digits <= kMostDigits) {
      value = value * 10 + (c - '0');
      exponent -= fraction ? 1 : 0;
    } else if (!fraction) {
      return false;
    }
  }
  if (!any) return false;
  if (at < word.size()) {
    std::string_view text = word.substr(at + 1);
    const bool down = take_sign(text);
    int written = 0;
    if (text.empty() || text.size() > 3) return false;
    for (const char c : text) {
      if (c < '0' || c > '9') return false;
      written = written * 10 + (c - '0');
    }
    exponent += down ? -written : written;
  }
  if (exponent > kMostExponent) return false;
  double power = 1;  // exact up to 10^22
  for (int i = 0; i < std::abs(exponent); ++i) power *= 10;
  value = exponent < 0 ? value / power : value * power;
  if (negative) value = -value;
  return true;
}

// Skips the mark that some editors put before a text in UTF-8.
inline std::string_view without_mark(std::string_view text) noexcept {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.substr(0, kMark.size()) == kMark ? text.substr(kMark.size()) : text;
}

// Fills `points` with the next numbers of `text`.
template <std::size_t kCount>
Status read_points(std::string_view& text, std::array<Point, kCount>& points) noexcept {
  for (std::size_t i = 0; i < kCount; ++i) {
    const std::string_view x = next_word(text), y = next_word(text);
    if (!parse_number(x, points[i].x) || !parse_number(y, points[i].y)) {
      return error(Errc::bad_format, "point ", i + 1, " of ", kCount, " is '", x.substr(0, 32), "' '", y.substr(0, 32),
                   "', expected two numbers");
    }
  }
  return {};
}

inline Point middle(const Point& a, const Point& b) noexcept {
  return {(a.x + b.x) / 2, (a.y + b.y) / 2};
}

}  // namespace landmark_file
SEGFACE_END_CORE

SEGFACE_BEGIN_NAMESPACE

// Five points "x,y x,y x,y x,y x,y", in the order of kLandmarkOrder. Errors: bad_format.
inline Result<Landmarks> read_five_landmarks(std::string_view text) noexcept {
  std::array<Point, 5> p;
  text = core::landmark_file::without_mark(text);
  SEGFACE_RETURN_IF_ERROR(core::landmark_file::read_points(text, p));
  if (!core::landmark_file::next_word(text).empty()) {
    return error(Errc::bad_format, "expected five points, or 106 as LaPa writes them");
  }
  return Landmarks{p[0], p[1], p[2], p[3], p[4]};
}

// Whether a text is of the kinds that hold one face: LaPa's, or five points in digits alone.
inline bool is_face_text(std::string_view text) noexcept {
  using namespace core::landmark_file;
  text = without_mark(text);
  std::string_view words = text;
  return next_word(words) == "106" || text.find_first_not_of("0123456789.,+-eE \t\r\n") == std::string_view::npos;
}

// The five points of a LaPa text, in pixels of its photo. Errors: bad_format.
inline Result<Landmarks> read_lapa_landmarks(std::string_view text) noexcept {
  using namespace core::landmark_file;
  text = without_mark(text);
  const std::string_view whole = text;
  const std::string_view count = next_word(text);
  if (count != "106") {
    return error(Errc::bad_format, "begins with '", count.substr(0, 32),
                 "', expected 106, the number of LaPa's points");
  }
  std::array<Point, 106> points;
  const Status status = read_points(text, points);
  if (!status.ok()) {
    return in_context(status, "line ", 1 + std::count(whole.begin(), whole.end() - text.size(), '\n'));
  }
  const std::string_view more = next_word(text);
  if (!more.empty()) return error(Errc::bad_format, "goes on with '", more.substr(0, 32), "' after its 106 points");
  return Landmarks{middle(points[74], points[104]), middle(points[83], points[105]), points[54], points[84],
                   points[90]};
}

// Five points, or LaPa's 106. Errors: bad_format.
inline Result<Landmarks> read_face_landmarks(std::string_view text) noexcept {
  std::string_view words = core::landmark_file::without_mark(text);
  return core::landmark_file::next_word(words) == "106" ? read_lapa_landmarks(text) : read_five_landmarks(text);
}

// The 68 points of a face of Helen, in pixels of its photo.
using HelenPoints = std::array<Point, 68>;

// Those of the line of landmarks.txt that ends with `name`. Errors: bad_format, invalid_argument (no such line).
inline Result<HelenPoints> read_helen_points(std::string_view text, std::string_view name) noexcept {
  using namespace core::landmark_file;
  text = without_mark(text);
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t last = line.find_last_not_of(" \t\r");
    if (last == std::string_view::npos) continue;
    line = line.substr(0, last + 1);
    if (line.substr(line.find_last_of(" \t,") + 1) != name) continue;
    HelenPoints points;
    SEGFACE_RETURN_IF_ERROR(in_context(read_points(line, points), "line ", line_number));
    if (next_word(line) != name) {
      return error(Errc::bad_format, "line ", line_number, ": expected 136 numbers and a name, got more");
    }
    for (Point& p : points) p = {p.x / 2, p.y / 2};
    return points;
  }
  return error(Errc::invalid_argument, "no line ends with the name '", name, "'");
}

// Their five points: means of each eye's six, the tip of the nose, the mouth corners.
inline Landmarks helen_landmarks(const HelenPoints& points) noexcept {
  const auto mean = [&](std::size_t first, std::size_t last) {
    Point sum;
    for (std::size_t i = first; i <= last; ++i) sum = {sum.x + points[i].x, sum.y + points[i].y};
    const auto count = static_cast<double>(last - first + 1);
    return Point{sum.x / count, sum.y / count};
  };
  return {mean(36, 41), mean(42, 47), points[30], points[48], points[54]};
}

// The square that Helen's networks look at, in the official code's whole numbers, clipped to a photo of width x height.
inline Box helen_box(const HelenPoints& points, Index width, Index height) noexcept {
  const auto by = [](auto part) { return [part](const Point& a, const Point& b) { return a.*part < b.*part; }; };
  const auto [left, right] = std::minmax_element(points.begin(), points.end(), by(&Point::x));
  const auto [top, bottom] = std::minmax_element(points.begin(), points.end(), by(&Point::y));
  const double w = right->x - left->x + 1, h = bottom->y - top->y + 1;
  const auto size = static_cast<Index>(1.2 * std::max(w, h));
  const Index x = static_cast<Index>(left->x + w / 2) - size / 2, y = static_cast<Index>(top->y + h / 2) - size / 2;
  return clip_box({x, y, size, size}, width, height);
}

SEGFACE_END_NAMESPACE

#include "segface/base/host_macros_end.hpp"
